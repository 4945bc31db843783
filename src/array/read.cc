// How chunks are read:
//
//  1. The grid cells that are wanted come in storage order; each becomes a piece of
//     work: ChunkRead, or what reads a shard. Its taker, made by the operation's plan, takes what
//     the cell holds.
//  2. ChunkRead reserves the bound of the encoded chunk and what decoding holds, reads the value,
//     decodes it. A plain chunk of which one contiguous run is wanted on both sides is read
//     straight into the destination.
//     Where so much for each lane is more than the budget, and the chunk may be one that is decoded
//     in pieces, its head is read first (ChunkHead): then its true size is reserved, and a piece.
//  3. Shards: read_shard.cc.
//  4. Where decoded chunks are kept (chunk_cache.h) they are looked for first, and decoded into the
//     cache, from which the taker copies.
//  5. A taker that calls back does so when the task has given its reservation back: Step() asks to
//     be called once more, and holds nothing then.
//
// A foreign encoder may store more bytes than our bound for a chunk: then the reservation was too
// small, and the chunk is read by new work that reserves its true size.
#include "src/array/read.h"

#include <algorithm>
#include <utility>

#include "src/array/read_work.h"
#include "src/array/shard_update.h"

namespace coffer::inline v0 {

ChunkTaker::~ChunkTaker() = default;
ReadPlan::~ReadPlan() = default;

Status InChunk(const Status& status, const ReadOperation& operation, const std::string& key,
               const Box& cell) {
  if (status.ok()) return status;
  return status.Annotate(operation.stored->Describe(key) + ", chunk at " + ToString(cell.origin));
}

Status TakeMissing(const ReadOperation& operation, const std::string& key, const Box& box,
                   ChunkTaker& taker) {
  if (operation.missing == ArrayReadOptions::Missing::kError) {
    return InChunk(NotFoundError("this chunk was never written"), operation, key, box);
  }
  return taker.TakeMissing(operation.chain().chunk());
}

Status TakeEncoded(const ReadOperation& operation, const CodecChain& chain, const std::string& key,
                   int64_t number, std::span<const std::byte> encoded, CachedChunk kept,
                   ChunkTaker& taker, BufferPool& pool) {
  if (operation.chunks != nullptr) {
    COFFER_ASSIGN_OR_RETURN(const std::shared_ptr<Buffer> buffer,
                            operation.chunks->Allocate(chain.chunk()));
    if (buffer != nullptr) {
      const View view(buffer->data(), chain.chunk().data_type, chain.chunk().shape);
      COFFER_RETURN_IF_ERROR(chain.Decode(encoded, view, CodecScratch{&pool}));
      kept.elements = buffer;
      operation.chunks->Put(key, number, kept);
      return taker.TakeDecoded(view, buffer);
    }
  }
  return taker.TakeEncoded(chain, encoded, pool);
}

namespace {

constexpr int64_t kSpanBytesMax = MiB(4);
constexpr int64_t kSpanBytesMin = KiB(64);
constexpr int64_t kRemoteSpanBytesMin = MiB(1);  // Smaller requests cost more than they gain.
constexpr int64_t kRemoteSpanBytesMax = MiB(8);
constexpr int64_t kWholeShards = 4;   // So many must find room in the budget.
constexpr int64_t kRemoteSpans = 8;   // Of a read, or of the budget: so many are under way at once.
constexpr int64_t kSpansOfALane = 8;  // So that all lanes end at about the same time.
constexpr int64_t kCalledBackBytesMax = MiB(1);

class ChunkRead : public Work {
 public:
  ChunkRead(OperationPtr operation, WantedCell wanted, int64_t encoded_bytes)
      : operation_(std::move(operation)),
        wanted_(std::move(wanted)),
        key_(operation_->stored->CellKey(wanted_.cell)),
        box_(operation_->stored->grid.CellBox(wanted_.cell)),
        taker_(operation_->plan->TakerOf(box_, wanted_.takers)),
        encoded_bytes_(encoded_bytes),
        decode_bytes_(DecodePieceBytes(chain())) {}

  const std::string& key() const { return key_; }
  bool takes_pieces() const { return taker_->bytes > 0 && taker_->takes_pieces(); }
  /// What the chunk holds, to judge by its head.
  void Expect(const ReadResult& head) {
    if (head.total_size < 0 || TooLongForChunk(head.total_size, chain())) return;
    encoded_bytes_ = head.total_size;
    decode_bytes_ = chain().decode_scratch_bytes(head.value, /*whole=*/false);
  }

