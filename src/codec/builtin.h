// The codecs that the process's table starts with.
#ifndef COFFER_SRC_CODEC_BUILTIN_H_
#define COFFER_SRC_CODEC_BUILTIN_H_

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Adds them to a table that has none of them. Defined by the registry, the only layer that sees
/// all codecs.
void AddBuiltinCodecs(CodecTable& table);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CODEC_BUILTIN_H_
