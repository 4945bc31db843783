// Codec "zlib" of Zarr v2: RFC 1950, one stream and nothing after it.
//
// Configuration: {"level"?: -1..9}, 1 unless given; -1 is 6.
//
// Zarr v3 has no codec of this name: it is not in the table of codecs, but what array drivers that
// know it (zarr2) make themselves.
#ifndef COFFER_DRIVERS_CODECS_ZLIB_H_
#define COFFER_DRIVERS_CODECS_ZLIB_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeZlibCodec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_ZLIB_H_
