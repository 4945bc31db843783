// Encoding whole chunks, and changing a part of a stored cell: a chunk, or a shard.
#ifndef COFFER_SRC_ARRAY_SHARD_UPDATE_H_
#define COFFER_SRC_ARRAY_SHARD_UPDATE_H_

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "coffer/array/driver.h"
#include "coffer/async/context.h"
#include "src/array/shard_writer.h"

namespace coffer::inline v0 {

/// The value of an unsharded cell whose elements inside the array are `part` (stored order), or
/// nullopt if it holds nothing but fill values and these are not to be stored.
Result<std::optional<BytesChain>> EncodeChunk(const StoredArray& stored, const Context& context,
                                              const Box& cell, const ConstView& part,
                                              bool store_fill_chunks);
int64_t EncodeChunkBytes(const StoredArray& stored);

/// The value, with what `reservation` holds of encoded bytes until the store lets go of them: a
/// store may keep a value waiting (behind other writers of its key) after the task has ended.
BytesChain HoldEncoded(const StoredArray& stored, BytesChain value, Reservation& reservation);
/// Whether a task ends before the cells that it writes whole are acknowledged, which a local store
/// does when they are durable. It then holds nothing of a shard: only where this streams.
bool AcknowledgesLater(const StoredArray& stored);

/// The most bytes that a stored chunk is read with: our bound, with room for a foreign encoder's.
int64_t MaxStoredBytes(const CodecChain& chain);

/// New elements for a part of a cell.
struct UpdatePart {
  IndexTransform transform;  ///< Which elements: only those inside the cell count.
  /// The new elements in a box of the transform's view. Asked for one piece after the other (a
  /// chunk, an inner chunk), each valid until the next; again from the start if the cell changed.
  std::function<Result<ConstView>(const Box& view_box)> source;
  bool store_fill_chunks = false;
};

/// One cell that is to get new elements. What it holds beyond the array's shape is kept, for the
/// array may have grown since: of an edge chunk that is wholly written, too, if it can be decoded.
struct CellUpdate {
  const StoredArray& stored;
  const Context& context;
  const Index& cell;
  const std::string& key;
  std::span<const UpdatePart* const> parts;  ///< Later ones win where they overlap.
};

/// What of the old cell UpdateCell needs: all, or (of shards in local stores) the index.
ReadOptions ReadForUpdate(const StoredArray& stored);

/// Writes the cell with the update's elements in place of the old ones, on the condition that it
/// still is what `old` says, the answer to ReadForUpdate. Otherwise the result is kConditionNotMet.
Result<Future<WriteResult>> UpdateCell(const CellUpdate& update, Result<ReadResult> old,
                                       WriteOptions options);
/// What an update holds beside the source's memory.
int64_t UpdateCellBytes(const StoredArray& stored);
/// What it holds in addition if the source is read chunk by chunk: a pool buffer for an inner
/// chunk.
int64_t SourceChunkBytes(const StoredArray& stored);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_SHARD_UPDATE_H_
