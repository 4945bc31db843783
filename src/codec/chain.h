// CodecChain: the codecs of an array bound one after the other, and run without waste.
//
// Bind() checks the order (array -> array *, array -> bytes, bytes -> bytes *), lets data type,
// shape and fill value flow through, and fixes all sizes. Dimension orders become a strided view of
// the caller's memory; checksums are checked and appended in place; the last decompressor writes
// straight into the destination where that is contiguous, else into pooled scratch.
#ifndef COFFER_SRC_CODEC_CHAIN_H_
#define COFFER_SRC_CODEC_CHAIN_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "coffer/codec/chain.h"
#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

class CodecChain {
 public:
  CodecChain();
  ~CodecChain();

  /// Errors: InvalidArgument, with the JSON path ("codecs[1]: ...").
  static Result<std::shared_ptr<const CodecChain>> Bind(std::span<const CodecPtr> codecs,
                                                        const ChunkSpec& chunk);

  const ChunkSpec& chunk() const { return chunk_; }
  int64_t max_encoded_size() const;
  bool fixed_size() const;  ///< Then every chunk has max_encoded_size() bytes.
  /// Memory one call takes beside input and output (pooled capacity and compressor contexts).
  int64_t encode_scratch_bytes() const;
  int64_t decode_scratch_bytes() const;
  /// What decoding a chunk takes that begins with `head` (all of it if `whole`, else at least the
  /// first kHeadBytes): less than decode_scratch_bytes() if it can be decoded in pieces.
  static constexpr int64_t kHeadBytes = 64;
  int64_t decode_scratch_bytes(std::span<const std::byte> head, bool whole) const;
  /// Stored bytes are the elements in C order and native byte order, nothing else.
  bool is_identity() const;
  /// Whether any altered bit of an encoded chunk is noticed.
  bool has_checksum() const;
  /// The same for this encoded chunk, where it depends on the chunk's writer.
  bool has_checksum(std::span<const std::byte> encoded) const;
  /// The sharding codec's layout in this chunk's coordinates, if nothing but codecs that renumber
  /// dimensions stands beside it (so inner chunks can be addressed in the stored value); nullptr
  /// otherwise.
  const ShardLayout* shard_layout() const;

  /// Decodes one whole chunk into `chunk` (any strides; shape and type as bound).
  Status Decode(std::span<const std::byte> encoded, const View& chunk,
                const CodecScratch& scratch) const;
  /// Whether chunks are so large that all that can be is decoded in pieces.
  bool always_in_pieces() const { return always_in_pieces_; }
  /// Whether the part of this encoded chunk that `box` says had better be decoded by DecodeBox()
  /// than out of the whole chunk.
  bool DecodesBox(std::span<const std::byte> encoded, const Box& box) const;
  /// Decodes the part of one chunk that `box` says, into `part`, which has its shape. Of a chunk
  /// that no checksum of its compressor covers, what lies behind the part is not decoded.
  Status DecodeBox(std::span<const std::byte> encoded, const Box& box, const View& part,
                   const CodecScratch& scratch) const;
  /// Encodes one whole chunk into destination, which has max_encoded_size() bytes; returns the
  /// size.
  Result<size_t> Encode(const ConstView& chunk, std::span<std::byte> destination,
                        const CodecScratch& scratch) const;

 private:
  // A bytes -> bytes codec, with what the chain knows about it.
  struct ByteStage {
    std::unique_ptr<BoundBytesToBytes> codec;
    std::string label;           // For errors: 'codecs[1] (zstd)'.
    bool in_place = false;       // A checksum-like codec: no buffer of its own.
    int64_t decoded_max = 0;     // What it makes of well-behaved input, at most.
    bool decoded_fixed = false;  // Then it is exactly that.
  };
  struct ArrayStage {
    std::unique_ptr<BoundArrayToArray> codec;
    std::string label;
  };

  static Result<std::shared_ptr<const CodecChain>> BindAll(std::span<const CodecPtr> codecs,
                                                           const ChunkSpec& chunk);
  Status BindArrays(std::span<const CodecPtr> codecs);
  Status BindBytes(std::span<const CodecPtr> codecs, size_t first);
  Status BindRenumberedShard(std::span<const CodecPtr> codecs);
  Status CheckView(const ConstView& chunk) const;
  const ChunkSpec& InputOf(size_t array_stage) const;
  int64_t DecodeCapacity(const ByteStage& stage) const;
  size_t NextCompressor(size_t stage) const;
  int64_t ArrayScratchBytes() const;

  void FindPieces();
  bool HasPieces(std::span<const std::byte> encoded) const;
  Box InEncodedOrder(const Box& box) const;
  std::span<const std::byte> WithoutTrailers(std::span<const std::byte> encoded) const;
  Status DecodePlanes(std::span<const std::byte> encoded, const Box& box, const View& part,
                      const CodecScratch& scratch) const;
  Status DecodeFrom(size_t array_stage, std::span<const std::byte> encoded, const View& view,
                    const CodecScratch& scratch) const;
  Status DecodeBytes(std::span<const std::byte> encoded, const View& view,
                     const CodecScratch& scratch) const;
  Result<size_t> EncodeFrom(size_t array_stage, const ConstView& view,
                            std::span<std::byte> destination, const CodecScratch& scratch) const;
  Result<size_t> EncodeBytes(const ConstView& view, std::span<std::byte> destination,
                             const CodecScratch& scratch) const;
  Result<size_t> EncodeInPlace(size_t first, size_t last, std::span<std::byte> buffer,
                               size_t size) const;

  ChunkSpec chunk_;
  std::vector<ArrayStage> array_to_array_;
  std::unique_ptr<BoundArrayToBytes> array_to_bytes_;
  std::string array_to_bytes_label_;
  std::vector<ByteStage> bytes_to_bytes_;
  /// Planes along the first dimension of what is encoded that a piece has; 0: no pieces.
  int64_t piece_planes_ = 0;
  int64_t plane_bytes_ = 0;
  bool always_in_pieces_ = false;
  int64_t trailer_bytes_ = 0;                            // Of the checksums behind the compressor.
  std::unique_ptr<const ShardLayout> renumbered_shard_;  // Of a sharding codec below others.
  std::shared_ptr<const CodecChain> rest_;  // What array_to_bytes_ stands for, if that is a chain.
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CODEC_CHAIN_H_
