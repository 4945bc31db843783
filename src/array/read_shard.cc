// How a shard is read:
//
//  1. ShardRead gets the shard's index, from the cache or by one range read, hands on what is
//     absent, and makes spans, a few at a time: wanted inner chunks that lie near each other in the
//     shard, merged.
//     A remembered index without a span that would prove it is proved by a read of its own.
//  2. SpanRead reserves the span and the decoding, reads the span on the condition that the shard
//     still has the index's generation, decodes each inner chunk.
//  3. If the shard was replaced meanwhile, its spans are void: when the last of them has ended the
//     whole part of this shard is read anew from its new index. So one shard is never read half old
//     and half new. (Where functions are called back a chunk that was taken is not taken again.)
//     A shard that is wanted whole from a remote store, and fits into a part of the budget, is
//     fetched whole by one request, with the index in it, and decoded by the same lane.
//  4. Where decoded chunks are kept, a span first looks which of its chunks came there meanwhile,
//     and claims the others (chunk_cache.h).
#include <algorithm>
#include <atomic>
#include <concepts>
#include <utility>

#include "src/array/read_work.h"
#include "src/array/shard_update.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {
namespace {

constexpr int kShardAttemptsMax = 16;
constexpr int kSpansAhead = 64;

/// One wanted inner chunk.
struct WantedChunk {
  ShardEntry entry;
  int64_t number = 0;  // In C order of the shard's inner grid.
  Takers takers;
};
static_assert(2 * sizeof(WantedChunk) <= kWantedChunkBytes);

/// The chunks of a shard that were taken, where that must happen once.
struct TakenChunks {
  Mutex mutex;  // Guards numbers.
  std::vector<bool> numbers COFFER_GUARDED_BY(mutex);
};

/// A shard that an operation reads: shared by all the work on it.
struct ShardTask {
  ShardTask(OperationPtr operation_in, WantedCell wanted_in)
      : operation(std::move(operation_in)),
        wanted(std::move(wanted_in)),
        key(operation->stored->CellKey(wanted.cell)),
        box(operation->stored->grid.CellBox(wanted.cell)) {}

  const ShardLayout& layout() const { return *operation->chain().shard_layout(); }
  Box InnerBoxOf(int64_t number) const { return InnerBox(*operation->stored, wanted.cell, number); }
  std::unique_ptr<ChunkTaker> TakerOf(int64_t number, const Takers& takers) const {
    return operation->plan->TakerOf(InnerBoxOf(number), takers);
  }
  /// False if it must not be taken once more.
  bool TakeOnce(int64_t number) {
    if (!operation->plan->calls_back()) return true;
    MutexLock lock(taken.mutex);
    taken.numbers.resize(static_cast<size_t>(layout().num_entries()));
    if (taken.numbers[static_cast<size_t>(number)]) return false;
    return taken.numbers[static_cast<size_t>(number)] = true;
  }
  bool IsTaken(int64_t number) {
    MutexLock lock(taken.mutex);
    return !taken.numbers.empty() && taken.numbers[static_cast<size_t>(number)];
  }

  const OperationPtr operation;
  const WantedCell wanted;
  const std::string key;
  const Box box;
  TakenChunks taken;
};
using ShardTaskPtr = std::shared_ptr<ShardTask>;

/// One reading of one shard's part: shared by its spans.
struct ShardAttempt {
  ShardTaskPtr shard;
  Generation generation;
  int number = 0;
  std::atomic<int64_t> spans_left{1};  // And one for those that are not made yet.
  std::atomic<bool> replaced{false};
};

WorkPtr MakeAttempt(ShardTaskPtr shard, int attempt);

Status EndSpan(Crew& crew, ShardAttempt& attempt) {
  if (--attempt.spans_left > 0 || !attempt.replaced) return Status();
  if (attempt.number >= kShardAttemptsMax) {
    return AbortedError(attempt.shard->operation->stored->Describe(attempt.shard->key) +
                        ": the shard was replaced again and again while it was read");
  }
  crew.Push(MakeAttempt(attempt.shard, attempt.number + 1));
  return Status();
}

class SpanRead : public Work {
 public:
  SpanRead(std::shared_ptr<ShardAttempt> attempt, std::vector<WantedChunk> chunks)
      : attempt_(std::move(attempt)), chunks_(std::move(chunks)) {
    SetRange();
  }

