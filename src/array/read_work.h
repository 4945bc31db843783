// What the work of a read shares: plain chunks (read.cc) and shards (read_shard.cc).
#ifndef COFFER_SRC_ARRAY_READ_WORK_H_
#define COFFER_SRC_ARRAY_READ_WORK_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "src/array/chunk_cache.h"
#include "src/array/read.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {

/// What all the work of one read shares.
struct ReadOperation {
  StoredArrayPtr stored;
  std::shared_ptr<const ReadPlan> plan;
  ArrayReadOptions::Missing missing = ArrayReadOptions::Missing::kFill;
  ArrayCaches* caches = nullptr;             // The context's. Unless plain chunks are read that
  std::optional<Freshness> freshness;        // nobody keeps.
  std::string index_names;                   // Of shards' indexes in the caches.
  std::shared_ptr<const ChunkCache> chunks;  // nullptr: none are kept.
  bool heads_first = false;                  // See ChunkHead in read.cc.
  int64_t wanted_chunks_max = 0;             // Inner chunks of one shard.
  int64_t span_bytes_max = 0;
  int64_t span_chunks_max = INT64_MAX;
  bool whole_shards = false;  // One that is wanted whole is fetched so, by one request.

  const CodecChain& chain() const { return *stored->chain; }
};
using OperationPtr = std::shared_ptr<const ReadOperation>;

/// What the lists hold of a wanted inner chunk: that of its shard, then that of a span.
inline constexpr int64_t kWantedChunkBytes = 80;

/// Adds where the chunk stands.
Status InChunk(const Status& status, const ReadOperation& operation, const std::string& key,
               const Box& cell);

/// The chunk is not stored.
Status TakeMissing(const ReadOperation& operation, const std::string& key, const Box& box,
                   ChunkTaker& taker);

/// Decodes a chunk: into the cache if it is kept (as `kept`, but for the elements), from which the
/// taker copies.
Status TakeEncoded(const ReadOperation& operation, const CodecChain& chain, const std::string& key,
                   int64_t number, std::span<const std::byte> encoded, CachedChunk kept,
                   ChunkTaker& taker, BufferPool& pool);

/// The takers of a task that are to be finished when it holds nothing any more.
class CallingBack {
 public:
  void Add(std::unique_ptr<ChunkTaker> taker) { takers_.push_back(std::move(taker)); }
  bool empty() const { return takers_.empty(); }
  /// The last words of a Step(): called again, it goes on with Finish().
  static Pending After(Reservation& reservation) {
    reservation.Release(reservation.bytes());
    return Pending::On(Future<void>::Ready(Status()));
  }
  Status Finish(const Crew& crew) {
    for (std::unique_ptr<ChunkTaker>& taker : std::exchange(takers_, {})) {
      if (crew.stop_token().cancelled()) return CancelledError("cancelled");
      COFFER_RETURN_IF_ERROR(taker->Finish());
      taker.reset();
    }
    return Status();
  }

 private:
  std::vector<std::unique_ptr<ChunkTaker>> takers_;
};

/// The work on one shard.
WorkPtr MakeShardRead(OperationPtr operation, WantedCell wanted);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_READ_WORK_H_
