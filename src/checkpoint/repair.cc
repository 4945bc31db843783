// How a checkpoint is repaired: what is found as by verify.cc is dealt with when it shows.
//
//  1. Foreign keys and what unfinished saves left are deleted if the options say so; a data
//     directory only if the marker, read once more just before, still does not name it.
//
//  2. Each array that is what the document says is repaired as any array is (src/array/repair.cc),
//     but nothing of it is dropped: a chunk that is not there is as much a loss as a damaged one.
//
//  3. What dead writers left is removed.
#include "coffer/checkpoint/repair.h"

#include <optional>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "src/array/array_caches.h"
#include "src/array/findings.h"
#include "src/array/inspect.h"
#include "src/checkpoint/check.h"
#include "src/checkpoint/orphans.h"

namespace coffer::inline v0 {
namespace {

using Outcome = RepairReport::Outcome;

class Repairer {
 public:
  Repairer(CheckpointPlace place, const RepairOptions& options, const Context& context)
      : place_(std::move(place)), options_(options), context_(context) {}

  Result<RepairReport> Run(const CheckpointPlace& published) {
    std::optional<NodeWriteMark> mark;
    if (!options_.dry_run) mark.emplace(context_, *place_.store, place_.prefix, true);
    Result<StoredCheckpoint> opened = OpenCheckpoint(place_);
    if (!opened.ok() && IsDamage(opened.status())) {
      Leave({FindingKind::kMetadata, place_.Describe(), opened.status().ToString()},
            "without it nobody can tell what belongs to the checkpoint");
      return std::move(report_);
    }
    COFFER_ASSIGN_OR_RETURN(checkpoint_, std::move(opened));
    COFFER_RETURN_IF_ERROR(RepairOrphans());
    COFFER_RETURN_IF_ERROR(FindStagings(published, [&](const std::string& prefix, int64_t keys) {
      return RepairUnfinished(*published.store, prefix, keys, false);
    }));
    const std::vector<ArrayLeaf> leaves = ArrayLeavesOf(checkpoint_.document.tree);
    for (size_t number = 0; number < leaves.size(); ++number) {
      COFFER_RETURN_IF_ERROR(RepairLeaf(number, leaves[number]).Annotate(At(leaves[number].path)));
    }
    COFFER_RETURN_IF_ERROR(RepairDebris(*place_.store, place_.prefix, options_, report_));
    SortItems(report_);
    return std::move(report_);
  }

 private:
  void Leave(VerifyReport::Finding finding, std::string_view why) {
    AddItem(report_, {std::move(finding), Outcome::kLeft, std::string(why)});
  }

  Status RepairOrphans() {
    return FindOrphans(checkpoint_, context_,
                       {.on_foreign =
                            [this](const std::string& key) {
                              return RepairForeign(*place_.store, key,
                                                   std::string(kForeignInCheckpoint), options_,
                                                   report_);
                            },
                        .on_inner_node =
                            [this](const std::string& prefix, int64_t keys) {
                              Leave({FindingKind::kInnerNode, place_.store->Describe(prefix),
                                     InnerNodeReason(keys, "a checkpoint")},
                                    kInnerNodeLeft);
                              return Status();
                            },
                        .on_unfinished =
                            [this](const std::string& prefix, int64_t keys) {
                              return RepairUnfinished(*place_.store, prefix, keys, true);
                            }});
  }

  /// `inside`: a data directory of the place, which the marker may have come to name.
  Status RepairUnfinished(KvStore& store, const std::string& prefix, int64_t keys, bool inside) {
    RepairReport::Item item{
        {FindingKind::kUnfinished, store.Describe(prefix), UnfinishedReason(keys)},
        Outcome::kLeft,
        "its saver may live (drop-unfinished)"};
    if (options_.drop_unfinished) {
      item.action = "delete";
      item.outcome = options_.dry_run ? Outcome::kPlanned : Outcome::kDone;
    }
    if (item.outcome == Outcome::kDone) {
      if (inside) {
        COFFER_ASSIGN_OR_RETURN(const Marker now, RequireMarker(place_));
        if (now.data != checkpoint_.marker.data) return ReplacedMeanwhile();
      }
      COFFER_RETURN_IF_ERROR(store.DeleteRange(KeyRange::Prefix(prefix)).Get());
    }
    AddItem(report_, std::move(item));
    return Status();
  }

  Status ReplacedMeanwhile() const {
    return AbortedError(place_.Describe() +
                        ": the checkpoint was replaced while it was repaired; repair again");
  }

  Status RepairLeaf(size_t number, const ArrayLeaf& leaf) {
    std::vector<VerifyReport::Finding> findings;
    const Result<Array> array = OpenToCheck(checkpoint_, number, leaf, context_, findings);
    for (VerifyReport::Finding& finding : findings) {
      Leave(std::move(finding), "what is lost cannot be made again");
    }
    if (!array.ok()) return findings.empty() ? array.status() : Status();
    COFFER_ASSIGN_OR_RETURN(
        RepairReport report,
        RepairArrayWith(
            *array, options_,
            {.probe = CheckpointProbe(place_.store), .debris = false, .checkpoint = true}));
    for (RepairReport::Item& item : report.items) {
      item.finding.reason += " (" + At(leaf.path) + ")";
    }
    Merge(report_, std::move(report));
    return Status();
  }

  const CheckpointPlace place_;
  const RepairOptions& options_;
  const Context& context_;
  StoredCheckpoint checkpoint_;
  RepairReport report_;
};

}  // namespace

Result<PlaceToCheck> OpenPlaceToCheck(std::string_view place, const Context& context) {
  PlaceToCheck opened;
  COFFER_ASSIGN_OR_RETURN(opened.place, OpenCheckpointPlace(place, PlaceUse::kRead, context));
  Result<CheckpointPlace> published = OpenCheckpointPlace(place, PlaceUse::kPublish, context);
  // A name like "." has no neighbours that anybody could know by it.
  opened.published = published.ok() ? *std::move(published) : opened.place;
  return opened;
}

Result<RepairReport> RepairCheckpoint(const CheckpointPlace& place,
                                      const CheckpointPlace& published,
                                      const RepairOptions& options, const Context& context) {
  return Repairer(place, options, context).Run(published);
}

namespace checkpoint {

Result<RepairReport> Repair(std::string_view place, const RepairOptions& options,
                            const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const PlaceToCheck opened, OpenPlaceToCheck(place, context));
  return RepairCheckpoint(opened.place, opened.published, options, context);
}

Result<RepairReport> Repair(KvStorePtr store, std::string prefix, const RepairOptions& options,
                            const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const CheckpointPlace place,
                          MakeCheckpointPlace(std::move(store), std::move(prefix)));
  return RepairCheckpoint(place, place, options, context);
}

}  // namespace checkpoint
}  // namespace coffer::inline v0