  int64_t reserve_bytes() const override {
    int64_t bytes =
        BufferPool::CapacityFor(static_cast<int64_t>(end_ - begin_)) + DecodePieceBytes(inner());
    if (operation().plan->calls_back()) {
      bytes += (std::ssize(chunks_) - 1) * ScratchChunkBytes(inner().chunk());
    }
    return bytes;
  }

  Result<Pending> Step(Crew& crew, Reservation& reservation) override {
    if (ended_) {
      COFFER_RETURN_IF_ERROR(calling_back_.Finish(crew));
      return Pending::Done();
    }
    if (!read_.valid() && !attempt_->replaced) {
      if (operation().chunks != nullptr) {
        COFFER_RETURN_IF_ERROR(TakeKept(crew));
        if (claimed_by_other_.valid()) return Pending::On(claimed_by_other_);
      }
      if (!chunks_.empty()) {
        COFFER_RETURN_IF_ERROR(Begin(crew, reservation));
        if (!read_.ready()) return Pending::On(read_);
      }
    }
    if (read_.valid()) {
      COFFER_ASSIGN_OR_RETURN(const ReadResult read, read_.Get());
      if (read.state == ReadResult::State::kValue) {
        COFFER_RETURN_IF_ERROR(Decode(crew));
      } else {
        attempt_->replaced = true;
      }
    }
    claims_.clear();
    COFFER_RETURN_IF_ERROR(EndSpan(crew, *attempt_));
    if (calling_back_.empty()) return Pending::Done();
    ended_ = true;
    buffer_ = Buffer();
    return CallingBack::After(reservation);
  }

 private:
  ShardTask& shard() const { return *attempt_->shard; }
  const ReadOperation& operation() const { return *shard().operation; }
  const CodecChain& inner() const { return shard().layout().inner(); }

  void SetRange() {
    begin_ = chunks_.empty() ? 0 : chunks_.front().entry.offset;
    end_ = begin_;
    for (const WantedChunk& chunk : chunks_) {
      end_ = std::max(end_, chunk.entry.offset + chunk.entry.size);
    }
  }

  Status Begin(Crew& crew, Reservation& reservation) {
    ReadOptions options;
    options.if_equal = attempt_->generation;
    options.cancel = crew.stop_token();
    options.reservation = &reservation;
    if (waits_ && kept_) {
      options.range = ByteRange::Stat();
      read_ = operation().stored->store->Read(shard().key, options);
      return Status();
    }
    if (operation().chunks != nullptr) stamp_ = operation().caches->Now();
    COFFER_ASSIGN_OR_RETURN(buffer_, crew.context().buffers().Allocate(end_ - begin_));
    options.range = ByteRange::Span(static_cast<int64_t>(begin_), static_cast<int64_t>(end_));
    read_ = operation().stored->store->ReadInto(shard().key, buffer_.span(), options);
    return Status();
  }

  std::optional<CachedChunk> FindKept(int64_t number) const {
    auto kept = operation().chunks->Find(shard().key, number);
    if (kept && (kept->elements == nullptr || kept->generation != attempt_->generation)) {
      kept.reset();
    }
    return kept;
  }

  /// Claims its chunks. Those that came into the cache meanwhile are taken. Those that others have
  /// claimed, or fetched before this operation began, are left to a span each: it waits for them,
  /// and asks whether the shard still has their generation.
  Status TakeKept(Crew& crew) {
    claimed_by_other_ = Future<void>();
    std::vector<WantedChunk> left;
    bool leave = false;  // To whoever is claiming the same chunks, in the same order.
    for (WantedChunk& chunk : std::exchange(chunks_, {})) {
      kept_ = FindKept(chunk.number);
      Future<void> other;
      if (!kept_ && !leave) {
        other = operation().chunks->Claim(shard().key, chunk.number);
        if (!other.valid()) {
          ChunkClaim claim = operation().chunks->Claimed(shard().key, chunk.number);
          kept_ = FindKept(chunk.number);  // It may have come just before the claim.
          if (!kept_) {
            claims_.push_back(std::move(claim));
            left.push_back(std::move(chunk));
            continue;
          }
        }
      }
      if (kept_ && operation().freshness->Allows(kept_->stamp)) {
        COFFER_RETURN_IF_ERROR(Take(chunk, *kept_));
      } else if (waits_) {  // It is its only chunk.
        claimed_by_other_ = other;
        left.push_back(std::move(chunk));
      } else {
        leave = leave || other.valid();
        ++attempt_->spans_left;
        auto waiting = std::make_unique<SpanRead>(attempt_, std::vector{std::move(chunk)});
        waiting->waits_ = true;
        crew.Push(std::move(waiting));
      }
    }
    chunks_ = std::move(left);
    SetRange();
    return Status();
  }

