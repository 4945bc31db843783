// KeptValues: what a cache store remembers of its base, within a limit of bytes.
//
// Of a key it keeps the generation, the total size where that is known, and pieces: ranges of bytes
// that do not overlap. A read whose range lies within one piece can be answered. The least recently
// used piece goes first, and a key with its last piece. A piece is a copy: it owns what is charged.
//
// Every read and change of the base is announced before it begins and reported when it has ended,
// so that an answer never brings back what a change has replaced meanwhile:
//
//     Found found = kept.Find(key, ranges);
//     Ticket ticket = kept.BeginRead(key);       // ask the base
//     kept.EndRead(ticket, learned);             // its answer; nothing if it failed
//
// Thread safety: all methods from any thread. Blocks on nothing but its own mutex.
#ifndef COFFER_KVSTORE_CACHE_KEPT_VALUES_H_
#define COFFER_KVSTORE_CACHE_KEPT_VALUES_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coffer/async/context.h"
#include "coffer/base/bytes.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/kvstore.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

class KeptValues {
  struct Piece;
  using Pieces = std::list<Piece>;
  using Time = std::chrono::steady_clock::time_point;

  struct Known {
    Generation generation;
    int64_t total_size = -1;
    uint64_t order = 0;  // Of the operation that told it last.
    Time asked;          // When that began.
  };
  struct Key {
    Known known;                                 // Meaningless without pieces.
    std::map<int64_t, Pieces::iterator> pieces;  // By their begin.
    int64_t charged = 0;                         // For the key, while it has pieces.
    int reads = 0;                               // Under way.
    int writes = 0;
    uint64_t changes = 0;  // Counted while something is under way.
  };
  using Keys = std::map<std::string, Key, std::less<>>;

  struct Piece {
    Keys::iterator key;
    int64_t begin = 0;
    Bytes bytes;  // None: only that the key exists, or does not.
    int64_t charged = 0;
    int64_t end() const { return begin + static_cast<int64_t>(bytes.size()); }
  };
  using Sweeps = std::list<std::vector<KeyRange>>;

 public:
  /// What is kept of a key.
  struct Found {
    Generation generation;  ///< Unknown: nothing is. Missing(): that there is no such key.
    int64_t total_size = -1;
    bool fresh = false;                        ///< Young enough to be used without asking.
    std::vector<std::optional<Bytes>> values;  ///< One per range; nullopt where it is not kept.
    bool holds_all() const;
    int64_t bytes() const;  ///< Of all values.
  };

  /// What the base said of a key. Of a condition that was not met: which generation held it back.
  struct Learned {
    Generation generation;
    int64_t total_size = -1;
    std::vector<std::pair<ByteRange, std::span<const std::byte>>> parts;  ///< As they were asked.
  };

  /// An operation on one key that is under way.
  struct Ticket {
    Keys::iterator key;
    uint64_t changes = 0;  ///< Of the key when it began.
    uint64_t order = 0;    ///< Among all operations.
    Time asked;
  };

  /// Some ranges of keys that are being changed.
  using Sweep = Sweeps::iterator;

  KeptValues(const CacheOptions& options, const Context& context);
  ~KeptValues();
  KeptValues(const KeptValues&) = delete;
  KeptValues& operator=(const KeptValues&) = delete;

  CacheStats& stats() const { return stats_; }

  /// What is found counts as used.
  Found Find(const std::string& key, std::span<const ByteRange> ranges);

  Ticket BeginRead(const std::string& key);
  void EndRead(const Ticket& ticket, const std::optional<Learned>& learned);

  /// From here on nothing is kept of the key until EndWrite. `learned` is what it now is, and is
  /// kept if no other change was under way meanwhile.
  Ticket BeginWrite(const std::string& key);
  void EndWrite(const Ticket& ticket, const std::optional<Learned>& learned);

  Sweep BeginSweep(std::vector<KeyRange> ranges);
  void EndSweep(Sweep sweep);

 private:
  // What maps and lists take beside the texts and bytes, about.
  static constexpr int64_t kKeyBytes = static_cast<int64_t>(sizeof(Key)) + 128;
  static constexpr int64_t kPieceBytes = static_cast<int64_t>(sizeof(Piece)) + 128;

  Time Now() const;
  std::vector<std::optional<Bytes>> Copies(const std::optional<Learned>& learned) const;
  Ticket Begin(const std::string& key) COFFER_REQUIRES(mutex_);
  bool MayKeep(const Ticket& ticket) const COFFER_REQUIRES(mutex_);
  void Learn(const Ticket& ticket, const Learned& learned, std::vector<std::optional<Bytes>> copies,
             Pieces& gone) COFFER_REQUIRES(mutex_);
  void Keep(Keys::iterator key, const ByteRange& range, Bytes bytes, Pieces& gone)
      COFFER_REQUIRES(mutex_);
  void Remove(Pieces::iterator piece, Pieces& gone) COFFER_REQUIRES(mutex_);
  void Drop(Keys::iterator key, Pieces& gone) COFFER_REQUIRES(mutex_);
  void Spoil(const std::vector<KeyRange>& ranges, Pieces& gone) COFFER_REQUIRES(mutex_);
  Keys::iterator EraseIfIdle(Keys::iterator key) COFFER_REQUIRES(mutex_);
  void Charge(int64_t bytes) COFFER_REQUIRES(mutex_);

  const CacheOptions options_;
  const Context context_;
  CacheStats& stats_;  // Of the context.
  Mutex mutex_;        // Guards what follows.
  Keys keys_ COFFER_GUARDED_BY(mutex_);
  Pieces used_ COFFER_GUARDED_BY(mutex_);  // Most recently used first.
  Sweeps sweeps_ COFFER_GUARDED_BY(mutex_);
  int64_t held_bytes_ COFFER_GUARDED_BY(mutex_) = 0;
  uint64_t begun_ COFFER_GUARDED_BY(mutex_) = 0;
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_CACHE_KEPT_VALUES_H_
