// Encoding whole chunks, and changing a part of a stored shard.
#ifndef COFFER_SRC_ARRAY_SHARD_UPDATE_H_
#define COFFER_SRC_ARRAY_SHARD_UPDATE_H_

#include <optional>
#include <string>

#include "coffer/async/context.h"
#include "src/array/driver.h"
#include "src/array/shard_writer.h"

namespace coffer::inline v0 {

/// The value of an unsharded cell whose elements inside the array are `part` (stored order), or
/// nullopt if it holds nothing but fill values and these are not to be stored.
Result<std::optional<BytesChain>> EncodeChunk(const StoredArray& stored, const Context& context,
                                              const Box& cell, const ConstView& part,
                                              bool store_fill_chunks);
int64_t EncodeChunkBytes(const StoredArray& stored);
/// The same with the old value read and decoded first.
int64_t UpdateChunkBytes(const StoredArray& stored);

/// The most bytes that a stored chunk is read with: our bound, with room for a foreign encoder's.
int64_t MaxStoredBytes(const CodecChain& chain);

struct ShardUpdate {
  const StoredArray& stored;
  const Context& context;
  const Index& cell;
  const std::string& key;
  const IndexTransform& transform;
  const ConstView& source;
  bool store_fill_chunks = false;
};

/// Writes the shard with the update's elements in place of the old ones, on the condition that it
/// still is what `old` says: the index (local stores, which then serve the chunks that are needed)
/// or the whole value (others). If the shard changed in between, the result is kConditionNotMet.
Result<Future<WriteResult>> UpdateShard(const ShardUpdate& update, Result<ReadResult> old,
                                        WriteOptions options);
int64_t ShardUpdateBytes(const StoredArray& stored);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_SHARD_UPDATE_H_