  Status Take(const WantedChunk& chunk, const CachedChunk& kept) {
    return Take(chunk, [&](ChunkTaker& taker) {
      return taker.TakeDecoded(kept.view(inner().chunk()), kept.elements);
    });
  }
  template <class F>
    requires std::invocable<F, ChunkTaker&>
  Status Take(const WantedChunk& chunk, const F& take) {
    std::unique_ptr<ChunkTaker> taker = shard().TakerOf(chunk.number, chunk.takers);
    COFFER_RETURN_IF_ERROR(
        InChunk(take(*taker), operation(), shard().key, shard().InnerBoxOf(chunk.number)));
    done_bytes += taker->bytes;
    if (operation().plan->calls_back() && shard().TakeOnce(chunk.number)) {
      calling_back_.Add(std::move(taker));
    }
    return Status();
  }

  Status Decode(Crew& crew) {
    if (waits_ && kept_) return Take(chunks_.front(), *kept_);
    for (const WantedChunk& chunk : chunks_) {
      const std::span<const std::byte> encoded =
          buffer_.span().subspan(chunk.entry.offset - begin_, chunk.entry.size);
      COFFER_RETURN_IF_ERROR(Take(chunk, [&](ChunkTaker& taker) {
        return TakeEncoded(operation(), inner(), shard().key, chunk.number, encoded,
                           {attempt_->generation, stamp_, nullptr}, taker,
                           crew.context().buffers());
      }));
    }
    crew.context().stats().chunks_decoded += static_cast<int64_t>(chunks_.size());
    return Status();
  }

  const std::shared_ptr<ShardAttempt> attempt_;
  std::vector<WantedChunk> chunks_;
  bool waits_ = false;  // For a claim of others, on its only chunk.
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
  std::vector<ChunkClaim> claims_;
  Future<void> claimed_by_other_;
  std::optional<CachedChunk> kept_;  // Where it waits: what came into the cache, to be proved.
  Stamp stamp_;
  Buffer buffer_;
  Future<ReadResult> read_;
  bool ended_ = false;
  CallingBack calling_back_;
};

/// Makes the spans of an attempt, a few at a time: a span is many times larger than the chunks that
/// it is made of.
class SpanSource : public Work {
 public:
  SpanSource(std::shared_ptr<ShardAttempt> attempt, std::vector<WantedChunk> wanted)
      : attempt_(std::move(attempt)), wanted_(std::move(wanted)) {}

  Result<Pending> Step(Crew& crew, Reservation&) override {
    for (int spans = 0; next_ < wanted_.size() && !attempt_->replaced; ++spans) {
      if (spans == kSpansAhead) {
        crew.Push(std::make_unique<SpanSource>(std::move(*this)));
        return Pending::Done();
      }
      ++attempt_->spans_left;
      crew.Push(std::make_unique<SpanRead>(attempt_, NextSpan()));
    }
    COFFER_RETURN_IF_ERROR(EndSpan(crew, *attempt_));
    return Pending::Done();
  }

 private:
  std::vector<WantedChunk> NextSpan() {
    const ReadOperation& operation = *attempt_->shard->operation;
    const auto gap =
        static_cast<uint64_t>(operation.stored->store->capabilities().coalesce_gap_bytes);
    const auto size_max = static_cast<uint64_t>(operation.span_bytes_max);
    std::vector<WantedChunk> span;
    const uint64_t begin = wanted_[next_].entry.offset;
    uint64_t end = begin;
    for (; next_ < wanted_.size(); ++next_) {
      const ShardEntry& entry = wanted_[next_].entry;
      const uint64_t chunk_end = entry.offset + entry.size;
      if (!span.empty() &&
          (entry.offset > end + gap || std::max(end, chunk_end) - begin > size_max ||
           std::ssize(span) >= operation.span_chunks_max)) {
        break;
      }
      span.push_back(std::move(wanted_[next_]));
      end = std::max(end, chunk_end);
    }
    return span;
  }

