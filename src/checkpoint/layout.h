// The chunks and shards that a saved array is cut into.
//
// Cells are runs of whole rows: the last dimensions stay whole as far as they fit, one dimension is
// cut, the leading ones have extent 1. So each cell is contiguous in a C-order source, and reading,
// padding or truncating rows touches few cells. The cut dimension is divided evenly, so that the
// last cell is no sliver.
#ifndef COFFER_SRC_CHECKPOINT_LAYOUT_H_
#define COFFER_SRC_CHECKPOINT_LAYOUT_H_

#include <cstdint>

#include "coffer/nd/shape.h"

namespace coffer::inline v0 {

struct ArrayLayout {
  Shape chunk_shape;
  Shape shard_shape;  // Rank 0: none.
};

/// Chunks of at most about chunk_bytes (but whole elements), shards of at most about shard_bytes;
/// none where one chunk would fill one. Requires element_size and chunk_bytes >= 1, extents >= 0.
ArrayLayout ChooseLayout(const Shape& shape, int64_t element_size, int64_t chunk_bytes,
                         int64_t shard_bytes);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_LAYOUT_H_
