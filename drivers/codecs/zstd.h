// Codec "zstd": RFC 8878. Reads several frames, frames without a content size and skippable frames;
// writes one frame with its content size.
//
// Configuration: {"level": -131072..22, "checksum"?: bool}. The checksum that zstd offers covers
// the decoded bytes of each frame.
#ifndef COFFER_DRIVERS_CODECS_ZSTD_H_
#define COFFER_DRIVERS_CODECS_ZSTD_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeZstdCodec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_ZSTD_H_
