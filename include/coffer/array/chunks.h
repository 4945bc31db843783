// Chunk by chunk: a function for each chunk, many boxes at once, and what of an array is stored.
//
//     ForEachChunk(volume, [&](const ChunkData& chunk) {
//       sum += Sum(chunk.elements);              // Decoded; from several threads at once.
//       return Status();
//     }).OrThrow();
//
//     ReadMany(volume, {{box_a, Ref(a)}, {box_b, Ref(b)}}).OrThrow();   // Each chunk fetched once.
//
// "Chunk" is the smallest unit of reading here: the inner chunk where there are shards. All keep to
// the array's context: its threads and its byte budget, as Array::Read does. Memory: destination +
// max(budget, largest single task) + 64 MiB, where the destination of ForEachChunk is what its
// callbacks look at: for each that runs, its chunk, or (of chunks that were fetched together) at
// most 1 MiB of them. A callback holds nothing of the budget, so it may read and write itself.
//
// Errors: those of Array::Read, and what a callback returns or throws. The first one ends the whole
// and is returned, when no callback runs any more.
//
// Thread safety: all functions from any thread.
#ifndef COFFER_ARRAY_CHUNKS_H_
#define COFFER_ARRAY_CHUNKS_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/base/export.h"

namespace coffer::inline v0 {

/// A chunk as a callback sees it.
struct ChunkData {
  /// Where the whole chunk stands in the array, as far as that lies inside its shape.
  Box chunk;
  /// Which part of the region's view the elements are: where Array::Read would put them.
  Box part;
  /// Of part.shape. Memory is valid until the callback returns; strides are any, also 0.
  ConstView elements;
  /// False: it was never written, the elements are fill values.
  bool stored = true;
};

using ChunkFunction = std::function<Status(const ChunkData&)>;

struct ForEachChunkOptions {
  enum class Missing {
    kSkip,   ///< No call for chunks that were never written.
    kFill,   ///< A call, with fill values.
    kError,  ///< NotFound naming its key.
  };
  Missing missing = Missing::kSkip;
  /// How many callbacks run at once. 0: as many as threads would read. 1: one after the other,
  /// exactly in storage order.
  int parallelism = 0;
  ProgressFunction on_progress = nullptr;
  CancelToken cancel = {};
  MaxStaleness max_staleness{0};  ///< See ArrayReadOptions.
};

/// Calls `function` once for each chunk that holds elements of the region (default: the whole
/// array), from several threads. Chunks are begun in storage order: shards (or chunks) in C order
/// of the grid; of a shard first what was never written, then by offset. A shard that is replaced
/// meanwhile gives chunks of its old state and of its new one, each chunk once.
COFFER_EXPORT Status ForEachChunk(const Array& array, const ChunkFunction& function,
                                  const ForEachChunkOptions& options = {});
COFFER_EXPORT Status ForEachChunk(const Array& array, const IndexTransform& region,
                                  const ChunkFunction& function,
                                  const ForEachChunkOptions& options = {});
/// The function is kept until the future resolves.
COFFER_EXPORT Future<void> ForEachChunkAsync(const Array& array, const IndexTransform& region,
                                             ChunkFunction function,
                                             const ForEachChunkOptions& options = {});

/// A box, and where its elements go: same shape, same data type, any strides.
struct BoxRead {
  Box box;
  View destination;
};

/// Reads many boxes. However many of them want elements of one chunk, it is fetched and decoded
/// once. Destinations must not overlap; boxes may. Shards are read in one state each. Progress
/// counts the bytes of all destinations. Errors: of Array::Read; a wrong box or view is named by
/// its number, and nothing is read then.
COFFER_EXPORT Status ReadMany(const Array& array, std::vector<BoxRead> reads,
                              const ArrayReadOptions& options = {});
COFFER_EXPORT Future<void> ReadManyAsync(const Array& array, std::vector<BoxRead> reads,
                                         const ArrayReadOptions& options = {});

/// What is stored for a chunk or shard.
enum class Coverage {
  kNeverWritten,  ///< Nothing: it reads as fill values.
  kFill,          ///< Stored, and every element is the fill value.
  kPresent,       ///< Stored; with find_fill: some element is not the fill value.
};

struct ChunkCoverage {
  Box box;         ///< In the array, as far as inside its shape.
  bool inner;      ///< An inner chunk of a stored shard; else a write chunk (shard or chunk).
  Coverage state;  ///< kFill of a shard: all its stored inner chunks are.
  int64_t bytes;   ///< Stored, encoded; 0 if nothing is, -1 where the store does not say.
};

struct CoverageOptions {
  /// Also the inner chunks of stored shards: their indexes are read.
  bool inner = false;
  /// Tells kFill from kPresent: every stored chunk is read and decoded.
  bool find_fill = false;
  /// Also write chunks that were never written. Those of a grid of more than 2^26 cells cost one
  /// listing per 2^26 cells.
  bool never_written = true;
  ProgressFunction on_progress = nullptr;  ///< Counts write chunks of the grid, not bytes.
  CancelToken cancel = {};
};

/// Some of the chunks. Called by one thread at a time; holds nothing of the budget.
using CoveragePage = std::function<Status(std::span<const ChunkCoverage>)>;

/// Gives what is stored, page by page, at most 1,024 entries each: every write chunk once (a shard
/// behind its inner chunks), stored ones in the order of the store's listing, then those that were
/// never written. Memory: one task per thread within the budget, a page, 8 MiB for the grid.
/// Chunks that are written or deleted meanwhile may show in either state. Errors: DataLoss for
/// a shard index, or (find_fill) a chunk, that is damaged.
COFFER_EXPORT Status ListCoverage(const Array& array, const CoveragePage& page,
                                  const CoverageOptions& options = {});

/// Sums of a listing.
struct CoverageCounts {
  struct Count {
    int64_t never_written = 0;
    int64_t fill = 0;
    int64_t present = 0;
  };
  Count write_chunks;
  Count inner_chunks;  ///< Of stored shards; all 0 without `inner`, or where there are no shards.
  int64_t bytes = 0;   ///< Of write chunks, where the store says.
};
COFFER_EXPORT Result<CoverageCounts> CountCoverage(const Array& array,
                                                   const CoverageOptions& options = {});

}  // namespace coffer::inline v0

#endif  // COFFER_ARRAY_CHUNKS_H_
