// How a tree is saved:
//
//  1. Check the tree, choose chunks and shards of each array, find what stands at the place.
//  2. Take a fresh id. Where nothing is there and the store renames in one step, stage below
//     "<place>.coffer-tmp-<id>/"; else write where it will stay, which the id keeps apart from
//     everybody else's.
//  3. Write each array leaf below "data-<id>/arrays/<n>/", several at once, encoded from the
//  caller's
//     memory. Every chunk is stored, so that an absent one is a loss.
//  4. Write "data-<id>/checkpoint.json", which holds a digest of each array's metadata; read it
//  back
//     and parse it.
//  5. Publish: write the marker "commit", which names data-<id> and holds the document's digest,
//  last.
//     Staged: then rename to the place, which fails if something is there. Else: the marker is
//     written under the condition that it is still what step 1 found. The one who loses gets
//     AlreadyExists (Aborted when overwriting).
//  6. After overwriting, delete the old data. After an error or a cancellation, delete one's own.
//
// Killed before step 5 ends, a save leaves debris: a staging directory, or a data directory that no
// marker names. Neither is ever read.
#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "src/checkpoint/document.h"
#include "src/checkpoint/layout.h"
#include "src/checkpoint/parallel.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0::checkpoint {
namespace {

std::string NowAsIso8601() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  const size_t size = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(text, size);
}

Status CheckOptions(const SaveOptions& options) {
  constexpr int64_t kBytesMax = GiB(1) * 1024;
  if (options.chunk_bytes < 1 || options.chunk_bytes > kBytesMax) {
    return InvalidArgumentError("chunk_bytes must be from 1 to 2^40, not " +
                                std::to_string(options.chunk_bytes));
  }
  if (options.shard_bytes < 0 || options.shard_bytes > kBytesMax) {
    return InvalidArgumentError("shard_bytes must be from 0 to 2^40, not " +
                                std::to_string(options.shard_bytes));
  }
  return Status();
}

class Saver {
 public:
  Saver(CheckpointPlace place, const Tree& tree, const SaveOptions& options)
      : place_(std::move(place)), tree_(tree), options_(options), id_(RandomId()) {}

  Status Run() {
    COFFER_RETURN_IF_ERROR(Prepare());
    Status status = WriteArrays();
    if (status.ok()) status = WriteDocument();
    if (status.ok() && options_.cancel.cancelled()) status = CancelledError("before the commit");
    if (status.ok()) status = staged_ ? PublishByRename() : PublishByMarker();
    if (!status.ok() && mine_to_delete_) Discard(staged_ ? root_ : root_ + DataName());
    if (status.ok() && replaced_) Discard(place_.prefix + replaced_->marker.data + "/");
    return status;
  }

 private:
  struct Leaf {
    TreePath path;
    ConstView view;
  };

  std::string DataName() const { return "data-" + id_ + "/"; }
  std::string MarkerKey(const std::string& root) const { return root + std::string(kMarkerName); }

  Status Prepare() {
    COFFER_RETURN_IF_ERROR(CheckOptions(options_));
    COFFER_RETURN_IF_ERROR(CheckTree(tree_));
    if (IsStagingPrefix(place_.prefix)) {
      return InvalidArgumentError(place_.Describe() + ": names like this are for unfinished saves");
    }
    for (const auto& [path, node] : tree_.Leaves()) {
      if (node->kind() == Tree::Kind::kArray) leaves_.push_back({path, node->array()});
    }
    document_.created_at = NowAsIso8601();
    document_.tree = tree_;
    document_.arrays.resize(leaves_.size());
    COFFER_ASSIGN_OR_RETURN(replaced_, ReadMarker(place_));
    if (replaced_ && !options_.overwrite) {
      return AlreadyExistsError(place_.Describe() + ": a checkpoint is there already");
    }
    if (!replaced_) COFFER_RETURN_IF_ERROR(CheckNothingElseIsThere());
    return ChooseRoot();
  }

