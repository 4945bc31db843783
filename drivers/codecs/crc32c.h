// Codec "crc32c": appends the CRC-32C of the bytes, 4 bytes little endian. Done in place.
//
// Configuration: none.
#ifndef COFFER_DRIVERS_CODECS_CRC32C_H_
#define COFFER_DRIVERS_CODECS_CRC32C_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeCrc32cCodec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_CRC32C_H_
