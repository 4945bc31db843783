// Codec "sharding_indexed": many inner chunks and an index of them in one value.
//
// Configuration: {"chunk_shape", "codecs", "index_codecs", "index_location"?: "start" | "end"}. The
// inner shape divides the shape that reaches this codec; index codecs have a fixed encoded size.
//
// Planners address inner chunks by shard_layout(). Encode and Decode here do whole shards in
// memory, for shards inside shards and below other codecs. Encode writes inner chunks in C order
// without gaps and leaves out those equal to the fill value; Decode takes any order, gaps and
// overlaps.
//
// Limits: 2^26 inner chunks a shard; rank 31.
#ifndef COFFER_DRIVERS_CODECS_SHARDING_INDEXED_H_
#define COFFER_DRIVERS_CODECS_SHARDING_INDEXED_H_

#include <string_view>

#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// Errors: InvalidArgument with the JSON path inside the configuration.
Result<CodecPtr> MakeShardingIndexedCodec(std::string_view configuration, const CodecTable& codecs);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_SHARDING_INDEXED_H_
