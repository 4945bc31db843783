// How an array is inspected:
//
//  1. Every key below the array's prefix is listed, page by page. Metadata documents and cells of
//     the grid are expected; cells outside it and other keys are told. Keys below another node or
//     thing inside the array are one. Where nothing can be listed (and the caller goes without),
//     every cell of the grid is looked for instead.
//  2. A chunk's size is compared with what it can be. Of a shard the index is read; its entries are
//     judged one by one, then together: bytes of no chunk, bytes of several.
//  3. Deep: every stored (inner) chunk is read, on the condition of the generation that is judged,
//     and decoded into scratch; what it holds beyond the array's edge must be the fill value.
#include "src/array/inspect.h"

#include <algorithm>
#include <utility>

#include "src/array/background.h"
#include "src/array/chunk_io.h"
#include "src/array/findings.h"
#include "src/array/read.h"
#include "src/array/resize.h"
#include "src/array/shard_update.h"
#include "src/async/progress.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {
namespace {

constexpr int kAttemptsMax = 16;
constexpr size_t kRemoteWindowBytes = size_t{1} << 20;  // Of a shard, by one request.

std::string Bytes64(uint64_t bytes) {
  return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

/// Whether an error of reading or decoding says that the stored bytes are wrong.
bool IsFault(const Status& status) {
  return status.code() == StatusCode::kDataLoss ||
         status.code() == StatusCode::kFailedPrecondition ||
         status.code() == StatusCode::kOutOfRange || status.code() == StatusCode::kInvalidArgument;
}

/// What of [begin, end) belongs to no entry, and how many entries begin inside another.
std::string ShapeOf(std::vector<ShardEntry> entries, uint64_t begin, uint64_t end) {
  std::sort(entries.begin(), entries.end(), [](const ShardEntry& a, const ShardEntry& b) {
    return std::pair(a.offset, a.size) < std::pair(b.offset, b.size);
  });
  uint64_t at = begin;
  uint64_t unused = 0;
  int64_t overlapping = 0;
  for (const ShardEntry& entry : entries) {
    if (entry.offset > at) unused += entry.offset - at;
    if (entry.offset < at && entry.size > 0) ++overlapping;
    at = std::max(at, entry.offset + entry.size);
  }
  if (end > at) unused += end - at;
  std::string text;
  if (unused > 0) text = Bytes64(unused) + (unused == 1 ? " belongs" : " belong") + " to no chunk";
  if (overlapping > 0) {
    text += (text.empty() ? "" : "; ") + std::to_string(overlapping) +
            (overlapping == 1 ? " inner chunk begins" : " inner chunks begin") + " inside another";
  }
  return text;
}

}  // namespace

std::vector<Box> PartsBeyond(const Shape& shape, const Box& box) {
  std::vector<Box> parts;
  Box rest = box;
  for (int d = 0; d < shape.rank(); ++d) {
    const int64_t inside = std::clamp<int64_t>(shape[d] - box.origin[d], 0, box.shape[d]);
    if (inside < box.shape[d]) {
      Box part = rest;
      part.origin[d] += inside;
      part.shape[d] -= inside;
      if (!part.empty()) parts.push_back(part);
    }
    rest.shape[d] = inside;
  }
  return parts;
}

std::vector<VerifyReport::Finding> CellFaults::Findings(const std::string& described) const {
  std::vector<VerifyReport::Finding> findings;
  if (!damage.ok()) findings.push_back({FindingKind::kDamaged, described, damage.ToString()});
  if (!bad_chunks.empty()) {
    std::string reason = bad_chunk.ToString();
    if (bad_chunks.size() > 1) {
      reason += " (and " + std::to_string(bad_chunks.size() - 1) + " more of this shard)";
    }
    findings.push_back({FindingKind::kDamaged, described, std::move(reason)});
  }
  if (beyond_edge) {
    findings.push_back({FindingKind::kBeyondEdge, described,
                        "beyond the edge: holds elements outside the array's shape"});
  }
  if (!shard_shape.empty()) {
    findings.push_back({FindingKind::kShardShape, described, "shard: " + shard_shape});
  }
  if (!unsupported.ok()) {
    findings.push_back({FindingKind::kUnsupported, described, unsupported.ToString()});
  }
  return findings;
}

Result<CellFaults> CellInspector::Inspect(const std::string& key, const Index& cell, int64_t size) {
  Result<CellFaults> faults = stored_.chain->shard_layout() != nullptr
                                  ? InspectShard(key, cell)
                                  : InspectChunk(key, cell, size);
  // What is there is no value: a FIFO, a link out of a file store.
  if (faults.status().code() != StatusCode::kFailedPrecondition) return faults;
  CellFaults no_value;
  no_value.is_value = false;
  no_value.damage = faults.status();
  return no_value;
}

Result<CellFaults> CellInspector::InspectChunk(const std::string& key, const Index& cell,
                                               int64_t size) {
  const CodecChain& chain = *stored_.chain;
  const auto wrong_size = [&](int64_t bytes) {
    if (TooLongForChunk(bytes, chain)) {
      return DataLossError("stored size " + std::to_string(bytes) +
                           " is more than a chunk can have");
    }
    if (chain.fixed_size() && bytes != chain.max_encoded_size()) {
      return DataLossError("stored size " + std::to_string(bytes) + ", a chunk has " +
                           std::to_string(chain.max_encoded_size()));
    }
    return Status();
  };
  CellFaults faults;
  const bool suspicious = size < 0 || !wrong_size(size).ok();
  if (suspicious) {  // Sizes of listings have no generation.
    COFFER_ASSIGN_OR_RETURN(const ReadResult stat,
                            stored_.store->Read(key, {.range = ByteRange::Stat()}).Get());
    faults.generation = stat.generation;
    if (stat.state != ReadResult::State::kValue) return faults;
    if (stat.total_size >= 0) {
      size = stat.total_size;
      faults.damage = wrong_size(size);
      if (!faults.damage.ok()) return faults;
    }
  }
  if (!deep_) return faults;
  const int64_t size_max = std::max(size, MaxStoredBytes(chain));
  COFFER_ASSIGN_OR_RETURN(
      Reservation held, context_.budget().Acquire(
                            BufferPool::CapacityFor(size_max) + DecodePieceBytes(chain), cancel_));
  COFFER_ASSIGN_OR_RETURN(
      const ReadResult read,
      stored_.store->Read(key, {.max_bytes = size_max, .reservation = &held}).Get());
  faults.generation = read.generation;
  if (read.state != ReadResult::State::kValue) return faults;  // Deleted meanwhile.
  const Result<bool> beyond = Decode(chain, stored_.grid.CellBox(cell), read.value);
  if (beyond.ok()) {
    faults.beyond_edge = *beyond;
  } else if (IsFault(beyond.status())) {
    faults.damage = beyond.status();
  } else if (IsUnsupported(beyond.status())) {
    faults.unsupported = beyond.status();
  } else {
    return beyond.status().Annotate(stored_.Describe(key));
  }
  return faults;
}

Result<CellFaults> CellInspector::InspectShard(const std::string& key, const Index& cell) {
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    CellFaults faults;
    COFFER_ASSIGN_OR_RETURN(const bool settled, InspectShardOnce(key, cell, faults));
    if (settled) return faults;
  }
  return AbortedError(stored_.Describe(key) +
                      ": the shard was replaced again and again while it was verified");
}

