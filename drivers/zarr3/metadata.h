// The zarr.json of arrays and groups: read, checked as a whole, and made from options.
//
// Whatever is wrong with a document shows here, before any chunk is touched: nothing is allocated
// in proportion to its numbers, products are checked, and what no task could hold in memory is
// refused. Errors carry the JSON path, not yet store and key: InvalidArgument for what is
// malformed, Unimplemented (by name) for what is valid but not supported.
#ifndef COFFER_DRIVERS_ZARR3_METADATA_H_
#define COFFER_DRIVERS_ZARR3_METADATA_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/driver.h"
#include "coffer/array/options.h"
#include "coffer/nd/grid.h"
#include "drivers/zarr3/key_encoding.h"
#include "src/base/json.h"
#include "src/codec/chain.h"

namespace coffer::inline v0::zarr3 {

/// An array's document, understood.
struct ArrayMetadata {
  RegularGrid grid;  // Of write chunks.
  std::shared_ptr<const CodecChain> chain;
  ChunkKeys keys;
  std::vector<std::optional<std::string>> dimension_names;
  std::string attributes;  // JSON object text.
  std::string codecs;      // JSON list text.
  std::string fill_value;  // JSON text.
};

/// "array" or "group". Errors also: a zarr_format other than 3.
Result<std::string> NodeTypeOf(const Json& document);

/// Requires NodeTypeOf() == "array".
Result<ArrayMetadata> ArrayFromJson(const Json& document, const CodecTable& codecs);
/// The attributes of a group, JSON object text. Requires NodeTypeOf() == "group".
Result<std::string> GroupFromJson(const Json& document);

/// The nodes that a group's document gathers in "consolidated_metadata", by name; nullopt if it has
/// none. Their documents are not understood yet.
Result<std::optional<GroupSnapshot>> SnapshotFromJson(const Json& document);

/// The document of a new array. Errors: InvalidArgument naming the option.
Result<Json> ArrayToJson(const CreateOptions& options);
/// The document of a new group with these attributes.
Json GroupToJson(Json attributes);

}  // namespace coffer::inline v0::zarr3

#endif  // COFFER_DRIVERS_ZARR3_METADATA_H_
