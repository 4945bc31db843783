// The documents of Zarr v2: .zarray, .zgroup, .zattrs; read, checked as a whole, and made from
// options.
//
// Members that are not known are ignored, as the specification asks. Whatever else is wrong with a
// document shows here, before any chunk is touched: nothing is allocated in proportion to its
// numbers, and products are checked. Errors carry the JSON path, not yet store and key:
// InvalidArgument for what is malformed, Unimplemented (by name) for what is valid but not
// supported.
#ifndef COFFER_DRIVERS_ZARR2_METADATA_H_
#define COFFER_DRIVERS_ZARR2_METADATA_H_

#include <memory>
#include <string>
#include <string_view>

#include "coffer/array/driver.h"
#include "coffer/array/options.h"
#include "coffer/nd/grid.h"
#include "drivers/zarr/chunk_keys.h"
#include "src/base/json.h"
#include "src/codec/chain.h"

namespace coffer::inline v0::zarr2 {

/// A .zarray, understood.
struct ArrayMetadata {
  RegularGrid grid;
  std::shared_ptr<const CodecChain> chain;
  std::string codecs;  // As Zarr v3 would list them, JSON text.
  zarr::ChunkKeys keys;
  std::string fill_value;  // JSON text as Zarr v3 spells it.
  bool fill_value_undefined = false;
};
Result<ArrayMetadata> ArrayFromJson(const Json& document, const CodecTable& codecs);

/// Errors: InvalidArgument unless it is the .zgroup of a group.
Status CheckGroup(const Json& document);
/// A .zattrs as JSON object text; also with the bare words NaN, Infinity and -Infinity.
Result<std::string> AttributesFromText(std::string_view text);
/// The nodes of a .zmetadata, by name; not the group itself. Their documents are not understood
/// yet.
Result<GroupSnapshot> SnapshotFromText(std::string_view text);

/// The .zarray of a new array. Errors: InvalidArgument or Unimplemented, naming the option.
Result<Json> ArrayToJson(const CreateOptions& options);
Json GroupToJson();

}  // namespace coffer::inline v0::zarr2

#endif  // COFFER_DRIVERS_ZARR2_METADATA_H_