  std::shared_ptr<ShardAttempt> attempt_;
  std::vector<WantedChunk> wanted_;  // By offset.
  size_t next_ = 0;
};

/// What a shard holds without a fetch: inner chunks that are absent, or in the cache.
struct ReadyChunk {
  int64_t number = 0;
  Takers takers;
  std::shared_ptr<const Buffer> elements;  // nullptr: absent.
};

/// Calls back for ready chunks, one by one.
class ReadyChunks : public Work {
 public:
  ReadyChunks(ShardTaskPtr shard, std::vector<ReadyChunk> chunks)
      : shard_(std::move(shard)), chunks_(std::move(chunks)) {}

  static Status Take(ShardTask& shard, const ReadyChunk& chunk, ChunkTaker& taker) {
    const ChunkSpec& spec = shard.layout().inner().chunk();
    if (chunk.elements == nullptr) {
      return TakeMissing(*shard.operation, shard.key, shard.InnerBoxOf(chunk.number), taker);
    }
    return taker.TakeDecoded(ConstView(chunk.elements->data(), spec.data_type, spec.shape),
                             chunk.elements);
  }

  Result<Pending> Step(Crew& crew, Reservation&) override {
    for (ReadyChunk& chunk : chunks_) {
      if (crew.stop_token().cancelled()) return CancelledError("cancelled");
      if (!shard_->TakeOnce(chunk.number)) continue;
      const std::unique_ptr<ChunkTaker> taker = shard_->TakerOf(chunk.number, chunk.takers);
      COFFER_RETURN_IF_ERROR(Take(*shard_, chunk, *taker));
      COFFER_RETURN_IF_ERROR(taker->Finish());
      done_bytes += taker->bytes;
      chunk.elements.reset();
    }
    return Pending::Done();
  }

 private:
  const ShardTaskPtr shard_;
  std::vector<ReadyChunk> chunks_;
};

class ShardRead : public Work {
 public:
  ShardRead(ShardTaskPtr shard, int attempt)
      : shard_(std::move(shard)),
        attempt_(attempt),
        whole_(operation().whole_shards && attempt == 0 && WantsAll()) {}

  int64_t reserve_bytes() const override {
    const int64_t lists =
        ShardIndexBytes(layout()) + operation().wanted_chunks_max * kWantedChunkBytes;
    if (!whole_) return lists;
    return lists + BufferPool::CapacityFor(MaxStoredBytes(operation().chain())) +
           DecodePieceBytes(layout().inner());
  }

  Result<Pending> Step(Crew& crew, Reservation& reservation) override {
    if (whole_) {
      COFFER_ASSIGN_OR_RETURN(const std::optional<Pending> step, StepWhole(crew, reservation));
      if (step) return *step;
    }
    if (!read_.valid()) {
      name_ = operation().index_names + operation().stored->Describe(shard_->key);
      // After an attempt that failed, what is remembered is known to be old.
      if (attempt_ == 0) {
        known_ = FindShardIndex(*operation().caches, name_, layout().num_entries());
      }
      if (known_.index != nullptr) {
        COFFER_ASSIGN_OR_RETURN(Parts parts, PartsOf(*known_.index));
        // Spans prove the index, but only later: what cannot be taken back waits for the proof.
        const bool final = operation().plan->calls_back() ||
                           operation().missing == ArrayReadOptions::Missing::kError;
        const bool proved = !parts.wanted.empty() && !(final && !parts.ready.empty());
        if (proved || operation().freshness->Allows(known_.stamp)) {
          return Deliver(crew, *known_.index, std::move(parts));
        }
      }
      known_.stamp = operation().caches->Now();
      ReadOptions options = ShardIndexRead(layout());
      options.cancel = crew.stop_token();
      if (known_.index != nullptr && !known_.index->entries.empty()) {
        options.if_not_equal = known_.index->generation;
      }
      read_ = operation().stored->store->Read(shard_->key, options);
      if (!read_.ready()) return Pending::On(read_);
    }
    const Result<ReadResult>& read = read_.Get();
    if (!read.ok() || read->state == ReadResult::State::kValue) {
      COFFER_ASSIGN_OR_RETURN(known_.index,
                              ParseShardIndex(*operation().stored, shard_->key, layout(), read,
                                              crew.context().buffers()));
    } else if (read->state == ReadResult::State::kMissing || known_.index == nullptr) {
      known_.index =
          std::make_shared<const CachedShardIndex>(CachedShardIndex{{}, Generation::Missing()});
    }
    PutShardIndex(*operation().caches, name_, known_);
    COFFER_ASSIGN_OR_RETURN(Parts parts, PartsOf(*known_.index));
    return Deliver(crew, *known_.index, std::move(parts));
  }

