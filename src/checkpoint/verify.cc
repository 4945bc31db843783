// How a checkpoint is verified:
//
//  1. Read marker and document; damage there is a finding, and nothing further can be said.
//
//  2. List every key (orphans.cc): what belongs neither to the metadata nor to an array of the
//     document's is an orphan; what an unfinished save has left is one finding a directory. So is
//     what one staged beside the place, where that is known by a name.
//
//  3. Open each array, which must be what the document says; every chunk of its grid must be
//     stored; then what is found of any array.
//
//  4. What dead writers left, of the whole place.
#include <string>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/checkpoint/checkpoint.h"
#include "src/array/findings.h"
#include "src/array/inspect.h"
#include "src/checkpoint/check.h"
#include "src/checkpoint/orphans.h"
#include "src/checkpoint/parallel.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0 {

Result<Array> OpenToCheck(const StoredCheckpoint& checkpoint, size_t number, const ArrayLeaf& leaf,
                          const Context& context, std::vector<VerifyReport::Finding>& findings) {
  Result<Array> array = OpenLeaf(checkpoint, number, leaf.path, leaf.view, context);
  if (!array.ok()) {
    if (IsDamage(array.status())) {
      findings.push_back({FindingKind::kMetadata,
                          checkpoint.place.store->Describe(checkpoint.ArrayPrefix(number)),
                          array.status().ToString()});
    }
    return array.status();
  }
  COFFER_ASSIGN_OR_RETURN(const StoredChunks chunks, array->CountStored());
  if (chunks.count != chunks.possible) {
    findings.push_back({FindingKind::kMissing, array->url(),
                        "DataLoss: " + At(leaf.path) + ": " + std::to_string(chunks.count) +
                            " of " + std::to_string(chunks.possible) + " chunks are stored"});
  }
  return array;
}

namespace {

class Verifier {
 public:
  Verifier(CheckpointPlace place, const VerifyOptions& options, const Context& context)
      : place_(std::move(place)), options_(options), context_(context) {}

  Result<VerifyReport> Run() {
    const BufferPool::OperationScope scope(context_.buffers());
    Result<StoredCheckpoint> opened = OpenCheckpoint(place_);
    if (!opened.ok() && IsDamage(opened.status())) {
      AddFinding(report_, {FindingKind::kMetadata, place_.Describe(), opened.status().ToString()});
      return std::move(report_);
    }
    COFFER_ASSIGN_OR_RETURN(checkpoint_, std::move(opened));
    leaves_ = ArrayLeavesOf(checkpoint_.document.tree);
    COFFER_RETURN_IF_ERROR(FindOrphans(
        checkpoint_, context_,
        {.on_foreign =
             [this](const std::string& key) {
               return Add(FindingKind::kForeign, key, std::string(kForeignInCheckpoint));
             },
         .on_inner_node =
             [this](const std::string& prefix, int64_t keys) {
               return Add(FindingKind::kInnerNode, prefix, InnerNodeReason(keys, "a checkpoint"));
             },
         .on_unfinished =
             [this](const std::string& prefix, int64_t keys) {
               return Add(FindingKind::kUnfinished, prefix, UnfinishedReason(keys));
             }}));
    COFFER_RETURN_IF_ERROR(VerifyLeaves());
    COFFER_RETURN_IF_ERROR(VerifyDebris(*place_.store, place_.prefix, report_));
    return std::move(report_);
  }

 private:
  Status Add(FindingKind kind, const std::string& key, std::string reason) {
    AddFinding(report_, {kind, place_.store->Describe(key), std::move(reason)});
    return Status();
  }

  Status VerifyLeaves() {
    int64_t all_bytes = 0;
    for (const ArrayLeaf& leaf : leaves_) all_bytes += leaf.bytes();
    ProgressSum progress(options_.on_progress, all_bytes);
    std::vector<VerifyReport> reports(leaves_.size());
    COFFER_RETURN_IF_ERROR(
        ForEachLeaf(context_, leaves_.size(), LeafThreads(context_, *place_.store), options_.cancel,
                    [&](size_t number, const CancelToken& cancel) {
                      ProgressSum::Part part(progress, leaves_[number].bytes());
                      VerifyOptions options = options_;
                      options.on_progress = part.function();
                      options.cancel = cancel;
                      COFFER_ASSIGN_OR_RETURN(reports[number], VerifyLeaf(number, options));
                      part.Finish();
                      return Status();
                    }));
    for (VerifyReport& report : reports) Merge(report_, std::move(report));
    return Status();
  }

  Result<VerifyReport> VerifyLeaf(size_t number, const VerifyOptions& options) {
    const ArrayLeaf& leaf = leaves_[number];
    VerifyReport report;
    std::vector<VerifyReport::Finding> findings;
    const Result<Array> array = OpenToCheck(checkpoint_, number, leaf, context_, findings);
    for (VerifyReport::Finding& finding : findings) AddFinding(report, std::move(finding));
    if (!array.ok()) {
      if (findings.empty()) return array.status();
      return report;
    }
    Result<VerifyReport> found =
        VerifyArrayWith(*array, options, {.probe = CheckpointProbe(place_.store), .debris = false});
    if (!found.ok()) return found.status().Annotate(At(leaf.path));
    for (VerifyReport::Finding& finding : found->findings) {
      finding.reason += " (" + At(leaf.path) + ")";
    }
    Merge(report, *std::move(found));
    return report;
  }

  const CheckpointPlace place_;
  const VerifyOptions& options_;
  const Context& context_;
  StoredCheckpoint checkpoint_;
  std::vector<ArrayLeaf> leaves_;
  VerifyReport report_;
};

}  // namespace

Result<VerifyReport> VerifyCheckpoint(const CheckpointPlace& place,
                                      const CheckpointPlace& published,
                                      const VerifyOptions& options, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(VerifyReport report, Verifier(place, options, context).Run());
  COFFER_RETURN_IF_ERROR(FindStagings(published, [&](const std::string& prefix, int64_t keys) {
    AddFinding(report, {FindingKind::kUnfinished, published.store->Describe(prefix),
                        UnfinishedReason(keys)});
    return Status();
  }));
  SortFindings(report);
  return report;
}

namespace checkpoint {

Result<VerifyReport> Verify(std::string_view place, const VerifyOptions& options,
                            const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const PlaceToCheck opened, OpenPlaceToCheck(place, context));
  return VerifyCheckpoint(opened.place, opened.published, options, context);
}

Result<VerifyReport> Verify(KvStorePtr store, std::string prefix, const VerifyOptions& options,
                            const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const CheckpointPlace place,
                          MakeCheckpointPlace(std::move(store), std::move(prefix)));
  return VerifyCheckpoint(place, place, options, context);
}

}  // namespace checkpoint
}  // namespace coffer::inline v0
