// A chunk is decoded, changed and encoded anew. How a part of a shard is changed:
//
//  1. `old` gives the index and its generation; every later read, and the final write, is on the
//     condition of that generation.
//  2. Inner chunks are taken in C order. Untouched ones move as they are, neighbours in the old
//     shard in one piece of at most a mebibyte; touched ones are encoded from the source if it
//     covers them, else decoded, changed by one part after the other, and encoded.
//  3. The shard writer publishes the new shard, index last.
#include "src/array/shard_update.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "src/array/chunk_io.h"
#include "src/array/read.h"
#include "src/codec/chain.h"

namespace coffer::inline v0 {
namespace {

constexpr uint64_t kMoveBytesMax = 1 << 20;

/// The shard as it was: its index, and access to its bytes.
struct OldShard {
  std::shared_ptr<const CachedShardIndex> index;  // nullptr: there was none.
  Bytes whole;                                    // Unless the store is local.
  bool replaced = false;                          // A read found another generation.
};

Result<Bytes> ReadOld(const CellUpdate& update, OldShard& old, uint64_t offset, uint64_t size) {
  if (!update.stored.store->capabilities().local) return old.whole.Slice(offset, size);
  ReadOptions options;
  options.range =
      ByteRange::Span(static_cast<int64_t>(offset), static_cast<int64_t>(offset + size));
  options.if_equal = old.index->generation;
  COFFER_ASSIGN_OR_RETURN(ReadResult read, update.stored.store->Read(update.key, options).Get());
  if (read.state != ReadResult::State::kValue) {
    old.replaced = true;
    return AbortedError("replaced meanwhile");
  }
  return std::move(read.value);
}

/// Inner chunks of a foreign shard may share bytes. Each is moved by itself, so they share them no
/// more; but an index of many entries for the same bytes must not become a shard without bound.
Status CheckMovedBytes(const CellUpdate& update, const CachedShardIndex& index, int64_t old_size) {
  const ShardLayout& layout = *update.stored.chain->shard_layout();
  const int64_t most = std::max(
      old_size,
      CheckedMul(layout.num_entries(), layout.inner().max_encoded_size()).value_or(INT64_MAX));
  int64_t sum = 0;
  for (const ShardEntry& entry : index.entries) {
    if (entry.absent()) continue;
    const std::optional<int64_t> more = CheckedAdd(sum, static_cast<int64_t>(entry.size));
    if (!more || *more > most) {
      return FailedPreconditionError(
          update.stored.Describe(update.key) +
          ": inner chunks share bytes, and without that would have more than the " +
          std::to_string(most) + " bytes of a shard: it can be read, not changed in part");
    }
    sum = *more;
  }
  return Status();
}

Result<OldShard> ParseOld(const CellUpdate& update, Result<ReadResult> read) {
  OldShard old;
  if (read.ok() && read->state != ReadResult::State::kValue) return old;
  const ShardLayout& layout = *update.stored.chain->shard_layout();
  if (read.ok() && !update.stored.store->capabilities().local) {
    old.whole = read->value;
    read->total_size = static_cast<int64_t>(old.whole.size());
    const Result<ByteRange> range = ShardIndexRead(layout).range.Resolve(read->total_size);
    if (range.ok()) {
      read->value = old.whole.Slice(static_cast<size_t>(range->begin),
                                    static_cast<size_t>(range->end - range->begin));
    } else {
      read = range.status();
    }
  }
  COFFER_ASSIGN_OR_RETURN(old.index, ParseShardIndex(update.stored, update.key, layout, read,
                                                     update.context.buffers()));
  COFFER_RETURN_IF_ERROR(CheckMovedBytes(update, *old.index, read->total_size));
  return old;
}

/// Gathers untouched chunks that lie behind one another, to move them in one piece.
class Mover {
 public:
  Mover(const CellUpdate& update, OldShard& old, ShardWriter& writer)
      : update_(update), old_(old), writer_(writer) {}

