#include "src/array/shard_writer.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace coffer::inline v0 {
namespace {

constexpr int64_t kBatchBytes = MiB(1);
constexpr int64_t kBufferUnit = 128;  // What rounding takes of a small one, and of the eighth.
constexpr int64_t kStraightBytes = KiB(64);  // So many are not copied into a batch.

int64_t BatchBytes(const CodecChain& inner) {
  return std::max(kBatchBytes, inner.max_encoded_size());
}

}  // namespace

bool ShardStreams(const StoredArray& stored) {
  // A remote store's writer holds whole parts, which are mostly more than a held shard.
  const Capabilities can = stored.store->capabilities();
  return can.local && can.streaming_write &&
         stored.chain->shard_layout()->index_location() == ShardLayout::IndexLocation::kEnd;
}

bool CanDelete(const KvStore& store, const WriteOptions& options) {
  return !options.if_equal.known() || options.if_equal.missing() ||
         store.capabilities().conditional_delete;
}

ShardWriter::ShardWriter(const StoredArray& stored, const Context& context, std::string key,
                         WriteOptions options, bool store_fill_chunks)
    : stored_(stored),
      context_(context),
      layout_(*stored.chain->shard_layout()),
      key_(std::move(key)),
      options_(std::move(options)),
      store_fill_chunks_(store_fill_chunks),
      index_(static_cast<size_t>(layout_.num_entries())) {
  if (layout_.index_location() == ShardLayout::IndexLocation::kStart) {
    offset_ = static_cast<uint64_t>(layout_.index_size());
  }
}

Status ShardWriter::Put(int64_t number, const Box& inner_box, const ConstView& part) {
  const CodecChain& inner = layout_.inner();
  if (!store_fill_chunks_ && AllEqual(part, inner.chunk().fill_value)) return Status();
  COFFER_ASSIGN_OR_RETURN(const std::span<std::byte> room, RoomInBatch(inner.max_encoded_size()));
  COFFER_ASSIGN_OR_RETURN(const size_t size,
                          EncodeInner(context_, inner, inner_box, part, scratch_, room));
  index_[static_cast<size_t>(number)] = {offset_, size};
  empty_ = false;
  offset_ += size;
  batch_size_ += size;
  return Status();
}

Status ShardWriter::PutEncoded(std::span<const EncodedChunk> entries,
                               std::span<const std::byte> encoded) {
  for (const EncodedChunk& chunk : entries) {
    index_[static_cast<size_t>(chunk.number)] = {offset_ + chunk.entry.offset, chunk.entry.size};
    empty_ = false;
  }
  offset_ += encoded.size();
  if (streaming() && static_cast<int64_t>(encoded.size()) >= kStraightBytes) {
    COFFER_RETURN_IF_ERROR(Flush());
    return Append(encoded);
  }
  while (!encoded.empty()) {
    COFFER_ASSIGN_OR_RETURN(const std::span<std::byte> room, RoomInBatch(1));
    const size_t size = std::min(room.size(), encoded.size());
    std::memcpy(room.data(), encoded.data(), size);
    batch_size_ += size;
    encoded = encoded.subspan(size);
  }
  return Status();
}

Result<std::span<std::byte>> ShardWriter::RoomInBatch(int64_t bytes) {
  if (batch_.size() - batch_size_ < static_cast<size_t>(bytes)) {
    COFFER_RETURN_IF_ERROR(Flush());
    if (batch_.data() == nullptr) {
      COFFER_ASSIGN_OR_RETURN(
          batch_, context_.buffers().Allocate(static_cast<size_t>(BatchBytes(layout_.inner()))));
    }
  }
  return batch_.span().subspan(batch_size_);
}

Status ShardWriter::Flush() {
  if (batch_size_ == 0) return Status();
  const size_t size = std::exchange(batch_size_, 0);
  if (streaming()) return Append(batch_.span().first(size));
  // What is held is the pool's memory: malloc would keep what other threads set free.
  const int64_t capacity = BufferPool::CapacityFor(static_cast<int64_t>(size));
  sent_bytes_ += capacity;
  if (capacity == BufferPool::CapacityFor(static_cast<int64_t>(batch_.size()))) {
    held_.Append(std::move(batch_).ToBytes(size));  // RoomInBatch takes another.
    return Status();
  }
  COFFER_ASSIGN_OR_RETURN(Buffer filled, context_.buffers().Allocate(size));
  std::memcpy(filled.data(), batch_.data(), size);
  held_.Append(std::move(filled).ToBytes(size));
  return Status();
}

