// NumPy's .npy: one array behind a header that is a Python dictionary literal.
//
// Versions 1, 2 and 3 are read: bool, integers, floats of 2, 4 and 8 bytes, complex numbers and
// plain void types, either byte order, C and Fortran order. The literal is parsed by a strict small
// parser, never evaluated. Objects (pickles), strings, dates and records are refused by name.
//
// Written files are version 1, little-endian, C order. Types that NumPy
// lacks: bfloat16 becomes <u2, r<N> becomes |V<N/8>.
#ifndef COFFER_TOOLS_FORMATS_NPY_H_
#define COFFER_TOOLS_FORMATS_NPY_H_

#include <cstdint>
#include <span>
#include <string>

#include "coffer/base/result.h"
#include "tools/formats/layout.h"

namespace coffer::inline v0::formats {

/// Bytes that hold the longest header that is read (NumPy itself stops at 10,000).
inline constexpr int64_t kNpyHeaderMax = int64_t{64} << 10;

/// The layout of a file that starts with `start` (all of it, or at least kNpyHeaderMax bytes) and
/// has `file_size` bytes. InvalidArgument for a bad or unsupported header and for bytes after the
/// array, DataLoss if the elements are cut short.
Result<ArrayLayout> ParseNpy(std::span<const std::byte> start, int64_t file_size);

/// The header for an array in C order.
std::string NpyHeader(DataType type, const Shape& shape);

}  // namespace coffer::inline v0::formats

#endif  // COFFER_TOOLS_FORMATS_NPY_H_
