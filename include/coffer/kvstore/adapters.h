// Adapters: stores that stand before another store and change one thing about it.
//
//     KvStorePtr run = MakePrefixStore(bucket, "runs/7/");     // "a" is "runs/7/a" of the bucket
//     KvStorePtr slow = MakeLatencyStore(run, {.per_request = std::chrono::milliseconds(20)});
//     KvStorePtr near = MakeCacheStore(slow, {.limit_bytes = MiB(256)});   // keeps what was read
//     KvStorePtr arrays = MakeZipStore(run, "arrays.zip");     // the members of that archive
//
// Each but the zip store, which is read-only, forwards every method; all pass the suite that every
// store passes. An adapter keeps the store behind it alive. The last three are for tests and
// experiments.
//
// A cache gives old values only if it is told to. With fresh_for = 0, the default, every read still
// asks the store behind, which then sends nothing where nothing has changed: as slow as a request
// without bytes, and never stale. With more, what was asked for within that time is answered
// without a request: what others write shows up to that much later, what is written through this
// cache at once.
//
// Thread safety: that of KvStore.
#ifndef COFFER_KVSTORE_ADAPTERS_H_
#define COFFER_KVSTORE_ADAPTERS_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/async/context.h"
#include "coffer/base/checked.h"
#include "coffer/base/export.h"
#include "coffer/base/status.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// The methods of KvStore, as the adapters below name them.
enum class KvOperation {
  kRead,
  kReadInto,
  kReadRanges,
  kWrite,   ///< With a value.
  kDelete,  ///< Write() without a value.
  kOpenWriter,
  kCommit,  ///< Of a KvWriter.
  kList,    ///< Each page of a listing.
  kDeleteRange,
  kRenamePrefix,
  kClearDebris,
};

/// "Read" for kRead, and so on.
COFFER_EXPORT std::string_view KvOperationName(KvOperation operation);

/// The keys of `base` that start with `prefix`, without it. A prefix is usually, but need not be,
/// one that ends with "/"; RenamePrefix needs it to. The empty prefix changes nothing.
COFFER_EXPORT KvStorePtr MakePrefixStore(KvStorePtr base, std::string prefix);

struct COFFER_EXPORT CacheOptions {
  int64_t limit_bytes = MiB(64);  ///< Of all that is kept, keys and overhead included.
  /// Answers of less than this age are given without asking the base. That a key is missing is
  /// remembered for as long.
  std::chrono::milliseconds fresh_for{0};
  int64_t value_max_bytes = MiB(8);  ///< A value or range of more is not kept.
};

/// What the caches of a context did: context.Get<CacheStats>(). One read of a store counts once.
struct COFFER_EXPORT CacheStats {
  std::atomic<int64_t> hits{0};         ///< Answered without asking the base.
  std::atomic<int64_t> revalidated{0};  ///< Answered from memory, as the base said "unchanged".
  std::atomic<int64_t> misses{0};       ///< Answered by the base.
  std::atomic<int64_t> bytes{0};        ///< Of values, given from memory.
  std::atomic<int64_t> held_bytes{0};   ///< Kept now: at most the limits of the caches together.
};

/// Keeps what is read of `base` in memory, whole values and ranges, the least recently used going
/// first. What is kept counts against limit_bytes and not against the context's byte budget. Also
/// {"driver": "cache", "base": <spec or URL>, "limit_bytes": N, "fresh_for_ms": N,
/// "value_max_bytes": N}. kvstore/cache/README.md says what is kept, and when.
COFFER_EXPORT KvStorePtr MakeCacheStore(KvStorePtr base, const CacheOptions& options = {},
                                        const Context& context = Context::Default());

/// The members of the zip archive that is the value of `key`, by name; read-only. Nothing is read
/// yet. Every read is of the archive as it is then, of one version of it; replaced again and again
/// meanwhile, it is Aborted. Where there is no archive, reads fail with NotFound; a damaged one, or
/// member, is DataLoss. Members may be stored or deflated, and the archive zip64 or have a prefix.
/// Limits: kvstore/zip/README.md.
COFFER_EXPORT KvStorePtr MakeZipStore(KvStorePtr base, std::string key,
                                      const Context& context = Context::Default());

struct COFFER_EXPORT LatencyOptions {
  std::chrono::microseconds per_request{0};  ///< From the call to the answer.
  int64_t bytes_per_second = 0;              ///< Of values, one request's alone; 0: no limit.
};

/// Answers later, on a thread of its own, as a remote store does: no call blocks, and
/// capabilities().local is false. What is pending when the store is destroyed is answered at once.
COFFER_EXPORT KvStorePtr MakeLatencyStore(KvStorePtr base, const LatencyOptions& options);

/// One finished operation.
struct COFFER_EXPORT TraceEvent {
  KvOperation operation = KvOperation::kRead;
  std::string key;    ///< The prefix or the range's begin for operations on many keys.
  ByteRange range;    ///< Of kRead and kReadInto.
  int64_t bytes = 0;  ///< Of values, read or written.
  std::chrono::steady_clock::time_point begin;
  std::chrono::steady_clock::time_point end;
  Status status;
};

/// Calls `sink` for every finished operation, on the thread that finished it, maybe on several at
/// once. The sink must not call the store.
COFFER_EXPORT KvStorePtr MakeTraceStore(KvStorePtr base,
                                        std::function<void(const TraceEvent&)> sink);

/// What goes wrong, and when.
struct COFFER_EXPORT Fault {
  KvOperation operation = KvOperation::kRead;
  std::string key_prefix = {};  ///< Only keys that start with this.
  int64_t skip = 0;             ///< How many matching operations go well first.
  int64_t times = 1;            ///< How many fail then; -1: all.
  Status status = Status(StatusCode::kUnavailable, "injected fault");
  /// The operation is done, and only then reported as failed: a lost response.
  bool after = false;
};

/// A store that fails on demand.
class COFFER_EXPORT FaultStore : public KvStore {
 public:
  /// Adds a fault. Of those that match an operation, the first that is due (its `skip` is used up,
  /// its `times` are not) decides.
  virtual void Inject(Fault fault) = 0;
  /// Removes all faults.
  virtual void Clear() = 0;
  /// How many operations have failed by injection.
  virtual int64_t injected() const = 0;
};

COFFER_EXPORT std::shared_ptr<FaultStore> MakeFaultStore(KvStorePtr base);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_ADAPTERS_H_
