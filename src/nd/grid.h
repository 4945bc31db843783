// RegularGrid: an array cut into equal cells; the cells at the upper edge reach beyond it.
#ifndef COFFER_SRC_ND_GRID_H_
#define COFFER_SRC_ND_GRID_H_

#include <cstdint>
#include <optional>

#include "coffer/base/result.h"
#include "coffer/nd/index_transform.h"
#include "coffer/nd/shape.h"

namespace coffer::inline v0 {

class RegularGrid {
 public:
  RegularGrid() = default;
  /// Errors: InvalidArgument for different ranks, a cell extent < 1, a negative extent, or a cell
  /// whose number of elements overflows.
  static Result<RegularGrid> Make(const Shape& shape, const Shape& cell_shape);

  const Shape& shape() const { return shape_; }
  const Shape& cell_shape() const { return cell_shape_; }
  /// Cells per dimension: ceil(shape / cell_shape).
  const Shape& grid_shape() const { return grid_shape_; }
  /// The whole cell at this grid position; at the edge it reaches beyond the shape.
  Box CellBox(const Index& cell) const;
  /// The part of it inside the shape.
  Box ClippedCellBox(const Index& cell) const { return CellBox(cell).Intersect(Box::Full(shape_)); }

 private:
  Shape shape_, cell_shape_, grid_shape_;
};

/// Walks in C order the grid cells that may hold elements of a transform: per dimension only cells
/// that some index of it falls in, so a step longer than a cell skips cells.
class CellWalk {
 public:
  /// Requires !transform.empty(), equal ranks, transform inside the grid's shape.
  CellWalk(const RegularGrid& grid, const IndexTransform& transform);

  /// How many cells there are; nullopt if that overflows int64.
  std::optional<int64_t> size() const { return NumElements(counts_); }
  /// The n-th cell. Requires 0 <= n < size(). Thread safe.
  Index At(int64_t n) const;

 private:
  int64_t Coordinate(int dim, int64_t n) const;

  RegularGrid grid_;
  IndexTransform transform_;
  Box bounds_;    // The transform's StoredBounds().
  Shape counts_;  // Cells per stored dimension.
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ND_GRID_H_
