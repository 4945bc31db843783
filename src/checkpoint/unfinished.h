// What saves leave that did not finish, or have not yet: how it is recognised, found and removed.
//
//  * "<place>.coffer-tmp-<id>/", staged beside the place, to be renamed to it.
//  * "data-<id>/" in a place whose marker does not name it, or that has none.
//
// These names are for saves alone, and what stands there is nothing else: neither keys of nobody
// nor arrays. A saver may be writing it, so it goes only if somebody vouches that none is; and not
// if it holds keys that no save writes.
#ifndef COFFER_SRC_CHECKPOINT_UNFINISHED_H_
#define COFFER_SRC_CHECKPOINT_UNFINISHED_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "coffer/array/repair.h"
#include "src/array/survey.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0 {

/// Tells checkpoints, be they damaged, and unfinished ones from other prefixes of the store.
PlaceProbe CheckpointProbe(KvStorePtr store);

/// Takes a prefix that an unfinished save wrote below, and how many keys it has.
using UnfinishedSink = std::function<Status(const std::string& prefix, int64_t keys)>;
/// What saves to this place staged beside it. `place` is as for PlaceUse::kPublish; where its
/// parent cannot be listed, nothing.
Status FindStagings(const CheckpointPlace& place, const UnfinishedSink& see);
/// What saves to this place, which has no marker, wrote in it; or the place itself, if it is where
/// one staged its work.
Status FindUnpublished(const CheckpointPlace& place, const UnfinishedSink& see);

/// Aborted unless the marker of the place still names this data directory; "": unless there is
/// none.
Status CheckMarker(const CheckpointPlace& place, std::string_view named);

VerifyReport::Finding UnfinishedFinding(const KvStore& store, const std::string& prefix,
                                        int64_t keys);
/// Deletes it, or leaves it, as the options say. `named`: the data directory that the place's
/// marker named when the place was looked at, "" if there was none. Errors: Aborted if it names
/// another by now; the store's own.
Status RepairUnfinished(const KvStorePtr& store, const std::string& prefix, int64_t keys,
                        std::string_view named, const RepairOptions& options, RepairReport& report);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_CHECKPOINT_UNFINISHED_H_
