// A checkpoint's place, and reading what stands there: marker first, then the document it vouches
// for, then arrays, whose metadata the document vouches for.
#ifndef COFFER_SRC_CHECKPOINT_PLACE_H_
#define COFFER_SRC_CHECKPOINT_PLACE_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "coffer/array/array.h"
#include "coffer/async/context.h"
#include "coffer/checkpoint/tree.h"
#include "coffer/kvstore/kvstore.h"
#include "src/checkpoint/document.h"

namespace coffer::inline v0 {

/// A prefix ("" or ending with "/") of a store.
struct CheckpointPlace {
  KvStorePtr store;
  std::string prefix;

  std::string Describe() const { return store->Describe(prefix); }
};

/// kPublish: the store is that of the parent directory, so that a checkpoint can be moved to its
/// place by renaming. kRead: it is that of the place itself, which may be "." or a symbolic link,
/// and whose parent one need not be able to list.
enum class PlaceUse { kRead, kPublish };

/// Whether it is a store that a text names, as it must for a checkpoint. Other specs and adapters
/// ("|zarr3:") name nodes.
bool MayNameCheckpoint(std::string_view place, const Context& context);
/// From a URL, a plain path, either with stores' adapters ("x.zip|zip:a/"), or a store's JSON spec.
/// Errors: InvalidArgument (an array's spec or adapter), or the store's own.
Result<CheckpointPlace> OpenCheckpointPlace(std::string_view place, PlaceUse use,
                                            const Context& context);
Result<CheckpointPlace> MakeCheckpointPlace(KvStorePtr store, std::string prefix);

/// FailedPrecondition if an array or a checkpoint stands above a path or URL: everything below it
/// is its own. Where nobody can look, there is none; an error if looking was not answered.
Status CheckNothingAbove(std::string_view place, const Context& context);

/// FailedPrecondition if a checkpoint, be its marker damaged, stands above a path or URL. The same
/// where nobody can look or answers.
Status CheckNotInACheckpoint(std::string_view place, const Context& context);

/// "<prefix without its slash>.coffer-tmp-<16 hexadecimal digits>/", where a save stages its work.
std::string StagingPrefix(const std::string& prefix, std::string_view id);
/// Whether a prefix is one of these: what stands there was never finished.
bool IsStagingPrefix(std::string_view prefix);
/// 16 random hexadecimal digits.
std::string RandomId();

struct StoredMarker {
  Marker marker;
  Generation generation;
};
/// nullopt if there is none. Errors: DataLoss naming the key.
Result<std::optional<StoredMarker>> ReadMarker(const CheckpointPlace& place);

/// The whole value of a key. Errors: DataLoss naming the key if it is missing or is not what the
/// digest says.
Result<Bytes> ReadDigested(const CheckpointPlace& place, const std::string& key,
                           const Digest& digest);

/// A complete checkpoint whose metadata has been read.
struct StoredCheckpoint {
  CheckpointPlace place;
  Marker marker;
  Document document;

  std::string DataPrefix() const { return place.prefix + marker.data + "/"; }
  std::string ArrayPrefix(size_t number) const;
};
/// Errors: NotFound if there is no complete checkpoint, DataLoss.
Result<Marker> RequireMarker(const CheckpointPlace& place);
/// Whether a complete checkpoint is there, as far as its marker tells. Errors: DataLoss;
/// Unimplemented for one of another version.
Result<bool> HasMarker(const CheckpointPlace& place);
/// Whether an error of HasMarker says that there is a marker all the same, which cannot be read.
inline bool IsUnreadableMarker(const Status& status) {
  return status.code() == StatusCode::kDataLoss || status.code() == StatusCode::kUnimplemented;
}
Result<StoredCheckpoint> OpenCheckpoint(const CheckpointPlace& place);
/// Whether the marker still names the data of this one. Who replaces or deletes it begins there.
Result<bool> StillStands(const StoredCheckpoint& checkpoint);

/// Which array of this checkpoint's a key belongs to; nullopt if to none.
std::optional<size_t> ArrayOfKey(const StoredCheckpoint& checkpoint, std::string_view key);

/// Calls `see` for every key below a prefix. Errors: the store's own.
Status ForEachKey(const CheckpointPlace& place, const std::function<void(const ListEntry&)>& see);

/// The array of a leaf, which must be as the document says. Errors: DataLoss, the store's own; all
/// begin with the leaf's path.
Result<Array> OpenLeaf(const StoredCheckpoint& checkpoint, size_t number, const TreePath& path,
                       const ConstView& leaf, const Context& context);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_PLACE_H_
