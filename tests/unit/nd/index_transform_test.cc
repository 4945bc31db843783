// Goal: a transform names exactly the stored elements that were asked for, and its pieces over the
// cells of a grid hold each of them once.
// Method: random chains of selections, boxes, transpositions and reversals against a model that
// lists the stored index of every view index; errors by their exact text; indices near 2^63.
#include "coffer/nd/index_transform.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "src/nd/copy.h"
#include "src/nd/grid.h"
#include "tests/support/soak.h"
#include "tests/unit/nd/indices.h"

namespace coffer {
namespace {

constexpr int64_t kMax = INT64_MAX;

std::vector<int64_t> List(const Dims& dims) { return {dims.begin(), dims.end()}; }

// View index -> stored index, written out.
struct Model {
  Shape view_shape;
  std::map<std::vector<int64_t>, std::vector<int64_t>> stored;
};

Model ModelOf(const Shape& stored, const std::vector<Selection>& selections) {
  Model model;
  std::vector<std::vector<int64_t>> taken;  // Per stored dimension.
  for (int d = 0; d < stored.rank(); ++d) {
    Selection selection{.dim = d};
    for (const Selection& given : selections) {
      if (given.dim == d) selection = given;
    }
    std::vector<int64_t>& indices = taken.emplace_back();
    if (selection.at != Selection::kUnset) {
      indices = {selection.at};
      continue;
    }
    const int64_t begin = selection.begin == Selection::kUnset ? 0 : selection.begin;
    const int64_t end = selection.end == Selection::kUnset ? stored[d] : selection.end;
    for (int64_t i = begin; i < end; i += selection.step) indices.push_back(i);
    model.view_shape.push_back(std::ssize(indices));
  }
  for (const Index& view : AllIndices(model.view_shape)) {
    std::vector<int64_t> at;
    int v = 0;
    for (int d = 0; d < stored.rank(); ++d) {
      const bool dropped = std::any_of(
          selections.begin(), selections.end(),
          [&](const Selection& given) { return given.dim == d && given.at != Selection::kUnset; });
      const size_t i = dropped ? 0 : static_cast<size_t>(view[v++]);
      at.push_back(taken[static_cast<size_t>(d)][i]);
    }
    model.stored[List(view)] = at;
  }
  return model;
}

// The model whose view index `i` is the old view index `old_index_of(i)`.
template <class OldIndexOf>
Model Reindexed(const Model& old, const Shape& shape, OldIndexOf old_index_of) {
  Model model;
  model.view_shape = shape;
  for (const Index& index : AllIndices(shape)) {
    model.stored[List(index)] = old.stored.at(List(old_index_of(index)));
  }
  return model;
}

void ApplyRandomStep(Dice& dice, IndexTransform& transform, Model& model) {
  const Shape shape = model.view_shape;
  const int rank = shape.rank();
  if (dice.OneIn(3)) {
    const std::vector<int> order = dice.Permutation(rank);
    Shape turned = shape;
    for (int i = 0; i < rank; ++i) turned[i] = shape[order[static_cast<size_t>(i)]];
    model = Reindexed(model, turned, [&](const Index& index) {
      Index old = index;
      for (int i = 0; i < rank; ++i) old[order[static_cast<size_t>(i)]] = index[i];
      return old;
    });
    transform = transform.Transpose(order).OrDie();
  } else if (dice.OneIn(2) && rank > 0) {
    const int dim = static_cast<int>(dice(0, rank - 1));
    model = Reindexed(model, shape, [&](Index index) {
      index[dim] = shape[dim] - 1 - index[dim];
      return index;
    });
    transform = transform.Reverse(dim).OrDie();
  } else {
    Box box;
    for (int d = 0; d < rank; ++d) {
      box.origin.push_back(dice(0, shape[d]));
      const int64_t room = shape[d] - box.origin[d];
      box.shape.push_back(dice.OneIn(12) ? 0 : dice(std::min<int64_t>(1, room), room));
    }
    model = Reindexed(model, box.shape, [&](Index index) {
      for (int d = 0; d < rank; ++d) index[d] += box.origin[d];
      return index;
    });
    transform = transform.Subview(box).OrDie();
  }
}

struct Case {
  Shape stored;
  IndexTransform transform;
  Model model;
};

Case RandomCase(Dice& dice) {
  Case drawn;
  std::vector<Selection> selections;
  for (int d = static_cast<int>(dice(0, 4)); d > 0; --d) drawn.stored.push_back(dice(1, 9));
  for (int d = 0; d < drawn.stored.rank(); ++d) {
    const int64_t extent = drawn.stored[d];
    if (dice.OneIn(4)) {
      selections.push_back({.dim = d, .at = dice(0, extent - 1)});
    } else if (dice.OneIn(2)) {
      const int64_t begin = dice(0, extent - 1);
      selections.push_back(
          {.dim = d, .begin = begin, .end = dice(begin, extent), .step = dice(1, 5)});
    }
  }
  drawn.transform = IndexTransform::FromSelections(drawn.stored, selections).OrDie();
  drawn.model = ModelOf(drawn.stored, selections);
  for (int64_t steps = dice(0, 3); steps > 0; --steps) {
    ApplyRandomStep(dice, drawn.transform, drawn.model);
  }
  return drawn;
}

std::vector<int64_t> StoredIndex(std::span<const IndexTransform::OutputMap> maps,
                                 const Index& view) {
  std::vector<int64_t> stored;
  for (const auto& map : maps) {
    stored.push_back(map.offset + (map.view_dim < 0 ? 0 : map.stride * view[map.view_dim]));
  }
  return stored;
}

TEST(IndexTransform, NamesTheElementsThatTheModelLists) {
  for (uint64_t seed = 1; seed <= Soaked(3000); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Dice dice(seed);
    const Case drawn = RandomCase(dice);
    ASSERT_EQ(drawn.transform.view_shape(), drawn.model.view_shape);
    ASSERT_EQ(drawn.transform.stored_rank(), drawn.stored.rank());
    ASSERT_EQ(drawn.transform.empty(), drawn.model.stored.empty());
    for (const auto& [view, stored] : drawn.model.stored) {
      const Index index(view.begin(), view.end());
      ASSERT_EQ(StoredIndex(drawn.transform.maps(), index), stored) << "at view index " << index;
    }
  }
}

TEST(IndexTransform, StoredBoundsAreTheTightestBox) {
  for (uint64_t seed = 1; seed <= Soaked(1000); ++seed) {
    Dice dice(seed);
    const Case drawn = RandomCase(dice);
    if (drawn.transform.empty()) continue;
    std::vector<int64_t> low = drawn.model.stored.begin()->second, high = low;
    for (const auto& [view, stored] : drawn.model.stored) {
      for (size_t d = 0; d < stored.size(); ++d) {
        low[d] = std::min(low[d], stored[d]);
        high[d] = std::max(high[d], stored[d]);
      }
    }
    const Box bounds = drawn.transform.StoredBounds();
    ASSERT_EQ(List(bounds.origin), low) << "seed " << seed;
    for (size_t d = 0; d < low.size(); ++d) {
      ASSERT_EQ(bounds.shape[d], high[d] - low[d] + 1) << "seed " << seed;
    }
  }
}

// The whole of reading: every view index stands in exactly one piece, at the right stored index;
// the walk visits exactly the cells that hold something; ChunkView finds the bytes.
TEST(IndexTransform, PiecesOverACellWalkAreAllIndicesOnce) {
  for (uint64_t seed = 1; seed <= Soaked(3000); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Dice dice(seed);
    const Case drawn = RandomCase(dice);
    if (drawn.transform.empty()) continue;
    Shape cell_shape = drawn.stored;
    for (int64_t& extent : cell_shape) extent = dice(1, 4);
    const RegularGrid grid = RegularGrid::Make(drawn.stored, cell_shape).OrDie();

    std::set<std::vector<int64_t>> cells_expected;
    for (const auto& [view, stored] : drawn.model.stored) {
      std::vector<int64_t> cell = stored;
      for (size_t d = 0; d < cell.size(); ++d) cell[d] /= cell_shape[d];
      cells_expected.insert(cell);
    }
    const CellWalk walk(grid, drawn.transform);
    ASSERT_EQ(walk.size(), std::ssize(cells_expected));

    std::map<std::vector<int64_t>, std::vector<int64_t>> seen;
    std::vector<std::vector<int64_t>> cells;
    for (int64_t n = 0; n < *walk.size(); ++n) {
      const Index at = walk.At(n);
      cells.push_back(List(at));
      const Box cell = grid.CellBox(at);
      const TransformPiece piece = Intersect(drawn.transform, cell);
      ASSERT_FALSE(piece.view_box.empty());
      ASSERT_EQ(piece.CoversAll(grid.ClippedCellBox(at)),
                NumElements(piece.view_box.shape) == NumElements(grid.ClippedCellBox(at).shape));

      // A chunk whose elements are their own offsets.
      std::vector<int64_t> chunk(static_cast<size_t>(*NumElements(cell_shape)));
      for (size_t i = 0; i < chunk.size(); ++i) chunk[i] = static_cast<int64_t>(i);
      const ConstView part = ChunkView(Ref(std::as_const(chunk).data(), cell_shape), cell, piece);
      ASSERT_EQ(part.shape, piece.view_box.shape);
      for (const Index& index : AllIndices(piece.view_box.shape)) {
        Index view = index;
        const std::byte* element = part.data;
        for (int d = 0; d < view.rank(); ++d) {
          view[d] += piece.view_box.origin[d];
          element += index[d] * part.strides[d];
        }
        int64_t offset = *reinterpret_cast<const int64_t*>(element);
        std::vector<int64_t> stored(cell.shape.size());
        for (int d = cell.rank() - 1; d >= 0; --d) {
          stored[static_cast<size_t>(d)] = cell.origin[d] + offset % cell.shape[d];
          offset /= cell.shape[d];
        }
        ASSERT_TRUE(seen.emplace(List(view), stored).second) << "twice: " << view;
      }
    }
    ASSERT_EQ(seen, drawn.model.stored);
    // In C order, which std::set of lists keeps.
    ASSERT_EQ(cells,
              (std::vector<std::vector<int64_t>>(cells_expected.begin(), cells_expected.end())));
  }
}

TEST(IndexTransform, IntersectWithAnyBoxKeepsWhatLiesInside) {
  for (uint64_t seed = 1; seed <= Soaked(2000); ++seed) {
    Dice dice(seed);
    const Case drawn = RandomCase(dice);
    if (drawn.transform.empty() || drawn.model.view_shape.empty()) continue;
    Box cell;
    for (int d = 0; d < drawn.stored.rank(); ++d) {
      cell.origin.push_back(dice(0, 9));
      cell.shape.push_back(dice(1, 6));
    }
    const TransformPiece piece = Intersect(drawn.transform, cell);
    int64_t inside = 0;
    for (const auto& [view, stored] : drawn.model.stored) {
      const Index index(stored.begin(), stored.end());
      if (!cell.Contains(Box::FromSize(index, Shape::Filled(index.rank(), 1)))) continue;
      ++inside;
      const Index at(view.begin(), view.end());
      ASSERT_TRUE(piece.view_box.Contains(Box::FromSize(at, Shape::Filled(at.rank(), 1))))
          << "seed " << seed;
    }
    ASSERT_EQ(NumElements(piece.view_box.shape), inside) << "seed " << seed;
  }
}

TEST(TransformPiece, CoversAllOfACellWhateverTheOrder) {
  const Box cell = Box::FromSize({4, 4}, {4, 4});
  const IndexTransform whole = IndexTransform::Identity({10, 10});
  EXPECT_TRUE(Intersect(whole, cell).CoversAll(cell));
  EXPECT_TRUE(Intersect(whole.Transpose(std::array{1, 0}).OrDie(), cell).CoversAll(cell));
  EXPECT_TRUE(Intersect(whole.Reverse(1).OrDie(), cell).CoversAll(cell));
  const Box most = Box::FromSize({0, 0}, {10, 7});
  EXPECT_FALSE(Intersect(whole.Subview(most).OrDie(), cell).CoversAll(cell));
  EXPECT_FALSE(Intersect(IndexTransform::Parse({10, 10}, ":,::2").OrDie(), cell).CoversAll(cell));
  EXPECT_FALSE(Intersect(IndexTransform::Parse({10, 10}, "5").OrDie(), cell).CoversAll(cell));
  // One row is all of a cell of one row. A step cannot miss anything there either.
  const Box row = Box::FromSize({5, 4}, {1, 4});
  EXPECT_TRUE(Intersect(IndexTransform::Parse({10, 10}, "5").OrDie(), row).CoversAll(row));
  EXPECT_TRUE(Intersect(IndexTransform::Parse({10, 10}, "2::3").OrDie(), row).CoversAll(row));
  // The piece of another cell is not all of this one, though it has as many elements.
  const Box beside = Box::FromSize({4, 0}, {4, 4});
  EXPECT_FALSE(Intersect(whole, beside).CoversAll(cell));
  EXPECT_FALSE(Intersect(whole, cell).CoversAll(beside));
}

TEST(IndexTransform, RankZero) {
  const IndexTransform scalar;
  EXPECT_EQ(scalar, IndexTransform::Identity({}));
  EXPECT_FALSE(scalar.empty());
  EXPECT_EQ(scalar.StoredBounds(), Box());
  EXPECT_TRUE(Intersect(scalar, Box()).CoversAll(Box()));
  EXPECT_EQ(IndexTransform::Parse({}, "").OrDie(), scalar);
  const IndexTransform element = IndexTransform::Parse({3, 4}, "2,3").OrDie();
  EXPECT_EQ(element.view_shape(), (Shape{}));
  EXPECT_EQ(element.StoredBounds(), Box::FromSize({2, 3}, {1, 1}));
}

TEST(IndexTransform, FromBoxErrors) {
  auto error = [](const Box& box) {
    return IndexTransform::FromBox({10, 5}, box).status().ToString();
  };
  EXPECT_EQ(error(Box::FromSize({0}, {1})),
            "InvalidArgument: box [0, 1) of shape [10, 5]: the ranks differ");
  EXPECT_EQ(error(Box::FromSize({0, 3}, {10, 3})),
            "OutOfRange: box [0, 10) x [3, 6) of shape [10, 5] does not lie inside it");
  EXPECT_EQ(error(Box::FromSize({-1, 0}, {2, 2})),
            "OutOfRange: box [-1, 1) x [0, 2) of shape [10, 5] does not lie inside it");
  EXPECT_EQ(error(Box::FromSize({4, 0}, {-2, 2})),
            "OutOfRange: box [4, 2) x [0, 2) of shape [10, 5] does not lie inside it");
  EXPECT_EQ(error(Box::FromSize({kMax, 0}, {kMax, 2})),
            "OutOfRange: box [9223372036854775807, 9223372036854775807) x [0, 2) of shape [10, 5] "
            "does not lie inside it");
  EXPECT_EQ(
      error(Box::FromSize({5, 0}, {kMax, 2})),
      "OutOfRange: box [5, 9223372036854775807) x [0, 2) of shape [10, 5] does not lie inside "
      "it");
  EXPECT_EQ(error(Box::FromSize({10, 5}, {0, 0})), "OK");  // Empty, at the very end.
  EXPECT_EQ(error(Box::FromSize({11, 0}, {0, 0})),
            "OutOfRange: box [11, 11) x [0, 0) of shape [10, 5] does not lie inside it");
}

TEST(IndexTransform, FromSelectionsErrors) {
  auto error = [](std::vector<Selection> selections) {
    return IndexTransform::FromSelections({10, 5}, selections).status().ToString();
  };
  EXPECT_EQ(error({}), "OK");
  EXPECT_EQ(error({{.dim = 2, .at = 0}}),
            "InvalidArgument: selection of dimension 2: the array has rank 2");
  EXPECT_EQ(error({{.dim = -1}}),
            "InvalidArgument: selection of dimension -1: the array has rank 2");
  EXPECT_EQ(error({{.dim = 1}, {.dim = 0}, {.dim = 1}}),
            "InvalidArgument: selection of dimension 1: the dimension is named twice");
  EXPECT_EQ(error({{.dim = 1, .at = 5}}),
            "OutOfRange: selection of dimension 1: index 5 lies outside [0, 5)");
  EXPECT_EQ(error({{.dim = 1, .at = -1}}),
            "OutOfRange: selection of dimension 1: index -1 lies outside [0, 5)");
  EXPECT_EQ(error({{.dim = 0, .at = 1, .end = 3}}),
            "InvalidArgument: selection of dimension 0: an index together with a range");
  EXPECT_EQ(error({{.dim = 0, .at = 1, .step = 2}}),
            "InvalidArgument: selection of dimension 0: an index together with a range");
  EXPECT_EQ(error({{.dim = 0, .step = 0}}),
            "InvalidArgument: selection of dimension 0: step 0, expected at least 1");
  EXPECT_EQ(error({{.dim = 0, .begin = 3, .end = 11}}),
            "OutOfRange: selection of dimension 0: range [3, 11) lies outside [0, 10)");
  EXPECT_EQ(error({{.dim = 0, .begin = 3, .end = 2}}),
            "OutOfRange: selection of dimension 0: range [3, 2) lies outside [0, 10)");
  EXPECT_EQ(error({{.dim = 0, .begin = -1}}),
            "OutOfRange: selection of dimension 0: range [-1, 10) lies outside [0, 10)");
  EXPECT_EQ(error({{.dim = 0, .begin = 10}}), "OK");
}

TEST(IndexTransform, ParsesNumPysSpelling) {
  const Shape stored = {100, 30, 7};
  auto parse = [&](std::string_view region) {
    return IndexTransform::Parse(stored, region).OrDie();
  };
  auto select = [&](std::vector<Selection> selections) {
    return IndexTransform::FromSelections(stored, selections).OrDie();
  };
  EXPECT_EQ(parse(""), IndexTransform::Identity(stored));
  EXPECT_EQ(parse("  "), IndexTransform::Identity(stored));
  EXPECT_EQ(parse(":"), IndexTransform::Identity(stored));
  EXPECT_EQ(parse("::,::1,:7"), IndexTransform::Identity(stored));
  EXPECT_EQ(parse("0:10,5:20:2,:"), select({{.dim = 0, .begin = 0, .end = 10},
                                            {.dim = 1, .begin = 5, .end = 20, .step = 2}}));
  EXPECT_EQ(parse("99"), select({{.dim = 0, .at = 99}}));
  EXPECT_EQ(parse(" 3 , 4: , : 2 : 2 "),
            select({{.dim = 0, .at = 3}, {.dim = 1, .begin = 4}, {.dim = 2, .end = 2, .step = 2}}));
  EXPECT_EQ(parse("5:5").view_shape(), (Shape{0, 30, 7}));
  EXPECT_EQ(parse("::9223372036854775807").view_shape(), (Shape{1, 30, 7}));
}

TEST(IndexTransform, ParseErrorsNameThePart) {
  auto error = [](std::string_view region) {
    return IndexTransform::Parse({10, 5}, region).status().ToString();
  };
  const std::string expected = ": expected an index or begin:end:step";
  EXPECT_EQ(error("0:2,x"), "InvalidArgument: region \"0:2,x\", part \"x\"" + expected);
  EXPECT_EQ(error("1,"), "InvalidArgument: region \"1,\", part \"\"" + expected);
  EXPECT_EQ(error(","), "InvalidArgument: region \",\", part \"\"" + expected);
  EXPECT_EQ(error("1:2:3:4"), "InvalidArgument: region \"1:2:3:4\", part \"1:2:3:4\"" + expected);
  EXPECT_EQ(error("1 2"), "InvalidArgument: region \"1 2\", part \"1 2\"" + expected);
  EXPECT_EQ(
      error("9223372036854775808"),
      "InvalidArgument: region \"9223372036854775808\", part \"9223372036854775808\"" + expected);
  EXPECT_EQ(error("-9223372036854775808:3"),
            "InvalidArgument: region \"-9223372036854775808:3\", part "
            "\"-9223372036854775808:3\"" +
                expected);
  EXPECT_EQ(error("-1"), "OutOfRange: region \"-1\", part \"-1\": index -1 lies outside [0, 10)");
  EXPECT_EQ(error("0,2:9"),
            "OutOfRange: region \"0,2:9\", part \"2:9\": range [2, 9) lies outside [0, 5)");
  EXPECT_EQ(error("::0"),
            "InvalidArgument: region \"::0\", part \"::0\": step 0, expected at "
            "least 1");
  EXPECT_EQ(error("0,0,0"),
            "InvalidArgument: region \"0,0,0\", part \"0\": more parts than the "
            "array's 2 dimensions");
}

TEST(IndexTransform, TransposeAndReverseErrors) {
  const IndexTransform view = IndexTransform::Identity({2, 3});
  const std::string text =
      "InvalidArgument: the order of a transposition must be a permutation of the view's 2 "
      "dimensions";
  EXPECT_EQ(view.Transpose(std::array{0}).status().ToString(), text);
  EXPECT_EQ(view.Transpose(std::array{0, 0}).status().ToString(), text);
  EXPECT_EQ(view.Transpose(std::array{1, 2}).status().ToString(), text);
  EXPECT_EQ(view.Transpose(std::array{-1, 0}).status().ToString(), text);
  EXPECT_EQ(view.Transpose(std::array{0, 1, 2}).status().ToString(), text);
  EXPECT_EQ(view.Reverse(2).status().ToString(),
            "InvalidArgument: cannot reverse dimension 2 of a view of rank 2");
  EXPECT_EQ(view.Reverse(-1).status().code(), StatusCode::kInvalidArgument);
}

TEST(IndexTransform, WorksUpToTheLastIndex) {
  const Shape stored = {kMax, kMax};
  IndexTransform view =
      IndexTransform::Parse(stored, "9223372036854775806,::4611686018427387904").OrDie();
  EXPECT_EQ(view.view_shape(), (Shape{2}));  // Columns 0 and 2^62.
  EXPECT_EQ(view.StoredBounds(), Box::FromSize({kMax - 1, 0}, {1, (int64_t{1} << 62) + 1}));
  const IndexTransform end = view.Subview(Box::FromSize({2}, {0})).OrDie();
  EXPECT_TRUE(end.empty());
  view = view.Reverse(0).OrDie();
  const RegularGrid grid = RegularGrid::Make(stored, {1000, 1000}).OrDie();
  const CellWalk walk(grid, view);
  EXPECT_EQ(walk.size(), 2);
  EXPECT_EQ(walk.At(0), (Index{9223372036854775, 0}));
  EXPECT_EQ(walk.At(1), (Index{9223372036854775, 4611686018427387}));
  const Box cell = grid.CellBox(walk.At(1));
  EXPECT_EQ(cell.end(0), kMax);  // It reaches beyond 2^63.
  const TransformPiece piece = Intersect(view, cell);
  EXPECT_EQ(piece.view_box, Box::FromSize({0}, {1}));
  EXPECT_EQ(piece.first, (Index{kMax - 1, int64_t{1} << 62}));
  // A whole array of this size has more cells than can be counted, but each can be reached.
  const IndexTransform whole = IndexTransform::Identity(stored);
  EXPECT_EQ(CellWalk(grid, whole).size(), std::nullopt);
  EXPECT_EQ(whole.Reverse(1).OrDie().StoredBounds(), Box::Full(stored));
}

}  // namespace
}  // namespace coffer
