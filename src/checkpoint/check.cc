// How a checkpoint is checked:
//
//  1. Read marker and document. Where there is no marker, what unfinished saves wrote is all there
//     can be. Damage is a finding, and nothing further can be said of the inside.
//
//  2. List every key (orphans.cc): what belongs neither to the metadata nor to an array of the
//     document's is an orphan; what an unfinished save has left is one finding a directory. So is
//     what one staged beside the place, where that is known by a name. A store that cannot list
//     shows none of this.
//
//  3. Open each array, which must be what the document says; every chunk of its grid must be
//     stored; then it is checked as any array, but nothing of it is ever dropped: a chunk that is
//     not there is as much a loss as a damaged one. Unless the marker names other data by now: then
//     the checkpoint was replaced, and a verifier begins anew.
//
//  4. What dead writers left, of the whole place.
#include "src/checkpoint/check.h"

#include <optional>
#include <utility>

#include "coffer/array/driver.h"
#include "src/array/array_caches.h"
#include "src/array/findings.h"
#include "src/checkpoint/orphans.h"
#include "src/checkpoint/parallel.h"
#include "src/checkpoint/unfinished.h"

namespace coffer::inline v0 {
namespace {

class CheckpointWalk {
 public:
  CheckpointWalk(const CheckpointPlace& place, const CheckpointPlace& published,
                 const Context& context, Checker& checker)
      : place_(place), published_(published), context_(context), checker_(checker) {}

  Status Run() {
    const BufferPool::OperationScope scope(context_.buffers());
    checker_.Begin(place_.store, place_.prefix);
    std::optional<NodeWriteMark> mark;
    if (checker_.changes()) mark.emplace(context_, *place_.store, place_.prefix, true);
    Result<StoredCheckpoint> opened = OpenCheckpoint(place_);
    if (opened.status().code() == StatusCode::kNotFound) return NothingComplete(opened.status());
    if (!opened.ok()) {
      if (!IsUnreadable(opened.status())) return opened.status();
      VerifyReport::Finding finding = UnreadableNode(place_.Describe(), opened.status());
      // No digest vouches for the marker: a flipped bit may have made another version of it.
      if (IsUnsupported(ReadMarker(place_).status())) finding.kind = FindingKind::kMetadata;
      COFFER_RETURN_IF_ERROR(checker_.Tell(
          std::move(finding), "without it nobody can tell what belongs to the checkpoint"));
      return CheckStagings();
    }
    checkpoint_ = *std::move(opened);
    COFFER_RETURN_IF_ERROR(CheckOrphans());
    COFFER_RETURN_IF_ERROR(CheckStagings());
    COFFER_RETURN_IF_ERROR(CheckLeaves());
    return checker_.Debris(*place_.store, place_.prefix);
  }

 private:
  Status NothingComplete(const Status& not_found) {
    bool any = false;
    COFFER_RETURN_IF_ERROR(FindUnpublished(place_, [&](const std::string& prefix, int64_t keys) {
      any = true;
      return checker_.Unfinished(place_.store, prefix, keys, "");
    }));
    COFFER_RETURN_IF_ERROR(CheckStagings(&any));
    return any ? Status() : not_found;
  }

  Status CheckOrphans() {
    if (!place_.store->capabilities().listable && checker_.GoesOnUnlisted()) return Status();
    return FindOrphans(
        checkpoint_, context_,
        {.on_foreign =
             [this](const std::vector<std::string>& keys) {
               const auto judge = [this](const std::vector<std::string>& judged) {
                 return JudgeOrphans(checkpoint_, context_, judged);
               };
               return checker_.Foreign(*place_.store, keys, "orphan: no part of the checkpoint",
                                       judge);
             },
         .on_inner_node =
             [this](const std::string& prefix, int64_t keys) {
               return checker_.Tell({FindingKind::kInnerNode, place_.store->Describe(prefix),
                                     InnerNodeReason(keys, "a checkpoint")},
                                    kInnerNodeLeft);
             },
         .on_unfinished =
             [this](const std::string& prefix, int64_t keys) {
               const bool deeper = prefix.find('/', place_.prefix.size()) + 1 < prefix.size();
               return checker_.Unfinished(place_.store, prefix, keys,
                                          deeper ? "" : checkpoint_.marker.data);
             }});
  }

  Status CheckStagings(bool* any = nullptr) {
    return FindStagings(published_, [&](const std::string& prefix, int64_t keys) {
      if (any != nullptr) *any = true;
      return checker_.Unfinished(published_.store, prefix, keys, "");
    });
  }