 private:
  struct Parts {
    std::vector<WantedChunk> wanted;  // By offset.
    std::vector<ReadyChunk> ready;
  };

  const ReadOperation& operation() const { return *shard_->operation; }
  const ShardLayout& layout() const { return shard_->layout(); }

  /// Whether every inner chunk that the shard has inside the array is wanted.
  bool WantsAll() const {
    const Box inside = operation().stored->grid.ClippedCellBox(shard_->wanted.cell);
    int64_t left = 1;
    for (int d = 0; d < inside.rank(); ++d) {
      left *= CeilDiv(inside.shape[d], layout().inner_chunk_shape()[d]);
    }
    const Result<RegularGrid> inner_grid =
        RegularGrid::Make(operation().stored->shape(), layout().inner_chunk_shape());
    if (!inner_grid.ok()) return false;
    const Status walked =
        operation().plan->WalkInner(*inner_grid, shard_->box, shard_->wanted.takers,
                                    [&](const Index&, const Takers&) { --left; });
    return walked.ok() && left == 0;
  }

  /// All of it by one request. nullopt: it has more bytes than we would write, so the other way.
  Result<std::optional<Pending>> StepWhole(Crew& crew, Reservation& reservation) {
    if (!read_.valid()) {
      known_.stamp = operation().caches->Now();
      ReadOptions options;
      options.max_bytes = MaxStoredBytes(operation().chain());
      options.cancel = crew.stop_token();
      options.reservation = &reservation;
      read_ = operation().stored->store->Read(shard_->key, options);
      if (!read_.ready()) return std::optional(Pending::On(read_));
    }
    Result<ReadResult> read = std::exchange(read_, Future<ReadResult>()).Get();
    if (!read.ok() && read.status().code() == StatusCode::kResourceExhausted) {
      whole_ = false;
      return std::optional<Pending>();
    }
    COFFER_RETURN_IF_ERROR(read.status());
    const Bytes value = read->value;
    if (read->state == ReadResult::State::kValue) {
      read->total_size = static_cast<int64_t>(value.size());
      const Result<ByteRange> index = ShardIndexRead(layout()).range.Resolve(read->total_size);
      if (index.ok()) {
        read->value = value.Slice(static_cast<size_t>(index->begin),
                                  static_cast<size_t>(index->end - index->begin));
      } else {
        read = index.status();
      }
      COFFER_ASSIGN_OR_RETURN(known_.index,
                              ParseShardIndex(*operation().stored, shard_->key, layout(), read,
                                              crew.context().buffers()));
    } else {
      known_.index =
          std::make_shared<const CachedShardIndex>(CachedShardIndex{{}, Generation::Missing()});
    }
    PutShardIndex(*operation().caches,
                  operation().index_names + operation().stored->Describe(shard_->key), known_);
    COFFER_ASSIGN_OR_RETURN(Parts parts, PartsOf(*known_.index));
    const std::vector<WantedChunk> wanted = std::exchange(parts.wanted, {});
    COFFER_RETURN_IF_ERROR(Deliver(crew, *known_.index, std::move(parts)).status());
    COFFER_RETURN_IF_ERROR(DecodeWhole(crew, wanted, value));
    return std::optional(Pending::Done());
  }

