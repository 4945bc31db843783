// View, ConstView: an n-dimensional array somewhere in memory: pointer, data type, shape, strides.
//
// A view owns nothing; whoever makes one keeps the memory valid for as long as it is used. Strides
// are in bytes and may be zero or negative, so transposes, steps and reversed axes are views too.
//
//     std::vector<uint16_t> pixels(512 * 512);
//     View all = Ref(pixels.data(), {512, 512});          // C order
//     View row = all.Subview(Box::FromSize({3, 0}, {1, 512}));
//
// Ref() also takes a std::span (rank 1) and anything that has data(), rank(), extent(d) and
// stride(d) in elements, as std::mdspan and its relatives do.
//
// Thread safety: values; the memory they refer to follows its owner's rules.
#ifndef COFFER_ND_VIEW_H_
#define COFFER_ND_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "coffer/base/data_type.h"
#include "coffer/base/export.h"
#include "coffer/nd/shape.h"

namespace coffer::inline v0 {

/// kByte is std::byte (View) or const std::byte (ConstView).
template <class Byte>
struct BasicView {
  Byte* data = nullptr;
  DataType data_type = DataType::kUint8;
  Shape shape;
  Strides strides;  ///< In bytes; same rank as shape.

  BasicView() = default;
  BasicView(Byte* data_in, DataType type, const Shape& shape_in, const Strides& strides_in)
      : data(data_in), data_type(type), shape(shape_in), strides(strides_in) {}
  /// C order.
  BasicView(Byte* data_in, DataType type, const Shape& shape_in)
      : BasicView(data_in, type, shape_in, COrderStrides(shape_in, type.size())) {}
  /// A View is also a ConstView.
  template <class Other>
    requires(std::is_const_v<Byte> && !std::is_const_v<Other>)
  BasicView(const BasicView<Other>& other)  // NOLINT: implicit by intent
      : BasicView(other.data, other.data_type, other.shape, other.strides) {}

  int rank() const { return shape.rank(); }

  /// The part inside `box`. Requires that `box` lies within the shape.
  BasicView Subview(const Box& box) const {
    BasicView part = *this;
    for (int d = 0; d < rank(); ++d) part.data += box.origin[d] * strides[d];
    part.shape = box.shape;
    return part;
  }
  /// Dimension i of the result is dimension order[i] of this. Requires a permutation.
  BasicView Transposed(std::span<const int> order) const {
    BasicView turned = *this;
    for (size_t i = 0; i < order.size(); ++i) {
      turned.shape[i] = shape[order[i]];
      turned.strides[i] = strides[order[i]];
    }
    return turned;
  }
  /// Whether the elements stand in C order without gaps (also true if there are none).
  bool IsCOrderContiguous() const {
    int64_t expected = data_type.size();
    for (int d = rank() - 1; d >= 0; --d) {
      if (shape[d] == 0) return true;
    }
    for (int d = rank() - 1; d >= 0; --d) {
      if (shape[d] != 1 && strides[d] != expected) return false;
      expected *= shape[d];
    }
    return true;
  }
};

using View = BasicView<std::byte>;
using ConstView = BasicView<const std::byte>;

/// A C-order array at `data`.
template <class T>
  requires(!std::is_const_v<T>)
View Ref(T* data, const Shape& shape) {
  return View(reinterpret_cast<std::byte*>(data), DataType::Of<T>(), shape);
}
template <class T>
ConstView Ref(const T* data, const Shape& shape) {
  return ConstView(reinterpret_cast<const std::byte*>(data), DataType::Of<T>(), shape);
}

/// A rank-1 array.
template <class T, size_t kExtent>
auto Ref(std::span<T, kExtent> values) {
  return Ref(values.data(), Shape{static_cast<int64_t>(values.size())});
}

/// An mdspan-like array: data() or data_handle(), rank(), extent(d), stride(d) in elements.
template <class M>
  requires requires(M& m) {
    m.extent(0);
    m.stride(0);
    m.rank();
  }
auto Ref(M&& array) {
  auto* data = [&] {
    if constexpr (requires { array.data_handle(); }) {
      return array.data_handle();
    } else {
      return array.data();
    }
  }();
  auto view = Ref(data, Shape());
  for (decltype(array.rank()) d = 0; d < array.rank(); ++d) {
    view.shape.push_back(static_cast<int64_t>(array.extent(d)));
    view.strides.push_back(static_cast<int64_t>(array.stride(d)) * view.data_type.size());
  }
  return view;
}

}  // namespace coffer::inline v0

#endif  // COFFER_ND_VIEW_H_
