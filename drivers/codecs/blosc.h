// Codec "blosc": the Blosc 1 format, by c-blosc, on one thread and without its global state.
//
// Configuration: {"cname", "clevel": 0..9, "shuffle", "typesize", "blocksize": 0..}: cname is one
// of blosclz, lz4, lz4hc, snappy, zlib, zstd (Unimplemented if this c-blosc was built without it);
// shuffle one of noshuffle, shuffle, bitshuffle; typesize >= 1, needed unless noshuffle; blocksize
// 0 lets c-blosc choose.
//
// Limits: chunks up to 2^31 - 17 bytes. A stored block size that neither c-blosc would choose nor
// the configuration names is DataLoss, because decoding needs memory in proportion to it.
#ifndef COFFER_DRIVERS_CODECS_BLOSC_H_
#define COFFER_DRIVERS_CODECS_BLOSC_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeBloscCodec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_BLOSC_H_
