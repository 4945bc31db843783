// The member "compressor" of .zarray: null, or {"id", ...} with the members that numcodecs gives
// the codec. Members that are absent have the values that numcodecs gives them; others are refused,
// since they could mean that the bytes are different.
//
//     zlib  level 1      bz2   level 1      lz4   acceleration 1
//     gzip  level 1      zstd  level 0, checksum: see below
//     lzma  format 1, check -1, preset null, filters null
//     blosc cname lz4, clevel 5, shuffle 1 (0 none, 2 bits, -1 bits for single bytes), blocksize 0
//
// zstd without "checksum" is written with checksums: every reader of zstd verifies them, while
// TensorStore refuses arrays whose metadata has the member. Only where there are to be none does it
// say so.
#ifndef COFFER_DRIVERS_ZARR2_COMPRESSOR_H_
#define COFFER_DRIVERS_ZARR2_COMPRESSOR_H_

#include <string_view>

#include "coffer/codec/codec.h"
#include "src/base/json.h"

namespace coffer::inline v0::zarr2 {

/// nullptr for null. Errors: InvalidArgument with the path; Unimplemented, by name, for others.
Result<CodecPtr> CompressorFromJson(const Json& json, std::string_view path, DataType type,
                                    const CodecTable& table);
/// The member that CompressorFromJson reads, for a codec as options name it. `checksum`: that of
/// zstd, the only one that has room for it.
Result<Json> CompressorToJson(const CodecSpec& spec, bool checksum);

}  // namespace coffer::inline v0::zarr2

#endif  // COFFER_DRIVERS_ZARR2_COMPRESSOR_H_