/// False if the shard was replaced meanwhile.
Result<bool> CellInspector::InspectShardOnce(const std::string& key, const Index& cell,
                                             CellFaults& faults) {
  const ShardLayout& layout = *stored_.chain->shard_layout();
  {
    const int64_t sorted = layout.num_entries() * static_cast<int64_t>(sizeof(ShardEntry));
    COFFER_ASSIGN_OR_RETURN(const Reservation held,
                            context_.budget().Acquire(ShardIndexBytes(layout) + sorted, cancel_));
    const Result<ReadResult> read = stored_.store->Read(key, ShardIndexRead(layout)).Get();
    if (read.status().code() == StatusCode::kOutOfRange) {
      return InspectShortShard(key, read.status(), faults);
    }
    COFFER_RETURN_IF_ERROR(read);
    faults.generation = read->generation;
    if (read->state != ReadResult::State::kValue) return true;
    Result<ShardIndex> entries = layout.DecodeIndex(read->value, CodecScratch{&context_.buffers()});
    if (!entries.ok()) {
      if (IsFault(entries.status())) {
        faults.damage = entries.status();
        return true;
      }
      if (!IsUnsupported(entries.status())) {
        return entries.status().Annotate(stored_.Describe(key));
      }
      faults.unsupported = entries.status();
      return true;
    }
    faults.entries = *std::move(entries);
    JudgeEntries(read->total_size, faults);
  }
  // One reservation at a time; the parsed index is as a cached one.
  return deep_ ? DecodeAll(key, cell, faults) : Result<bool>(true);
}

