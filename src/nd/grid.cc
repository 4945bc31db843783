#include "src/nd/grid.h"

#include <algorithm>
#include <cstdlib>
#include <string>

namespace coffer::inline v0 {

Result<RegularGrid> RegularGrid::Make(const Shape& shape, const Shape& cell_shape) {
  auto fail = [&](const std::string& why) {
    return InvalidArgumentError("grid of shape " + ToString(shape) + " with cells of " +
                                ToString(cell_shape) + ": " + why);
  };
  if (shape.rank() != cell_shape.rank()) return fail("the ranks differ");
  RegularGrid grid;
  grid.shape_ = shape;
  grid.cell_shape_ = cell_shape;
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] < 0) return fail("the shape has a negative extent");
    if (cell_shape[d] < 1) return fail("an extent of a cell must be at least 1");
    grid.grid_shape_.push_back(CeilDiv(shape[d], cell_shape[d]));
  }
  if (!NumElements(cell_shape)) return fail("a cell has more than 2^63 - 1 elements");
  return grid;
}

Box RegularGrid::CellBox(const Index& cell) const {
  Box box{cell, cell_shape_};
  for (int d = 0; d < cell.rank(); ++d) box.origin[d] *= cell_shape_[d];
  return box;
}

CellWalk::CellWalk(const RegularGrid& grid, const IndexTransform& transform)
    : grid_(grid), transform_(transform), bounds_(transform.StoredBounds()) {
  for (int d = 0; d < grid.shape().rank(); ++d) {
    const IndexTransform::OutputMap& map = transform.maps()[static_cast<size_t>(d)];
    const int64_t cell = grid.cell_shape()[d];
    if (std::abs(map.stride) > cell) {
      counts_.push_back(transform.view_shape()[map.view_dim]);  // Each element in its own cell.
    } else {
      const int64_t last = bounds_.origin[d] + (bounds_.shape[d] - 1);
      counts_.push_back(last / cell - bounds_.origin[d] / cell + 1);
    }
  }
}

Index CellWalk::At(int64_t n) const {
  Index cell = counts_;
  for (int d = counts_.rank() - 1; d >= 0; --d) {
    cell[d] = Coordinate(d, n % counts_[d]);
    n /= counts_[d];
  }
  return cell;
}

std::optional<int64_t> CellWalk::Find(const Index& cell) const {
  int64_t number = 0;
  for (int d = 0; d < counts_.rank(); ++d) {
    const int64_t extent = grid_.cell_shape()[d];
    const int64_t first = bounds_.origin[d];
    const int64_t step = std::abs(transform_.maps()[static_cast<size_t>(d)].stride);
    if (cell[d] < first / extent || cell[d] >= grid_.grid_shape()[d]) return std::nullopt;
    const int64_t n = step > extent ? CeilDiv(std::max(cell[d] * extent - first, int64_t{0}), step)
                                    : cell[d] - first / extent;
    if (n >= counts_[d] || Coordinate(d, n) != cell[d]) return std::nullopt;
    number = number * counts_[d] + n;
  }
  return number;
}

int64_t CellWalk::Coordinate(int dim, int64_t n) const {
  const int64_t cell = grid_.cell_shape()[dim];
  const int64_t step = std::abs(transform_.maps()[static_cast<size_t>(dim)].stride);
  const int64_t first = bounds_.origin[dim];
  return step > cell ? (first + n * step) / cell : first / cell + n;
}

}  // namespace coffer::inline v0