  int64_t reserve_bytes() const override {
    return BufferPool::CapacityFor(encoded_bytes_) + decode_bytes_;
  }

  Result<Pending> Step(Crew& crew, Reservation& reservation) override {
    if (!calling_back_.empty()) {
      COFFER_RETURN_IF_ERROR(calling_back_.Finish(crew));
      return Pending::Done();
    }
    if (taker_->bytes == 0) return Pending::Done();
    if (!read_.valid()) {
      if (operation_->chunks != nullptr) {
        COFFER_ASSIGN_OR_RETURN(const bool taken, TakeKept());
        if (taken) return Taken(reservation);
        if (claimed_by_other_.valid()) return Pending::On(claimed_by_other_);
      }
      Begin(crew, reservation);
      if (!read_.ready()) return Pending::On(read_);
    }
    const Result<ReadResult>& read = read_.Get();
    if (!read.ok()) return Failed(crew, read.status());
    if (read->state == ReadResult::State::kValue && decode_bytes_ < DecodePieceBytes(chain()) &&
        chain().decode_scratch_bytes(read->value, /*whole=*/true) > decode_bytes_) {
      // It was replaced since, or its head has promised too much.
      crew.Push(std::make_unique<ChunkRead>(operation_, wanted_,
                                            static_cast<int64_t>(read->value.size())));
      return Pending::Done();
    }
    COFFER_RETURN_IF_ERROR(Finish(crew, *read));
    return Taken(reservation);
  }

 private:
  const CodecChain& chain() const { return operation_->chain(); }

  Pending Taken(Reservation& reservation) {
    done_bytes = taker_->bytes;
    claim_.reset();
    if (!operation_->plan->calls_back()) return Pending::Done();
    read_ = Future<ReadResult>();
    calling_back_.Add(std::move(taker_));
    return CallingBack::After(reservation);
  }

  /// What is remembered, if it may be used; else leaves it in kept_, or the claim in claim_.
  Result<bool> TakeKept() {
    claimed_by_other_ = Future<void>();
    kept_ = operation_->chunks->Find(key_, -1);
    if (!kept_ && !claim_) {
      claimed_by_other_ = operation_->chunks->Claim(key_, -1);
      if (claimed_by_other_.valid()) return false;
      claim_.emplace(operation_->chunks->Claimed(key_, -1));
      kept_ = operation_->chunks->Find(key_, -1);  // It may have come just before the claim.
      if (kept_) claim_.reset();
    }
    if (kept_ && operation_->freshness->Allows(kept_->stamp)) {
      COFFER_RETURN_IF_ERROR(TakeKept(*kept_));
      return true;
    }
    return false;
  }

  Status TakeKept(const CachedChunk& kept) {
    if (kept.elements == nullptr) return TakeMissing(*operation_, key_, box_, *taker_);
    return taker_->TakeDecoded(kept.view(chain().chunk()), kept.elements);
  }

  void Begin(Crew& crew, Reservation& reservation) {
    ReadOptions options;
    options.cancel = crew.stop_token();
    options.reservation = &reservation;
    if (operation_->chunks == nullptr && chain().is_identity()) {
      if (const auto run = taker_->AsOneRun(chain().chunk(), options.range)) {
        direct_ = true;
        read_ = operation_->stored->store->ReadInto(key_, *run, options);
        return;
      }
    }
    if (operation_->chunks != nullptr) stamp_ = operation_->caches->Now();
    if (kept_ && kept_->elements != nullptr) options.if_not_equal = kept_->generation;
    options.max_bytes = encoded_bytes_;
    read_ = operation_->stored->store->Read(key_, options);
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
    const int64_t bound = chain().max_encoded_size();
    if (TooLongForChunk(found.total_size, chain())) {
      return InChunk(
          DataLossError("stored size " + std::to_string(found.total_size) +
                        " is more than a chunk can have (" + std::to_string(bound) + ")"),
          *operation_, key_, box_);
    }
    // It may be shorter by now, or gone, where it was more than its head said.
    const int64_t size = found.total_size > encoded_bytes_ ? found.total_size : bound;
    if (size <= encoded_bytes_) return status;
    crew.Push(std::make_unique<ChunkRead>(operation_, wanted_, size));
    return Pending::Done();
  }

