// Writing grey pictures as PNG.
#ifndef COFFER_TOOLS_FORMATS_PNG_H_
#define COFFER_TOOLS_FORMATS_PNG_H_

#include "coffer/base/result.h"
#include "coffer/nd/view.h"
#include "tools/formats/file.h"

namespace coffer::inline v0::formats {

/// Writes a rank-2 array of uint8 or uint16 (rows, columns) as an 8 or 16 bit grey picture, the
/// first row on top. InvalidArgument for another rank or type, and for a side of 0 or above 65,535.
Status WritePng(const ConstView& picture, OutputFile& output);

}  // namespace coffer::inline v0::formats

#endif  // COFFER_TOOLS_FORMATS_PNG_H_