  Status Add(int64_t number, const ShardEntry& entry) {
    if (!chunks_.empty() &&
        (entry.offset != begin_ + size_ || size_ + entry.size > kMoveBytesMax)) {
      COFFER_RETURN_IF_ERROR(Flush());
    }
    if (chunks_.empty()) begin_ = entry.offset;
    chunks_.push_back({number, {entry.offset - begin_, entry.size}});
    size_ += entry.size;
    return Status();
  }
  Status Flush() {
    if (chunks_.empty()) return Status();
    COFFER_ASSIGN_OR_RETURN(const Bytes bytes, ReadOld(update_, old_, begin_, size_));
    COFFER_RETURN_IF_ERROR(writer_.PutEncoded(chunks_, bytes));
    chunks_.clear();
    size_ = 0;
    return Status();
  }

 private:
  const CellUpdate& update_;
  OldShard& old_;
  ShardWriter& writer_;
  std::vector<ShardWriter::EncodedChunk> chunks_;
  uint64_t begin_ = 0;
  uint64_t size_ = 0;
};

/// What one part of an update writes of one chunk.
struct Touch {
  const UpdatePart* part = nullptr;
  TransformPiece piece;
};

/// Where the touches begin that show: those before the last one that covers `box` do not.
size_t FirstThatShows(std::span<const Touch> touches, const Box& box) {
  for (size_t i = touches.size(); i-- > 0;) {
    if (touches[i].piece.CoversAll(box)) return i;
  }
  return 0;
}

Status CopyTouches(std::span<const Touch> touches, const Box& box, const View& chunk) {
  for (const Touch& touch : touches) {
    COFFER_ASSIGN_OR_RETURN(const ConstView source, touch.part->source(touch.piece.view_box));
    CopyView(source, ChunkView(chunk, box, touch.piece));
  }
  return Status();
}

/// Whether nothing inside the array stays of the old cell.
bool CoversCell(const CellUpdate& update) {
  const Box inside = update.stored.grid.ClippedCellBox(update.cell);
  return std::any_of(update.parts.begin(), update.parts.end(), [&](const UpdatePart* part) {
    return Intersect(part->transform, inside).CoversAll(inside);
  });
}

bool StoreFillChunks(const CellUpdate& update) {
  return std::any_of(update.parts.begin(), update.parts.end(),
                     [](const UpdatePart* part) { return part->store_fill_chunks; });
}

/// Fills `chunk` with what stands at `box` before the touches. Damaged bytes are an error only
/// where they would show inside the array.
Status DecodeOld(const CodecChain& chain, std::span<const std::byte> encoded, bool covered,
                 const View& chunk, BufferPool& pool) {
  Status decoded = chain.Decode(encoded, chunk, CodecScratch{&pool});
  if (decoded.code() != StatusCode::kDataLoss || !covered) return decoded;
  FillView(chunk, chain.chunk().fill_value);
  return Status();
}

/// Encodes one touched inner chunk: from the source alone, or over what was there.
Status PutTouched(const CellUpdate& update, OldShard& old, ShardWriter& writer, int64_t number,
                  const Box& box, std::span<const Touch> touches, ScratchChunk& scratch) {
  const CodecChain& inner = update.stored.chain->shard_layout()->inner();
  const Box inside = box.Intersect(Box::Full(update.stored.shape()));
  touches = touches.subspan(FirstThatShows(touches, inside));
  const bool covered = touches.front().piece.CoversAll(inside);
  const ShardEntry entry =
      old.index == nullptr ? ShardEntry() : old.index->entries[static_cast<size_t>(number)];
  const bool needs_old = !entry.absent() && !(covered && inside == box);
  if (covered && !needs_old && touches.size() == 1) {
    const TransformPiece& piece = touches.front().piece;
    COFFER_ASSIGN_OR_RETURN(const ConstView source, touches.front().part->source(piece.view_box));
    return writer.Put(number, box, InStoredOrder(source, piece));
  }
  BufferPool& pool = update.context.buffers();
  if (scratch.view.data == nullptr) {
    COFFER_ASSIGN_OR_RETURN(scratch, MakeScratchChunk(inner.chunk(), pool));
  }
  if (needs_old) {
    COFFER_ASSIGN_OR_RETURN(const Bytes encoded, ReadOld(update, old, entry.offset, entry.size));
    COFFER_RETURN_IF_ERROR(DecodeOld(inner, encoded, covered, scratch.view, pool));
  } else if (!covered || inside != box) {
    FillView(scratch.view, inner.chunk().fill_value);
  }
  COFFER_RETURN_IF_ERROR(CopyTouches(touches, box, scratch.view));
  return writer.Put(number, box, scratch.view);
}

/// Tells for one inner chunk after the other, in C order, which parts touch it. A part is looked at
/// only from the first to the last inner chunk of its bounds.
class TouchWalk {
 public:
  explicit TouchWalk(const CellUpdate& update) : update_(update) {
    const ShardLayout& layout = *update.stored.chain->shard_layout();
    const Box shard = update.stored.grid.CellBox(update.cell);
    for (size_t i = 0; i < update.parts.size(); ++i) {
      const Box bounds = update.parts[i]->transform.StoredBounds();
      const Box relative = Relative(bounds.Intersect(shard), shard);
      if (relative.empty()) continue;
      Index last = relative.origin;
      for (int d = 0; d < last.rank(); ++d) last[d] = relative.end(d) - 1;
      coming_.push_back({layout.Number(relative.origin), layout.Number(last), i, bounds});
    }
    std::stable_sort(coming_.begin(), coming_.end(),
                     [](const Reach& a, const Reach& b) { return a.first < b.first; });
  }

