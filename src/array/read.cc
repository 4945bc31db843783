// How a read goes:
//
//  1. The grid cells that the transform touches are walked in storage order; each becomes a piece
//     of work (ChunkRead, or ShardRead where the cells are shards).
//  2. ChunkRead reserves the bound of the encoded chunk and what decoding holds, reads the value,
//     decodes it into the destination. A plain chunk whose part is one contiguous run on both sides
//     is read straight into the destination.
//  3. ShardRead gets the shard's index, from the cache or by one range read, fills what is absent,
//     and pushes spans: wanted inner chunks that lie near each other in the shard, merged.
//  4. SpanRead reserves the span and one decode, reads the span on the condition that the shard
//     still has the index's generation, decodes each inner chunk into the destination.
//  5. If the shard was replaced meanwhile, its spans are void: when the last of them has ended the
//     whole part of this shard is read anew from its new index. So one shard is never read half old
//     and half new.
//
// A foreign encoder may store more bytes than our bound for a chunk: then the reservation was too
// small, and the chunk is read by new work that reserves its true size.
#include "src/array/read.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "src/array/chunk_io.h"
#include "src/array/crew.h"
#include "src/array/shard_index_cache.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {
namespace {

constexpr int64_t kSpanBytesMax = MiB(4);
constexpr int64_t kSpanBytesMin = KiB(64);
constexpr int kShardAttemptsMax = 16;

/// What all the work of one read shares.
struct ReadOperation {
  StoredArrayPtr stored;
  IndexTransform transform;
  View destination;
  ArrayReadOptions::Missing missing;
  CellWalk walk;
  int64_t cells = 0;
  int64_t next_cell = 0;  // Used under the crew's lock.
  int64_t span_bytes_max = 0;
};
using OperationPtr = std::shared_ptr<const ReadOperation>;

int64_t PieceBytes(const ReadOperation& operation, const TransformPiece& piece) {
  return *NumElements(piece.view_box.shape) * operation.stored->data_type().size();
}

Status InChunk(const Status& status, const ReadOperation& operation, const std::string& key,
               const Box& cell) {
  if (status.ok()) return status;
  return status.Annotate(operation.stored->Describe(key) + ", chunk at " + ToString(cell.origin));
}

/// The piece is in no stored chunk.
Status FillMissing(const ReadOperation& operation, const std::string& key, const Box& cell,
                   const TransformPiece& piece) {
  if (operation.missing == ArrayReadOptions::Missing::kError) {
    return InChunk(NotFoundError("this chunk was never written"), operation, key, cell);
  }
  FillView(operation.destination.Subview(piece.view_box),
           operation.stored->chain->chunk().fill_value);
  return Status();
}

class ChunkRead : public Work {
 public:
  ChunkRead(OperationPtr operation, const Index& cell, int64_t encoded_bytes)
      : operation_(std::move(operation)),
        key_(operation_->stored->CellKey(cell)),
        box_(operation_->stored->grid.CellBox(cell)),
        cell_(cell),
        piece_(Intersect(operation_->transform, box_)),
        encoded_bytes_(encoded_bytes) {}

  int64_t reserve_bytes() const override {
    return BufferPool::CapacityFor(encoded_bytes_) + DecodePieceBytes(chain());
  }

  Result<Pending> Step(Crew& crew, Reservation& reservation) override {
    if (piece_.view_box.empty()) return Pending::Done();
    if (!read_.valid()) {
      Begin(crew, reservation);
      if (!read_.ready()) return Pending::On(read_);
    }
    const Result<ReadResult>& read = read_.Get();
    if (!read.ok()) return Failed(crew, read.status());
    COFFER_RETURN_IF_ERROR(Finish(crew, *read));
    done_bytes = PieceBytes(*operation_, piece_);
    return Pending::Done();
  }

 private:
  const CodecChain& chain() const { return *operation_->stored->chain; }

  void Begin(Crew& crew, Reservation& reservation) {
    ReadOptions options;
    options.cancel = crew.stop_token();
    options.reservation = &reservation;
    if (DirectRange(options.range)) {
      const View part = operation_->destination.Subview(piece_.view_box);
      direct_ = true;
      read_ = operation_->stored->store->ReadInto(
          key_, {part.data, static_cast<size_t>(PieceBytes(*operation_, piece_))}, options);
      return;
    }
    options.max_bytes = encoded_bytes_;
    read_ = operation_->stored->store->Read(key_, options);
  }

