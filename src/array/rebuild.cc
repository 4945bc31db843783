// How a cell is rebuilt:
//
//  1. Bytes for what it holds at most are reserved: the shard writer, one encoded and one decoded
//     chunk; where shards do not stream, the whole shard.
//  2. Each stored chunk is read under the generation that was inspected. One inside the array moves
//     as it is; one that the edge cuts is decoded, filled beyond it and encoded.
//  3. The new value is published on the condition of that generation. A read or write that finds
//     another one ends it, and nothing has changed.
#include "src/array/rebuild.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "coffer/base/checked.h"
#include "src/array/chunk_io.h"
#include "src/array/read.h"
#include "src/array/shard_update.h"
#include "src/array/shard_writer.h"

namespace coffer::inline v0 {
namespace {

using State = WriteResult::State;

/// What is added to it has room in 64 bits.
constexpr uint64_t kShardBytesMax = uint64_t{1} << 62;

bool IsDropped(const CellFaults& faults, int64_t n) {
  return faults.entries[static_cast<size_t>(n)].absent() ||
         std::binary_search(faults.bad_chunks.begin(), faults.bad_chunks.end(), n);
}

void FillBeyond(const StoredArray& stored, const Box& box, const View& chunk) {
  for (const Box& part : PartsBeyond(stored.shape(), box)) {
    FillView(chunk.Subview(Relative(part, box)), stored.chain->chunk().fill_value);
  }
}

Result<State> RebuildChunk(const StoredArray& stored, const Context& context,
                           const std::string& key, const Index& cell, const CellFaults& faults,
                           const CancelToken& cancel) {
  const CodecChain& chain = *stored.chain;
  BufferPool& pool = context.buffers();
  COFFER_ASSIGN_OR_RETURN(
      const ReadResult stat,
      stored.store->Read(key, {.range = ByteRange::Stat(), .if_equal = faults.generation}).Get());
  if (stat.state != ReadResult::State::kValue) return State::kConditionNotMet;
  const int64_t size_max = std::max(stat.total_size, MaxStoredBytes(chain));
  COFFER_ASSIGN_OR_RETURN(
      Reservation held,
      context.budget().Acquire(
          BufferPool::CapacityFor(size_max) + EncodeChunkBytes(stored) + DecodePieceBytes(chain),
          cancel));
  ReadOptions options;
  options.if_equal = faults.generation;
  options.max_bytes = size_max;
  options.reservation = &held;
  COFFER_ASSIGN_OR_RETURN(const ReadResult read, stored.store->Read(key, options).Get());
  if (read.state != ReadResult::State::kValue) return State::kConditionNotMet;
  COFFER_ASSIGN_OR_RETURN(const ScratchChunk scratch, MakeScratchChunk(chain.chunk(), pool));
  COFFER_RETURN_IF_ERROR(
      chain.Decode(read.value, scratch.view, CodecScratch{&pool}).Annotate(stored.Describe(key)));
  const Box box = stored.grid.CellBox(cell);
  FillBeyond(stored, box, scratch.view);
  COFFER_ASSIGN_OR_RETURN(std::optional<BytesChain> value,
                          EncodeChunk(stored, context, box, scratch.view, true));
  WriteOptions write;
  write.if_equal = faults.generation;
  write.cancel = cancel;
  write.reservation = &held;
  COFFER_ASSIGN_OR_RETURN(const WriteResult written,
                          stored.store->Write(key, std::move(value), write).Get());
  return written.state;
}

class ShardRebuild {
 public:
  ShardRebuild(const StoredArray& stored, const Context& context, const std::string& key,
               const Index& cell, const CellFaults& faults, const CancelToken& cancel)
      : stored_(stored),
        context_(context),
        key_(key),
        cell_(cell),
        faults_(faults),
        cancel_(cancel) {}