  /// Data of savers that were killed is no obstacle: no marker names it.
  Status CheckNothingElseIsThere() {
    const std::string where = place_.Describe();
    if (!place_.prefix.empty()) {
      const std::string key = place_.prefix.substr(0, place_.prefix.size() - 1);
      COFFER_ASSIGN_OR_RETURN(const ReadResult read,
                              place_.store->Read(key, {.range = ByteRange::Stat()}).Get());
      if (read.state != ReadResult::State::kMissing) {
        return AlreadyExistsError(where + ": a value that is no checkpoint has this name");
      }
    }
    if (!place_.store->capabilities().listable) return Status();
    COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvListing> listing,
                            place_.store->List({.range = KeyRange::Prefix(place_.prefix)}));
    COFFER_ASSIGN_OR_RETURN(const std::vector<ListEntry> page, listing->Next().Get());
    for (const ListEntry& entry : page) {
      const std::string_view name = std::string_view(entry.key).substr(place_.prefix.size());
      if (!IsDataName(name.substr(0, name.find('/')))) {
        return AlreadyExistsError(where + ": something that is no checkpoint is there already");
      }
    }
    debris_is_there_ = !page.empty();
    return Status();
  }

  Status ChooseRoot() {
    const Capabilities can = place_.store->capabilities();
    staged_ = can.atomic_rename && !place_.prefix.empty() && !replaced_ && !debris_is_there_;
    if (!staged_ && !can.conditional_write) {
      return FailedPreconditionError(
          place_.Describe() +
          (replaced_ ? ": replacing a checkpoint needs conditional writes, "
                     : ": a checkpoint needs renames or conditional writes, ") +
          "which this store lacks");
    }
    root_ = staged_ ? StagingPrefix(place_.prefix, id_) : place_.prefix;
    return Status();
  }

  Status WriteArrays() {
    int64_t all_bytes = 0;
    for (const Leaf& leaf : leaves_) all_bytes += BytesOf(leaf);
    ProgressSum progress(options_.on_progress, all_bytes);
    return ForEachLeaf(
        options_.context, leaves_.size(), LeafThreads(options_.context, *place_.store),
        options_.cancel, [&](size_t number, const CancelToken& cancel) {
          return WriteLeaf(number, cancel, progress).Annotate(At(leaves_[number].path));
        });
  }

  static int64_t BytesOf(const Leaf& leaf) {
    return *NumElements(leaf.view.shape) * leaf.view.data_type.size();
  }

  Status WriteLeaf(size_t number, const CancelToken& cancel, ProgressSum& progress) {
    const Leaf& leaf = leaves_[number];
    const ArrayLayout layout = ChooseLayout(leaf.view.shape, leaf.view.data_type.size(),
                                            options_.chunk_bytes, options_.shard_bytes);
    CreateOptions create;
    create.shape = leaf.view.shape;
    create.data_type = leaf.view.data_type;
    create.chunk_shape = layout.chunk_shape;
    create.shard_shape = layout.shard_shape;
    create.codec = options_.codec;
    create.format.checksum = options_.checksum;
    create.format.chunk_key_separator = '.';  // A leaf is one directory: each costs an fsync.
    create.context = options_.context;
    const std::string prefix = root_ + DataName() + "arrays/" + std::to_string(number) + "/";
    // At the root of a store of its own, it neither makes groups above it nor asks what is there.
    COFFER_ASSIGN_OR_RETURN(const Array array,
                            Array::Create(MakePrefixStore(place_.store, prefix), "", create));
    ProgressSum::Part part(progress, BytesOf(leaf));
    ArrayWriteOptions write;
    write.store_fill_chunks = true;
    write.on_progress = part.function();
    write.cancel = cancel;
    COFFER_RETURN_IF_ERROR(array.Write(Box::Full(leaf.view.shape), leaf.view, write));
    part.Finish();
    document_.arrays[number] = {layout.chunk_shape, layout.shard_shape,
                                Digest::Of(array.metadata())};
    return Status();
  }

  Status WriteDocument() {
    const std::string text = document_.Dump();
    marker_.data = "data-" + id_;
    marker_.document = Digest::Of(text);
    if (marker_.document.size > kDocumentBytesMax) {
      return InvalidArgumentError("the tree's names, texts and shapes take " +
                                  std::to_string(marker_.document.size) + " bytes, more than " +
                                  std::to_string(kDocumentBytesMax));
    }
    const std::string key = root_ + DataName() + std::string(kDocumentName);
    COFFER_RETURN_IF_ERROR(place_.store->Write(key, BytesChain(Bytes::Copy(text))).Get().status());
    COFFER_ASSIGN_OR_RETURN(const Bytes stored, ReadDigested(place_, key, marker_.document));
    return Document::Parse(stored.text()).status().Annotate(place_.store->Describe(key));
  }

  Status PublishByRename() {
    const BytesChain text(Bytes::Copy(marker_.Dump()));
    COFFER_RETURN_IF_ERROR(place_.store->Write(MarkerKey(root_), text).Get().status());
    const Status renamed = place_.store->RenamePrefix(root_, place_.prefix).Get();
    if (renamed.code() != StatusCode::kAlreadyExists) return renamed;
    return LostToAnother();
  }

  Status PublishByMarker() {
    const BytesChain text(Bytes::Copy(marker_.Dump()));
    const std::string key = MarkerKey(root_);
    Generation before = replaced_ ? replaced_->generation : Generation::Missing();
    Result<WriteResult> written = place_.store->Write(key, text, {.if_equal = before}).Get();
    if (!written.ok()) {
      // It may have taken effect all the same. Then its data must stay, and writing it once more is
      // what tells whether it is durable.
      const Result<std::optional<StoredMarker>> there = ReadMarker(place_);
      const bool visible = there.ok() && *there && (*there)->marker.data == marker_.data;
      mine_to_delete_ = there.ok() && !visible && place_.store->capabilities().local;
      if (!visible) return written.status();
      before = (*there)->generation;
      written = place_.store->Write(key, text, {.if_equal = before}).Get();
      if (!written.ok()) {
        return written.status().Annotate("the checkpoint is there, but perhaps not durable");
      }
    }
    return written->state == WriteResult::State::kWritten ? Status() : LostToAnother();
  }

  Status LostToAnother() const {
    const std::string where = place_.Describe();
    if (options_.overwrite) return AbortedError(where + ": another save came first");
    return AlreadyExistsError(where + ": another save came first");
  }

  /// A failure leaves debris, which changes nothing about what was saved.
  void Discard(const std::string& prefix) {
    const Status deleted = place_.store->DeleteRange(KeyRange::Prefix(prefix)).Get();
    Observer* observer = options_.context.observer();
    if (!deleted.ok() && observer != nullptr) {
      observer->OnLog("debris stays at " + place_.store->Describe(prefix) + ": " +
                      deleted.ToString());
    }
  }

  const CheckpointPlace place_;
  const Tree& tree_;
  const SaveOptions& options_;
  const std::string id_;
  std::vector<Leaf> leaves_;  // The array leaves.
  std::optional<StoredMarker> replaced_;
  bool debris_is_there_ = false;
  bool staged_ = false;
  bool mine_to_delete_ = true;
  std::string root_;  // Where this save writes: the place, or the staging prefix.
  Document document_;
  Marker marker_;
};

}  // namespace

Status Save(KvStorePtr store, std::string prefix, const Tree& tree, const SaveOptions& options) {
  COFFER_ASSIGN_OR_RETURN(CheckpointPlace place,
                          MakeCheckpointPlace(std::move(store), std::move(prefix)));
  return Saver(std::move(place), tree, options).Run();
}

Status Save(std::string_view place, const Tree& tree, const SaveOptions& options) {
  COFFER_ASSIGN_OR_RETURN(CheckpointPlace opened, OpenCheckpointPlace(place, options.context));
  return Saver(std::move(opened), tree, options).Run();
}

}  // namespace coffer::inline v0::checkpoint
