// How a checkpoint is copied:
//
//  1. Read the source's marker and document, once. Begin a publication at the destination
//     (publish.cc), whose data directory is a fresh one: copies that race for a place never write
//     the same key.
//
//  2. Copy every key below the source's data directory and no other (no debris), several at once,
//     each read in pieces of one generation, under the byte budget. A value is streamed if that
//     holds less than the whole of it: a piece, and what the destination's writer holds. A source
//     that cannot list has the keys that its document names: of each array its metadata, and every
//     chunk of its grid, all of which a save stores.
//
//  3. The copied document must be the one the marker vouches for, and the source's marker must
//     still name the same data: it is replaced before its data is deleted, so nothing that was
//     listed and read was on its way out. If it does not, what was missing is no loss.
//
//  4. Publish with the source's digest; or, after an error or a cancellation, delete the copy.
#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coffer/array/driver.h"
#include "coffer/base/checked.h"
#include "coffer/checkpoint/checkpoint.h"
#include "src/checkpoint/parallel.h"
#include "src/checkpoint/place.h"
#include "src/checkpoint/publish.h"
#include "src/nd/grid.h"

namespace coffer::inline v0::checkpoint {
namespace {

constexpr int64_t kPieceBytes = MiB(4);

class Copier {
 public:
  Copier(CheckpointPlace source, CheckpointPlace destination, const CopyOptions& options)
      : source_(std::move(source)), destination_(std::move(destination)), options_(options) {}

  Result<int64_t> Run() {
    COFFER_ASSIGN_OR_RETURN(const StoredCheckpoint stored, OpenCheckpoint(source_));
    from_ = stored.DataPrefix();
    COFFER_ASSIGN_OR_RETURN(Publication publication,
                            Publication::Begin(destination_, false, options_.context));
    to_ = publication.DataPrefix();
    const bool lists = source_.store->capabilities().listable;
    Status status = lists ? CopyKeys() : CopyNamedKeys(stored);
    if (status.ok()) {
      const std::string document = to_ + std::string(kDocumentName);
      status = ReadDigested(destination_, document, stored.marker.document).status();
    }
    if (status.ok() || status.code() == StatusCode::kDataLoss) {
      const Result<bool> stands = StillStands(stored);
      if (stands.ok() && !*stands) status = Changed(source_.prefix + std::string(kMarkerName));
      if (status.ok()) status = stands.status();
    }
    if (status.ok() && options_.cancel.cancelled()) status = CancelledError("before the commit");
    COFFER_RETURN_IF_ERROR(publication.Finish(std::move(status), stored.marker.document));
    return copied_.load();
  }

 private:
  Status CopyKeys() {
    const CheckpointPlace data{source_.store, from_};
    int64_t all_bytes = 0;
    if (options_.on_progress != nullptr) {
      COFFER_RETURN_IF_ERROR(ForEachKey(
          data, [&](const ListEntry& entry) { all_bytes += std::max<int64_t>(entry.size, 0); }));
    }
    ProgressSum progress(options_.on_progress, all_bytes);
    const auto copy = [&](std::span<const ListEntry> page) {
      return ForEachLeaf(options_.context, page.size(), Threads(), options_.cancel,
                         [&](size_t number, const CancelToken& cancel) -> Status {
                           COFFER_ASSIGN_OR_RETURN(const bool there,
                                                   CopyKey(page[number].key, cancel, &progress));
                           return there ? Status() : Changed(page[number].key);
                         });
    };
    return ForEachPage(*source_.store, {.range = KeyRange::Prefix(from_)}, copy);
  }

  int Threads() const {
    return std::max(LeafThreads(options_.context, *source_.store),
                    LeafThreads(options_.context, *destination_.store));
  }

  Status CopyNamedKeys(const StoredCheckpoint& stored) {
    COFFER_RETURN_IF_ERROR(CopyNamed(from_ + std::string(kDocumentName), options_.cancel));
    const std::vector<ArrayLeaf> leaves = ArrayLeavesOf(stored.document.tree);
    std::vector<std::optional<Array>> arrays(leaves.size());
    const auto open = [&](size_t number, const CancelToken& cancel) -> Status {
      const ArrayLeaf& leaf = leaves[number];
      COFFER_ASSIGN_OR_RETURN(arrays[number],
                              OpenLeaf(stored, number, leaf.path, leaf.view, options_.context));
      return CopyNamed(stored.ArrayPrefix(number) + std::string(kLeafMetadataName), cancel);
    };
    COFFER_RETURN_IF_ERROR(
        ForEachLeaf(options_.context, leaves.size(), Threads(), options_.cancel, open));
    std::vector<size_t> ends;  // Of each array's chunks, of which no array has more than elements.
    int64_t chunks = 0;
    int64_t all_bytes = 0;
    for (size_t number = 0; number < leaves.size(); ++number) {
      const Shape& grid = arrays[number]->stored()->grid.grid_shape();
      const std::optional<int64_t> more = CheckedAdd(chunks, *NumElements(grid));
      const std::optional<int64_t> bytes = CheckedAdd(all_bytes, leaves[number].bytes());
      if (!more || !bytes) {
        return DataLossError(source_.Describe() + ": more chunks than can be counted");
      }
      chunks = *more;
      all_bytes = *bytes;
      ends.push_back(static_cast<size_t>(chunks));
    }
    ProgressSum progress(options_.on_progress, all_bytes);
    const auto copy = [&](size_t n, const CancelToken& cancel) -> Status {
      const auto end = std::upper_bound(ends.begin(), ends.end(), n);
      const size_t begin = end == ends.begin() ? 0 : *(end - 1);
      const Array& array = *arrays[static_cast<size_t>(end - ends.begin())];
      const RegularGrid& grid = array.stored()->grid;
      const CellWalk walk(grid, IndexTransform::Identity(array.shape()));
      const Index cell = walk.At(static_cast<int64_t>(n - begin));
      COFFER_RETURN_IF_ERROR(CopyNamed(array.stored()->CellKey(cell), cancel));
      progress.Add(*NumElements(grid.ClippedCellBox(cell).shape) * array.data_type().size());
      return Status();
    };
    return ForEachLeaf(options_.context, static_cast<size_t>(chunks), Threads(), options_.cancel,
                       copy);
  }

