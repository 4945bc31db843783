// Data types as Zarr v2 spells them: NumPy's type strings, and TensorStore's names of what NumPy
// lacks.
//
//     "|b1" "|i1" "|u1"                  the byte order of one byte may be any
//     "<i2" ">i2" ... "<u8" "<f2" ... "<c8" "<c16"
//     "bfloat16"                         as TensorStore writes it: little-endian
#ifndef COFFER_DRIVERS_ZARR2_DATA_TYPE_H_
#define COFFER_DRIVERS_ZARR2_DATA_TYPE_H_

#include <bit>
#include <string_view>

#include "coffer/base/data_type.h"
#include "coffer/base/result.h"
#include "src/base/json.h"

namespace coffer::inline v0::zarr2 {

struct StoredType {
  DataType type = DataType::kUint8;
  std::endian order = std::endian::little;
};

/// What stands at `path`. Errors: InvalidArgument for what is no type string; Unimplemented, by
/// name, for strings, dates, opaque and structured types, and widths that coffer lacks.
Result<StoredType> TypeFromJson(const Json& json, std::string_view path);
/// The little-endian type string. Unimplemented for types without one.
Result<Json> TypeToJson(DataType type);

}  // namespace coffer::inline v0::zarr2

#endif  // COFFER_DRIVERS_ZARR2_DATA_TYPE_H_
