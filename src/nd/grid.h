// CellWalk: the cells of a grid (coffer/nd/grid.h) that a transform touches.
#ifndef COFFER_SRC_ND_GRID_H_
#define COFFER_SRC_ND_GRID_H_

#include <cstdint>
#include <optional>

#include "coffer/nd/grid.h"
#include "coffer/nd/index_transform.h"
#include "coffer/nd/shape.h"

namespace coffer::inline v0 {

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
  /// The n of a cell, which may also lie outside the grid; nullopt if the walk does not come to it.
  std::optional<int64_t> Find(const Index& cell) const;

 private:
  int64_t Coordinate(int dim, int64_t n) const;

  RegularGrid grid_;
  IndexTransform transform_;
  Box bounds_;    // The transform's StoredBounds().
  Shape counts_;  // Cells per stored dimension.
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ND_GRID_H_