  Status Finish(Crew& crew, const ReadResult& read) {
    if (read.state == ReadResult::State::kConditionNotMet && kept_) {
      kept_->stamp = stamp_;
      operation_->chunks->Put(key_, -1, *kept_);
      return TakeKept(*kept_);
    }
    if (read.state != ReadResult::State::kValue) {
      if (operation_->chunks != nullptr) {
        operation_->chunks->Put(key_, -1, {Generation::Missing(), stamp_, nullptr});
      }
      return TakeMissing(*operation_, key_, box_, *taker_);
    }
    if (direct_) {
      if (read.total_size < 0 || read.total_size == chain().chunk().num_bytes()) return Status();
      return InChunk(
          DataLossError("stored size " + std::to_string(read.total_size) + " is not the " +
                        std::to_string(chain().chunk().num_bytes()) + " bytes of a chunk"),
          *operation_, key_, box_);
    }
    crew.context().stats().chunks_decoded += 1;
    return InChunk(
        TakeEncoded(*operation_, chain(), key_, -1, read.value, {read.generation, stamp_, nullptr},
                    *taker_, crew.context().buffers()),
        *operation_, key_, box_);
  }

  const OperationPtr operation_;
  const WantedCell wanted_;
  const std::string key_;
  const Box box_;
  std::unique_ptr<ChunkTaker> taker_;
  int64_t encoded_bytes_;
  int64_t decode_bytes_;
  bool direct_ = false;
  Stamp stamp_;
  std::optional<CachedChunk> kept_;
  std::optional<ChunkClaim> claim_;
  Future<void> claimed_by_other_;
  Future<ReadResult> read_;
  Future<ReadResult> stat_;
  CallingBack calling_back_;
};

/// Reads the first bytes of a chunk, then hands on to its ChunkRead.
class ChunkHead : public Work {
 public:
  ChunkHead(const OperationPtr& operation, std::unique_ptr<ChunkRead> chunk)
      : store_(*operation->stored->store), chunk_(std::move(chunk)) {}

  Result<Pending> Step(Crew& crew, Reservation&) override {
    if (!read_.valid()) {
      ReadOptions options;
      options.range = ByteRange::Span(0, CodecChain::kHeadBytes);
      options.cancel = crew.stop_token();
      read_ = store_.Read(chunk_->key(), options);
      if (!read_.ready()) return Pending::On(read_);
    }
    // What cannot be read so the chunk's own read tells.
    const Result<ReadResult>& head = read_.Get();
    if (head.ok() && head->state == ReadResult::State::kValue) chunk_->Expect(*head);
    crew.Push(std::move(chunk_));
    return Pending::Done();
  }

