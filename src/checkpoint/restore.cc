// How a tree is restored:
//
//  1. The Reader has read the marker, then the document, whose digest the marker holds; no other
//     key is looked at.
//  2. Plan: which leaves, in which shapes. Errors of the call surface here.
//  3. For each leaf, several at once: open its array, which must be what the document says, byte by
//     byte of its metadata. Before a large allocation, count the stored chunks: a claim of 2^50
//     elements fails here. Read what stored and wanted shape have in common straight into the
//     result, an absent chunk being an error, and fill the rest.
//  4. What is missing or damaged was lost, unless the marker names other data by now: whoever
//     replaces or deletes a checkpoint begins with the marker.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/driver.h"
#include "coffer/checkpoint/checkpoint.h"
#include "src/checkpoint/parallel.h"
#include "src/checkpoint/place.h"
#include "src/checkpoint/plan.h"
#include "src/nd/copy.h"

namespace coffer::inline v0::checkpoint {
namespace {

constexpr int64_t kCountFromBytes = MiB(64);

/// Fills all that lies outside the box of shape `kept` at the origin.
void FillOutside(const View& view, const Shape& kept, std::span<const std::byte> element) {
  Box box = Box::Full(view.shape);
  for (int d = 0; d < view.rank(); ++d) {
    box.origin[d] = kept[d];
    box.shape[d] = view.shape[d] - kept[d];
    if (!box.empty()) FillView(view.Subview(box), element);
    box.origin[d] = 0;
    box.shape[d] = kept[d];
  }
}

Status CheckAllStored(const Array& array) {
  const StoredArray& stored = *array.stored();
  if (!stored.store->capabilities().listable) {  // A claim has no last chunk.
    Index last = stored.grid.grid_shape();
    for (int d = 0; d < last.rank(); ++d) --last[d];
    const std::string key = stored.CellKey(last);
    COFFER_ASSIGN_OR_RETURN(const ReadResult stat,
                            stored.store->Read(key, {.range = ByteRange::Stat()}).Get());
    if (stat.state != ReadResult::State::kMissing) return Status();
    return DataLossError(stored.Describe(key) + ": the last chunk is not stored");
  }
  COFFER_ASSIGN_OR_RETURN(const StoredChunks chunks, array.CountStored());
  if (chunks.count == chunks.possible) return Status();
  return DataLossError(array.url() + ": " + std::to_string(chunks.count) + " of " +
                       std::to_string(chunks.possible) + " chunks are stored");
}

class Restorer {
 public:
  Restorer(const StoredCheckpoint& checkpoint, RestorePlan plan, const RestoreOptions& options)
      : checkpoint_(checkpoint), plan_(std::move(plan)), options_(options) {}

  Result<Tree> Run() {
    int64_t all_bytes = 0;
    for (const LeafRead& read : plan_.reads) all_bytes += read.wanted_bytes();
    ProgressSum progress(options_.on_progress, all_bytes);
    arrays_.resize(plan_.reads.size());
    COFFER_RETURN_IF_ERROR(ForEachLeaf(
        options_.context, plan_.reads.size(),
        LeafThreads(options_.context, *checkpoint_.place.store), options_.cancel,
        [&](size_t i, const CancelToken& cancel) { return ReadLeaf(i, cancel, progress); }));
    return Assemble(plan_.tree);
  }

 private:
  Status ReadLeaf(size_t i, const CancelToken& cancel, ProgressSum& progress) {
    const LeafRead& leaf = plan_.reads[i];
    COFFER_ASSIGN_OR_RETURN(const Array array, OpenLeaf(checkpoint_, leaf.number, leaf.path,
                                                        leaf.stored, options_.context));
    ProgressSum::Part part(progress, leaf.wanted_bytes());
    COFFER_RETURN_IF_ERROR(ReadInto(array, leaf, cancel, part, arrays_[i]).Annotate(At(leaf.path)));
    part.Finish();
    return Status();
  }

  static Status ReadInto(const Array& array, const LeafRead& leaf, const CancelToken& cancel,
                         ProgressSum::Part& part, OwnedArray& result) {
    const Box common = Box::Full(leaf.Common());
    if (*NumElements(common.shape) * leaf.stored.data_type.size() > kCountFromBytes) {
      COFFER_RETURN_IF_ERROR(CheckAllStored(array));
    }
    Result<OwnedArray> allocated = OwnedArray::Allocate(leaf.stored.data_type, leaf.wanted);
    if (!allocated.ok()) return allocated.status().Annotate(array.url());
    result = *std::move(allocated);
    if (!common.empty()) {
      ArrayReadOptions read;
      read.missing = ArrayReadOptions::Missing::kError;
      read.on_progress = part.function();
      read.cancel = cancel;
      const Status status = array.Read(common, result.view().Subview(common), read);
      if (status.code() == StatusCode::kNotFound) {
        return DataLossError(std::string(status.message()));
      }
      COFFER_RETURN_IF_ERROR(status);
    }
    FillOutside(result.view(), common.shape, array.fill_value());
    return Status();
  }

  Tree Assemble(const Tree& node) {
    if (node.kind() == Tree::Kind::kArray) return Tree(std::move(arrays_[next_++]));
    if (node.kind() == Tree::Kind::kDict) {
      Tree dict = Tree::Dict();
      for (const auto& [name, child] : node.members()) dict.Set(name, Assemble(child));
      return dict;
    }
    if (node.kind() == Tree::Kind::kList) {
      Tree list = Tree::List();
      for (const Tree& item : node.items()) list.Append(Assemble(item));
      return list;
    }
    return node;
  }

  const StoredCheckpoint& checkpoint_;
  const RestorePlan plan_;
  const RestoreOptions& options_;
  std::vector<OwnedArray> arrays_;  // One per read; each written by the thread that took it.
  size_t next_ = 0;
};

}  // namespace

Result<Tree> Reader::Restore(const RestoreOptions& options) const {
  Result<RestorePlan> plan = PlanRestore(stored_->document.tree, options);
  if (!plan.ok()) return plan.status().Annotate(stored_->place.Describe());
  Result<Tree> restored = Restorer(*stored_, *std::move(plan), options).Run();
  if (restored.status().code() != StatusCode::kDataLoss) return restored;
  const Result<bool> stands = StillStands(*stored_);
  if (!stands.ok() || *stands) return restored;
  return AbortedError(stored_->place.Describe() + ": replaced or deleted while it was read");
}

}  // namespace coffer::inline v0::checkpoint
