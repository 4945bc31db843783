// Codec "lz4" of Zarr v2: the decoded size in 4 bytes, little-endian, and one LZ4 block.
//
// Configuration: {"acceleration"?: an integer}, 1 unless given; what is below 1 means 1.
//
// Zarr v3 has no codec of this name: it is not in the table of codecs, but what array drivers that
// know it (zarr2) make themselves.
#ifndef COFFER_DRIVERS_CODECS_LZ4_H_
#define COFFER_DRIVERS_CODECS_LZ4_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeLz4Codec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_LZ4_H_
