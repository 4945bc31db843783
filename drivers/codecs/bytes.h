// Codec "bytes": the elements in C order, in one byte order.
//
// Configuration: {"endian": "little" | "big"}; needed where a component of an element is wider than
// a byte. Complex numbers swap each of their two components; raw elements never swap.
#ifndef COFFER_DRIVERS_CODECS_BYTES_H_
#define COFFER_DRIVERS_CODECS_BYTES_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeBytesCodec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_BYTES_H_
