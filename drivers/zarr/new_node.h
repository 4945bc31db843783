// The way to a new node: its name checked, its place made free, the groups above it made.
//
//  1. The names in its prefix are checked; a node that is there is an error, or deleted: first its
//     documents, so that no moment shows an array without its chunks, then all below it.
//  2. Where an array is to be and no node is, no chunk may be, either: it would show in the new
//     array. One that a deletion broken off has left is an error, or deleted.
//  3. The groups above it, from the top down. An array above it is an error.
//
// Thread safety: free functions.
#ifndef COFFER_DRIVERS_ZARR_NEW_NODE_H_
#define COFFER_DRIVERS_ZARR_NEW_NODE_H_

#include <string>
#include <string_view>

#include "coffer/array/driver.h"
#include "drivers/zarr/chunk_keys.h"
#include "drivers/zarr/document.h"

namespace coffer::inline v0::zarr {

/// How one version of the format stores nodes.
struct NodeFormat {
  const ArrayDriver& driver;
  std::string_view array_document;  ///< The names of the documents; they may be one.
  std::string_view group_document;
  std::string group_text;  ///< The document of a group without attributes.
  IsName is_name;
};

/// How the chunks of the new array are named; of a group: nullptr.
struct NewChunks {
  ChunkKeys keys;
  int rank = 0;
};

/// Errors: InvalidArgument (a name), AlreadyExists (a node), FailedPrecondition (chunks without a
/// node; an array above), or the store's.
Status PrepareNode(const NodeFormat& format, const KvStorePtr& store, const std::string& prefix,
                   const NewChunks* chunks, bool delete_existing);

}  // namespace coffer::inline v0::zarr

#endif  // COFFER_DRIVERS_ZARR_NEW_NODE_H_
