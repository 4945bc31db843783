// The read planner: from a transform and a destination to the fetches and decodes of its chunks.
#ifndef COFFER_SRC_ARRAY_READ_H_
#define COFFER_SRC_ARRAY_READ_H_

#include "coffer/array/driver.h"
#include "coffer/array/options.h"
#include "coffer/nd/index_transform.h"
#include "coffer/nd/view.h"
#include "src/array/shard_index_cache.h"

namespace coffer::inline v0 {

/// Where the operation begins: all on the executor, or with the calling thread as one lane (for a
/// caller that then waits).
enum class StartOn { kExecutor, kCaller };

/// Requires: destination.shape == transform.view_shape(), destination.data_type as stored,
/// transform inside the array's shape.
Future<void> StartRead(const StoredArrayPtr& stored, const IndexTransform& transform,
                       const View& destination, const ArrayReadOptions& options,
                       const Context& context, StartOn start);

/// Bytes that the largest single task of reading this array reserves.
int64_t LargestReadTask(const StoredArray& stored);

/// Whether no encoder, ours or a foreign one, can have made so many bytes of one chunk.
bool TooLongForChunk(int64_t stored_bytes, const CodecChain& chain);

/// Where the inner chunk with this number (C order) of the shard at `cell` stands in the array.
Box InnerBox(const StoredArray& stored, const Index& cell, int64_t number);

/// What reading and parsing the index of a shard holds.
int64_t ShardIndexBytes(const ShardLayout& layout);
/// How the index of a shard is read, and how what came back is checked.
ReadOptions ShardIndexRead(const ShardLayout& layout);
Result<std::shared_ptr<const CachedShardIndex>> ParseShardIndex(const StoredArray& stored,
                                                                const std::string& key,
                                                                const ShardLayout& layout,
                                                                const Result<ReadResult>& read,
                                                                BufferPool& pool);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_READ_H_