/// The index cannot be read since the shard is too short, or was until just now.
Result<bool> CellInspector::InspectShortShard(const std::string& key, const Status& read,
                                              CellFaults& faults) {
  const ShardLayout& layout = *stored_.chain->shard_layout();
  COFFER_ASSIGN_OR_RETURN(const ReadResult stat,
                          stored_.store->Read(key, {.range = ByteRange::Stat()}).Get());
  faults.generation = stat.generation;
  if (stat.state != ReadResult::State::kValue) return true;
  if (stat.total_size >= layout.index_size()) return false;
  if (stat.total_size < 0) return read;
  faults.damage =
      DataLossError("a shard of " + std::to_string(stat.total_size) +
                    " bytes is shorter than its index of " + std::to_string(layout.index_size()));
  return true;
}

void CellInspector::JudgeEntries(int64_t total_size, CellFaults& faults) const {
  const ShardLayout& layout = *stored_.chain->shard_layout();
  std::vector<ShardEntry> sound;
  for (size_t n = 0; n < faults.entries.size(); ++n) {
    const ShardEntry& entry = faults.entries[n];
    if (entry.absent()) continue;
    Status checked = layout.CheckEntry(static_cast<int64_t>(n), entry, total_size);
    if (checked.ok() && TooLongForChunk(static_cast<int64_t>(entry.size), layout.inner())) {
      checked = DataLossError("inner chunk " + std::to_string(n) + ": the index gives it " +
                              std::to_string(entry.size) + " bytes, it can have " +
                              std::to_string(layout.inner().max_encoded_size()));
    }
    if (checked.ok()) {
      sound.push_back(entry);
      continue;
    }
    if (faults.bad_chunks.empty()) faults.bad_chunk = checked;
    faults.bad_chunks.push_back(static_cast<int64_t>(n));
  }
  if (total_size < 0 || !faults.bad_chunks.empty()) return;
  const bool at_start = layout.index_location() == ShardLayout::IndexLocation::kStart;
  const int64_t begin = at_start ? layout.index_size() : 0;
  const int64_t end = at_start ? total_size : total_size - layout.index_size();
  faults.shard_shape = ShapeOf(std::move(sound), static_cast<uint64_t>(begin),
                               static_cast<uint64_t>(std::max(begin, end)));
}

namespace {

/// How far one read goes that begins with entry `n`: over those that follow it, in the shard as in
/// the index, up to one of the bad.
uint64_t EndOfWindow(const ShardIndex& entries, const std::vector<int64_t>& bad, int64_t n,
                     uint64_t room) {
  const uint64_t begin = entries[static_cast<size_t>(n)].offset;
  uint64_t end = begin;
  for (; n < std::ssize(entries); ++n) {
    const ShardEntry& entry = entries[static_cast<size_t>(n)];
    if (entry.absent()) continue;
    if (std::binary_search(bad.begin(), bad.end(), n)) break;
    if (entry.offset < end || entry.offset + entry.size - begin > room) break;
    end = entry.offset + entry.size;
  }
  return end;
}

}  // namespace

