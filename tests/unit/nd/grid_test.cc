// Goal: cells tile the array; the walk visits the cells that hold something, in C order.
// Method: exact values and error texts here; index_transform_test.cc compares random walks with an
// enumeration of every element.
#include "src/nd/grid.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/nd/indices.h"

namespace coffer {
namespace {

std::vector<Index> Cells(const Shape& shape, const Shape& cell_shape, std::string_view region) {
  const RegularGrid grid = RegularGrid::Make(shape, cell_shape).OrDie();
  const CellWalk walk(grid, IndexTransform::Parse(shape, region).OrDie());
  std::vector<Index> cells;
  for (int64_t n = 0; n < walk.size().value(); ++n) {
    cells.push_back(walk.At(n));
    EXPECT_EQ(walk.Find(cells.back()), n);
  }
  return cells;
}

TEST(RegularGrid, CellsAtTheEdgeReachBeyondTheShape) {
  const RegularGrid grid = RegularGrid::Make({10, 6}, {4, 3}).OrDie();
  EXPECT_EQ(grid.shape(), (Shape{10, 6}));
  EXPECT_EQ(grid.cell_shape(), (Shape{4, 3}));
  EXPECT_EQ(grid.grid_shape(), (Shape{3, 2}));
  EXPECT_EQ(grid.CellBox({2, 1}), Box::FromSize({8, 3}, {4, 3}));
  EXPECT_EQ(grid.ClippedCellBox({2, 1}), Box::FromSize({8, 3}, {2, 3}));
  EXPECT_EQ(RegularGrid::Make({}, {}).OrDie().CellBox({}), Box());
  EXPECT_EQ(RegularGrid::Make({0, 5}, {4, 5}).OrDie().grid_shape(), (Shape{0, 1}));
}

TEST(RegularGrid, Errors) {
  auto error = [](const Shape& shape, const Shape& cell_shape) {
    return RegularGrid::Make(shape, cell_shape).status().ToString();
  };
  EXPECT_EQ(error({4, 4}, {2}),
            "InvalidArgument: grid of shape [4, 4] with cells of [2]: the ranks differ");
  EXPECT_EQ(error({4, -1}, {2, 2}),
            "InvalidArgument: grid of shape [4, -1] with cells of [2, 2]: "
            "the shape has a negative extent");
  EXPECT_EQ(error({4, 4}, {2, 0}),
            "InvalidArgument: grid of shape [4, 4] with cells of [2, 0]: "
            "an extent of a cell must be at least 1");
  EXPECT_EQ(error({4, 4}, {int64_t{1} << 32, int64_t{1} << 32}),
            "InvalidArgument: grid of shape [4, 4] with cells of [4294967296, 4294967296]: a cell "
            "has more than 2^63 - 1 elements");
}

TEST(CellWalk, VisitsInCOrder) {
  EXPECT_EQ(Cells({10, 6}, {4, 3}, ""),
            (std::vector<Index>{{0, 0}, {0, 1}, {1, 0}, {1, 1}, {2, 0}, {2, 1}}));
  EXPECT_EQ(Cells({10, 6}, {4, 3}, "3:5,0:3"), (std::vector<Index>{{0, 0}, {1, 0}}));
  EXPECT_EQ(Cells({10, 6}, {4, 3}, "9,5"), (std::vector<Index>{{2, 1}}));
  EXPECT_EQ(Cells({}, {}, ""), (std::vector<Index>{{}}));
}

TEST(CellWalk, AStepLongerThanACellSkipsCells) {
  EXPECT_EQ(Cells({100}, {10}, "5::30"), (std::vector<Index>{{0}, {3}, {6}, {9}}));
  EXPECT_EQ(Cells({100}, {10}, "0::11"),
            (std::vector<Index>{{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}}));
  EXPECT_EQ(Cells({100}, {10}, "9:40:10"), (std::vector<Index>{{0}, {1}, {2}, {3}}));
  EXPECT_EQ(Cells({100}, {10}, "9::90"), (std::vector<Index>{{0}, {9}}));
}

TEST(CellWalk, FindsOnlyCellsThatItVisits) {
  const auto find = [](const Shape& shape, const Shape& cell_shape, std::string_view region,
                       const Index& cell) {
    const RegularGrid grid = RegularGrid::Make(shape, cell_shape).OrDie();
    return CellWalk(grid, IndexTransform::Parse(shape, region).OrDie()).Find(cell);
  };
  EXPECT_EQ(find({10, 6}, {4, 3}, "", {2, 1}), 5);
  EXPECT_EQ(find({10, 6}, {4, 3}, "4:,0:3", {1, 0}), 0);
  EXPECT_EQ(find({10, 6}, {4, 3}, "4:,0:3", {2, 0}), 1);
  for (const Index& cell : std::vector<Index>{{0, 0}, {1, 1}, {3, 0}, {INT64_MAX, 0}}) {
    EXPECT_EQ(find({10, 6}, {4, 3}, "4:,0:3", cell), std::nullopt) << ToString(cell);
  }
  EXPECT_EQ(find({100}, {10}, "5::30", {6}), 2);
  for (const int64_t cell : {1, 2, 4, 5, 7, 8, 10, 12}) {
    EXPECT_EQ(find({100}, {10}, "5::30", {cell}), std::nullopt) << cell;
  }
  EXPECT_EQ(find({100}, {10}, "25::30", {0}), std::nullopt);
}

}  // namespace
}  // namespace coffer