  /// Requires numbers that grow from call to call. Valid until the next.
  std::span<const Touch> At(int64_t number) {
    touches_.clear();
    while (next_ < coming_.size() && coming_[next_].first <= number) {
      const Reach& reach = coming_[next_++];
      here_.insert(std::upper_bound(here_.begin(), here_.end(), reach,
                                    [](const Reach& a, const Reach& b) { return a.part < b.part; }),
                   reach);
    }
    std::erase_if(here_, [&](const Reach& reach) { return reach.last < number; });
    if (here_.empty()) return {};
    const Box box = InnerBox(update_.stored, update_.cell, number);
    for (const Reach& reach : here_) {
      if (box.Intersect(reach.bounds).empty()) continue;
      const UpdatePart* const part = update_.parts[reach.part];
      TransformPiece piece = Intersect(part->transform, box);
      if (!piece.view_box.empty()) touches_.push_back({part, std::move(piece)});
    }
    return touches_;
  }

 private:
  struct Reach {
    int64_t first = 0;
    int64_t last = 0;
    size_t part = 0;
    Box bounds;
  };

  const CellUpdate& update_;
  std::vector<Reach> coming_;
  size_t next_ = 0;
  std::vector<Reach> here_;  // In the order of the parts.
  std::vector<Touch> touches_;
};

Status PutAll(const CellUpdate& update, OldShard& old, ShardWriter& writer,
              const CancelToken& cancel) {
  const ShardLayout& layout = *update.stored.chain->shard_layout();
  Mover mover(update, old, writer);
  TouchWalk walk(update);
  ScratchChunk scratch;
  for (int64_t number = 0; number < layout.num_entries(); ++number) {
    const std::span<const Touch> touches = walk.At(number);
    if (!touches.empty()) {
      if (cancel.cancelled()) return CancelledError("cancelled");
      COFFER_RETURN_IF_ERROR(mover.Flush());
      const Box box = InnerBox(update.stored, update.cell, number);
      const Status put = PutTouched(update, old, writer, number, box, touches, scratch);
      if (!put.ok()) return put.Annotate("chunk at " + ToString(box.origin));
      continue;
    }
    if (old.index == nullptr) continue;
    const ShardEntry& entry = old.index->entries[static_cast<size_t>(number)];
    if (!entry.absent()) COFFER_RETURN_IF_ERROR(mover.Add(number, entry));
  }
  return mover.Flush();
}

Result<Future<WriteResult>> UpdateChunk(const CellUpdate& update, const Result<ReadResult>& old,
                                        WriteOptions options) {
  COFFER_RETURN_IF_ERROR(old);
  const StoredArray& stored = update.stored;
  const CodecChain& chain = *stored.chain;
  BufferPool& pool = update.context.buffers();
  const Box box = stored.grid.CellBox(update.cell);
  std::vector<Touch> touched;
  for (const UpdatePart* part : update.parts) {
    touched.push_back({part, Intersect(part->transform, box)});
  }
  const Box inside = stored.grid.ClippedCellBox(update.cell);
  const std::span<const Touch> touches =
      std::span(touched).subspan(FirstThatShows(touched, inside));
  const bool covered = touches.front().piece.CoversAll(inside);
  ScratchChunk scratch;
  COFFER_ASSIGN_OR_RETURN(scratch, MakeScratchChunk(chain.chunk(), pool));
  if (old->state == ReadResult::State::kValue) {
    options.if_equal = old->generation;
    const Status decoded = DecodeOld(chain, old->value, covered, scratch.view, pool);
    if (!decoded.ok()) {
      return decoded.Annotate(stored.Describe(update.key) + ", chunk at " + ToString(box.origin));
    }
  } else {
    options.if_equal = Generation::Missing();
    FillView(scratch.view, chain.chunk().fill_value);
  }
  COFFER_RETURN_IF_ERROR(CopyTouches(touches, box, scratch.view));
  const bool stores_fill = StoreFillChunks(update) || !CanDelete(*stored.store, options);
  COFFER_ASSIGN_OR_RETURN(std::optional<BytesChain> value,
                          EncodeChunk(stored, update.context, box, scratch.view, stores_fill));
  return stored.store->Write(update.key, std::move(value), options);
}

Result<Future<WriteResult>> UpdateShard(const CellUpdate& update, Result<ReadResult> old_read,
                                        WriteOptions options) {
  const CancelToken cancel = options.cancel;
  options.if_equal = old_read.ok() ? old_read->generation : Generation::Unknown();
  Result<OldShard> parsed = ParseOld(update, old_read);
  if (parsed.status().code() == StatusCode::kDataLoss && old_read.ok() && CoversCell(update)) {
    parsed = OldShard();  // Nothing of it would show.
  }
  COFFER_ASSIGN_OR_RETURN(OldShard old, std::move(parsed));
  ShardWriter writer(update.stored, update.context, update.key, std::move(options),
                     StoreFillChunks(update));
  const Status put = PutAll(update, old, writer, cancel);
  if (old.replaced) {
    return Future<WriteResult>::Ready(WriteResult{WriteResult::State::kConditionNotMet, {}});
  }
  if (!put.ok()) return put.Annotate(update.stored.Describe(update.key));
  return writer.Finish();
}

int64_t UpdateShardBytes(const StoredArray& stored) {
  const CodecChain& inner = stored.chain->shard_layout()->inner();
  const int64_t old = stored.store->capabilities().local
                          ? BufferPool::CapacityFor(std::max(static_cast<int64_t>(kMoveBytesMax),
                                                             MaxStoredBytes(inner)))
                          : BufferPool::CapacityFor(MaxStoredBytes(*stored.chain));
  const int64_t index = ShardIndexBytes(*stored.chain->shard_layout());
  return CheckedAdd(ShardWriterBytes(stored), index + old + DecodePieceBytes(inner))
      .value_or(INT64_MAX);
}

}  // namespace

Result<std::optional<BytesChain>> EncodeChunk(const StoredArray& stored, const Context& context,
                                              const Box& cell, const ConstView& part,
                                              bool store_fill_chunks) {
  const CodecChain& chain = *stored.chain;
  if (!store_fill_chunks && !stored.fill_value_undefined &&
      AllEqual(part, chain.chunk().fill_value)) {
    return std::optional<BytesChain>();
  }
  BufferPool& pool = context.buffers();
  ScratchChunk scratch;
  COFFER_ASSIGN_OR_RETURN(const ConstView chunk, PadToChunk(chain, cell, part, scratch, pool));
  COFFER_ASSIGN_OR_RETURN(Buffer encoded,
                          pool.Allocate(static_cast<size_t>(chain.max_encoded_size())));
  const Result<size_t> size = chain.Encode(chunk, encoded.span(), CodecScratch{&pool});
  if (!size.ok()) {
    Index number = cell.origin;
    for (int d = 0; d < number.rank(); ++d) number[d] /= stored.grid.cell_shape()[d];
    return size.status().Annotate(stored.Describe(stored.CellKey(number)) + ", chunk at " +
                                  ToString(cell.origin));
  }
  context.stats().chunks_encoded += 1;
  return std::optional<BytesChain>(std::move(encoded).ToBytes(*size));
}

int64_t EncodeChunkBytes(const StoredArray& stored) {
  const CodecChain& chain = *stored.chain;
  return BufferPool::CapacityFor(chain.max_encoded_size()) + chain.encode_scratch_bytes() +
         ScratchChunkBytes(chain.chunk());
}

BytesChain HoldEncoded(const StoredArray& stored, BytesChain value, Reservation& reservation) {
  struct Held {
    Reservation reservation;
    Bytes bytes;
  };
  auto held = std::make_shared<Held>();
  held->reservation = std::move(reservation);
  held->reservation.ShrinkTo(BufferPool::CapacityFor(stored.chain->max_encoded_size()));
  held->bytes = value.Flatten();
  const std::span<const std::byte> view = held->bytes.span();
  return Bytes(std::move(held), view);
}

bool AcknowledgesLater(const StoredArray& stored) {
  return stored.store->capabilities().local &&
         (stored.chain->shard_layout() == nullptr || ShardStreams(stored));
}

int64_t MaxStoredBytes(const CodecChain& chain) {
  const int64_t bound = chain.max_encoded_size();
  return chain.fixed_size() ? bound : CheckedAdd(bound, bound / 16 + KiB(4)).value_or(INT64_MAX);
}

ReadOptions ReadForUpdate(const StoredArray& stored) {
  const ShardLayout* const layout = stored.chain->shard_layout();
  if (layout != nullptr && stored.store->capabilities().local) return ShardIndexRead(*layout);
  ReadOptions options;
  options.max_bytes = MaxStoredBytes(*stored.chain);
  return options;
}

Result<Future<WriteResult>> UpdateCell(const CellUpdate& update, Result<ReadResult> old,
                                       WriteOptions options) {
  if (update.stored.chain->shard_layout() == nullptr) {
    return UpdateChunk(update, old, std::move(options));
  }
  return UpdateShard(update, std::move(old), std::move(options));
}

int64_t UpdateCellBytes(const StoredArray& stored) {
  if (stored.chain->shard_layout() != nullptr) return UpdateShardBytes(stored);
  return EncodeChunkBytes(stored) + BufferPool::CapacityFor(MaxStoredBytes(*stored.chain)) +
         DecodePieceBytes(*stored.chain);
}

int64_t SourceChunkBytes(const StoredArray& stored) {
  const ShardLayout* const layout = stored.chain->shard_layout();
  const ChunkSpec& unit = (layout != nullptr ? layout->inner() : *stored.chain).chunk();
  return BufferPool::CapacityFor(unit.num_bytes());
}

}  // namespace coffer::inline v0
