// How coverage is listed:
//
//  1. The grid is taken in windows of 2^26 cells; a window has one bit for each cell, set when a
//     listing of the array's keys shows it. Without never_written there is one window, and no bits.
//  2. The listing of the first window also gives what is stored, page by page. Where that takes
//     more than the listing (indexes, fill values) a few threads look at the keys of a page.
//  3. Of a shard everything is found out first, under its generation, and given afterwards: so a
//     shard that is replaced meanwhile is looked at anew, and nothing is held while the caller's
//     function runs.
//  4. Cells without a bit were never written.
#include <algorithm>
#include <utility>

#include "coffer/array/chunks.h"
#include "src/array/background.h"
#include "src/array/read.h"
#include "src/array/resize.h"
#include "src/array/shard_update.h"
#include "src/async/progress.h"
#include "src/base/mutex.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {
namespace {

constexpr int64_t kWindowCells = int64_t{1} << 26;
constexpr size_t kPageMax = 1024;
constexpr int kAttemptsMax = 16;

/// One cell, and its inner chunks if they are asked for.
struct CellCoverage {
  Coverage state = Coverage::kPresent;
  std::vector<std::pair<Coverage, int64_t>> inner;  // State and bytes of each, C order.
  bool gone = false;                                // Deleted since it was listed.
};

class CoverageLister {
 public:
  CoverageLister(const Array& array, const CoveragePage& give, const CoverageOptions& options)
      : stored_(*array.stored()),
        context_(array.context()),
        give_(give),
        options_(options),
        progress_(options.on_progress, NumElements(stored_.grid.grid_shape()).value_or(INT64_MAX)) {
  }

  Status Run() {
    const BufferPool::OperationScope scope(context_.buffers());
    const std::optional<int64_t> cells = NumElements(stored_.grid.grid_shape());
    if (!options_.never_written) {
      COFFER_RETURN_IF_ERROR(ListWindow(0, 0));
    } else if (!cells) {
      return InvalidArgumentError(stored_.Describe(stored_.prefix) +
                                  ": more chunks than can be counted");
    } else {
      for (int64_t begin = 0; begin < *cells; begin += kWindowCells) {
        const int64_t end = std::min(*cells, begin + kWindowCells);
        COFFER_RETURN_IF_ERROR(ListWindow(begin, end));
        COFFER_RETURN_IF_ERROR(GiveNeverWritten(begin, end));
      }
    }
    MutexLock lock(mutex_);
    return GivePage();
  }

 private:
  const ShardLayout* layout() const { return stored_.chain->shard_layout(); }
  bool looks_closer() const {
    return options_.find_fill || (options_.inner && layout() != nullptr);
  }
  Status CheckCancelled() const {
    return options_.cancel.cancelled() ? CancelledError("cancelled") : Status();
  }

  int64_t NumberOf(const Index& cell) const {
    int64_t number = 0;
    for (int d = 0; d < cell.rank(); ++d) {
      number = number * stored_.grid.grid_shape()[d] + cell[d];
    }
    return number;
  }

  Status ListWindow(int64_t begin, int64_t end) {
    seen_.assign(static_cast<size_t>(end - begin), false);
    struct Found {
      Index cell;
      const ListEntry* entry;
    };
    const auto see = [&](std::span<const ListEntry> page) -> Status {
      COFFER_RETURN_IF_ERROR(CheckCancelled());
      std::vector<Found> found;
      for (const ListEntry& entry : page) {
        const std::optional<Index> cell = stored_.ParseCellKey(entry.key);
        if (!cell || !IsInGrid(stored_, *cell)) continue;
        if (end > begin) {
          const int64_t number = NumberOf(*cell);
          if (number >= begin && number < end) seen_[static_cast<size_t>(number - begin)] = true;
        }
        if (begin == 0) found.push_back({*cell, &entry});
      }
      const auto look = [&](int64_t n) {
        const Found& one = found[static_cast<size_t>(n)];
        return LookAt(one.cell, *one.entry);
      };
      if (looks_closer()) {
        const int requests = stored_.store->capabilities().request_concurrency;
        return RunInBackground(context_, BackgroundThreads(context_, requests), std::ssize(found),
                               look, options_.cancel);
      }
      for (int64_t n = 0; n < std::ssize(found); ++n) COFFER_RETURN_IF_ERROR(look(n));
      return Status();
    };
    return ForEachPage(*stored_.store, {.range = KeyRange::Prefix(stored_.prefix)}, see);
  }