Result<bool> CellInspector::DecodeAll(const std::string& key, const Index& cell,
                                      CellFaults& faults) {
  const CodecChain& inner = stored_.chain->shard_layout()->inner();
  const std::vector<int64_t> bad = std::exchange(faults.bad_chunks, {});
  uint64_t largest = 0;
  const auto is_bad = [&](int64_t number) {
    return std::binary_search(bad.begin(), bad.end(), number);
  };
  for (int64_t n = 0; n < std::ssize(faults.entries); ++n) {
    const ShardEntry& entry = faults.entries[static_cast<size_t>(n)];
    if (!entry.absent() && !is_bad(n)) largest = std::max(largest, entry.size);
  }
  const bool local = stored_.store->capabilities().local;
  const size_t room = local ? largest : std::max(largest, kRemoteWindowBytes);
  COFFER_ASSIGN_OR_RETURN(
      Reservation held,
      context_.budget().Acquire(
          BufferPool::CapacityFor(static_cast<int64_t>(room)) + DecodePieceBytes(inner), cancel_));
  COFFER_ASSIGN_OR_RETURN(const Buffer buffer, context_.buffers().Allocate(room));
  uint64_t begin = 0;  // Of what the buffer holds.
  uint64_t end = 0;
  for (int64_t n = 0; n < std::ssize(faults.entries); ++n) {
    const ShardEntry& entry = faults.entries[static_cast<size_t>(n)];
    if (entry.absent()) continue;
    if (cancel_.cancelled()) return CancelledError("cancelled");
    if (is_bad(n)) {
      faults.bad_chunks.push_back(n);
      continue;
    }
    Status fetched;
    if (entry.offset < begin || entry.offset + entry.size > end) {
      begin = entry.offset;
      end = local ? begin + entry.size : EndOfWindow(faults.entries, bad, n, room);
      ReadOptions options;
      options.range = ByteRange::Span(static_cast<int64_t>(begin), static_cast<int64_t>(end));
      options.if_equal = faults.generation;
      options.reservation = &held;
      const Result<ReadResult> read =
          stored_.store->ReadInto(key, buffer.span().first(end - begin), options).Get();
      if (read.ok() && read->state != ReadResult::State::kValue) return false;
      fetched = read.status();
      if (!fetched.ok()) end = begin;
    }
    const Result<bool> beyond =
        fetched.ok() ? Decode(inner, InnerBox(stored_, cell, n),
                              buffer.span().subspan(entry.offset - begin, entry.size))
                     : fetched;
    if (beyond.ok()) {
      faults.beyond_edge = faults.beyond_edge || *beyond;
      continue;
    }
    if (IsUnsupported(beyond.status())) {
      if (faults.unsupported.ok()) {
        faults.unsupported = beyond.status().Annotate("inner chunk " + std::to_string(n));
      }
      continue;
    }
    if (!IsFault(beyond.status())) {
      return fetched.ok() ? beyond.status().Annotate(stored_.Describe(key)) : fetched;
    }
    // The first in the shard's order is told, whatever is wrong with it.
    if (faults.bad_chunks.empty()) {
      faults.bad_chunk = beyond.status().Annotate("inner chunk " + std::to_string(n));
    }
    faults.bad_chunks.push_back(n);
  }
  return true;
}

/// Whether the chunk holds anything but the fill value beyond the array's edge.
Result<bool> CellInspector::Decode(const CodecChain& chain, const Box& box,
                                   std::span<const std::byte> encoded) {
  BufferPool& pool = context_.buffers();
  COFFER_ASSIGN_OR_RETURN(const ScratchChunk scratch, MakeScratchChunk(chain.chunk(), pool));
  COFFER_RETURN_IF_ERROR(chain.Decode(encoded, scratch.view, CodecScratch{&pool}));
  context_.stats().chunks_decoded += 1;
  ++counts_.chunks;
  if (!chain.has_checksum(encoded)) ++counts_.unchecked;
  counts_.bytes += chain.chunk().num_bytes();
  if (stored_.fill_value_undefined) return false;  // Anything may stand there.
  for (const Box& part : PartsBeyond(stored_.shape(), box)) {
    const View beyond = scratch.view.Subview(Relative(part, box));
    if (!AllEqual(beyond, chain.chunk().fill_value)) return true;
  }
  return false;
}

