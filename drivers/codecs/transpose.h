// Codec "transpose": renumbers dimensions. It moves nothing: the chain turns views instead.
//
// Configuration: {"order": [...]}, a permutation; dimension i of the encoded array is dimension
// order[i] of the decoded one. The strings "C" and "F" of drafts are refused.
#ifndef COFFER_DRIVERS_CODECS_TRANSPOSE_H_
#define COFFER_DRIVERS_CODECS_TRANSPOSE_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeTransposeCodec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_TRANSPOSE_H_