  /// Whether the piece is one run of bytes in the stored chunk and in the destination.
  bool DirectRange(ByteRange& range) const {
    if (!chain().is_identity()) return false;
    const View part = operation_->destination.Subview(piece_.view_box);
    const auto size = chain().chunk().num_bytes();
    // Any address does for the chunk: only where the run begins in it, and its strides, count.
    const ConstView chunk(part.data, chain().chunk().data_type, chain().chunk().shape);
    const ConstView run = ChunkView(chunk, box_, piece_);
    if (!part.IsCOrderContiguous() || !run.IsCOrderContiguous()) return false;
    const int64_t begin = run.data - chunk.data;
    range = ByteRange::Span(begin, begin + PieceBytes(*operation_, piece_));
    if (begin == 0 && range.end == size) range = ByteRange::All();
    return true;
  }

  /// More stored than reserved: read anew with the true size, if that can be a chunk at all.
  Result<Pending> Failed(Crew& crew, const Status& status) {
    if (status.code() == StatusCode::kOutOfRange && direct_) {
      return InChunk(
          DataLossError("stored size is not the " + std::to_string(chain().chunk().num_bytes()) +
                        " bytes of a chunk"),
          *operation_, key_, box_);
    }
    if (status.code() != StatusCode::kResourceExhausted) return status;
    if (!stat_.valid()) {
      stat_ = operation_->stored->store->Read(key_, {.range = ByteRange::Stat()});
      if (!stat_.ready()) return Pending::On(stat_);
    }
    COFFER_ASSIGN_OR_RETURN(const ReadResult found, stat_.Get());
    if (found.total_size <= encoded_bytes_) return status;
    const int64_t bound = chain().max_encoded_size();
    if (TooLongForChunk(found.total_size, chain())) {
      return InChunk(
          DataLossError("stored size " + std::to_string(found.total_size) +
                        " is more than a chunk can have (" + std::to_string(bound) + ")"),
          *operation_, key_, box_);
    }
    crew.Push(std::make_unique<ChunkRead>(operation_, cell_, found.total_size));
    return Pending::Done();
  }

  Status Finish(Crew& crew, const ReadResult& read) {
    if (read.state != ReadResult::State::kValue) {
      return FillMissing(*operation_, key_, box_, piece_);
    }
    if (direct_) {
      return read.total_size < 0 || read.total_size == chain().chunk().num_bytes()
                 ? Status()
                 : InChunk(DataLossError(
                               "stored size " + std::to_string(read.total_size) + " is not the " +
                               std::to_string(chain().chunk().num_bytes()) + " bytes of a chunk"),
                           *operation_, key_, box_);
    }
    crew.context().stats().chunks_decoded += 1;
    return InChunk(
        DecodePiece(chain(), read.value, box_, piece_,
                    operation_->destination.Subview(piece_.view_box), crew.context().buffers()),
        *operation_, key_, box_);
  }

  const OperationPtr operation_;
  const std::string key_;
  const Box box_;
  const Index cell_;
  const TransformPiece piece_;
  const int64_t encoded_bytes_;
  bool direct_ = false;
  Future<ReadResult> read_;
  Future<ReadResult> stat_;
};

/// One wanted inner chunk.
struct WantedChunk {
  ShardEntry entry;
  int64_t number = 0;  // In C order of the shard's inner grid.
};

/// One reading of one shard's part: shared by its spans.
struct ShardAttempt {
  OperationPtr operation;
  Index cell;
  std::string key;
  Generation generation;
  int number = 0;
  std::atomic<int64_t> spans_left{0};
  std::atomic<bool> replaced{false};
};

WorkPtr MakeShardRead(OperationPtr operation, const Index& cell, int attempt);

class SpanRead : public Work {
 public:
  SpanRead(std::shared_ptr<ShardAttempt> attempt, std::vector<WantedChunk> chunks)
      : attempt_(std::move(attempt)), chunks_(std::move(chunks)) {
    begin_ = chunks_.front().entry.offset;
    for (const WantedChunk& chunk : chunks_) {
      end_ = std::max(end_, chunk.entry.offset + chunk.entry.size);
    }
  }

  int64_t reserve_bytes() const override {
    return BufferPool::CapacityFor(static_cast<int64_t>(end_ - begin_)) + DecodePieceBytes(inner());
  }

