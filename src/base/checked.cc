#include "coffer/base/checked.h"

#include <algorithm>

namespace coffer::inline v0 {

std::optional<int64_t> CheckedProduct(std::span<const int64_t> factors) {
  if (std::find(factors.begin(), factors.end(), 0) != factors.end()) return 0;
  std::optional<int64_t> product = 1;
  for (int64_t factor : factors) {
    product = CheckedMul(*product, factor);
    if (!product) return std::nullopt;
  }
  return product;
}

}  // namespace coffer::inline v0
