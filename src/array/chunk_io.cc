#include "src/array/chunk_io.h"

#include <utility>

namespace coffer::inline v0 {

Result<ScratchChunk> MakeScratchChunk(const ChunkSpec& chunk, BufferPool& pool) {
  COFFER_ASSIGN_OR_RETURN(Buffer buffer, pool.Allocate(static_cast<size_t>(chunk.num_bytes())));
  const View view(buffer.data(), chunk.data_type, chunk.shape);
  return ScratchChunk{std::move(buffer), view};
}

int64_t ScratchChunkBytes(const ChunkSpec& chunk) {
  return BufferPool::CapacityFor(chunk.num_bytes());
}

std::optional<Box> StoredBoxOf(const TransformPiece& piece) {
  Box box;
  for (size_t d = 0; d < piece.maps.size(); ++d) {
    const IndexTransform::OutputMap& map = piece.maps[d];
    const int64_t extent = map.view_dim < 0 ? 1 : piece.view_box.shape[map.view_dim];
    if (extent > 1 && map.stride != 1 && map.stride != -1) return std::nullopt;
    const int64_t first = piece.first[static_cast<int>(d)];
    box.origin.push_back(extent > 1 && map.stride < 0 ? first - (extent - 1) : first);
    box.shape.push_back(extent);
  }
  return box;
}

Status DecodePiece(const CodecChain& chain, std::span<const std::byte> encoded, const Box& cell,
                   const TransformPiece& piece, const View& destination, BufferPool& pool) {
  const CodecScratch scratch{&pool};
  if (piece.CoversAll(cell)) {
    return chain.Decode(encoded, InStoredOrder(destination, piece), scratch);
  }
  if (chain.is_identity() && encoded.size() == static_cast<size_t>(chain.chunk().num_bytes())) {
    const ConstView chunk(encoded.data(), chain.chunk().data_type, chain.chunk().shape);
    CopyView(ChunkView(chunk, cell, piece), destination);
    return Status();
  }
  if (std::optional<Box> box = StoredBoxOf(piece)) {
    box = Relative(*box, cell);
    if (chain.DecodesBox(encoded, *box)) {
      return chain.DecodeBox(encoded, *box, InStoredOrder(destination, piece), scratch);
    }
  }
  COFFER_ASSIGN_OR_RETURN(ScratchChunk chunk, MakeScratchChunk(chain.chunk(), pool));
  COFFER_RETURN_IF_ERROR(chain.Decode(encoded, chunk.view, scratch));
  CopyView(ChunkView(ConstView(chunk.view), cell, piece), destination);
  return Status();
}

int64_t DecodePieceBytes(const CodecChain& chain) {
  return ScratchChunkBytes(chain.chunk()) + chain.decode_scratch_bytes();
}

Result<ConstView> PadToChunk(const CodecChain& chain, const Box& cell, const ConstView& part,
                             ScratchChunk& scratch, BufferPool& pool) {
  if (part.shape == cell.shape) return part;
  if (scratch.view.data == nullptr) {
    COFFER_ASSIGN_OR_RETURN(scratch, MakeScratchChunk(chain.chunk(), pool));
  }
  FillView(scratch.view, chain.chunk().fill_value);
  CopyView(part, scratch.view.Subview(Box::Full(part.shape)));
  return ConstView(scratch.view);
}

}  // namespace coffer::inline v0