  Result<Pending> Step(Crew& crew, Reservation& reservation) override {
    if (!read_.valid() && !attempt_->replaced) {
      COFFER_ASSIGN_OR_RETURN(buffer_, crew.context().buffers().Allocate(end_ - begin_));
      ReadOptions options;
      options.range = ByteRange::Span(static_cast<int64_t>(begin_), static_cast<int64_t>(end_));
      options.if_equal = attempt_->generation;
      options.cancel = crew.stop_token();
      options.reservation = &reservation;
      read_ = operation().stored->store->ReadInto(attempt_->key, buffer_.span(), options);
      if (!read_.ready()) return Pending::On(read_);
    }
    if (read_.valid()) {
      COFFER_ASSIGN_OR_RETURN(const ReadResult read, read_.Get());
      if (read.state == ReadResult::State::kValue) {
        COFFER_RETURN_IF_ERROR(Decode(crew));
      } else {
        attempt_->replaced = true;
      }
    }
    return EndSpan(crew);
  }

 private:
  const ReadOperation& operation() const { return *attempt_->operation; }
  const CodecChain& inner() const { return operation().stored->chain->shard_layout()->inner(); }

  Status Decode(Crew& crew) {
    for (const WantedChunk& chunk : chunks_) {
      const Box box = InnerBox(*operation().stored, attempt_->cell, chunk.number);
      const TransformPiece piece = Intersect(operation().transform, box);
      const std::span<const std::byte> encoded =
          buffer_.span().subspan(chunk.entry.offset - begin_, chunk.entry.size);
      COFFER_RETURN_IF_ERROR(InChunk(
          DecodePiece(inner(), encoded, box, piece, operation().destination.Subview(piece.view_box),
                      crew.context().buffers()),
          operation(), attempt_->key, box));
      done_bytes += PieceBytes(operation(), piece);
    }
    crew.context().stats().chunks_decoded += static_cast<int64_t>(chunks_.size());
    return Status();
  }

  Result<Pending> EndSpan(Crew& crew) {
    if (--attempt_->spans_left > 0 || !attempt_->replaced) return Pending::Done();
    crew.context().Get<ShardIndexCache>().Remove(*operation().stored->store, attempt_->key);
    if (attempt_->number >= kShardAttemptsMax) {
      return AbortedError(operation().stored->Describe(attempt_->key) +
                          ": the shard was replaced again and again while it was read");
    }
    crew.Push(MakeShardRead(attempt_->operation, attempt_->cell, attempt_->number + 1));
    return Pending::Done();
  }

  const std::shared_ptr<ShardAttempt> attempt_;
  const std::vector<WantedChunk> chunks_;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
  Buffer buffer_;
  Future<ReadResult> read_;
};

class ShardRead : public Work {
 public:
  ShardRead(OperationPtr operation, const Index& cell, int attempt)
      : operation_(std::move(operation)),
        key_(operation_->stored->CellKey(cell)),
        box_(operation_->stored->grid.CellBox(cell)),
        cell_(cell),
        piece_(Intersect(operation_->transform, box_)),
        attempt_(attempt) {}

  int64_t reserve_bytes() const override { return ShardIndexBytes(layout()); }

  Result<Pending> Step(Crew& crew, Reservation&) override {
    if (piece_.view_box.empty()) return Pending::Done();
    auto& cache = crew.context().Get<ShardIndexCache>();
    const KvStore& store = *operation_->stored->store;
    if (!read_.valid() && attempt_ == 0) {
      // A cached index is proved current by the spans' condition: without spans it proves nothing.
      std::shared_ptr<const CachedShardIndex> cached = cache.Find(store, key_);
      const auto entries = static_cast<size_t>(layout().num_entries());
      if (cached != nullptr && cached->entries.size() == entries) {  // Else of an array before.
        // An error, too, may be the index's: that a chunk is absent was true once.
        const Result<std::vector<WantedChunk>> wanted = Wanted(*cached);
        if (wanted.ok() && !wanted->empty()) return PushSpans(crew, *cached, *wanted);
      }
    }
    if (!read_.valid()) {
      ReadOptions options = ShardIndexRead(layout());
      options.cancel = crew.stop_token();
      read_ = operation_->stored->store->Read(key_, options);
      if (!read_.ready()) return Pending::On(read_);
    }
    const Result<ReadResult>& read = read_.Get();
    if (read.ok() && read->state != ReadResult::State::kValue) {
      COFFER_RETURN_IF_ERROR(FillMissing(*operation_, key_, box_, piece_));
      done_bytes = PieceBytes(*operation_, piece_);
      return Pending::Done();
    }
    COFFER_ASSIGN_OR_RETURN(
        std::shared_ptr<const CachedShardIndex> index,
        ParseShardIndex(*operation_->stored, key_, layout(), read, crew.context().buffers()));
    cache.Put(store, key_, index);
    COFFER_ASSIGN_OR_RETURN(const std::vector<WantedChunk> wanted, Wanted(*index));
    return PushSpans(crew, *index, wanted);
  }