  /// A key that the document says is there.
  Status CopyNamed(const std::string& key, const CancelToken& cancel) {
    COFFER_ASSIGN_OR_RETURN(const bool there, CopyKey(key, cancel, nullptr));
    if (there) return Status();
    return DataLossError(source_.store->Describe(key) +
                         ": missing, but the checkpoint says it is there");
  }

  /// False if it is not there. `progress` may be null.
  Result<bool> CopyKey(const std::string& key, const CancelToken& cancel, ProgressSum* progress) {
    COFFER_ASSIGN_OR_RETURN(
        const ReadResult stat,
        source_.store->Read(key, {.range = ByteRange::Stat(), .cancel = cancel}).Get());
    if (stat.state != ReadResult::State::kValue) return false;
    const int64_t size = stat.total_size;
    if (size < 0) {
      return UnimplementedError(source_.store->Describe(key) + ": the store tells no sizes");
    }
    const Capabilities can = destination_.store->capabilities();
    const bool streams = can.streaming_write && size - kPieceBytes > can.stream_bytes;
    COFFER_ASSIGN_OR_RETURN(
        Reservation held,
        options_.context.budget().Acquire(streams ? kPieceBytes + can.stream_bytes : size, cancel));
    const std::string to = to_ + key.substr(from_.size());
    const WriteOptions write{.cancel = cancel, .reservation = &held, .caller_waits = true};
    std::unique_ptr<KvWriter> writer;
    if (streams) {
      COFFER_ASSIGN_OR_RETURN(writer, destination_.store->OpenWriter(to, write));
    }
    BytesChain whole;
    for (int64_t at = 0; at < size; at += kPieceBytes) {
      const ByteRange range = ByteRange::Span(at, std::min(at + kPieceBytes, size));
      COFFER_ASSIGN_OR_RETURN(const ReadResult read, source_.store
                                                         ->Read(key, {.range = range,
                                                                      .if_equal = stat.generation,
                                                                      .cancel = cancel,
                                                                      .reservation = &held})
                                                         .Get());
      if (read.state != ReadResult::State::kValue) return Changed(key);
      if (streams) {
        COFFER_RETURN_IF_ERROR(writer->Append(read.value));
      } else {
        whole.Append(read.value);
      }
      if (progress != nullptr) progress->Add(range.end - range.begin);
    }
    Future<WriteResult> written =
        streams ? writer->Commit() : destination_.store->Write(to, std::move(whole), write);
    COFFER_RETURN_IF_ERROR(written.Get().status());
    copied_ += size;
    return true;
  }

  Status Changed(const std::string& key) const {
    return AbortedError(source_.store->Describe(key) + ": replaced or deleted while it was copied");
  }

  const CheckpointPlace source_;
  const CheckpointPlace destination_;
  const CopyOptions& options_;
  std::string from_;  // The data directories.
  std::string to_;
  std::atomic<int64_t> copied_{0};
};

}  // namespace

Result<int64_t> Copy(std::string_view source, std::string_view destination,
                     const CopyOptions& options) {
  COFFER_ASSIGN_OR_RETURN(CheckpointPlace from,
                          OpenCheckpointPlace(source, PlaceUse::kRead, options.context));
  COFFER_RETURN_IF_ERROR(CheckNothingAbove(destination, options.context));
  COFFER_ASSIGN_OR_RETURN(CheckpointPlace to,
                          OpenCheckpointPlace(destination, PlaceUse::kPublish, options.context));
  return Copier(std::move(from), std::move(to), options).Run();
}

Result<int64_t> Copy(KvStorePtr source, std::string source_prefix, KvStorePtr destination,
                     std::string destination_prefix, const CopyOptions& options) {
  COFFER_ASSIGN_OR_RETURN(CheckpointPlace from,
                          MakeCheckpointPlace(std::move(source), std::move(source_prefix)));
  COFFER_ASSIGN_OR_RETURN(CheckpointPlace to, MakeCheckpointPlace(std::move(destination),
                                                                  std::move(destination_prefix)));
  return Copier(std::move(from), std::move(to), options).Run();
}

}  // namespace coffer::inline v0::checkpoint
