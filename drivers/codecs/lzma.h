// Codec "lzma" of Zarr v2: what liblzma writes; .xz (format 1), .lzma (2) or raw (3).
//
// Configuration, as Python's lzma module has it: {"format"?: 1..3, "check"?: -1..15,
// "preset"?: null or an integer, "filters"?: null or a list of {"id", "preset"?, "dict_size"?,
// "lc"?, "lp"?, "pb"?, "mode"?, "nice_len"?, "mf"?, "depth"?, "dist"?, "start_offset"?}}. Unless
// given: .xz with CRC64, preset 6.
//
// Zarr v3 has no codec of this name: it is not in the table of codecs, but what array drivers that
// know it (zarr2) make themselves.
#ifndef COFFER_DRIVERS_CODECS_LZMA_H_
#define COFFER_DRIVERS_CODECS_LZMA_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeLzmaCodec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_LZMA_H_