 private:
  const ShardLayout& layout() const { return *operation_->stored->chain->shard_layout(); }

  /// The wanted chunks that are stored, by offset. Fills those that are absent.
  Result<std::vector<WantedChunk>> Wanted(const CachedShardIndex& index) {
    done_bytes = 0;
    // The inner grid is walked in the array's own coordinates: a shard is a whole number of inner
    // chunks, so the array's inner grid has its lines on the shards' edges.
    COFFER_ASSIGN_OR_RETURN(
        const RegularGrid inner_grid,
        RegularGrid::Make(operation_->stored->shape(), layout().inner_chunk_shape()));
    COFFER_ASSIGN_OR_RETURN(const IndexTransform part,
                            operation_->transform.Subview(piece_.view_box));
    const CellWalk walk(inner_grid, part);
    const Shape& per_shard = layout().inner_grid_shape();
    std::vector<WantedChunk> wanted;
    for (int64_t n = 0; n < walk.size().value_or(0); ++n) {
      const Index inner = walk.At(n);
      int64_t number = 0;
      for (int d = 0; d < inner.rank(); ++d) {
        number = number * per_shard[d] + (inner[d] - cell_[d] * per_shard[d]);
      }
      const ShardEntry& entry = index.entries[static_cast<size_t>(number)];
      if (!entry.absent()) {
        wanted.push_back({entry, number});
        continue;
      }
      const Box box = inner_grid.CellBox(inner);
      const TransformPiece piece = Intersect(operation_->transform, box);
      COFFER_RETURN_IF_ERROR(FillMissing(*operation_, key_, box, piece));
      done_bytes += PieceBytes(*operation_, piece);
    }
    std::sort(wanted.begin(), wanted.end(), [](const WantedChunk& a, const WantedChunk& b) {
      return a.entry.offset < b.entry.offset;
    });
    return wanted;
  }

  Result<Pending> PushSpans(Crew& crew, const CachedShardIndex& index,
                            const std::vector<WantedChunk>& wanted) {
    auto attempt = std::make_shared<ShardAttempt>();
    attempt->operation = operation_;
    attempt->cell = cell_;
    attempt->key = key_;
    attempt->generation = index.generation;
    attempt->number = attempt_;
    const auto gap =
        static_cast<uint64_t>(operation_->stored->store->capabilities().coalesce_gap_bytes);
    const auto size_max = static_cast<uint64_t>(operation_->span_bytes_max);
    std::vector<std::vector<WantedChunk>> spans;
    uint64_t begin = 0;
    uint64_t end = 0;
    for (const WantedChunk& chunk : wanted) {
      const uint64_t chunk_end = chunk.entry.offset + chunk.entry.size;
      if (spans.empty() || chunk.entry.offset > end + gap ||
          std::max(end, chunk_end) - begin > size_max) {
        spans.emplace_back();
        begin = chunk.entry.offset;
        end = begin;
      }
      spans.back().push_back(chunk);
      end = std::max(end, chunk_end);
    }
    attempt->spans_left = static_cast<int64_t>(spans.size());
    for (std::vector<WantedChunk>& span : spans) {
      crew.Push(std::make_unique<SpanRead>(attempt, std::move(span)));
    }
    return Pending::Done();
  }

  const OperationPtr operation_;
  const std::string key_;
  const Box box_;
  const Index cell_;
  const TransformPiece piece_;
  const int attempt_;
  Future<ReadResult> read_;
};

WorkPtr MakeShardRead(OperationPtr operation, const Index& cell, int attempt) {
  return std::make_unique<ShardRead>(std::move(operation), cell, attempt);
}

}  // namespace

bool TooLongForChunk(int64_t stored_bytes, const CodecChain& chain) {
  const int64_t bound = chain.max_encoded_size();
  return chain.fixed_size() ? stored_bytes > bound : stored_bytes / 4 > bound + KiB(16);
}

Box InnerBox(const StoredArray& stored, const Index& cell, int64_t number) {
  Box box = stored.chain->shard_layout()->InnerBox(number);
  const Index origin = stored.grid.CellBox(cell).origin;
  for (int d = 0; d < box.rank(); ++d) box.origin[d] += origin[d];
  return box;
}