namespace {

/// One walk over an array's keys.
class KeyWalk {
 public:
  KeyWalk(const Array& array, const InspectOptions& options, CellInspector& cells,
          InspectionSink& sink)
      : stored_(*array.stored()),
        context_(array.context()),
        options_(options),
        cells_(cells),
        sink_(sink),
        drivers_(context_.Get<DriverTable>().drivers()),
        folders_(drivers_, {}, stored_.store, stored_.prefix, options.probe) {}

  Status Run() {
    const BufferPool::OperationScope scope(context_.buffers());
    if (options_.without_list && !stored_.store->capabilities().listable) return LookForCells();
    const ListOptions list{.range = KeyRange::Prefix(stored_.prefix)};
    if (options_.on_progress != nullptr) {
      int64_t bytes = 0;
      const auto count = [&](std::span<const ListEntry> page) {
        for (const ListEntry& entry : page) bytes += std::max<int64_t>(entry.size, 0);
        return Status();
      };
      COFFER_RETURN_IF_ERROR(ForEachPage(*stored_.store, list, count));
      progress_.emplace(options_.on_progress, bytes);
    }
    COFFER_RETURN_IF_ERROR(ForEachPage(
        *stored_.store, list, [this](std::span<const ListEntry> page) { return Page(page); }));
    MutexLock lock(mutex_);
    for (const auto& [prefix, keys] : inner_) {
      COFFER_RETURN_IF_ERROR(sink_.OnInnerNode(prefix, keys));
    }
    return Status();
  }

 private:
  struct Cell {
    const ListEntry* entry = nullptr;
    Index index;
  };

  Status LookForCells() {
    const std::optional<int64_t> cells = NumElements(stored_.grid.grid_shape());
    if (!cells) {
      return InvalidArgumentError(stored_.Describe(stored_.prefix) +
                                  ": more chunks than can be counted");
    }
    std::atomic<int64_t> missing = 0;
    Progress progress(options_.on_progress, *cells);
    const CellWalk walk(stored_.grid, IndexTransform::Identity(stored_.shape()));
    const auto look = [&](int64_t n) -> Status {
      const Index index = walk.At(n);
      const ListEntry entry{.key = stored_.CellKey(index), .size = -1};
      COFFER_ASSIGN_OR_RETURN(const bool there, InspectCell({&entry, index}));
      if (!there) ++missing;
      progress.Add(1);
      return Status();
    };
    const int requests = stored_.store->capabilities().request_concurrency;
    COFFER_RETURN_IF_ERROR(RunInBackground(context_, BackgroundThreads(context_, requests), *cells,
                                           look, options_.cancel));
    if (options_.missing != nullptr) *options_.missing = missing;
    return Status();
  }

  Status Page(std::span<const ListEntry> page) {
    std::vector<Cell> cells;
    std::vector<std::string> outside;
    std::vector<std::string> foreign;
    for (const ListEntry& entry : page) {
      const std::optional<Index> cell = stored_.ParseCellKey(entry.key);
      if (cell && IsInGrid(stored_, *cell)) {
        cells.push_back({&entry, *cell});
        continue;
      }
      if (progress_) progress_->Add(std::max<int64_t>(entry.size, 0));
      if (stored_.IsMetadataKey(entry.key) || IsDocumentOfAnother(entry.key)) continue;
      COFFER_ASSIGN_OR_RETURN(const bool is_inner, IsInnerNodes(entry.key));
      if (!is_inner) (cell ? outside : foreign).push_back(entry.key);
    }
    COFFER_RETURN_IF_ERROR(sink_.OnKeys(FindingKind::kOutside, outside));
    COFFER_RETURN_IF_ERROR(sink_.OnKeys(FindingKind::kForeign, foreign));
    return RunInBackground(
        context_, BackgroundThreads(context_, stored_.store->capabilities().request_concurrency),
        std::ssize(cells),
        [&](int64_t n) { return InspectCell(cells[static_cast<size_t>(n)]).status(); },
        options_.cancel);
  }

