// Goal: the strided copies move exactly the right bytes, whatever the strides, and touch no other.
// Method: seeded random shapes, permutations, gaps, zero and negative strides of rank 0 to 6, each
// compared byte for byte with a loop over all indices; buffers end where the views do, so that the
// sanitizer sees every byte too many. Shapes around the tile and vector widths are walked in full.
#include "src/nd/copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/soak.h"
#include "tests/unit/nd/indices.h"

namespace coffer {
namespace {

// A view with memory of its own that ends with the view's last byte.
struct Owned {
  std::vector<std::byte> bytes;
  int64_t first = 0;  // Offset of the element at index 0.
  View view;

  int64_t OffsetOf(const Index& index) const {
    int64_t offset = first;
    for (int d = 0; d < index.rank(); ++d) offset += index[d] * view.strides[d];
    return offset;
  }
};

// Dimensions in memory order `order` (the last is the fastest), with gaps and turns as asked.
Owned MakeOwned(Dice& dice, DataType type, const Shape& shape, const std::vector<int>& order,
                bool gaps, bool turns, bool repeats) {
  Owned owned;
  Strides strides = Strides::Filled(shape.rank(), 0);
  int64_t stride = type.size(), last = 0;
  for (auto d = order.rbegin(); d != order.rend(); ++d) {
    if (repeats && dice.OneIn(8)) continue;  // Stride 0.
    if (gaps && dice.OneIn(3)) stride += type.size() * dice(0, 2);
    const int64_t span = stride * std::max<int64_t>(0, shape[*d] - 1);
    last += span;
    strides[*d] = stride;
    if (turns && dice.OneIn(4)) {
      owned.first += span;
      strides[*d] = -stride;
    }
    stride *= std::max<int64_t>(1, shape[*d]);
  }
  owned.bytes.resize(static_cast<size_t>(last + type.size()));
  for (std::byte& byte : owned.bytes) byte = static_cast<std::byte>(dice(0, 255));
  owned.view = View(owned.bytes.data() + owned.first, type, shape, strides);
  return owned;
}

// What the destination must hold afterwards; `unit` bytes are reversed (1: none).
std::vector<std::byte> Expected(const Owned& source, const Owned& destination, int64_t unit) {
  std::vector<std::byte> bytes = destination.bytes;
  const int64_t size = source.view.data_type.size();
  for (const Index& index : AllIndices(source.view.shape)) {
    const int64_t from = source.OffsetOf(index), to = destination.OffsetOf(index);
    for (int64_t i = 0; i < size; ++i) {
      const int64_t reversed = i / unit * unit + (unit - 1 - i % unit);
      bytes[static_cast<size_t>(to + reversed)] = source.bytes[static_cast<size_t>(from + i)];
    }
  }
  return bytes;
}

const DataType kTypes[] = {DataType::kUint8, DataType::kUint16,    DataType::kFloat32,
                           DataType::kInt64, DataType::kComplex64, DataType::kComplex128,
                           DataType::Raw(3), DataType::Raw(16),    DataType::Raw(100)};

Shape RandomShape(Dice& dice, int rank) {
  Shape shape;
  for (int d = 0; d < rank; ++d) {
    const int64_t high = rank <= 2 ? 80 : rank == 3 ? 20 : 5;
    shape.push_back(dice.OneIn(50) ? 0 : dice(1, high));
  }
  return shape;
}

TEST(CopyView, MovesWhatALoopOverAllIndicesMoves) {
  for (uint64_t seed = 1; seed <= Soaked(3000); ++seed) {
    Dice dice(seed);
    const DataType type = kTypes[dice(0, std::ssize(kTypes) - 1)];
    const int rank = static_cast<int>(dice(0, 6));
    const Shape shape = RandomShape(dice, rank);
    const bool plain = dice.OneIn(3);  // No gaps: dimensions fuse into long runs.
    Owned source = MakeOwned(dice, type, shape, dice.Permutation(rank), !plain, !plain, !plain);
    Owned destination = MakeOwned(dice, type, shape, dice.Permutation(rank), !plain, !plain, false);
    const bool swapped = dice.OneIn(2);
    const auto expected = Expected(source, destination, swapped ? type.swap_size() : 1);
    if (swapped) {
      CopyViewSwapped(source.view, destination.view);
    } else {
      CopyView(source.view, destination.view);
    }
    ASSERT_EQ(destination.bytes, expected)
        << "seed " << seed << ", shape " << shape << ", " << type.name() << ", source strides "
        << source.view.strides << ", destination strides " << destination.view.strides;
  }
}

// Transposes at every size around the tiles and vector widths, aligned or not.
TEST(CopyView, TransposesEveryShapeAroundTheTiles) {
  Dice dice(7);
  const int64_t extents[] = {1, 3, 8, 9, 16, 17, 31, 33, 64, 65, 130};
  for (const DataType type : {DataType::kUint8, DataType::kUint16, DataType::kFloat32,
                              DataType::kFloat64, DataType::kComplex64, DataType::kComplex128}) {
    for (int64_t rows : extents) {
      for (int64_t cols : extents) {
        for (bool turns : {false, true}) {
          if (rows * cols * type.size() > 40000 && turns) continue;  // Nothing new, only slow.
          const Shape shape = {rows, cols};
          Owned source = MakeOwned(dice, type, shape, {1, 0}, false, turns, false);
          Owned destination = MakeOwned(dice, type, shape, {0, 1}, false, turns, false);
          const bool swapped = dice.OneIn(2);
          const auto expected = Expected(source, destination, swapped ? type.swap_size() : 1);
          swapped ? CopyViewSwapped(source.view, destination.view)
                  : CopyView(source.view, destination.view);
          ASSERT_EQ(destination.bytes, expected)
              << shape << " " << type.name() << " source " << source.view.strides << " destination "
              << destination.view.strides;
        }
      }
    }
  }
}

TEST(CopyView, TransposesThreeAxesWhoseFastestOnesAreFarApart) {
  Dice dice(8);
  const Shape shape = {40, 3, 50};
  Owned source = MakeOwned(dice, DataType::kUint16, shape, {1, 2, 0}, false, false, false);
  Owned destination = MakeOwned(dice, DataType::kUint16, shape, {0, 1, 2}, false, false, false);
  const auto expected = Expected(source, destination, 1);
  CopyView(source.view, destination.view);
  EXPECT_EQ(destination.bytes, expected);
}

TEST(CopyView, RankZeroMovesOneElement) {
  const double source = 2.5;
  double destination = 0;
  CopyView(Ref(&source, {}), Ref(&destination, {}));
  EXPECT_EQ(destination, 2.5);
}

TEST(CopyView, AnEmptyViewNeedsNoMemory) {
  CopyView(ConstView(nullptr, DataType::kInt32, {3, 0}), View(nullptr, DataType::kInt32, {3, 0}));
  CopyViewSwapped(ConstView(nullptr, DataType::kInt32, {0}), View(nullptr, DataType::kInt32, {0}));
  FillView(View(nullptr, DataType::kUint8, {0, 7}), std::vector<std::byte>(1));
  EXPECT_TRUE(AllEqual(ConstView(nullptr, DataType::kUint8, {0, 7}), std::vector<std::byte>(1)));
}

TEST(CopyView, TakesTheHighestRank) {
  const uint32_t source = 0x01020304;
  uint32_t destination = 0;
  const Shape shape = Shape::Filled(kMaxRank, 1);
  CopyView(Ref(&source, shape), Ref(&destination, shape));
  EXPECT_EQ(destination, 0x01020304u);

  // Two elements a dimension, and none to drop or fuse but by stride 0 on both sides.
  std::vector<std::complex<float>> from(1 << 10), to(1 << 10);
  for (size_t i = 0; i < from.size(); ++i) from[i] = {static_cast<float>(i), 0.5f};
  Shape deep = Shape::Filled(kMaxRank, 1);
  Strides forward = Strides::Filled(kMaxRank, 8), backward = forward;
  for (int d = 0; d < 10; ++d) {
    deep[3 * d] = 2;
    forward[3 * d] = 8 << d;
    backward[3 * d] = 8 << (9 - d);
  }
  ConstView in = Ref(std::as_const(from).data(), {});
  View out = Ref(to.data(), {});
  in.shape = out.shape = deep;
  in.strides = forward;
  out.strides = backward;
  CopyView(in, out);
  EXPECT_EQ(to[1], from[512]);
  EXPECT_EQ(to[0b1000000011], from[0b1100000001]);
  CopyViewSwapped(in, out);
  uint32_t swapped_half = 0, half = 0;
  std::memcpy(&swapped_half, &to[1], 4);
  std::memcpy(&half, &from[512], 4);
  EXPECT_EQ(swapped_half, __builtin_bswap32(half));
}

TEST(CopyViewSwapped, ReversesHalvesOfComplexNumbersAndNothingOfRawBytes) {
  const uint64_t source[2] = {0x0102030405060708, 0x1112131415161718};
  uint64_t to[2];
  auto swapped_as = [&](DataType type, const Shape& shape) {
    CopyViewSwapped(ConstView(reinterpret_cast<const std::byte*>(source), type, shape),
                    View(reinterpret_cast<std::byte*>(to), type, shape));
    return std::vector<uint64_t>(to, to + 2);
  };
  EXPECT_EQ(swapped_as(DataType::kUint64, {2}),
            (std::vector<uint64_t>{0x0807060504030201, 0x1817161514131211}));
  EXPECT_EQ(swapped_as(DataType::kComplex128, {1}),
            (std::vector<uint64_t>{0x0807060504030201, 0x1817161514131211}));
  EXPECT_EQ(swapped_as(DataType::kComplex64, {2}),
            (std::vector<uint64_t>{0x0403020108070605, 0x1413121118171615}));
  EXPECT_EQ(swapped_as(DataType::kBfloat16, {8}),
            (std::vector<uint64_t>{0x0201040306050807, 0x1211141316151817}));
  EXPECT_EQ(swapped_as(DataType::kBool, {16}), (std::vector<uint64_t>{source[0], source[1]}));
  EXPECT_EQ(swapped_as(DataType::Raw(8), {2}), (std::vector<uint64_t>{source[0], source[1]}));
}

TEST(FillView, WritesTheElementAndNothingElse) {
  for (uint64_t seed = 1; seed <= Soaked(500); ++seed) {
    Dice dice(seed);
    const DataType type = kTypes[dice(0, std::ssize(kTypes) - 1)];
    const int rank = static_cast<int>(dice(0, 4));
    Owned filled =
        MakeOwned(dice, type, RandomShape(dice, rank), dice.Permutation(rank), true, true, false);
    Owned element = MakeOwned(dice, type, {}, {}, false, false, false);
    if (dice.OneIn(2)) std::fill(element.bytes.begin(), element.bytes.end(), std::byte{7});
    Owned repeated = element;
    repeated.view.shape = filled.view.shape;
    repeated.view.strides = Strides::Filled(rank, 0);
    const auto expected = Expected(repeated, filled, 1);
    FillView(filled.view, element.bytes);
    ASSERT_EQ(filled.bytes, expected) << "seed " << seed << ", " << filled.view.shape;
  }
}

TEST(AllEqual, SeesEverySingleDifferingByteAndNothingOutside) {
  for (uint64_t seed = 1; seed <= Soaked(400); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Dice dice(seed);
    const DataType type = kTypes[dice(0, std::ssize(kTypes) - 1)];
    const int rank = static_cast<int>(dice(0, 3));
    Shape shape;
    for (int d = 0; d < rank; ++d) shape.push_back(dice(1, 6));
    Owned owned = MakeOwned(dice, type, shape, dice.Permutation(rank), true, true, false);
    Owned element = MakeOwned(dice, type, {}, {}, false, false, false);
    FillView(owned.view, element.bytes);  // Gaps keep their random bytes.
    ASSERT_TRUE(AllEqual(owned.view, element.bytes));
    const std::vector<Index> all = AllIndices(shape);
    const Index& index = all[static_cast<size_t>(dice(0, std::ssize(all) - 1))];
    const auto at = static_cast<size_t>(owned.OffsetOf(index) + dice(0, type.size() - 1));
    owned.bytes[at] ^= std::byte{0x10};
    ASSERT_FALSE(AllEqual(owned.view, element.bytes)) << "index " << index;
  }
}

TEST(AllEqual, ComparesBytesNotValues) {
  const float zeros[4] = {0.0f, 0.0f, -0.0f, 0.0f};
  const float zero = 0.0f;
  const auto element = std::as_bytes(std::span(&zero, 1));
  EXPECT_TRUE(AllEqual(Ref(zeros, {2}), element));
  EXPECT_FALSE(AllEqual(Ref(zeros, {4}), element));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float nans[2] = {nan, nan};
  EXPECT_TRUE(AllEqual(Ref(nans, {2}), std::as_bytes(std::span(&nan, 1))));
}

TEST(AllEqual, ARepeatedElementIsComparedOnce) {
  const uint16_t value = 9, other = 8;
  ConstView view = Ref(&value, {});
  view.shape = {1000, 1000, 1000};
  view.strides = {0, 0, 0};
  EXPECT_TRUE(AllEqual(view, std::as_bytes(std::span(&value, 1))));
  EXPECT_FALSE(AllEqual(view, std::as_bytes(std::span(&other, 1))));
}

TEST(ChunkView, ShowsThePartOfAChunkThatAPieceTakes) {
  // Stored [20, 30], chunk [10..20) x [6..12); the view takes column 7, every third row, reversed.
  std::vector<int32_t> chunk(60);
  std::iota(chunk.begin(), chunk.end(), 0);
  const Box cell = Box::FromSize({10, 6}, {10, 6});
  const std::vector<Selection> selections = {{.dim = 0, .begin = 2, .step = 3},
                                             {.dim = 1, .at = 7}};
  const IndexTransform transform =
      IndexTransform::FromSelections({20, 30}, selections).OrDie().Reverse(0).OrDie();
  const TransformPiece piece = Intersect(transform, cell);
  EXPECT_EQ(piece.view_box, Box::FromSize({0}, {3}));  // Rows 17, 14, 11.
  std::vector<int32_t> out(3);
  CopyView(ChunkView(Ref(std::as_const(chunk).data(), {10, 6}), cell, piece), Ref(out.data(), {3}));
  EXPECT_EQ(out, (std::vector<int32_t>{7 * 6 + 1, 4 * 6 + 1, 1 * 6 + 1}));

  const int32_t fresh[3] = {-1, -2, -3};
  CopyView(Ref(fresh, {3}), ChunkView(Ref(chunk.data(), {10, 6}), cell, piece));
  EXPECT_EQ(chunk[43], -1);
  EXPECT_EQ(chunk[25], -2);
  EXPECT_EQ(chunk[7], -3);
  EXPECT_EQ(std::count_if(chunk.begin(), chunk.end(), [](int32_t v) { return v < 0; }), 3);
}

}  // namespace
}  // namespace coffer