ReadOptions ShardIndexRead(const ShardLayout& layout) {
  ReadOptions options;
  options.range = layout.index_location() == ShardLayout::IndexLocation::kStart
                      ? ByteRange::Span(0, layout.index_size())
                      : ByteRange::Last(layout.index_size());
  return options;
}

int64_t ShardIndexBytes(const ShardLayout& layout) {
  return layout.index_size() + layout.index_decode_bytes();
}

Result<std::shared_ptr<const CachedShardIndex>> ParseShardIndex(const StoredArray& stored,
                                                                const std::string& key,
                                                                const ShardLayout& layout,
                                                                const Result<ReadResult>& read,
                                                                BufferPool& pool) {
  if (!read.ok()) {
    if (read.status().code() != StatusCode::kOutOfRange) return read.status();
    return DataLossError(stored.Describe(key) + ": the shard is shorter than its index of " +
                         std::to_string(layout.index_size()) + " bytes");
  }
  Result<ShardIndex> entries =
      layout.ParseIndex(read->value, read->total_size, CodecScratch{&pool});
  if (!entries.ok()) return entries.status().Annotate(stored.Describe(key));
  const int64_t bound = layout.inner().max_encoded_size();
  for (const ShardEntry& entry : *entries) {
    if (!entry.absent() && TooLongForChunk(static_cast<int64_t>(entry.size), layout.inner())) {
      return DataLossError(stored.Describe(key) + ": the index gives an inner chunk " +
                           std::to_string(entry.size) + " bytes, it can have " +
                           std::to_string(bound));
    }
  }
  return std::make_shared<const CachedShardIndex>(
      CachedShardIndex{*std::move(entries), read->generation});
}

int64_t LargestReadTask(const StoredArray& stored) {
  const ShardLayout* layout = stored.chain->shard_layout();
  if (layout == nullptr) {
    return BufferPool::CapacityFor(stored.chain->max_encoded_size()) +
           DecodePieceBytes(*stored.chain);
  }
  const CodecChain& inner = layout->inner();
  const int64_t span = std::max(inner.max_encoded_size(), kSpanBytesMin);
  return std::max(ShardIndexBytes(*layout),
                  BufferPool::CapacityFor(span) + DecodePieceBytes(inner));
}

namespace {

/// How far spans are merged. Inside another task the reservation covers one chunk at a time.
int64_t SpanBytesMax(const StoredArray& stored, const Context& context,
                     const ArrayReadOptions& options, int lanes) {
  if (options.reservation != nullptr) return 0;
  const int64_t share = std::max(context.budget().limit_bytes() / (4 * lanes), kSpanBytesMin);
  return std::min({share, kSpanBytesMax, stored.store->capabilities().coalesce_size_max_bytes});
}

}  // namespace

Future<void> StartRead(const StoredArrayPtr& stored, const IndexTransform& transform,
                       const View& destination, const ArrayReadOptions& options,
                       const Context& context, StartOn start) {
  if (transform.empty()) return Future<void>::Ready(Status());
  auto operation = std::make_shared<ReadOperation>(ReadOperation{
      .stored = stored,
      .transform = transform,
      .destination = destination,
      .missing = options.missing,
      .walk = CellWalk(stored->grid, transform),
  });
  const std::optional<int64_t> cells = operation->walk.size();
  if (!cells) return Future<void>::Ready(InvalidArgumentError("more chunks than can be counted"));
  operation->cells = *cells;
  const bool sharded = stored->chain->shard_layout() != nullptr;
  // The spans of one shard may go to several lanes.
  const int64_t pieces = sharded ? INT64_MAX : operation->cells;
  Crew::Options crew_options =
      CrewOptionsFor("array.read", *stored, transform, options, context, pieces);
  operation->span_bytes_max = SpanBytesMax(*stored, context, options, crew_options.lanes);
  auto next = [operation, sharded]() -> WorkPtr {
    if (operation->next_cell == operation->cells) return nullptr;
    const Index cell = operation->walk.At(operation->next_cell++);
    if (sharded) return MakeShardRead(operation, cell, 0);
    return std::make_unique<ChunkRead>(operation, cell,
                                       operation->stored->chain->max_encoded_size());
  };
  std::shared_ptr<Crew> crew = Crew::Make(context, std::move(crew_options), std::move(next));
  start == StartOn::kCaller ? crew->StartHere() : crew->Start();
  return crew->all_done();
}

}  // namespace coffer::inline v0