Status ShardWriter::Append(std::span<const std::byte> bytes) {
  if (writer_ == nullptr) {
    COFFER_ASSIGN_OR_RETURN(writer_, stored_.store->OpenWriter(key_, options_));
  }
  return writer_->Append(bytes);
}

Future<WriteResult> ShardWriter::Finish() {
  Result<Future<WriteResult>> finished = FinishOrError();
  if (!finished.ok()) return Future<WriteResult>::Ready(finished.status());
  return *std::move(finished);
}

Result<Future<WriteResult>> ShardWriter::FinishOrError() {
  if (empty_ && CanDelete(*stored_.store, options_)) {
    return stored_.store->Write(key_, std::nullopt, options_);
  }
  COFFER_RETURN_IF_ERROR(Flush());
  batch_ = Buffer();
  const Result<Bytes> index = layout_.EncodeIndex(index_, CodecScratch{&context_.buffers()});
  if (!index.ok()) return index.status().Annotate(stored_.Describe(key_));
  if (streaming()) {
    COFFER_RETURN_IF_ERROR(Append(*index));
    return writer_->Commit();
  }
  BytesChain shard;
  const bool index_first = layout_.index_location() == ShardLayout::IndexLocation::kStart;
  if (index_first) shard.Append(*index);
  shard.Append(std::exchange(held_, BytesChain()));
  if (!index_first) shard.Append(*index);
  sent_bytes_ += BufferPool::CapacityFor(static_cast<int64_t>(index->size()));
  return stored_.store->Write(key_, std::move(shard), options_);
}

Result<size_t> EncodeInner(const Context& context, const CodecChain& inner, const Box& inner_box,
                           const ConstView& part, ScratchChunk& scratch,
                           std::span<std::byte> room) {
  BufferPool& pool = context.buffers();
  COFFER_ASSIGN_OR_RETURN(const ConstView chunk, PadToChunk(inner, inner_box, part, scratch, pool));
  context.stats().chunks_encoded += 1;
  return inner.Encode(chunk, room.first(static_cast<size_t>(inner.max_encoded_size())),
                      CodecScratch{&pool});
}

namespace {

/// What is held besides the encoded shard.
int64_t BesideShardBytes(const StoredArray& stored) {
  const ShardLayout& layout = *stored.chain->shard_layout();
  const CodecChain& inner = layout.inner();
  const int64_t index =
      layout.num_entries() * static_cast<int64_t>(sizeof(ShardEntry)) + layout.index_encode_bytes();
  const int64_t stream = ShardStreams(stored) ? stored.store->capabilities().stream_bytes : 0;
  return BufferPool::CapacityFor(BatchBytes(inner)) + inner.encode_scratch_bytes() +
         ScratchChunkBytes(inner.chunk()) + index + stream;
}

}  // namespace

int64_t ShardWriterBytes(const StoredArray& stored) {
  const int64_t beside = BesideShardBytes(stored);
  if (ShardStreams(stored)) return beside;
  const ShardLayout& layout = *stored.chain->shard_layout();
  // In buffers of at least one chunk each, of which the pool's rounding takes an eighth or less.
  const std::optional<int64_t> all =
      CheckedMul(layout.num_entries(), layout.inner().max_encoded_size() / 8 * 9 + kBufferUnit);
  return CheckedAdd(all.value_or(INT64_MAX), beside).value_or(INT64_MAX);
}

int64_t FilledShardWriterBytes(const StoredArray& stored) {
  const int64_t beside = BesideShardBytes(stored);
  if (ShardStreams(stored)) return beside;
  const ShardLayout& layout = *stored.chain->shard_layout();
  const int64_t batch = BatchBytes(layout.inner());
  const std::optional<int64_t> all =
      CheckedMul(layout.num_entries(), layout.inner().max_encoded_size());
  if (!all) return INT64_MAX;
  const std::optional<int64_t> full = CheckedMul(*all / batch, BufferPool::CapacityFor(batch));
  return CheckedAdd(full.value_or(INT64_MAX), BufferPool::CapacityFor(*all % batch) + beside)
      .value_or(INT64_MAX);
}

}  // namespace coffer::inline v0