  Status GiveNeverWritten(int64_t begin, int64_t end) {
    for (int64_t number = begin; number < end; ++number) {
      if (number % kPageMax == 0) COFFER_RETURN_IF_ERROR(CheckCancelled());
      if (seen_[static_cast<size_t>(number - begin)]) continue;
      Index cell = stored_.grid.grid_shape();
      int64_t rest = number;
      for (int d = cell.rank() - 1; d >= 0; --d) {
        cell[d] = rest % stored_.grid.grid_shape()[d];
        rest /= stored_.grid.grid_shape()[d];
      }
      COFFER_RETURN_IF_ERROR(
          Give({stored_.grid.ClippedCellBox(cell), false, Coverage::kNeverWritten, 0}));
      progress_.Add(1);
    }
    return Status();
  }

  Status LookAt(const Index& cell, const ListEntry& entry) {
    CellCoverage found;
    if (looks_closer()) {
      Result<CellCoverage> looked =
          layout() != nullptr ? LookAtShard(cell, entry.key) : LookAtChunk(cell, entry);
      if (!looked.ok()) return looked.status().Annotate(stored_.Describe(entry.key));
      found = *std::move(looked);
    }
    if (found.gone) found.state = Coverage::kNeverWritten;
    for (size_t n = 0; options_.inner && n < found.inner.size(); ++n) {
      const Box box = InsideBox(InnerBox(stored_, cell, static_cast<int64_t>(n)));
      if (box.empty()) continue;
      COFFER_RETURN_IF_ERROR(Give({box, true, found.inner[n].first, found.inner[n].second}));
    }
    COFFER_RETURN_IF_ERROR(
        Give({stored_.grid.ClippedCellBox(cell), false, found.state, found.gone ? 0 : entry.size}));
    progress_.Add(1);
    return Status();
  }

  Box InsideBox(const Box& box) const { return box.Intersect(Box::Full(stored_.shape())); }

  Status Give(const ChunkCoverage& coverage) {
    MutexLock lock(mutex_);
    page_.push_back(coverage);
    return page_.size() < kPageMax ? Status() : GivePage();
  }
  Status GivePage() COFFER_REQUIRES(mutex_) {
    if (page_.empty()) return Status();
    const Status status = give_(page_);
    page_.clear();
    return status;
  }

  Result<Reservation> Reserve(int64_t bytes) {
    return context_.budget().Acquire(bytes, options_.cancel);
  }

  Result<CellCoverage> LookAtChunk(const Index& cell, const ListEntry& entry) {
    const CodecChain& chain = *stored_.chain;
    if (entry.size >= 0 && TooLongForChunk(entry.size, chain)) {
      return DataLossError("stored size " + std::to_string(entry.size) +
                           " is more than a chunk can have");
    }
    const int64_t size_max = std::max(entry.size, MaxStoredBytes(chain));
    COFFER_ASSIGN_OR_RETURN(Reservation held,
                            Reserve(BufferPool::CapacityFor(size_max) + DecodePieceBytes(chain)));
    COFFER_ASSIGN_OR_RETURN(
        const ReadResult read,
        stored_.store->Read(entry.key, {.max_bytes = size_max, .reservation = &held}).Get());
    CellCoverage found;
    found.gone = read.state != ReadResult::State::kValue;
    if (found.gone) return found;
    COFFER_ASSIGN_OR_RETURN(found.state, StateOf(chain, read.value, stored_.grid.CellBox(cell)));
    return found;
  }

  Result<CellCoverage> LookAtShard(const Index& cell, const std::string& key) {
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
      COFFER_ASSIGN_OR_RETURN(const std::optional<CellCoverage> found, LookAtShardOnce(cell, key));
      if (found) return *found;
    }
    return AbortedError("the shard was replaced again and again while it was looked at");
  }

