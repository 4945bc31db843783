// Shape, Strides, Box: n-dimensional extents, steps and regions.
//
//     Shape shape = {1024, 1024, 512};                    // any integral type
//     Box corner = Box::FromSize({0, 0, 0}, {64, 64, 64});
//
// A Dims holds up to kMaxRank 64-bit integers inline and never allocates. Shape and Strides are the
// same type under the names that say what the numbers mean: extents in elements, steps in bytes.
// Requires rank <= kMaxRank; documents with more are refused where they are parsed.
//
// Thread safety: values.
#ifndef COFFER_ND_SHAPE_H_
#define COFFER_ND_SHAPE_H_

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <ostream>
#include <span>
#include <string>

#include "coffer/base/checked.h"
#include "coffer/base/export.h"

namespace coffer::inline v0 {

inline constexpr int kMaxRank = 32;

class Dims {
 public:
  using value_type = int64_t;

  Dims() = default;  ///< Rank 0.
  /// Values of mixed types; the next takes those of one type, unsigned 64-bit ones, too.
  Dims(std::initializer_list<int64_t> values)  // NOLINT: implicit by intent
      : Dims(values.begin(), values.end()) {}
  template <std::integral I>
  Dims(std::initializer_list<I> values)  // NOLINT: implicit by intent
      : Dims(values.begin(), values.end()) {}
  template <std::integral I, size_t kExtent>
  Dims(std::span<I, kExtent> values)  // NOLINT: implicit by intent
      : Dims(values.begin(), values.end()) {}
  template <std::input_iterator It>
  Dims(It begin, It end) {
    for (; begin != end; ++begin) push_back(static_cast<int64_t>(*begin));
  }

  /// `rank` times `value`. Requires 0 <= rank <= kMaxRank.
  static Dims Filled(int rank, int64_t value) {
    Dims dims;
    for (int d = 0; d < rank; ++d) dims.push_back(value);
    return dims;
  }

  int rank() const { return rank_; }
  size_t size() const { return static_cast<size_t>(rank_); }
  bool empty() const { return rank_ == 0; }
  int64_t& operator[](std::integral auto d) { return values_[static_cast<size_t>(d)]; }
  int64_t operator[](std::integral auto d) const { return values_[static_cast<size_t>(d)]; }
  int64_t* begin() { return values_.data(); }
  int64_t* end() { return values_.data() + rank_; }
  const int64_t* begin() const { return values_.data(); }
  const int64_t* end() const { return values_.data() + rank_; }
  int64_t back() const { return values_[static_cast<size_t>(rank_) - 1]; }
  std::span<const int64_t> span() const { return {begin(), size()}; }
  /// Requires rank() < kMaxRank; aborts otherwise.
  COFFER_EXPORT void push_back(int64_t value);

  friend bool operator==(const Dims& a, const Dims& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
  }

 private:
  int rank_ = 0;
  std::array<int64_t, kMaxRank> values_{};
};

using Shape = Dims;    ///< Extents, in elements.
using Index = Dims;    ///< A position, in elements.
using Strides = Dims;  ///< Steps, in bytes.

/// "[2, 3, 4]".
COFFER_EXPORT std::string ToString(const Dims& dims);
COFFER_EXPORT std::ostream& operator<<(std::ostream& out, const Dims& dims);

/// Elements of a shape (1 for rank 0); nullopt if that overflows. Requires extents >= 0.
inline std::optional<int64_t> NumElements(const Shape& shape) {
  return CheckedProduct(shape.span());
}

/// Byte strides of a C-order (last dimension fastest) array. The caller has checked that the
/// array's bytes fit in int64.
COFFER_EXPORT Strides COrderStrides(const Shape& shape, int64_t element_size);

/// A region: `shape` elements from `origin` on, in each dimension.
struct COFFER_EXPORT Box {
  Index origin;
  Shape shape;

  static Box FromSize(Index origin, Shape shape) { return {origin, shape}; }
  /// The whole of an array of this shape.
  static Box Full(const Shape& shape) { return {Index::Filled(shape.rank(), 0), shape}; }

  int rank() const { return shape.rank(); }
  /// One past the last index; INT64_MAX if that overflows (a grid cell at the edge of a huge
  /// array).
  int64_t end(int dim) const;
  bool empty() const;
  /// Whether every element of `inner` lies in this box. Requires equal ranks.
  bool Contains(const Box& inner) const;
  /// The common part; shape 0 where there is none. Requires equal ranks.
  Box Intersect(const Box& other) const;

  friend bool operator==(const Box& a, const Box& b) = default;
};

/// "[0, 10) x [5, 20)"; "()" for rank 0.
COFFER_EXPORT std::string ToString(const Box& box);

}  // namespace coffer::inline v0

#endif  // COFFER_ND_SHAPE_H_