  /// An array may have documents of several formats.
  bool IsDocumentOfAnother(const std::string& key) const {
    return std::any_of(drivers_.begin(), drivers_.end(), [&](const ArrayDriver* driver) {
      return driver != stored_.driver && driver->NodeOfKey(key) == stored_.prefix;
    });
  }

  /// Whether the key belongs to a node inside the array, also where it has the form of a cell's.
  Result<bool> IsInnerNodes(const std::string& key) {
    MutexLock lock(mutex_);
    COFFER_ASSIGN_OR_RETURN(const std::optional<std::string> inner, folders_.OutermostAbove(key));
    if (inner) ++inner_[*inner];
    return inner.has_value();
  }

  /// Whether it is there.
  Result<bool> InspectCell(const Cell& cell) {
    COFFER_ASSIGN_OR_RETURN(CellFaults faults,
                            cells_.Inspect(cell.entry->key, cell.index, cell.entry->size));
    const bool there = !faults.generation.missing();
    if (faults.any()) {
      COFFER_ASSIGN_OR_RETURN(const bool is_inner, IsInnerNodes(cell.entry->key));
      if (!is_inner) {
        COFFER_RETURN_IF_ERROR(sink_.OnCell(cell.entry->key, cell.index, std::move(faults)));
      }
    }
    if (progress_) progress_->Add(std::max<int64_t>(cell.entry->size, 0));
    return there;
  }

  const StoredArray& stored_;
  const Context context_;
  const InspectOptions& options_;
  CellInspector& cells_;
  InspectionSink& sink_;
  const std::vector<const ArrayDriver*> drivers_;
  Mutex mutex_;  // Guards both.
  FolderKinds folders_ COFFER_GUARDED_BY(mutex_);
  std::map<std::string, int64_t> inner_ COFFER_GUARDED_BY(mutex_);  // Keys by prefix.
  std::optional<Progress> progress_;
};

}  // namespace

Status InspectArray(const Array& array, const InspectOptions& options, CellInspector& cells,
                    InspectionSink& sink) {
  return KeyWalk(array, options, cells, sink).Run();
}

Result<std::string> FirstStranger(const Place& place, const Array* array, const Context& context) {
  const std::vector<const ArrayDriver*> drivers = context.Get<DriverTable>().drivers();
  const auto is_own = [&](const std::string& key) {
    if (array != nullptr &&
        (array->stored()->ParseCellKey(key).has_value() || array->stored()->IsMetadataKey(key))) {
      return true;
    }
    return std::any_of(drivers.begin(), drivers.end(), [&](const ArrayDriver* driver) {
      return driver->NodeOfKey(key) == place.prefix;
    });
  };
  std::string found;
  const auto see = [&](std::span<const ListEntry> page) {
    const auto stranger = std::find_if(page.begin(), page.end(),
                                       [&](const ListEntry& entry) { return !is_own(entry.key); });
    if (stranger == page.end()) return Status();
    found = stranger->key;
    return CancelledError("found");
  };
  const Status seen = ForEachPage(*place.store, {.range = KeyRange::Prefix(place.prefix)}, see);
  if (found.empty()) COFFER_RETURN_IF_ERROR(seen);
  return found;
}

std::string InnerNodeReason(int64_t keys, std::string_view inside) {
  return "orphan: an array, group or checkpoint inside " + std::string(inside) + ", " +
         std::to_string(keys) + (keys == 1 ? " key" : " keys");
}

}  // namespace coffer::inline v0
