// ShardLayout: how the inner chunks of a shard are addressed inside its bytes.
//
// Format: Zarr v3 core, codec "sharding_indexed". The index holds, for each inner chunk in C order,
// offset and size as uint64, both 2^64 - 1 where the chunk is absent; it is encoded by index codecs
// of fixed size and stands at the start or the end of the shard. Offsets count from the shard's
// first byte, also when the index stands there.
#ifndef COFFER_SRC_CODEC_SHARD_LAYOUT_H_
#define COFFER_SRC_CODEC_SHARD_LAYOUT_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "coffer/codec/codec.h"
#include "src/codec/chain.h"

namespace coffer::inline v0 {

struct ShardEntry {
  uint64_t offset = ~uint64_t{0};
  uint64_t size = ~uint64_t{0};
  bool absent() const { return offset == ~uint64_t{0} && size == ~uint64_t{0}; }
  friend bool operator==(const ShardEntry&, const ShardEntry&) = default;
};

/// A decoded index: one entry per inner chunk, C order.
using ShardIndex = std::vector<ShardEntry>;

class ShardLayout {
 public:
  enum class IndexLocation { kStart, kEnd };

  ShardLayout(Shape shard_shape, std::shared_ptr<const CodecChain> inner,
              std::shared_ptr<const CodecChain> index, IndexLocation location);

  /// The same layout in the coordinates of an array whose dimensions were renumbered before they
  /// came to the sharding codec: dimension i there is dimension order[i] of the array. `inner`
  /// takes inner chunks as they stand in the array. Indexes are then in the array's C order, too.
  ShardLayout Renumbered(std::span<const int> order, std::shared_ptr<const CodecChain> inner) const;

  /// Inner chunks per dimension.
  const Shape& inner_grid_shape() const { return inner_grid_shape_; }
  const Shape& inner_chunk_shape() const { return inner_->chunk().shape; }
  const CodecChain& inner() const { return *inner_; }
  const std::shared_ptr<const CodecChain>& shared_inner() const { return inner_; }
  int64_t num_entries() const { return num_entries_; }
  IndexLocation index_location() const { return location_; }
  /// Bytes of the encoded index.
  int64_t index_size() const { return index_->max_encoded_size(); }
  /// Whether any altered bit of an inner chunk or of the index is noticed.
  bool has_checksum() const { return inner_->has_checksum() && index_->has_checksum(); }
  /// Memory that ParseIndex or EncodeIndex takes, its result included.
  int64_t index_decode_bytes() const;
  int64_t index_encode_bytes() const;
  /// The box of the n-th inner chunk in C order. Requires 0 <= n < num_entries().
  Box InnerBox(int64_t n) const;
  /// The number of the inner chunk that holds this element of the shard.
  int64_t Number(const Index& element) const;

  /// Decodes and checks an index against a shard of `shard_size` bytes (-1: unknown, then ends are
  /// not checked). Errors: DataLoss (checksum, half-absent entry, an entry that overflows, reaches
  /// beyond the shard or into the index).
  Result<ShardIndex> ParseIndex(std::span<const std::byte> encoded, int64_t shard_size,
                                const CodecScratch& scratch) const;
  /// Requires index.size() == num_entries().
  Result<Bytes> EncodeIndex(const ShardIndex& index, const CodecScratch& scratch) const;
  /// The same into caller memory of at least index_size() bytes.
  Status EncodeIndexInto(const ShardIndex& index, std::span<std::byte> destination,
                         const CodecScratch& scratch) const;

 private:
  Status CheckEntry(int64_t n, const ShardEntry& entry, int64_t shard_size) const;

  Shape inner_grid_shape_;
  Shape index_shape_;      // As stored: the grid's, and 2.
  Strides index_strides_;  // Of its dimensions, in a ShardIndex.
  std::shared_ptr<const CodecChain> inner_, index_;
  IndexLocation location_;
  int64_t num_entries_ = 0;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CODEC_SHARD_LAYOUT_H_
