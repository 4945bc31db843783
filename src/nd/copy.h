// Copies between strided views: the inner loop of every read and write.
//
// All functions require equal shapes and, for copies, equal element sizes (data types are not
// compared); memory of source and destination must not overlap. They allocate nothing, take any
// strides (zero, negative), and cost memcpy speed for long contiguous runs; a copy whose fastest
// dimensions differ (a transpose) is blocked so that both sides use whole cache lines.
#ifndef COFFER_SRC_ND_COPY_H_
#define COFFER_SRC_ND_COPY_H_

#include <cstddef>
#include <span>

#include "coffer/nd/index_transform.h"
#include "coffer/nd/view.h"

namespace coffer::inline v0 {

/// destination[i] = source[i].
void CopyView(const ConstView& source, const View& destination);
/// The same, reversing the bytes of each element's components (DataType::swap_size).
void CopyViewSwapped(const ConstView& source, const View& destination);
/// destination[i] = element. Requires element.size() == data_type.size().
void FillView(const View& destination, std::span<const std::byte> element);
/// Whether every element has exactly these bytes; stops at the first that differs.
bool AllEqual(const ConstView& view, std::span<const std::byte> element);

/// The elements of `piece` inside the chunk at `chunk` (a view of the stored box `cell`, in stored
/// dimension order), as a view whose dimensions are those of piece.view_box.
View ChunkView(const View& chunk, const Box& cell, const TransformPiece& piece);
ConstView ChunkView(const ConstView& chunk, const Box& cell, const TransformPiece& piece);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ND_COPY_H_
