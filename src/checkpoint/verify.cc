// How a checkpoint is verified:
//
//  1. Read marker and document; damage there is a finding, and nothing further can be said.
//
//  2. List every key: what belongs neither to the metadata nor to an array of the document's is an
//     orphan; what a killed save has left is one finding a data directory.
//
//  3. Open each array, which must be what the document says; every chunk of its grid must be
//     stored; then VerifyArray.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/checkpoint/checkpoint.h"
#include "src/checkpoint/findings.h"
#include "src/checkpoint/parallel.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0::checkpoint {
namespace {

class Verifier {
 public:
  Verifier(CheckpointPlace place, const VerifyOptions& options, const Context& context)
      : place_(std::move(place)), options_(options), context_(context) {}

  Result<VerifyReport> Run() {
    Result<StoredCheckpoint> opened = OpenCheckpoint(place_);
    if (!opened.ok() && IsDamage(opened.status())) {
      AddFinding(report_, place_.Describe(), opened.status().ToString());
      return std::move(report_);
    }
    COFFER_ASSIGN_OR_RETURN(checkpoint_, std::move(opened));
    leaves_ = ArrayLeavesOf(checkpoint_.document.tree);
    COFFER_RETURN_IF_ERROR(FindOrphans());
    COFFER_RETURN_IF_ERROR(VerifyLeaves());
    return std::move(report_);
  }

 private:
  Status FindOrphans() {
    const std::string marker = place_.prefix + std::string(kMarkerName);
    const std::string document = checkpoint_.DataPrefix() + std::string(kDocumentName);
    std::map<std::string, int64_t> left_by_saves;  // Keys by data directory.
    COFFER_RETURN_IF_ERROR(ForEachKey(place_, [&](const ListEntry& entry) {
      if (entry.key == marker || entry.key == document) return;
      if (ArrayOfKey(checkpoint_, entry.key)) return;
      const size_t slash = entry.key.find('/', place_.prefix.size());
      const std::string directory = entry.key.substr(0, slash);
      if (slash != std::string::npos && directory + "/" != checkpoint_.DataPrefix() &&
          IsDataName(std::string_view(directory).substr(place_.prefix.size()))) {
        ++left_by_saves[directory + "/"];
        return;
      }
      AddFinding(report_, place_.store->Describe(entry.key), "orphan: no part of the checkpoint");
    }));
    for (const auto& [directory, keys] : left_by_saves) {
      AddFinding(report_, place_.store->Describe(directory),
                 "orphan: " + std::to_string(keys) + (keys == 1 ? " key" : " keys") +
                     " of an unfinished save");
    }
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
    const Result<Array> array = OpenLeaf(checkpoint_, number, leaf.path, leaf.view, context_);
    if (!array.ok()) {
      if (!IsDamage(array.status())) return array.status();
      AddFinding(report, place_.store->Describe(checkpoint_.ArrayPrefix(number)),
                 array.status().ToString());
      return report;
    }
    COFFER_ASSIGN_OR_RETURN(const StoredChunks chunks, array->CountStored());
    if (chunks.count != chunks.possible) {
      AddFinding(report, array->url(),
                 "DataLoss: " + At(leaf.path) + ": " + std::to_string(chunks.count) + " of " +
                     std::to_string(chunks.possible) + " chunks are stored");
    }
    Result<VerifyReport> found = VerifyArray(*array, options);
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

Result<VerifyReport> Verify(std::string_view place, const VerifyOptions& options,
                            const Context& context) {
  COFFER_ASSIGN_OR_RETURN(CheckpointPlace opened,
                          OpenCheckpointPlace(place, PlaceUse::kRead, context));
  return Verifier(std::move(opened), options, context).Run();
}

Result<VerifyReport> Verify(KvStorePtr store, std::string prefix, const VerifyOptions& options,
                            const Context& context) {
  COFFER_ASSIGN_OR_RETURN(CheckpointPlace place,
                          MakeCheckpointPlace(std::move(store), std::move(prefix)));
  return Verifier(std::move(place), options, context).Run();
}

}  // namespace coffer::inline v0::checkpoint