 private:
  KvStore& store_;
  std::unique_ptr<ChunkRead> chunk_;
  Future<ReadResult> read_;
};

}  // namespace

namespace {

/// No chunk has more bytes, whoever wrote it.
int64_t LongestChunk(const CodecChain& chain) {
  const int64_t bound = chain.max_encoded_size();
  return chain.fixed_size() ? bound : 4 * (bound + KiB(16)) + 3;
}

}  // namespace

bool TooLongForChunk(int64_t stored_bytes, const CodecChain& chain) {
  return stored_bytes > LongestChunk(chain);
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
  const auto longest = static_cast<uint64_t>(LongestChunk(layout.inner()));
  for (const ShardEntry& entry : *entries) {
    if (entry.size > longest && !entry.absent()) {
      return DataLossError(stored.Describe(key) + ": the index gives an inner chunk " +
                           std::to_string(entry.size) + " bytes, it can have " +
                           std::to_string(layout.inner().max_encoded_size()));
    }
  }
  return std::make_shared<const CachedShardIndex>(
      CachedShardIndex{*std::move(entries), read->generation});
}

namespace {

/// A span that is read inside another task, which has reserved it as LargestReadTask.
int64_t SpanBytesOfATask(const StoredArray& stored) {
  return stored.store->capabilities().local ? kSpanBytesMin : kRemoteSpanBytesMin;
}

}  // namespace

int64_t LargestReadTask(const StoredArray& stored) {
  const ShardLayout* layout = stored.chain->shard_layout();
  if (layout == nullptr) {
    return BufferPool::CapacityFor(stored.chain->max_encoded_size()) +
           DecodePieceBytes(*stored.chain);
  }
  const CodecChain& inner = layout->inner();
  const int64_t span = std::max(inner.max_encoded_size(), SpanBytesOfATask(stored));
  return std::max(ShardIndexBytes(*layout) + layout->num_entries() * kWantedChunkBytes,
                  BufferPool::CapacityFor(span) + DecodePieceBytes(inner));
}

int64_t PiecesOf(const StoredArray& stored, int64_t cells) {
  return stored.chain->shard_layout() != nullptr ? INT64_MAX : cells;
}

namespace {

int64_t SpanBytesMax(const StoredArray& stored, const Context& context, int64_t work_bytes,
                     int lanes) {
  const Capabilities can = stored.store->capabilities();
  const int64_t budget = context.budget().limit_bytes();
  if (can.local) {
    const int64_t share = std::max(budget / (4 * lanes), kSpanBytesMin);
    return std::min({share, std::max(work_bytes / (kSpansOfALane * lanes), kSpanBytesMin),
                     kSpanBytesMax, can.coalesce_size_max_bytes});
  }
  const int64_t share = std::max(budget / kRemoteSpans, kSpanBytesMin);
  return std::min({share, std::max(work_bytes / kRemoteSpans, kRemoteSpanBytesMin),
                   kRemoteSpanBytesMax, can.coalesce_size_max_bytes});
}

}  // namespace

Future<void> StartChunks(ReadRequest request, Crew::Options options, const Context& context,
                         StartOn start) {
  const StoredArray& stored = *request.stored;
  auto operation = std::make_shared<ReadOperation>();
  operation->stored = request.stored;
  operation->plan = std::move(request.plan);
  operation->missing = request.options.missing;
  operation->chunks = ChunkCache::Make(stored, context);
  const ShardLayout* const layout = stored.chain->shard_layout();
  if (layout != nullptr || operation->chunks != nullptr) {
    operation->caches = &context.Get<ArrayCaches>();
    operation->freshness.emplace(*operation->caches, stored.Describe(stored.prefix),
                                 request.options.max_staleness);
  }
  operation->heads_first = layout == nullptr && operation->chunks == nullptr && options.lanes > 1 &&
                           stored.store->capabilities().local && stored.chain->always_in_pieces() &&
                           LargestReadTask(stored) > context.budget().limit_bytes() / options.lanes;
  if (layout != nullptr) {
    operation->index_names = ShardIndexNames(*operation->caches, stored);
    operation->wanted_chunks_max =
        std::min(layout->num_entries(), options.progress_bytes / stored.data_type().size());
    const int64_t share = context.budget().limit_bytes() / (4 * options.lanes);
    const bool inside_task = request.options.reservation != nullptr;
    operation->span_bytes_max =
        inside_task ? SpanBytesOfATask(stored)
                    : SpanBytesMax(stored, context, options.work_bytes, options.lanes);
    operation->whole_shards =
        !stored.store->capabilities().local && !inside_task && operation->chunks == nullptr &&
        !operation->plan->calls_back() &&
        MaxStoredBytes(*stored.chain) <= context.budget().limit_bytes() / kWholeShards;
    if (operation->plan->calls_back()) {
      operation->span_chunks_max = std::max<int64_t>(
          1, std::min(share, kCalledBackBytesMax) / ScratchChunkBytes(layout->inner().chunk()));
    }
  }
  auto next = [operation, cells = std::move(request.next),
               sharded = layout != nullptr]() -> WorkPtr {
    std::optional<WantedCell> wanted = cells();
    if (!wanted) return nullptr;
    if (sharded) {
      return MakeShardRead(operation, *std::move(wanted));
    }
    auto chunk = std::make_unique<ChunkRead>(operation, *std::move(wanted),
                                             operation->chain().max_encoded_size());
    if (!operation->heads_first || !chunk->takes_pieces()) return chunk;
    return std::make_unique<ChunkHead>(operation, std::move(chunk));
  };
  std::shared_ptr<Crew> crew = Crew::Make(context, std::move(options), std::move(next));
  start == StartOn::kCaller ? crew->StartHere() : crew->Start();
  return crew->all_done();
}

}  // namespace coffer::inline v0
