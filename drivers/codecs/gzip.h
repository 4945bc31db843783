// Codec "gzip": RFC 1952. Reads several members, and nothing else after them; writes one, without
// a time, so that equal chunks give equal bytes.
//
// Configuration: {"level": 0..9}.
#ifndef COFFER_DRIVERS_CODECS_GZIP_H_
#define COFFER_DRIVERS_CODECS_GZIP_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeGzipCodec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_GZIP_H_
