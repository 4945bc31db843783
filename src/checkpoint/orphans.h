// What lies in a checkpoint, or beside it, and is no part of it.
#ifndef COFFER_SRC_CHECKPOINT_ORPHANS_H_
#define COFFER_SRC_CHECKPOINT_ORPHANS_H_

#include <cstdint>
#include <functional>
#include <string>

#include "coffer/async/context.h"
#include "src/array/survey.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0 {

inline constexpr std::string_view kForeignInCheckpoint = "orphan: no part of the checkpoint";
std::string UnfinishedReason(int64_t keys);

/// Whether a checkpoint, be it a damaged one, stands at a prefix of the store.
PlaceProbe CheckpointProbe(KvStorePtr store);

struct OrphanSink {
  std::function<Status(const std::string& key)> on_foreign;
  /// An array, group or checkpoint inside the checkpoint, with so many keys.
  std::function<Status(const std::string& prefix, int64_t keys)> on_inner_node;
  /// A data directory that the marker does not name.
  std::function<Status(const std::string& prefix, int64_t keys)> on_unfinished;
};
/// Looks at every key of the place. Errors: the store's, and those of the sink.
Status FindOrphans(const StoredCheckpoint& checkpoint, const Context& context,
                   const OrphanSink& sink);

/// Calls `see` for each neighbour of the place that a save to it staged its work in, with the
/// number of its keys. `place` is as for PlaceUse::kPublish; where its parent cannot be listed,
/// nothing.
Status FindStagings(const CheckpointPlace& place,
                    const std::function<Status(const std::string& prefix, int64_t keys)>& see);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_ORPHANS_H_