  /// Its entries lie inside the value: ParseShardIndex has seen to that.
  Status DecodeWhole(Crew& crew, const std::vector<WantedChunk>& wanted, const Bytes& value) {
    for (const WantedChunk& chunk : wanted) {
      if (crew.stop_token().cancelled()) return CancelledError("cancelled");
      const std::unique_ptr<ChunkTaker> taker = shard_->TakerOf(chunk.number, chunk.takers);
      const Status taken = TakeEncoded(operation(), layout().inner(), shard_->key, chunk.number,
                                       value.span().subspan(chunk.entry.offset, chunk.entry.size),
                                       {known_.index->generation, known_.stamp, nullptr}, *taker,
                                       crew.context().buffers());
      COFFER_RETURN_IF_ERROR(
          InChunk(taken, operation(), shard_->key, shard_->InnerBoxOf(chunk.number)));
      done_bytes += taker->bytes;
    }
    crew.context().stats().chunks_decoded += std::ssize(wanted);
    return Status();
  }

  /// What is wanted of the shard, by where it is.
  Result<Parts> PartsOf(const CachedShardIndex& index) const {
    // The inner grid is walked in the array's own coordinates: a shard is a whole number of inner
    // chunks, so the array's inner grid has its lines on the shards' edges.
    COFFER_ASSIGN_OR_RETURN(
        const RegularGrid inner_grid,
        RegularGrid::Make(operation().stored->shape(), layout().inner_chunk_shape()));
    const Shape& per_shard = layout().inner_grid_shape();
    const Index& cell = shard_->wanted.cell;
    Parts parts;
    const auto see = [&](const Index& inner, const Takers& takers) {
      int64_t number = 0;
      for (int d = 0; d < inner.rank(); ++d) {
        number = number * per_shard[d] + (inner[d] - cell[d] * per_shard[d]);
      }
      if (operation().plan->calls_back() && shard_->IsTaken(number)) return;
      if (index.entries.empty() || index.entries[static_cast<size_t>(number)].absent()) {
        parts.ready.push_back({number, takers, nullptr});
        return;
      }
      if (operation().chunks != nullptr) {
        auto kept = operation().chunks->Find(shard_->key, number);
        if (kept && kept->elements != nullptr && kept->generation == index.generation) {
          parts.ready.push_back({number, takers, std::move(kept->elements)});
          return;
        }
      }
      parts.wanted.push_back({index.entries[static_cast<size_t>(number)], number, takers});
    };
    COFFER_RETURN_IF_ERROR(
        operation().plan->WalkInner(inner_grid, shard_->box, shard_->wanted.takers, see));
    std::sort(
        parts.wanted.begin(), parts.wanted.end(),
        [](const WantedChunk& a, const WantedChunk& b) { return a.entry.offset < b.entry.offset; });
    return parts;
  }

  Result<Pending> Deliver(Crew& crew, const CachedShardIndex& index, Parts parts) {
    done_bytes = 0;
    if (operation().plan->calls_back()) {
      if (!parts.ready.empty()) {
        crew.Push(std::make_unique<ReadyChunks>(shard_, std::move(parts.ready)));
      }
    } else {
      for (const ReadyChunk& chunk : parts.ready) {
        const std::unique_ptr<ChunkTaker> taker = shard_->TakerOf(chunk.number, chunk.takers);
        COFFER_RETURN_IF_ERROR(ReadyChunks::Take(*shard_, chunk, *taker));
        done_bytes += taker->bytes;
      }
    }
    if (parts.wanted.empty()) return Pending::Done();
    auto attempt = std::make_shared<ShardAttempt>();
    attempt->shard = shard_;
    attempt->generation = index.generation;
    attempt->number = attempt_;
    Reservation none;
    return SpanSource(std::move(attempt), std::move(parts.wanted)).Step(crew, none);
  }

  const ShardTaskPtr shard_;
  const int attempt_;
  bool whole_;
  std::string name_;  // In the cache.
  KnownShardIndex known_;
  Future<ReadResult> read_;
};

WorkPtr MakeAttempt(ShardTaskPtr shard, int attempt) {
  return std::make_unique<ShardRead>(std::move(shard), attempt);
}

}  // namespace

WorkPtr MakeShardRead(OperationPtr operation, WantedCell wanted) {
  return MakeAttempt(std::make_shared<ShardTask>(std::move(operation), std::move(wanted)), 0);
}

}  // namespace coffer::inline v0
