// Goal: shapes, strides and boxes, above all at the limits of int64 and of the rank.
// Method: exact values; small boxes against an enumeration of their indices.
#include "coffer/nd/shape.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <sstream>
#include <vector>

#include "tests/support/soak.h"
#include "tests/unit/nd/indices.h"

namespace coffer {
namespace {

constexpr int64_t kMax = INT64_MAX;

TEST(Dims, AreMadeOfAnyIntegralType) {
  const std::vector<uint16_t> values = {2, 3, 4};
  EXPECT_EQ(Shape(values.begin(), values.end()), (Shape{2, 3, 4}));
  EXPECT_EQ(Shape(std::span<const uint16_t>(values)), (Shape{int8_t{2}, int8_t{3}, int8_t{4}}));
  EXPECT_EQ((Shape{size_t{2}, size_t{3}}), (Shape{int64_t{2}, 3}));  // Mixed, as in {rows, 3}.
  EXPECT_EQ(Shape(), (Shape{}));
  EXPECT_EQ(Shape::Filled(3, 7), (Shape{7, 7, 7}));
  EXPECT_EQ((Shape{5, 6}).back(), 6);
  EXPECT_NE((Shape{1, 2}), (Shape{1, 2, 3}));
}

TEST(Dims, ACopyIsIndependent) {
  Shape original = {1, 2};
  Shape copy = original;
  original[0] = 9;
  original.push_back(3);
  EXPECT_EQ(copy, (Shape{1, 2}));
  copy = original;
  EXPECT_EQ(copy, (Shape{9, 2, 3}));
}

TEST(Dims, HoldUpToThirtyTwoAndAbortBeyond) {
  Shape shape = Shape::Filled(kMaxRank, 1);
  EXPECT_EQ(shape.rank(), 32);
  EXPECT_DEATH(shape.push_back(1), "coffer: Internal: rank above 32");
}

TEST(Dims, Text) {
  EXPECT_EQ(ToString(Shape{}), "[]");
  EXPECT_EQ(ToString(Shape{2, -3, kMax}), "[2, -3, 9223372036854775807]");
  std::ostringstream out;
  out << Shape{4, 5};
  EXPECT_EQ(out.str(), "[4, 5]");
}

TEST(NumElements, AtTheLimits) {
  EXPECT_EQ(NumElements({}), 1);
  EXPECT_EQ(NumElements({2, 3, 4}), 24);
  EXPECT_EQ(NumElements({kMax}), kMax);
  EXPECT_EQ(NumElements({int64_t{1} << 31, int64_t{1} << 31}), int64_t{1} << 62);
  EXPECT_EQ(NumElements({int64_t{1} << 32, int64_t{1} << 31}), std::nullopt);
  EXPECT_EQ(NumElements({kMax, kMax, 0}), 0);
}

TEST(COrderStrides, CountFromTheLastDimension) {
  EXPECT_EQ(COrderStrides({2, 3, 4}, 8), (Strides{96, 32, 8}));
  EXPECT_EQ(COrderStrides({}, 8), (Strides{}));
  EXPECT_EQ(COrderStrides({5, 0, 4}, 2), (Strides{8, 8, 2}));  // An empty dimension counts as one.
}

TEST(Box, EndNeverWraps) {
  const Box edge = Box::FromSize({kMax - 5}, {10});
  EXPECT_EQ(edge.end(0), kMax);
  EXPECT_EQ(edge.Intersect(Box::Full({kMax})), Box::FromSize({kMax - 5}, {5}));
  EXPECT_TRUE(Box::Full({kMax}).Contains(Box::FromSize({kMax - 5}, {5})));
}

TEST(Box, Text) {
  EXPECT_EQ(ToString(Box::FromSize({0, 5}, {10, 15})), "[0, 10) x [5, 20)");
  EXPECT_EQ(ToString(Box()), "()");
}

TEST(Box, EmptyMeansAnExtentOfZero) {
  EXPECT_FALSE(Box().empty());  // Rank 0 holds one element.
  EXPECT_TRUE(Box::Full({3, 0}).empty());
  EXPECT_FALSE(Box::Full({3, 1}).empty());
}

TEST(Box, ContainsAndIntersectAgreeWithEnumeration) {
  auto holds = [](const Box& box, const Index& index) {
    for (int d = 0; d < box.rank(); ++d) {
      if (index[d] < box.origin[d] || index[d] >= box.origin[d] + box.shape[d]) return false;
    }
    return true;
  };
  for (uint64_t seed = 1; seed <= Soaked(2000); ++seed) {
    Dice dice(seed);
    Box a, b;
    for (int d = static_cast<int>(dice(0, 2)); d >= 0; --d) {
      a.origin.push_back(dice(0, 4));
      b.origin.push_back(dice(0, 4));
      a.shape.push_back(dice(1, 4));
      b.shape.push_back(dice(1, 4));
    }
    const Box common = a.Intersect(b);
    bool contains = true;
    int64_t both = 0;
    for (const Index& index : AllIndices(Shape::Filled(a.rank(), 8))) {
      const bool in_both = holds(a, index) && holds(b, index);
      both += in_both;
      contains = contains && (holds(a, index) || !holds(b, index));
      ASSERT_EQ(holds(common, index), in_both) << "seed " << seed;
    }
    ASSERT_EQ(NumElements(common.shape), both) << "seed " << seed;
    ASSERT_EQ(a.Contains(b), contains) << "seed " << seed;
  }
}

}  // namespace
}  // namespace coffer
