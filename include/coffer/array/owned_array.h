// OwnedArray, NdArray<T>: an n-dimensional array in memory that owns its elements, in C order.
//
//     NdArray<uint16_t> slice = volume.Read<uint16_t>({{.dim = 0, .at = 100}}).OrThrow();
//     uint16_t corner = slice(0, 0);
//     for (uint16_t value : slice.values()) ...
//
// Copies share the elements (like a shared_ptr). Thread safety: as for a plain array.
#ifndef COFFER_ARRAY_OWNED_ARRAY_H_
#define COFFER_ARRAY_OWNED_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/nd/view.h"

namespace coffer::inline v0 {

class BufferPool;

class COFFER_EXPORT OwnedArray {
 public:
  OwnedArray() = default;  ///< Rank 0, no element; data() is null.
  /// Uninitialised elements. ResourceExhausted if the memory is not to be had; InvalidArgument if
  /// the size overflows.
  static Result<OwnedArray> Allocate(DataType type, const Shape& shape);
  /// The same from `pool` (BufferPool::AllocateResult), which it may outlive.
  static Result<OwnedArray> Allocate(DataType type, const Shape& shape, BufferPool& pool);

  DataType data_type() const { return view_.data_type; }
  const Shape& shape() const { return view_.shape; }
  int64_t num_elements() const { return *NumElements(view_.shape); }
  std::span<std::byte> bytes() const {
    return {view_.data, static_cast<size_t>(num_elements() * view_.data_type.size())};
  }
  const View& view() const { return view_; }

 private:
  static Result<OwnedArray> Allocate(DataType type, const Shape& shape, BufferPool* pool);

  std::shared_ptr<std::byte> owner_;
  View view_;
};

template <class T>
class NdArray {
 public:
  NdArray() = default;
  /// Requires array.data_type() == DataType::Of<T>().
  explicit NdArray(OwnedArray array) : array_(std::move(array)) {}

  const Shape& shape() const { return array_.shape(); }
  T* data() const { return reinterpret_cast<T*>(array_.view().data); }
  std::span<T> values() const { return {data(), static_cast<size_t>(array_.num_elements())}; }
  /// The element at this index. Requires as many indices as dimensions, each in range.
  template <std::integral... I>
  T& operator()(I... index) const {
    const int64_t at[] = {static_cast<int64_t>(index)..., 0};
    int64_t offset = 0;
    for (int d = 0; d < static_cast<int>(sizeof...(index)); ++d)
      offset = offset * shape()[d] + at[d];
    return data()[offset];
  }
  const OwnedArray& untyped() const { return array_; }

 private:
  OwnedArray array_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ARRAY_OWNED_ARRAY_H_
