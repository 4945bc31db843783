// CodecChain, BindCodecs: the codecs of an array bound one after the other.
//
// For array drivers, which read a list of codecs from a document and bind it to the chunks of an
// array:
//
//     const CodecTable& table = context.Get<CodecTable>();
//     COFFER_ASSIGN_OR_RETURN(CodecPtr bytes, table.Make("bytes", R"({"endian":"little"})"));
//     COFFER_ASSIGN_OR_RETURN(CodecPtr zstd, table.Make("zstd", R"({"level":3})"));
//     COFFER_ASSIGN_OR_RETURN(stored->chain, BindCodecs(std::array{bytes, zstd}, chunk));
//
// A chain is opaque: the read and write planners run it.
//
// Thread safety: a bound chain is immutable.
#ifndef COFFER_CODEC_CHAIN_H_
#define COFFER_CODEC_CHAIN_H_

#include <memory>
#include <span>

#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

class CodecChain;
using CodecChainPtr = std::shared_ptr<const CodecChain>;

/// Binds codecs to chunks of one type, shape and fill value: any number of array -> array, one
/// array -> bytes, any number of bytes -> bytes, in this order. What a configuration cannot do with
/// such chunks shows here, and no size is trusted before it is checked. Errors: InvalidArgument,
/// beginning with "codecs[1] (zstd): ..." where one codec is to blame; the codecs' own.
COFFER_EXPORT Result<CodecChainPtr> BindCodecs(std::span<const CodecPtr> codecs,
                                               const ChunkSpec& chunk);

}  // namespace coffer::inline v0

#endif  // COFFER_CODEC_CHAIN_H_