  Status CheckLeaves() {
    const std::vector<ArrayLeaf> leaves = ArrayLeavesOf(checkpoint_.document.tree);
    int64_t all_bytes = 0;
    for (const ArrayLeaf& leaf : leaves) all_bytes += leaf.bytes();
    ProgressSum progress(checker_.on_progress(), all_bytes);
    std::vector<std::unique_ptr<Checker>> parts(leaves.size());
    const auto check = [&](size_t number, const CancelToken& cancel) -> Status {
      ProgressSum::Part part(progress, leaves[number].bytes());
      parts[number] = checker_.ForPart(part.function(), cancel);
      COFFER_RETURN_IF_ERROR(CheckLeaf(number, leaves[number], *parts[number]));
      part.Finish();
      return Status();
    };
    const int threads = checker_.parts_at_once(LeafThreads(context_, *place_.store));
    const Status status = ForEachLeaf(context_, leaves.size(), threads, checker_.cancel(), check);
    for (std::unique_ptr<Checker>& part : parts) {
      if (part != nullptr) checker_.Take(std::move(part));
    }
    return status;
  }

  Status CheckLeaf(size_t number, const ArrayLeaf& leaf, Checker& checker) const {
    const Result<Array> array = OpenLeaf(checkpoint_, number, leaf.path, leaf.view, context_);
    if (!array.ok()) {
      if (!IsUnreadable(array.status())) return array.status();
      return TellOfLeaf(
          UnreadableNode(place_.store->Describe(checkpoint_.ArrayPrefix(number)), array.status()),
          checker);
    }
    int64_t missing = 0;
    ArrayCheckOptions check{
        .probe = CheckpointProbe(place_.store), .debris = false, .checkpoint = true};
    const bool lists = place_.store->capabilities().listable;
    if (lists) {
      COFFER_ASSIGN_OR_RETURN(const StoredChunks chunks, array->CountStored());
      missing = chunks.possible - chunks.count;
      COFFER_RETURN_IF_ERROR(TellOfMissing(*array, leaf, missing, checker));
    } else {
      check.missing = &missing;
    }
    COFFER_RETURN_IF_ERROR(
        checker.OneArray(*array, check, " (" + At(leaf.path) + ")").Annotate(At(leaf.path)));
    return lists ? Status() : TellOfMissing(*array, leaf, missing, checker);
  }

  Status TellOfMissing(const Array& array, const ArrayLeaf& leaf, int64_t missing,
                       Checker& checker) const {
    if (missing == 0) return Status();
    const int64_t possible = *NumElements(array.stored()->grid.grid_shape());
    return TellOfLeaf({FindingKind::kMissing, array.url(),
                       "DataLoss: " + At(leaf.path) + ": " + std::to_string(possible - missing) +
                           " of " + std::to_string(possible) + " chunks are stored"},
                      checker);
  }

  /// A save that overwrites deletes the old data: that is no loss, but Aborted.
  Status TellOfLeaf(VerifyReport::Finding finding, Checker& checker) const {
    Status same = CheckMarker(place_, checkpoint_.marker.data);
    if (same.code() == StatusCode::kAborted) return same;
    return checker.Tell(std::move(finding), kLost);
  }

  const CheckpointPlace& place_;
  const CheckpointPlace& published_;
  const Context& context_;
  Checker& checker_;
  StoredCheckpoint checkpoint_;
};

}  // namespace

Status CheckCheckpoint(const CheckpointPlace& place, const CheckpointPlace& published,
                       const Context& context, Checker& checker) {
  constexpr int kAttemptsMax = 16;
  if (checker.changes()) return CheckpointWalk(place, published, context, checker).Run();
  for (int attempt = 1;; ++attempt) {
    std::unique_ptr<Checker> part = checker.ForPart(checker.on_progress(), checker.cancel());
    const Status status = CheckpointWalk(place, published, context, *part).Run();
    // Replaced meanwhile: what was found is of one that is no more.
    if (status.code() == StatusCode::kAborted && attempt < kAttemptsMax) continue;
    checker.Take(std::move(part));
    return status;
  }
}

Status CheckCheckpoint(std::string_view place, const Context& context, Checker& checker) {
  COFFER_ASSIGN_OR_RETURN(const CheckpointPlace opened,
                          OpenCheckpointPlace(place, PlaceUse::kRead, context));
  const Result<CheckpointPlace> published = OpenCheckpointPlace(place, PlaceUse::kPublish, context);
  // A name like "." has no neighbours that anybody could know by it.
  return CheckCheckpoint(opened, published.ok() ? *published : opened, context, checker);
}

}  // namespace coffer::inline v0