  Result<State> Run() {
    uint64_t all = 0;
    uint64_t largest = 0;
    for (int64_t n = 0; n < std::ssize(faults_.entries); ++n) {
      if (IsDropped(faults_, n)) continue;
      all += Entry(n).size;
      largest = std::max(largest, Entry(n).size);
    }
    const CodecChain& inner = layout().inner();
    const int64_t held = ShardStreams(stored_) ? 0 : static_cast<int64_t>(all);
    COFFER_ASSIGN_OR_RETURN(
        reservation_,
        context_.budget().Acquire(ShardWriterBytes(stored_) + held +
                                      BufferPool::CapacityFor(static_cast<int64_t>(largest)) +
                                      DecodePieceBytes(inner),
                                  cancel_));
    COFFER_ASSIGN_OR_RETURN(buffer_, context_.buffers().Allocate(largest));
    WriteOptions options;
    options.if_equal = faults_.generation;
    options.cancel = cancel_;
    options.reservation = &reservation_;
    ShardWriter writer(stored_, context_, key_, options, true);
    for (int64_t n = 0; n < std::ssize(faults_.entries); ++n) {
      if (IsDropped(faults_, n)) continue;
      if (cancel_.cancelled()) return CancelledError("cancelled");
      COFFER_ASSIGN_OR_RETURN(const bool same, PutChunk(writer, n));
      if (!same) return State::kConditionNotMet;
    }
    COFFER_ASSIGN_OR_RETURN(const WriteResult written, writer.Finish().Get());
    return written.state;
  }

 private:
  const ShardLayout& layout() const { return *stored_.chain->shard_layout(); }
  const ShardEntry& Entry(int64_t n) const { return faults_.entries[static_cast<size_t>(n)]; }

  /// False if the shard was replaced meanwhile.
  Result<bool> PutChunk(ShardWriter& writer, int64_t n) {
    const ShardEntry& entry = Entry(n);
    const std::span<std::byte> encoded = buffer_.span().first(entry.size);
    ReadOptions options;
    options.range = ByteRange::Span(static_cast<int64_t>(entry.offset),
                                    static_cast<int64_t>(entry.offset + entry.size));
    options.if_equal = faults_.generation;
    options.reservation = &reservation_;
    COFFER_ASSIGN_OR_RETURN(const ReadResult read,
                            stored_.store->ReadInto(key_, encoded, options).Get());
    if (read.state != ReadResult::State::kValue) return false;
    const Box box = InnerBox(stored_, cell_, n);
    const Box array = Box::Full(stored_.shape());
    if (!faults_.beyond_edge || array.Contains(box)) {
      const ShardWriter::EncodedChunk chunk{n, {0, entry.size}};
      COFFER_RETURN_IF_ERROR(writer.PutEncoded({&chunk, 1}, encoded));
      return true;
    }
    if (box.Intersect(array).empty()) return true;
    BufferPool& pool = context_.buffers();
    const CodecChain& inner = layout().inner();
    COFFER_ASSIGN_OR_RETURN(const ScratchChunk scratch, MakeScratchChunk(inner.chunk(), pool));
    COFFER_RETURN_IF_ERROR(
        inner.Decode(encoded, scratch.view, CodecScratch{&pool}).Annotate(stored_.Describe(key_)));
    FillBeyond(stored_, box, scratch.view);
    COFFER_RETURN_IF_ERROR(writer.Put(n, box, scratch.view));
    return true;
  }

  const StoredArray& stored_;
  const Context& context_;
  const std::string& key_;
  const Index& cell_;
  const CellFaults& faults_;
  const CancelToken& cancel_;
  Reservation reservation_;
  Buffer buffer_;
};

}  // namespace

bool UnfoldsBeyondAShard(const StoredArray& stored, const CellFaults& faults) {
  const ShardLayout* const layout = stored.chain->shard_layout();
  if (layout == nullptr) return false;
  const int64_t most = CheckedMul(layout->num_entries(), layout->inner().max_encoded_size())
                           .value_or(std::numeric_limits<int64_t>::max());
  uint64_t sum = 0;
  uint64_t end = 0;
  for (int64_t n = 0; n < std::ssize(faults.entries); ++n) {
    const ShardEntry& entry = faults.entries[static_cast<size_t>(n)];
    if (IsDropped(faults, n)) continue;
    end = std::max(end, entry.offset + entry.size);
    sum += entry.size;
    if (sum > kShardBytesMax) return true;
  }
  return sum > std::max(end, static_cast<uint64_t>(most));
}

Result<State> RebuildCell(const StoredArray& stored, const Context& context, const std::string& key,
                          const Index& cell, const CellFaults& faults, const CancelToken& cancel) {
  if (stored.chain->shard_layout() == nullptr) {
    return RebuildChunk(stored, context, key, cell, faults, cancel);
  }
  return ShardRebuild(stored, context, key, cell, faults, cancel).Run();
}

}  // namespace coffer::inline v0
