// How a tree is saved:
//
//  1. Check the tree, choose chunks and shards of each array, begin a publication (publish.cc),
//     which looks at the place and gives a data directory of one's own.
//
//  2. Write each array leaf below "data-<id>/arrays/<n>/", several at once, encoded from the memory
//     of the caller. Every chunk is stored, so that an absent one is a loss.
//
//  3. Write "data-<id>/checkpoint.json", which holds a digest of each array's metadata.
//
//  4. Publish, which reads the document back; or, after an error or a cancellation, delete what was
//     written.
#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/checkpoint/checkpoint.h"
#include "src/checkpoint/document.h"
#include "src/checkpoint/layout.h"
#include "src/checkpoint/new_prefix.h"
#include "src/checkpoint/parallel.h"
#include "src/checkpoint/place.h"
#include "src/checkpoint/publish.h"

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
      : place_(std::move(place)), tree_(tree), options_(options) {}

  Status Run() {
    COFFER_RETURN_IF_ERROR(CheckOptions(options_));
    COFFER_RETURN_IF_ERROR(CheckTree(tree_));
    leaves_ = ArrayLeavesOf(tree_);
    document_.created_at = NowAsIso8601();
    document_.tree = tree_;
    document_.arrays.resize(leaves_.size());
    COFFER_ASSIGN_OR_RETURN(Publication publication,
                            Publication::Begin(place_, options_.overwrite, options_.context));
    data_prefix_ = publication.DataPrefix();
    Status status = WriteArrays();
    Digest digest;
    if (status.ok()) status = WriteDocument(&digest);
    if (status.ok() && options_.cancel.cancelled()) status = CancelledError("before the commit");
    return publication.Finish(std::move(status), digest);
  }

 private:
  Status WriteArrays() {
    int64_t all_bytes = 0;
    for (const ArrayLeaf& leaf : leaves_) all_bytes += leaf.bytes();
    ProgressSum progress(options_.on_progress, all_bytes);
    return ForEachLeaf(
        options_.context, leaves_.size(), LeafThreads(options_.context, *place_.store),
        options_.cancel, [&](size_t number, const CancelToken& cancel) {
          return WriteLeaf(number, cancel, progress).Annotate(At(leaves_[number].path));
        });
  }

  Status WriteLeaf(size_t number, const CancelToken& cancel, ProgressSum& progress) {
    const ArrayLeaf& leaf = leaves_[number];
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
    const std::string prefix = data_prefix_ + "arrays/" + std::to_string(number) + "/";
    // At the root of a store of its own it makes no groups above it; nor is asked what is there.
    const NewPrefix place(place_.store, prefix);
    const Status written = WriteArray(place.store(), create, number, cancel, progress);
    const Status settled = place.Settle();
    return settled.ok() ? written : settled;
  }

  Status WriteArray(const KvStorePtr& store, const CreateOptions& create, size_t number,
                    const CancelToken& cancel, ProgressSum& progress) {
    const ArrayLeaf& leaf = leaves_[number];
    COFFER_ASSIGN_OR_RETURN(const Array array, Array::Create(store, "", create));
    ProgressSum::Part part(progress, leaf.bytes());
    ArrayWriteOptions write;
    write.store_fill_chunks = true;
    write.on_progress = part.function();
    write.cancel = cancel;
    write.exclusive = true;
    COFFER_RETURN_IF_ERROR(array.Write(Box::Full(leaf.view.shape), leaf.view, write));
    part.Finish();
    document_.arrays[number] = {create.chunk_shape, create.shard_shape,
                                Digest::Of(array.metadata())};
    return Status();
  }

  Status WriteDocument(Digest* digest) {
    const std::string text = document_.Dump();
    *digest = Digest::Of(text);
    if (digest->size > kDocumentBytesMax) {
      return InvalidArgumentError("the tree's names, texts and shapes take " +
                                  std::to_string(digest->size) + " bytes, more than " +
                                  std::to_string(kDocumentBytesMax));
    }
    const std::string key = data_prefix_ + std::string(kDocumentName);
    COFFER_RETURN_IF_ERROR(place_.store->Write(key, BytesChain(Bytes::Copy(text))).Get().status());
    return Document::Parse(text).status().Annotate(place_.store->Describe(key));
  }

  const CheckpointPlace place_;
  const Tree& tree_;
  const SaveOptions& options_;
  std::vector<ArrayLeaf> leaves_;
  std::string data_prefix_;
  Document document_;
};

}  // namespace

Status Save(KvStorePtr store, std::string prefix, const Tree& tree, const SaveOptions& options) {
  COFFER_ASSIGN_OR_RETURN(CheckpointPlace place,
                          MakeCheckpointPlace(std::move(store), std::move(prefix)));
  return Saver(std::move(place), tree, options).Run();
}

Status Save(std::string_view place, const Tree& tree, const SaveOptions& options) {
  COFFER_RETURN_IF_ERROR(CheckNothingAbove(place, options.context));
  COFFER_ASSIGN_OR_RETURN(CheckpointPlace opened,
                          OpenCheckpointPlace(place, PlaceUse::kPublish, options.context));
  return Saver(std::move(opened), tree, options).Run();
}

}  // namespace coffer::inline v0::checkpoint
