// DataType: what one element of an array is: its name in Zarr v3, its size, its byte order unit.
//
//     DataType type = DataType::kUint16;
//     type.name();            // "uint16"
//     type.size();            // 2
//     DataType::Of<float>();  // kFloat32
//     DataType::Parse("r24"); // three opaque bytes
//
// The set is that of the Zarr v3 core specification (section "Data types") and bfloat16. Types that
// C++ lacks (float16, bfloat16, r<N>) are moved as bytes of their size.
//
// Thread safety: a value.
#ifndef COFFER_BASE_DATA_TYPE_H_
#define COFFER_BASE_DATA_TYPE_H_

#include <complex>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "coffer/base/export.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

class COFFER_EXPORT DataType {
 public:
  enum class Kind : uint8_t { kBool, kInt, kUint, kFloat, kBfloat, kComplex, kRaw };

  /// The name in Zarr v3: "bool", "int8", "complex64", "r24".
  std::string name() const;
  constexpr Kind kind() const { return kind_; }
  /// Bytes of one element, >= 1.
  constexpr int64_t size() const { return size_; }
  /// Bytes that a change of byte order reverses: half of a complex number, 1 for raw bytes.
  constexpr int64_t swap_size() const {
    return kind_ == Kind::kComplex ? size_ / 2 : kind_ == Kind::kRaw ? 1 : size_;
  }

  /// Opaque elements of `bytes` bytes ("r<8 * bytes>"). Requires bytes >= 1.
  static constexpr DataType Raw(int32_t bytes) { return DataType(Kind::kRaw, bytes); }
  /// The type with this Zarr v3 name. Errors: InvalidArgument for an unknown name, or for r<N>
  /// where N is not a positive multiple of 8 up to 8 * 65,536.
  static Result<DataType> Parse(std::string_view name);
  /// The type of a C++ type: bool, (u)intN_t, float, double, std::complex of these, std::byte.
  template <class T>
  static constexpr DataType Of();

  static const DataType kBool, kInt8, kInt16, kInt32, kInt64, kUint8, kUint16, kUint32, kUint64,
      kFloat16, kBfloat16, kFloat32, kFloat64, kComplex64, kComplex128;

  friend constexpr bool operator==(DataType a, DataType b) = default;

 private:
  constexpr DataType(Kind kind, int32_t size) : kind_(kind), size_(size) {}

  Kind kind_;
  int32_t size_;
};

inline constexpr DataType DataType::kBool{Kind::kBool, 1};
inline constexpr DataType DataType::kInt8{Kind::kInt, 1};
inline constexpr DataType DataType::kInt16{Kind::kInt, 2};
inline constexpr DataType DataType::kInt32{Kind::kInt, 4};
inline constexpr DataType DataType::kInt64{Kind::kInt, 8};
inline constexpr DataType DataType::kUint8{Kind::kUint, 1};
inline constexpr DataType DataType::kUint16{Kind::kUint, 2};
inline constexpr DataType DataType::kUint32{Kind::kUint, 4};
inline constexpr DataType DataType::kUint64{Kind::kUint, 8};
inline constexpr DataType DataType::kFloat16{Kind::kFloat, 2};
inline constexpr DataType DataType::kBfloat16{Kind::kBfloat, 2};
inline constexpr DataType DataType::kFloat32{Kind::kFloat, 4};
inline constexpr DataType DataType::kFloat64{Kind::kFloat, 8};
inline constexpr DataType DataType::kComplex64{Kind::kComplex, 8};
inline constexpr DataType DataType::kComplex128{Kind::kComplex, 16};

template <class T>
constexpr DataType DataType::Of() {
  using U = std::remove_cv_t<T>;
  constexpr auto kSize = static_cast<int32_t>(sizeof(U));
  if constexpr (std::is_same_v<U, bool>) {
    return kBool;
  } else if constexpr (std::is_same_v<U, std::byte>) {
    return Raw(1);
  } else if constexpr (std::is_integral_v<U>) {
    return DataType(std::is_signed_v<U> ? Kind::kInt : Kind::kUint, kSize);
  } else if constexpr (std::is_same_v<U, float> || std::is_same_v<U, double>) {
    return DataType(Kind::kFloat, kSize);
  } else {
    static_assert(std::is_same_v<U, std::complex<float>> || std::is_same_v<U, std::complex<double>>,
                  "no Zarr data type corresponds to this C++ type");
    return DataType(Kind::kComplex, kSize);
  }
}

}  // namespace coffer::inline v0

#endif  // COFFER_BASE_DATA_TYPE_H_
