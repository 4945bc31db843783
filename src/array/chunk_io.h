// What reading and writing share for one chunk: between its encoded bytes and a part of a view.
#ifndef COFFER_SRC_ARRAY_CHUNK_IO_H_
#define COFFER_SRC_ARRAY_CHUNK_IO_H_

#include <cstdint>
#include <optional>
#include <span>

#include "coffer/async/buffer.h"
#include "src/codec/chain.h"
#include "src/nd/copy.h"

namespace coffer::inline v0 {

/// The elements of `part` (the sub-view at piece.view_box) in stored dimension order, one entry per
/// stored dimension. Requires steps of 1 wherever the piece has more than one element.
template <class AnyView>
AnyView InStoredOrder(const AnyView& part, const TransformPiece& piece) {
  AnyView stored(part.data, part.data_type, Shape(), Strides());
  for (const IndexTransform::OutputMap& map : piece.maps) {
    if (map.view_dim < 0) {
      stored.shape.push_back(1);
      stored.strides.push_back(0);
      continue;
    }
    const int64_t extent = part.shape[map.view_dim];
    int64_t stride = part.strides[map.view_dim];
    if (map.stride < 0) {
      stored.data += (extent - 1) * stride;
      stride = -stride;
    }
    stored.shape.push_back(extent);
    stored.strides.push_back(stride);
  }
  return stored;
}

/// `box` counted from the origin of `frame`.
inline Box Relative(const Box& box, const Box& frame) {
  Box relative = box;
  for (int d = 0; d < box.rank(); ++d) relative.origin[d] -= frame.origin[d];
  return relative;
}

/// A chunk in pooled memory.
struct ScratchChunk {
  Buffer buffer;
  View view;  // C order, the chunk's shape.
};
Result<ScratchChunk> MakeScratchChunk(const ChunkSpec& chunk, BufferPool& pool);

/// What MakeScratchChunk holds, in bytes.
int64_t ScratchChunkBytes(const ChunkSpec& chunk);

/// The box of the array that the piece takes; nullopt if it does not take all elements of one.
std::optional<Box> StoredBoxOf(const TransformPiece& piece);

/// Decodes what `piece` takes of the chunk that stands at `cell` into `destination` (the sub-view
/// at piece.view_box): straight where the piece is the whole chunk, or a box of one that had better
/// be decoded in pieces; else by way of a scratch chunk.
Status DecodePiece(const CodecChain& chain, std::span<const std::byte> encoded, const Box& cell,
                   const TransformPiece& piece, const View& destination, BufferPool& pool);

/// What DecodePiece holds beside input and destination, in bytes.
int64_t DecodePieceBytes(const CodecChain& chain);

/// `part` (the elements of `clipped`, in stored order) as a whole chunk at `cell`: itself if it is
/// one, else `scratch` with the rest filled.
Result<ConstView> PadToChunk(const CodecChain& chain, const Box& cell, const ConstView& part,
                             ScratchChunk& scratch, BufferPool& pool);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_CHUNK_IO_H_
