// Fill values: one element as Zarr v3 metadata spells it, and as bytes. Zarr v2 spells most
// of them so, too.
//
//     bool         true, false
//     integers     7, -7, exact; also 7.0 up to 2^53
//     floats       a number, "NaN", "Infinity", "-Infinity", or the bits: "0x7fc00001"
//     complex      [real, imaginary], each as a float
//     r<N>         [0, 255]: N / 8 bytes
//
// A number is rounded half to even to the data type; one that rounds to infinity is refused, as no
// number of JSON is infinite. "NaN" is the quiet NaN without sign and payload; any other NaN,
// signalling ones too, is read and written by its bits.
#ifndef COFFER_DRIVERS_ZARR_FILL_VALUE_H_
#define COFFER_DRIVERS_ZARR_FILL_VALUE_H_

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "coffer/base/data_type.h"
#include "coffer/base/result.h"
#include "src/base/json.h"

namespace coffer::inline v0::zarr {

/// One element in native byte order. Errors: InvalidArgument with the JSON path.
Result<std::vector<std::byte>> FillValueFromJson(const Json& json, DataType type,
                                                 std::string_view path);
/// What FillValueFromJson reads back as exactly these bytes. Requires element.size() ==
/// type.size().
Json FillValueToJson(std::span<const std::byte> element, DataType type);

}  // namespace coffer::inline v0::zarr

#endif  // COFFER_DRIVERS_ZARR_FILL_VALUE_H_
