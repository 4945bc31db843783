// Codec "bz2" of Zarr v2: bzip2. Reads several streams; writes one.
//
// Configuration: {"level"?: 1..9}, 1 unless given.
//
// Zarr v3 has no codec of this name: it is not in the table of codecs, but what array drivers that
// know it (zarr2) make themselves.
#ifndef COFFER_DRIVERS_CODECS_BZ2_H_
#define COFFER_DRIVERS_CODECS_BZ2_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeBz2Codec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_BZ2_H_
