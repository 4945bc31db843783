// How an array is verified:
//
//  1. Every key below the array's prefix is listed, page by page. Metadata documents and cells of
//     the grid are expected; any other key is an orphan.
//  2. Of a shard the index is read and checked.
//  3. Deep: every stored (inner) chunk is read and decoded into scratch, on a few threads.
#include "coffer/array/verify.h"

#include <algorithm>
#include <utility>

#include "src/array/background.h"
#include "src/array/chunk_io.h"
#include "src/array/read.h"
#include "src/array/resize.h"
#include "src/array/shard_update.h"
#include "src/async/progress.h"
#include "src/base/mutex.h"
#include "src/codec/chain.h"

namespace coffer::inline v0 {
namespace {

constexpr size_t kFindingsMax = 1000;
constexpr int kAttemptsMax = 16;

class Verifier {
 public:
  Verifier(const Array& array, const VerifyOptions& options)
      : stored_(*array.stored()), context_(array.context()), options_(options) {}

  Result<VerifyReport> Run() {
    const BufferPool::OperationScope scope(context_.buffers());
    if (options_.on_progress != nullptr) {
      COFFER_ASSIGN_OR_RETURN(const int64_t bytes, CountBytes());
      progress_.emplace(options_.on_progress, bytes);
    }
    const auto check = [&](std::span<const ListEntry> page) {
      return RunInBackground(
          context_, context_.executor().concurrency(), std::ssize(page),
          [&](int64_t n) { return CheckKey(page[static_cast<size_t>(n)]); }, options_.cancel);
    };
    COFFER_RETURN_IF_ERROR(ForEachPage(*stored_.store, {.range = Keys()}, check));
    MutexLock lock(mutex_);
    std::sort(report_.findings.begin(), report_.findings.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    return report_;
  }

 private:
  KeyRange Keys() const { return KeyRange::Prefix(stored_.prefix); }

  Result<int64_t> CountBytes() const {
    int64_t bytes = 0;
    const auto count = [&](std::span<const ListEntry> page) {
      for (const ListEntry& entry : page) bytes += std::max<int64_t>(entry.size, 0);
      return Status();
    };
    COFFER_RETURN_IF_ERROR(ForEachPage(*stored_.store, {.range = Keys()}, count));
    return bytes;
  }

  /// Damage, or a key that is no value (a FIFO, a link out of a file store), is a finding; any
  /// other error ends the verification.
  Status CheckKey(const ListEntry& entry) {
    if (!stored_.IsMetadataKey(entry.key)) {
      const std::optional<Index> cell = stored_.ParseCellKey(entry.key);
      if (!cell || !IsInGrid(stored_, *cell)) {
        AddFinding(entry.key, cell ? "orphan: a chunk outside the array's shape"
                                   : "orphan: no key of this array's");
      } else {
        const Status checked = stored_.chain->shard_layout() != nullptr
                                   ? CheckShard(entry.key)
                                   : CheckChunk(entry.key, entry.size);
        if (checked.code() == StatusCode::kDataLoss ||
            checked.code() == StatusCode::kFailedPrecondition) {
          AddFinding(entry.key, checked.ToString());
        } else if (!checked.ok()) {
          return checked;
        }
      }
    }
    if (progress_) progress_->Add(std::max<int64_t>(entry.size, 0));
    return Status();
  }

  Status CheckChunk(const std::string& key, int64_t size) {
    if (size >= 0 && TooLongForChunk(size, *stored_.chain)) {
      return DataLossError("stored size " + std::to_string(size) +
                           " is more than a chunk can have");
    }
    if (!options_.deep) return Status();
    const int64_t size_max = std::max(size, MaxStoredBytes(*stored_.chain));
    COFFER_ASSIGN_OR_RETURN(
        Reservation held,
        context_.budget().Acquire(
            BufferPool::CapacityFor(size_max) + DecodePieceBytes(*stored_.chain), options_.cancel));
    COFFER_ASSIGN_OR_RETURN(
        const ReadResult read,
        stored_.store->Read(key, {.max_bytes = size_max, .reservation = &held}).Get());
    if (read.state != ReadResult::State::kValue) return Status();  // Deleted meanwhile.
    return Decode(*stored_.chain, read.value);
  }

  Status CheckShard(const std::string& key) {
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
      COFFER_ASSIGN_OR_RETURN(const bool settled, CheckShardOnce(key));
      if (settled) return Status();
    }
    return AbortedError(stored_.Describe(key) +
                        ": the shard was replaced again and again while it was verified");
  }

