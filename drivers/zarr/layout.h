// Shapes and chunks of Zarr arrays: read, checked against what can be held, chosen.
//
// Thread safety: pure functions.
#ifndef COFFER_DRIVERS_ZARR_LAYOUT_H_
#define COFFER_DRIVERS_ZARR_LAYOUT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/options.h"
#include "coffer/base/data_type.h"
#include "coffer/base/result.h"
#include "coffer/nd/shape.h"
#include "src/base/json.h"
#include "src/codec/chain.h"

namespace coffer::inline v0::zarr {

/// The largest decoded chunk (inner chunk where there are shards): one task holds it in memory.
inline constexpr int64_t kChunkBytesMax = GiB(4);
/// The largest decoded write chunk: a shard is addressed, never held whole.
inline constexpr int64_t kShardBytesMax = int64_t{1} << 60;

/// The member, or InvalidArgument: 'at $.chunk_grid: missing member "name"'.
Result<const Json*> Required(const Json& object, std::string_view path, std::string_view member);

/// A list of extents >= min. Errors also: Unimplemented for more than 32.
Result<Shape> ShapeFromJson(const Json& json, std::string_view path, int64_t min);
Json ToJson(const Dims& dims);
/// A string or null for each.
Json ToJson(const std::vector<std::optional<std::string>>& names);

/// Whether the bytes of the array (at `$.shape`) and of one cell (at `cell_path`) can be counted.
Status CheckProducts(const Shape& shape, const Shape& cell_shape, DataType type,
                     std::string_view cell_path);
/// Whether one task can hold what is decoded as one: the chunk (at `cell_path`), or the shard's
/// inner chunk.
Status CheckTaskSize(const CodecChain& chain, std::string_view cell_path);

/// Shape, chunk shape and shard shape of new arrays. Errors: InvalidArgument naming the option.
Status CheckChunking(const CreateOptions& options);

/// What `shape` cut by a default chunk is: about 1 MiB, the largest extents halved first.
Shape DefaultChunkShape(const Shape& shape, DataType type);
/// The same for the inner chunks of a shard: extents that divide the shard's.
Shape DefaultInnerChunkShape(const Shape& shard_shape, DataType type);

/// Attributes that a caller gives: "" is none. Errors: InvalidArgument unless it is a JSON object.
Result<Json> ParseAttributes(std::string_view text);
/// The attributes of a new array, with "dimension_units" where they are given.
Result<Json> AttributesOf(const CreateOptions& options);

}  // namespace coffer::inline v0::zarr

#endif  // COFFER_DRIVERS_ZARR_LAYOUT_H_
