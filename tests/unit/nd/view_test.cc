// Goal: views describe the memory they were made of, and their parts and transposes the right part.
// Method: exact pointers, shapes and strides; an mdspan-like array of the test's own.
#include "coffer/nd/view.h"

#include <gtest/gtest.h>

#include <array>
#include <complex>
#include <cstdint>
#include <span>
#include <type_traits>
#include <vector>

namespace coffer {
namespace {

TEST(View, OfAPointerIsCOrder) {
  std::vector<uint16_t> pixels(12);
  const View view = Ref(pixels.data(), {3, 4});
  EXPECT_EQ(view.data, reinterpret_cast<std::byte*>(pixels.data()));
  EXPECT_EQ(view.data_type, DataType::kUint16);
  EXPECT_EQ(view.shape, (Shape{3, 4}));
  EXPECT_EQ(view.strides, (Strides{8, 2}));
  EXPECT_EQ(view.rank(), 2);
}

TEST(View, OfConstMemoryIsAConstView) {
  const std::complex<double> value;
  static_assert(std::is_same_v<decltype(Ref(&value, Shape{})), ConstView>);
  EXPECT_EQ(Ref(&value, {}).data_type, DataType::kComplex128);
}

TEST(View, OfASpanHasRankOne) {
  std::array<float, 5> values{};
  const View view = Ref(std::span(values));
  EXPECT_EQ(view.shape, (Shape{5}));
  EXPECT_EQ(view.strides, (Strides{4}));
  static_assert(std::is_same_v<decltype(Ref(std::span<const float>(values))), ConstView>);
}

TEST(View, ConvertsToAConstViewAndCopies) {
  std::vector<int64_t> values(6);
  const View view = Ref(values.data(), {2, 3});
  const ConstView same = view;
  EXPECT_EQ(same.data, view.data);
  EXPECT_EQ(same.data_type, view.data_type);
  EXPECT_EQ(same.strides, view.strides);
  View copy = view;
  copy = Ref(values.data(), {6});
  EXPECT_EQ(copy.shape, (Shape{6}));
  static_assert(!std::is_constructible_v<View, ConstView>);
}

// An array of columns, as Eigen and std::mdspan show theirs.
struct ColumnMajor {
  std::vector<double> values = std::vector<double>(6);
  double* data() { return values.data(); }
  const double* data() const { return values.data(); }
  static constexpr size_t rank() { return 2; }
  static int extent(size_t d) { return d == 0 ? 2 : 3; }
  static int stride(size_t d) { return d == 0 ? 1 : 2; }
};

TEST(View, OfAnMdspanLikeArrayTakesItsStrides) {
  ColumnMajor columns;
  const View view = Ref(columns);
  EXPECT_EQ(view.data, reinterpret_cast<std::byte*>(columns.data()));
  EXPECT_EQ(view.shape, (Shape{2, 3}));
  EXPECT_EQ(view.strides, (Strides{8, 16}));
  static_assert(std::is_same_v<decltype(Ref(std::as_const(columns))), ConstView>);
}

TEST(View, SubviewAndTransposed) {
  std::vector<uint32_t> values(24);
  const View view = Ref(values.data(), {2, 3, 4});
  const View part = view.Subview(Box::FromSize({1, 0, 2}, {1, 2, 2}));
  EXPECT_EQ(part.data, reinterpret_cast<std::byte*>(&values[14]));
  EXPECT_EQ(part.shape, (Shape{1, 2, 2}));
  EXPECT_EQ(part.strides, view.strides);
  const View turned = part.Transposed(std::array{2, 0, 1});
  EXPECT_EQ(turned.data, part.data);
  EXPECT_EQ(turned.shape, (Shape{2, 1, 2}));
  EXPECT_EQ(turned.strides, (Strides{4, 48, 16}));
}

TEST(View, COrderContiguity) {
  std::vector<uint32_t> values(24);
  const View view = Ref(values.data(), {2, 3, 4});
  EXPECT_TRUE(view.IsCOrderContiguous());
  EXPECT_TRUE(Ref(values.data(), {}).IsCOrderContiguous());
  EXPECT_TRUE(view.Subview(Box::FromSize({1, 0, 0}, {1, 3, 4})).IsCOrderContiguous());
  EXPECT_TRUE(view.Subview(Box::FromSize({1, 2, 0}, {1, 1, 4})).IsCOrderContiguous());
  EXPECT_TRUE(view.Subview(Box::FromSize({0, 0, 0}, {2, 0, 3})).IsCOrderContiguous());
  EXPECT_FALSE(view.Subview(Box::FromSize({0, 0, 0}, {2, 3, 3})).IsCOrderContiguous());
  EXPECT_FALSE(view.Subview(Box::FromSize({0, 0, 0}, {2, 1, 4})).IsCOrderContiguous());
  EXPECT_FALSE(view.Transposed(std::array{0, 2, 1}).IsCOrderContiguous());
  // The stride of a dimension of extent 1 says nothing.
  View odd = view.Subview(Box::FromSize({0, 0, 0}, {1, 3, 4}));
  odd.strides[0] = -7;
  EXPECT_TRUE(odd.IsCOrderContiguous());
}

}  // namespace
}  // namespace coffer