  /// False if the shard was replaced meanwhile.
  Result<bool> CheckShardOnce(const std::string& key) {
    const ShardLayout& layout = *stored_.chain->shard_layout();
    BufferPool& pool = context_.buffers();
    COFFER_ASSIGN_OR_RETURN(Reservation held,
                            context_.budget().Acquire(ShardIndexBytes(layout), options_.cancel));
    const Result<ReadResult> read = stored_.store->Read(key, ShardIndexRead(layout)).Get();
    if (read.ok() && read->state != ReadResult::State::kValue) return true;
    COFFER_ASSIGN_OR_RETURN(const std::shared_ptr<const CachedShardIndex> index,
                            ParseShardIndex(stored_, key, layout, read, pool));
    if (!options_.deep) return true;
    uint64_t largest = 0;
    for (const ShardEntry& entry : index->entries) {
      if (!entry.absent()) largest = std::max(largest, entry.size);
    }
    held = Reservation();  // One reservation at a time; the parsed index is as a cached one.
    COFFER_ASSIGN_OR_RETURN(
        held, context_.budget().Acquire(BufferPool::CapacityFor(static_cast<int64_t>(largest)) +
                                            DecodePieceBytes(layout.inner()),
                                        options_.cancel));
    COFFER_ASSIGN_OR_RETURN(const Buffer buffer, pool.Allocate(largest));
    for (size_t number = 0; number < index->entries.size(); ++number) {
      const ShardEntry& entry = index->entries[number];
      if (entry.absent()) continue;
      if (options_.cancel.cancelled()) return CancelledError("cancelled");
      const std::span<std::byte> encoded = buffer.span().first(entry.size);
      ReadOptions options;
      options.range = ByteRange::Span(static_cast<int64_t>(entry.offset),
                                      static_cast<int64_t>(entry.offset + entry.size));
      options.if_equal = index->generation;
      options.reservation = &held;
      COFFER_ASSIGN_OR_RETURN(const ReadResult chunk,
                              stored_.store->ReadInto(key, encoded, options).Get());
      if (chunk.state != ReadResult::State::kValue) return false;
      const Status decoded = Decode(layout.inner(), encoded);
      if (!decoded.ok()) return decoded.Annotate("inner chunk " + std::to_string(number));
    }
    return true;
  }

  Status Decode(const CodecChain& chain, std::span<const std::byte> encoded) {
    BufferPool& pool = context_.buffers();
    COFFER_ASSIGN_OR_RETURN(const ScratchChunk scratch, MakeScratchChunk(chain.chunk(), pool));
    COFFER_RETURN_IF_ERROR(chain.Decode(encoded, scratch.view, CodecScratch{&pool}));
    context_.stats().chunks_decoded += 1;
    MutexLock lock(mutex_);
    ++report_.chunks_checked;
    if (!chain.has_checksum(encoded)) ++report_.chunks_unchecked;
    report_.bytes_checked += chain.chunk().num_bytes();
    return Status();
  }

  void AddFinding(const std::string& key, std::string reason) {
    MutexLock lock(mutex_);
    ++report_.num_findings;
    if (report_.findings.size() < kFindingsMax) {
      report_.findings.push_back({stored_.Describe(key), std::move(reason)});
    }
  }

  const StoredArray& stored_;
  const Context context_;
  const VerifyOptions options_;
  std::optional<Progress> progress_;
  Mutex mutex_;  // Guards what follows.
  VerifyReport report_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace

Result<VerifyReport> VerifyArray(const Array& array, const VerifyOptions& options) {
  return Verifier(array, options).Run();
}

}  // namespace coffer::inline v0
