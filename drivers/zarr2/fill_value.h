// Fill values as Zarr v2 spells them: as Zarr v3 does (drivers/zarr/fill_value.h), but
//
//     null         undefined: reads as zero, and no reader may be relied on to do so
//     bool         also 0, 1
//     floats       no "0x..." form: every NaN is "NaN"
//     complex      also the base64 text of its bytes, in the array's byte order
#ifndef COFFER_DRIVERS_ZARR2_FILL_VALUE_H_
#define COFFER_DRIVERS_ZARR2_FILL_VALUE_H_

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "coffer/base/result.h"
#include "drivers/zarr2/data_type.h"
#include "src/base/json.h"

namespace coffer::inline v0::zarr2 {

/// One element in native byte order. Errors: InvalidArgument with the JSON path.
Result<std::vector<std::byte>> FillValueFromJson(const Json& json, const StoredType& type,
                                                 std::string_view path);
/// What FillValueFromJson reads back. InvalidArgument for a NaN that this cannot be said of.
Result<Json> FillValueToJson(std::span<const std::byte> element, DataType type);

}  // namespace coffer::inline v0::zarr2

#endif  // COFFER_DRIVERS_ZARR2_FILL_VALUE_H_
