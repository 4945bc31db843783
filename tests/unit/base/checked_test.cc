// Goal: checked arithmetic is exact where the result fits, and says so where it does not.
// Method: every pair of values around 0 and the limits, against 128-bit arithmetic.
#include "coffer/base/checked.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace coffer {
namespace {

__extension__ using Wide = __int128;

constexpr int64_t kMin = INT64_MIN, kMax = INT64_MAX;

std::vector<int64_t> Values() {
  std::vector<int64_t> values;
  for (int64_t i = 0; i < 4; ++i) {
    for (int64_t base : {int64_t{1} << 31, int64_t{1} << 32, int64_t{3037000498}}) {
      values.insert(values.end(), {base + i, -base - i});
    }
    values.insert(values.end(), {i, -i, kMin + i, kMax - i});
  }
  return values;
}

std::optional<int64_t> Narrow(Wide value) {
  if (value < kMin || value > kMax) return std::nullopt;
  return static_cast<int64_t>(value);
}

TEST(Checked, AgreesWithWiderArithmetic) {
  for (int64_t a : Values()) {
    for (int64_t b : Values()) {
      ASSERT_EQ(CheckedAdd(a, b), Narrow(Wide{a} + b)) << a << " " << b;
      ASSERT_EQ(CheckedSub(a, b), Narrow(Wide{a} - b)) << a << " " << b;
      ASSERT_EQ(CheckedMul(a, b), Narrow(Wide{a} * b)) << a << " " << b;
      if (a >= 0 && b > 0) {
        ASSERT_EQ(Wide{CeilDiv(a, b)}, (Wide{a} + b - 1) / b) << a << " " << b;
      }
    }
  }
}

TEST(Checked, ProductOfFactors) {
  auto product = [](std::vector<int64_t> factors) { return CheckedProduct(factors); };
  EXPECT_EQ(product({}), 1);
  EXPECT_EQ(product({7}), 7);
  EXPECT_EQ(product({kMax, 1}), kMax);
  EXPECT_EQ(product({int64_t{1} << 62, 2}), std::nullopt);
  EXPECT_EQ(product({kMax, kMax, kMax, 0}), 0);
  EXPECT_EQ(product({0, kMax, kMax}), 0);
}

TEST(Checked, IsUsableInConstants) {
  static_assert(CheckedMul(int64_t{1} << 40, int64_t{1} << 30) == std::nullopt);
  static_assert(CeilDiv(10, 3) == 4 && CeilDiv(9, 3) == 3 && CeilDiv(0, 3) == 0);
  static_assert(KiB(2) == 2048 && MiB(1) == 1048576 && GiB(3) == 3221225472);
  static_assert(CeilDiv(kMax, 2) == int64_t{1} << 62);
}

}  // namespace
}  // namespace coffer
