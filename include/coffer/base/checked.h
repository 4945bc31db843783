// Checked integer arithmetic, and byte units.
//
// Every size that comes from a document, a file or a caller is multiplied and added through these
// functions. They return nullopt instead of wrapping, so that an overflow becomes an error of the
// layer that knows which size it was.
//
//     std::optional<int64_t> bytes = CheckedMul(count, item_size);
//     if (!bytes) return InvalidArgumentError("...");
#ifndef COFFER_BASE_CHECKED_H_
#define COFFER_BASE_CHECKED_H_

#include <cstdint>
#include <optional>
#include <span>

#include "coffer/base/export.h"

namespace coffer::inline v0 {

constexpr std::optional<int64_t> CheckedAdd(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

constexpr std::optional<int64_t> CheckedSub(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (__builtin_sub_overflow(a, b, &difference)) return std::nullopt;
  return difference;
}

constexpr std::optional<int64_t> CheckedMul(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// The product of all factors (1 if there are none). A zero factor gives zero even where the
/// others alone would overflow. Requires non-negative factors.
COFFER_EXPORT std::optional<int64_t> CheckedProduct(std::span<const int64_t> factors);

/// ceil(a / b). Requires a >= 0 and b > 0; cannot overflow.
constexpr int64_t CeilDiv(int64_t a, int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

constexpr int64_t KiB(int64_t n) { return n << 10; }
constexpr int64_t MiB(int64_t n) { return n << 20; }
constexpr int64_t GiB(int64_t n) { return n << 30; }

}  // namespace coffer::inline v0

#endif  // COFFER_BASE_CHECKED_H_
