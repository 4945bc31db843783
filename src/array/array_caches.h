// ArrayCaches: what a context remembers of documents, shard indexes and decoded chunks.
//
//  1. An answer of a store is kept with the generation that it is of and a stamp: when the store
//     was asked. A generation that the store does not tell is not kept.
//  2. Whoever needs the answer again asks the store under that generation (a document or chunk: "if
//     it is another", a shard: "if it still is"), and takes the remembered bytes if it says so.
//     Without asking it uses what was asked for since its own operation began; or, if it allows for
//     staleness, an answer of that age.
//  3. Not, though, if this context has written to the node since the store was asked, or is writing
//     there: whoever writes marks the node for as long as that takes. So own writes are seen at
//     once. Marks are kept by a hash of the node's name; two nodes that share one only ask more.
//
// Answers are told apart by key, as the store describes it, and by store: stores opened by the same
// text are one, any other store object is one of its own.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_SRC_ARRAY_ARRAY_CACHES_H_
#define COFFER_SRC_ARRAY_ARRAY_CACHES_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "coffer/array/options.h"
#include "coffer/async/context.h"
#include "coffer/kvstore/kvstore.h"
#include "src/array/lru_cache.h"

namespace coffer::inline v0 {

/// When a store was asked.
struct Stamp {
  std::chrono::steady_clock::time_point time;
  uint64_t order = 0;   ///< Among all that were taken.
  uint64_t writes = 0;  ///< How many writes of this context had ended.
};

/// An answer. `value` belongs to the cache that holds it; null: the key does not exist.
struct Remembered {
  Generation generation;
  Stamp stamp;
  std::shared_ptr<const void> value;
};
using RememberedPtr = std::shared_ptr<const Remembered>;

class ArrayCaches {
 public:
  explicit ArrayCaches(const ContextOptions& options);

  /// How the names of what is remembered of this store begin.
  std::string NameOfStore(const KvStorePtr& store);
  /// The store was opened by this text. Any other that was has the same name.
  void NameStore(const KvStorePtr& store, std::string_view text);

  LruCache<Remembered>& documents_and_indexes() { return small_; }
  LruCache<Remembered>& chunks() { return chunks_; }
  /// Of chunks that are kept: apart, so that they leave the operations' pool to the operations.
  BufferPool& chunk_buffers() { return chunk_buffers_; }

  Stamp Now() { return {clock_(), ++stamps_, writes_ended_}; }

  /// The node (or all nodes) is about to be written, or has been.
  void BeginWrite(std::string_view node);
  void EndWrite(std::string_view node);
  void WroteEverywhere() { everywhere_ = ++writes_ended_; }

 private:
  friend class Freshness;
  struct Mark {
    std::atomic<int64_t> writers{0};
    std::atomic<uint64_t> last_end{0};
  };
  struct NamedStore {
    std::weak_ptr<KvStore> store;
    std::string name;
  };
  Mark& MarkOf(std::string_view node) {
    return marks_[std::hash<std::string_view>()(node) % marks_.size()];
  }
  const std::string& Name(const KvStorePtr& store, std::string name) COFFER_REQUIRES(mutex_);

  const std::function<std::chrono::steady_clock::time_point()> clock_;
  LruCache<Remembered> small_;
  LruCache<Remembered> chunks_;
  BufferPool chunk_buffers_;
  std::atomic<uint64_t> stamps_{0};
  std::atomic<uint64_t> writes_ended_{0};
  std::atomic<uint64_t> everywhere_{0};
  std::array<Mark, 1024> marks_;
  Mutex mutex_;  // Guards what follows.
  uint64_t stores_named_ COFFER_GUARDED_BY(mutex_) = 0;
  size_t sweep_at_ COFFER_GUARDED_BY(mutex_) = 64;
  std::unordered_map<const KvStore*, NamedStore> stores_ COFFER_GUARDED_BY(mutex_);
};

/// Which answers one operation on one node may use without asking. Made when it begins.
class Freshness {
 public:
  Freshness(ArrayCaches& caches, std::string_view node, MaxStaleness bound)
      : caches_(&caches),
        mark_(&caches.MarkOf(node)),
        bound_(bound),
        began_after_(caches.stamps_) {}

  bool Allows(const Stamp& stamp) const {
    if (stamp.order > began_after_) return true;
    return bound_ > MaxStaleness::zero() && mark_->writers == 0 &&
           stamp.writes >= mark_->last_end && stamp.writes >= caches_->everywhere_ &&
           caches_->clock_() - stamp.time <= bound_;
  }

 private:
  ArrayCaches* caches_;
  ArrayCaches::Mark* mark_;
  MaxStaleness bound_;
  uint64_t began_after_;  // The stamp's order.
};

/// Marks a node as being written while it lives.
class WriteMark {
 public:
  WriteMark(const Context& context, const KvStore& store, std::string_view prefix)
      : context_(context), caches_(context_.Get<ArrayCaches>()), node_(store.Describe(prefix)) {
    caches_.BeginWrite(node_);
  }
  ~WriteMark() { caches_.EndWrite(node_); }
  WriteMark(const WriteMark&) = delete;
  WriteMark& operator=(const WriteMark&) = delete;

 private:
  const Context context_;
  ArrayCaches& caches_;
  const std::string node_;
};

/// Marks a node and those above it, which creating it may create, too. `subtree`: all below it go.
class NodeWriteMark {
 public:
  NodeWriteMark(const Context& context, const KvStore& store, std::string_view prefix,
                bool subtree);
  ~NodeWriteMark();
  NodeWriteMark(const NodeWriteMark&) = delete;
  NodeWriteMark& operator=(const NodeWriteMark&) = delete;

 private:
  ArrayCaches& caches_;
  const bool subtree_;
  std::deque<WriteMark> marks_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_ARRAY_CACHES_H_