  /// nullopt if it was replaced meanwhile.
  Result<std::optional<CellCoverage>> LookAtShardOnce(const Index& cell, const std::string& key) {
    COFFER_ASSIGN_OR_RETURN(Reservation held, Reserve(ShardIndexBytes(*layout())));
    const Result<ReadResult> read = stored_.store->Read(key, ShardIndexRead(*layout())).Get();
    CellCoverage found;
    found.gone = read.ok() && read->state != ReadResult::State::kValue;
    if (found.gone) return std::optional(std::move(found));
    COFFER_ASSIGN_OR_RETURN(const ShardIndexPtr index,
                            ParseShardIndex(stored_, key, *layout(), read, context_.buffers()));
    uint64_t largest = 0;
    found.inner.resize(index->entries.size(), {Coverage::kNeverWritten, 0});
    for (size_t n = 0; n < index->entries.size(); ++n) {
      const ShardEntry& entry = index->entries[n];
      if (entry.absent()) continue;
      largest = std::max(largest, entry.size);
      found.inner[n] = {Coverage::kPresent, static_cast<int64_t>(entry.size)};
    }
    if (!options_.find_fill) return std::optional(std::move(found));
    held = Reservation();  // One reservation at a time; the parsed index is as a cached one.
    COFFER_ASSIGN_OR_RETURN(held, Reserve(BufferPool::CapacityFor(static_cast<int64_t>(largest)) +
                                          DecodePieceBytes(layout()->inner())));
    COFFER_ASSIGN_OR_RETURN(const Buffer buffer, context_.buffers().Allocate(largest));
    found.state = Coverage::kFill;
    for (size_t n = 0; n < found.inner.size(); ++n) {
      if (found.inner[n].first == Coverage::kNeverWritten) continue;
      COFFER_RETURN_IF_ERROR(CheckCancelled());
      const ShardEntry& entry = index->entries[n];
      ReadOptions options;
      options.range = ByteRange::Span(static_cast<int64_t>(entry.offset),
                                      static_cast<int64_t>(entry.offset + entry.size));
      options.if_equal = index->generation;
      options.reservation = &held;
      const std::span<std::byte> encoded = buffer.span().first(entry.size);
      COFFER_ASSIGN_OR_RETURN(const ReadResult chunk,
                              stored_.store->ReadInto(key, encoded, options).Get());
      if (chunk.state != ReadResult::State::kValue) return std::optional<CellCoverage>();
      COFFER_ASSIGN_OR_RETURN(
          found.inner[n].first,
          StateOf(layout()->inner(), encoded, InnerBox(stored_, cell, static_cast<int64_t>(n))));
      if (found.inner[n].first == Coverage::kPresent) found.state = Coverage::kPresent;
    }
    return std::optional(std::move(found));
  }

  /// Of a stored chunk that stands at `box`. What lies outside the array does not count.
  Result<Coverage> StateOf(const CodecChain& chain, std::span<const std::byte> encoded,
                           const Box& box) {
    BufferPool& pool = context_.buffers();
    COFFER_ASSIGN_OR_RETURN(const ScratchChunk scratch, MakeScratchChunk(chain.chunk(), pool));
    const Status decoded = chain.Decode(encoded, scratch.view, CodecScratch{&pool});
    if (!decoded.ok()) return decoded.Annotate("chunk at " + ToString(box.origin));
    context_.stats().chunks_decoded += 1;
    const Box inside = InsideBox(box);
    const bool fill = inside.empty() || AllEqual(scratch.view.Subview(Relative(inside, box)),
                                                 chain.chunk().fill_value);
    return fill ? Coverage::kFill : Coverage::kPresent;
  }

  const StoredArray& stored_;
  const Context context_;
  const CoveragePage& give_;
  const CoverageOptions options_;
  Progress progress_;
  std::vector<bool> seen_;  // Of the window; set by the thread that lists.
  Mutex mutex_;             // Guards what follows; held while the caller's function runs.
  std::vector<ChunkCoverage> page_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace

Status ListCoverage(const Array& array, const CoveragePage& page, const CoverageOptions& options) {
  try {
    return CoverageLister(array, page, options).Run();
  } catch (...) {
    return internal::StatusOfException().Annotate("coverage of " + array.url());
  }
}

Result<CoverageCounts> CountCoverage(const Array& array, const CoverageOptions& options) {
  CoverageCounts counts;
  const auto count = [&](std::span<const ChunkCoverage> page) {
    for (const ChunkCoverage& chunk : page) {
      CoverageCounts::Count& of = chunk.inner ? counts.inner_chunks : counts.write_chunks;
      if (chunk.state == Coverage::kNeverWritten) ++of.never_written;
      if (chunk.state == Coverage::kFill) ++of.fill;
      if (chunk.state == Coverage::kPresent) ++of.present;
      if (!chunk.inner) counts.bytes += std::max<int64_t>(chunk.bytes, 0);
    }
    return Status();
  };
  CoverageOptions stored_only = options;
  stored_only.never_written = false;  // Those are all the others: no need to visit them.
  COFFER_RETURN_IF_ERROR(ListCoverage(array, count, stored_only));
  CoverageCounts::Count& cells = counts.write_chunks;
  cells.never_written = NumElements(array.stored()->grid.grid_shape()).value_or(INT64_MAX) -
                        cells.fill - cells.present;
  return counts;
}

}  // namespace coffer::inline v0
