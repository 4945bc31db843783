#include "src/checkpoint/layout.h"

#include <algorithm>

#include "coffer/base/checked.h"

namespace coffer::inline v0 {
namespace {

/// How many units per dimension make about `bytes`, of `extents` units of `unit_bytes` each.
Shape CutRows(const Shape& extents, int64_t unit_bytes, int64_t bytes) {
  Shape cut = Shape::Filled(extents.rank(), 1);
  int64_t fit = std::max<int64_t>(bytes / unit_bytes, 1);  // Units that still fit.
  for (int d = extents.rank() - 1; d >= 0 && fit > 1; --d) {
    const int64_t extent = std::max<int64_t>(extents[d], 1);
    const int64_t pieces = CeilDiv(extent, std::min(extent, fit));
    cut[d] = CeilDiv(extent, pieces);
    if (pieces > 1) break;
    fit /= extent;
  }
  return cut;
}

}  // namespace

ArrayLayout ChooseLayout(const Shape& shape, int64_t element_size, int64_t chunk_bytes,
                         int64_t shard_bytes) {
  ArrayLayout layout;
  layout.chunk_shape = CutRows(shape, element_size, chunk_bytes);
  Shape grid = shape;
  int64_t bytes = element_size;
  for (int d = 0; d < shape.rank(); ++d) {
    grid[d] = CeilDiv(shape[d], layout.chunk_shape[d]);
    bytes *= layout.chunk_shape[d];
  }
  const Shape chunks = CutRows(grid, bytes, shard_bytes);
  if (*NumElements(chunks) > 1) {
    layout.shard_shape = layout.chunk_shape;
    for (int d = 0; d < shape.rank(); ++d) layout.shard_shape[d] *= chunks[d];
  }
  return layout;
}

}  // namespace coffer::inline v0
