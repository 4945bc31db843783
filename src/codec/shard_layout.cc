// An index is decoded straight into the vector of entries: two uint64 per inner chunk, which is how
// a ShardEntry stands in memory. Its claims are then checked one by one, each without overflow.
#include "src/codec/shard_layout.h"

#include <string>
#include <type_traits>
#include <utility>

namespace coffer::inline v0 {
namespace {

static_assert(sizeof(ShardEntry) == 16 && std::is_trivially_copyable_v<ShardEntry>);

int64_t VectorBytes(int64_t entries) { return entries * static_cast<int64_t>(sizeof(ShardEntry)); }

}  // namespace

ShardLayout::ShardLayout(Shape shard_shape, std::shared_ptr<const CodecChain> inner,
                         std::shared_ptr<const CodecChain> index, IndexLocation location)
    : inner_(std::move(inner)), index_(std::move(index)), location_(location) {
  for (int d = 0; d < shard_shape.rank(); ++d) {
    inner_grid_shape_.push_back(shard_shape[d] / inner_->chunk().shape[d]);
  }
  index_shape_ = inner_grid_shape_;
  index_shape_.push_back(2);
  index_strides_ = COrderStrides(index_shape_, sizeof(uint64_t));
  num_entries_ = *NumElements(inner_grid_shape_);
}

ShardLayout ShardLayout::Renumbered(std::span<const int> order,
                                    std::shared_ptr<const CodecChain> inner) const {
  ShardLayout renumbered = *this;
  renumbered.inner_ = std::move(inner);
  Shape& grid = renumbered.inner_grid_shape_;
  for (int d = 0; d < grid.rank(); ++d) {
    grid[order[static_cast<size_t>(d)]] = inner_grid_shape_[d];
  }
  Shape entries = grid;
  entries.push_back(2);
  const Strides strides = COrderStrides(entries, sizeof(uint64_t));
  for (int d = 0; d < grid.rank(); ++d) {
    renumbered.index_strides_[d] = strides[order[static_cast<size_t>(d)]];
  }
  return renumbered;
}

int64_t ShardLayout::index_decode_bytes() const {
  return VectorBytes(num_entries_) + index_->decode_scratch_bytes();
}

int64_t ShardLayout::index_encode_bytes() const {
  return BufferPool::CapacityFor(index_size()) + index_->encode_scratch_bytes();
}

Box ShardLayout::InnerBox(int64_t n) const {
  Box box{Index::Filled(inner_grid_shape_.rank(), 0), inner_chunk_shape()};
  for (int d = inner_grid_shape_.rank() - 1; d >= 0; --d) {
    box.origin[d] = n % inner_grid_shape_[d] * box.shape[d];
    n /= inner_grid_shape_[d];
  }
  return box;
}

int64_t ShardLayout::Number(const Index& element) const {
  int64_t number = 0;
  for (int d = 0; d < element.rank(); ++d) {
    number = number * inner_grid_shape_[d] + element[d] / inner_chunk_shape()[d];
  }
  return number;
}

Status ShardLayout::CheckEntry(int64_t n, const ShardEntry& entry, int64_t shard_size) const {
  if (entry.absent()) return Status();
  uint64_t end = 0;
  std::string problem;
  const uint64_t begin_min =
      location_ == IndexLocation::kStart ? static_cast<uint64_t>(index_size()) : 0;
  const bool overflows = __builtin_add_overflow(entry.offset, entry.size, &end);
  if (entry.offset == ~uint64_t{0} || entry.size == ~uint64_t{0}) {
    problem = "only one of them says that the chunk is absent";
  } else if (overflows || end > uint64_t{INT64_MAX}) {
    problem = "their sum overflows";
  } else if (entry.offset < begin_min) {
    problem = "inside the index of " + std::to_string(index_size()) + " bytes at the start";
  } else if (shard_size >= 0 && end > static_cast<uint64_t>(shard_size)) {
    problem = "beyond the shard of " + std::to_string(shard_size) + " bytes";
  } else if (shard_size >= 0 && location_ == IndexLocation::kEnd &&
             end > static_cast<uint64_t>(shard_size - index_size())) {
    problem = "inside the index of " + std::to_string(index_size()) + " bytes at the end";
  } else {
    return Status();
  }
  Index position = InnerBox(n).origin;
  for (int d = 0; d < position.rank(); ++d) position[d] /= inner_chunk_shape()[d];
  return DataLossError("shard index: inner chunk " + ToString(position) + " at offset " +
                       std::to_string(entry.offset) + ", size " + std::to_string(entry.size) +
                       ": " + problem);
}

Result<ShardIndex> ShardLayout::ParseIndex(std::span<const std::byte> encoded, int64_t shard_size,
                                           const CodecScratch& scratch) const {
  if (shard_size >= 0 && shard_size < index_size()) {
    return DataLossError("a shard of " + std::to_string(shard_size) +
                         " bytes is shorter than its index of " + std::to_string(index_size()));
  }
  COFFER_ASSIGN_OR_RETURN(ShardIndex index, DecodeIndex(encoded, scratch));
  // Of many thousands nearly all are well; CheckEntry() is asked of the others.
  const bool at_start = location_ == IndexLocation::kStart;
  const auto begin = static_cast<uint64_t>(at_start ? index_size() : 0);
  const auto end = static_cast<uint64_t>(
      shard_size < 0 ? INT64_MAX : shard_size - (at_start ? 0 : index_size()));
  for (size_t n = 0; n < index.size(); ++n) {
    const auto [offset, size] = index[n];
    if (offset >= begin && offset <= end && size <= end - offset) continue;
    COFFER_RETURN_IF_ERROR(CheckEntry(static_cast<int64_t>(n), index[n], shard_size));
  }
  return index;
}

Result<ShardIndex> ShardLayout::DecodeIndex(std::span<const std::byte> encoded,
                                            const CodecScratch& scratch) const {
  if (encoded.size() != static_cast<size_t>(index_size())) {
    return DataLossError("a shard index of " + std::to_string(encoded.size()) +
                         " bytes, expected " + std::to_string(index_size()));
  }
  ShardIndex index(static_cast<size_t>(num_entries_));
  const View words(reinterpret_cast<std::byte*>(index.data()), DataType::kUint64, index_shape_,
                   index_strides_);
  if (Status status = index_->Decode(encoded, words, scratch); !status.ok()) {
    return status.Annotate("shard index");
  }
  return index;
}

Status ShardLayout::EncodeIndexInto(const ShardIndex& index, std::span<std::byte> destination,
                                    const CodecScratch& scratch) const {
  const ConstView words(reinterpret_cast<const std::byte*>(index.data()), DataType::kUint64,
                        index_shape_, index_strides_);
  COFFER_RETURN_IF_ERROR(index_->Encode(words, destination, scratch));
  return Status();
}

Result<Bytes> ShardLayout::EncodeIndex(const ShardIndex& index, const CodecScratch& scratch) const {
  const auto size = static_cast<size_t>(index_size());
  COFFER_ASSIGN_OR_RETURN(Buffer buffer, scratch.buffers->Allocate(size));
  COFFER_RETURN_IF_ERROR(EncodeIndexInto(index, buffer.span(), scratch));
  return std::move(buffer).ToBytes(size);
}

}  // namespace coffer::inline v0
