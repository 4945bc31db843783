// The metadata member "chunk_key_encoding".
#ifndef COFFER_DRIVERS_ZARR3_KEY_ENCODING_H_
#define COFFER_DRIVERS_ZARR3_KEY_ENCODING_H_

#include <string_view>

#include "coffer/base/result.h"
#include "drivers/zarr/chunk_keys.h"
#include "src/base/json.h"

namespace coffer::inline v0::zarr3 {

using zarr::ChunkKeys;

/// What stands at `path`. Errors: InvalidArgument; Unimplemented for an unknown name.
Result<ChunkKeys> ChunkKeysFromJson(const Json& json, std::string_view path);
/// The long form that ChunkKeysFromJson reads back.
Json ChunkKeysToJson(const ChunkKeys& keys);

}  // namespace coffer::inline v0::zarr3

#endif  // COFFER_DRIVERS_ZARR3_KEY_ENCODING_H_
