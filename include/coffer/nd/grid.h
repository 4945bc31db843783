// RegularGrid: an array cut into equal cells; the cells at the upper edge reach beyond it.
//
// Thread safety: a value.
#ifndef COFFER_ND_GRID_H_
#define COFFER_ND_GRID_H_

#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/nd/shape.h"

namespace coffer::inline v0 {

class COFFER_EXPORT RegularGrid {
 public:
  /// Of rank 0: one cell.
  RegularGrid() = default;
  /// Errors: InvalidArgument for different ranks, a cell extent < 1, a negative extent, or a cell
  /// whose number of elements overflows.
  static Result<RegularGrid> Make(const Shape& shape, const Shape& cell_shape);

  const Shape& shape() const { return shape_; }
  const Shape& cell_shape() const { return cell_shape_; }
  /// Cells per dimension: ceil(shape / cell_shape).
  const Shape& grid_shape() const { return grid_shape_; }
  /// The whole cell at this grid position; at the edge it reaches beyond the shape. Requires a
  /// position inside grid_shape().
  Box CellBox(const Index& cell) const;
  /// The part of it inside the shape.
  Box ClippedCellBox(const Index& cell) const { return CellBox(cell).Intersect(Box::Full(shape_)); }

 private:
  Shape shape_, cell_shape_, grid_shape_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ND_GRID_H_
