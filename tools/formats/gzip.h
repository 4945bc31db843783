// Unpacking a .gz file as a stream.
//
// All members of the file are unpacked one after the other, each with its CRC-32 and length
// verified; anything but a further member after them is an error. Memory: 128 KiB.
#ifndef COFFER_TOOLS_FORMATS_GZIP_H_
#define COFFER_TOOLS_FORMATS_GZIP_H_

#include <memory>

#include "coffer/base/result.h"
#include "tools/formats/file.h"

namespace coffer::inline v0::formats {

/// The unpacked bytes. Errors of the reader: DataLoss for a damaged or truncated file.
Result<ByteReader> OpenGzip(std::shared_ptr<const File> file);

}  // namespace coffer::inline v0::formats

#endif  // COFFER_TOOLS_FORMATS_GZIP_H_
