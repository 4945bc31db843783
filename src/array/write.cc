// How a write goes:
//
//  1. The grid cells that the transform touches are walked in storage order; each is one value of
//     the store (a chunk, or a shard).
//  2. A cell that the transform covers wholly is encoded from the source, without reading, and
//     written without a condition. A local store acknowledges later, when the value is durable: the
//     lane does not wait for it, the operation does. While one is sent to a remote store, only its
//     encoded bytes are held, so that the next is encoded meanwhile. A cell that sticks out of the
//     array's shape is covered only if the caller says that nobody else writes: somebody may have
//     made the array larger, and written there.
//  3. Any other cell is read, modified and written back under its generation. Those who want to
//     write parts of one cell in this process gather, and one does it for all (PendingUpdates,
//     KeyLocks), so that only other processes can get in between; then the condition fails and the
//     cell is done again from its new value. So it is when a remote store's answer was lost
//     (Unavailable) and the cell has changed: whoever wrote it, to do it twice does no harm. Where
//     nothing is there, and the transform covers all of a shard inside the shape, the shard is
//     encoded from the source like a covered one.
//  4. Of a shard only the inner chunks that the transform touches are decoded and encoded; the
//     others move as they are.
//  5. A cell or inner chunk that holds nothing but the fill value is deleted (by option: stored).
#include "src/array/write.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "src/array/chunk_io.h"
#include "src/array/crew.h"
#include "src/array/key_locks.h"
#include "src/array/pending_updates.h"
#include "src/array/shard_encoding.h"
#include "src/array/shard_update.h"
#include "src/array/shard_writer.h"
#include "src/array/update_rounds.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {
namespace {

struct WriteOperation {
  StoredArrayPtr stored;
  IndexTransform transform;
  ConstView source;
  bool store_fill_chunks = false;
  bool exclusive = false;
  bool conditional_write = false;  // The store's.
  bool caller_waits = false;       // With nothing else to do: there is one cell.
  int shard_lanes = 1;             // That encode one shard.
  CellWalk walk;
  int64_t cells = 0;
  int64_t next_cell = 0;  // Used under the crew's lock.

  const CodecChain& chain() const { return *stored->chain; }
  bool sharded() const { return chain().shard_layout() != nullptr; }
};
using OperationPtr = std::shared_ptr<const WriteOperation>;

/// The part of one cell that an operation writes.
struct CellPart {
  CellPart(const WriteOperation& operation, const Index& cell_in)
      : cell(cell_in),
        key(operation.stored->CellKey(cell_in)),
        box(operation.stored->grid.CellBox(cell_in)),
        clipped(operation.stored->grid.ClippedCellBox(cell_in)),
        piece(Intersect(operation.transform, box)),
        covers_clipped(piece.CoversAll(clipped)),
        covered(operation.exclusive ? covers_clipped : piece.CoversAll(box)) {}

  Index cell;
  std::string key;
  Box box;
  Box clipped;  // Inside the array's shape.
  TransformPiece piece;
  bool covers_clipped;
  bool covered;

  ConstView source(const WriteOperation& operation) const {
    return InStoredOrder(operation.source.Subview(piece.view_box), piece);
  }
  int64_t bytes(const WriteOperation& operation) const {
    return *NumElements(piece.view_box.shape) * operation.stored->data_type().size();
  }
};

/// The part's shard, which nothing of an old one goes into, encoded by several lanes.
std::shared_ptr<ShardEncoding> EncodeByLanes(const WriteOperation& operation, const CellPart& part,
                                             const Context& context, WriteOptions options) {
  options.caller_waits = false;  // Who ends may be a worker, which has other things to do.
  return std::make_shared<ShardEncoding>(
      operation.stored, context, part.key,
      ShardEncoding::Source{part.cell, part.clipped, part.source(operation),
                            operation.store_fill_chunks},
      std::move(options), operation.shard_lanes);
}

Status AtCell(const Status& status, const WriteOperation& operation, const CellPart& part) {
  return status.ok() ? status
                     : status.Annotate(operation.stored->Describe(part.key) + ", chunk at " +
                                       ToString(part.box.origin));
}

/// A covered cell: encoded from the source, written without a condition.
class CoveredWrite : public Work {
 public:
  /// `turn`: of the cell's key; held until it is written.
  CoveredWrite(OperationPtr operation, CellPart part, KeyLock turn)
      : operation_(std::move(operation)), part_(std::move(part)), turn_(std::move(turn)) {}

  int64_t reserve_bytes() const override {
    const StoredArray& stored = *operation_->stored;
    if (!operation_->sharded()) return EncodeChunkBytes(stored);
    return operation_->shard_lanes == 1 ? ShardWriterBytes(stored)
                                        : ShardEncodingBytes(stored, operation_->shard_lanes);
  }

  Result<Pending> Step(Crew& crew, Reservation& reservation) override {
    if (!write_.valid()) {
      // Inside a task nothing may be held beyond its reservation, so it waits.
      const bool later = AcknowledgesLater(*operation_->stored) && !crew.inside_task() &&
                         operation_->conditional_write;  // Else its turn lasts until then.
      if (encoding_ == nullptr) COFFER_RETURN_IF_ERROR(Begin(crew, reservation, later));
      if (encoding_ != nullptr) {
        const Result<Pending> step = encoding_->Step(crew);
        if (!step.ok()) return AtCell(step.status(), *operation_, part_);
        if (!step->done()) return step;
        write_ = encoding_->Finish();
        sent_bytes_ = encoding_->sent_bytes();
        encoding_.reset();
      }
      done_bytes = part_.bytes(*operation_);
      if (later) {
        crew.Track<WriteResult>(write_,
                                [](const Result<WriteResult>& result) { return result.status(); });
        return Pending::Done();
      }
      if (!write_.ready()) {
        if (!crew.inside_task()) reservation.ShrinkTo(sent_bytes_);
        return Pending::On(write_);
      }
    }
    COFFER_RETURN_IF_ERROR(write_.Get());
    return Pending::Done();
  }

 private:
  Status Begin(Crew& crew, Reservation& reservation, bool later) {
    const StoredArray& stored = *operation_->stored;
    const Context& context = crew.context();
    const ConstView source = part_.source(*operation_);
    WriteOptions options;
    options.cancel = crew.stop_token();
    options.caller_waits = operation_->caller_waits;
    if (!later) options.reservation = &reservation;
    if (!operation_->sharded()) {
      COFFER_ASSIGN_OR_RETURN(
          std::optional<BytesChain> value,
          EncodeChunk(stored, context, part_.box, source, operation_->store_fill_chunks));
      if (value && later) value = HoldEncoded(stored, *std::move(value), reservation);
      sent_bytes_ = BufferPool::CapacityFor(stored.chain->max_encoded_size());
      write_ = stored.store->Write(part_.key, std::move(value), options);
      return Status();
    }
    if (operation_->shard_lanes > 1) {
      encoding_ = EncodeByLanes(*operation_, part_, context, options);
      return Status();
    }
    ShardWriter writer(stored, context, part_.key, options, operation_->store_fill_chunks);
    const int64_t entries = operation_->chain().shard_layout()->num_entries();
    for (int64_t number = 0; number < entries; ++number) {
      const Box inner = InnerBox(stored, part_.cell, number);
      const Box inside = inner.Intersect(part_.clipped);
      if (inside.empty()) continue;
      if (options.cancel.cancelled()) return CancelledError("cancelled");
      COFFER_RETURN_IF_ERROR(
          AtCell(writer.Put(number, inner, source.Subview(Relative(inside, part_.clipped))),
                 *operation_, part_));
    }
    write_ = writer.Finish();
    sent_bytes_ = writer.sent_bytes();
    return Status();
  }

  const OperationPtr operation_;
  const CellPart part_;
  const KeyLock turn_;
  int64_t sent_bytes_ = 0;  // Held until write_ resolves.
  std::shared_ptr<ShardEncoding> encoding_;
  Future<WriteResult> write_;
};

/// Waits for the cell's turn, then hands on to a CoveredWrite.
class TurnOfCovered : public Work {
 public:
  TurnOfCovered(OperationPtr operation, CellPart part)
      : operation_(std::move(operation)), part_(std::move(part)) {}

  Result<Pending> Step(Crew& crew, Reservation&) override {
    auto& locks = crew.context().Get<KeyLocks>();
    const std::string name = operation_->stored->Describe(part_.key);
    if (!locked_.valid()) {
      locked_ = locks.Acquire(name, crew.context().shared_executor(), crew.stop_token());
      if (!locked_.ready()) return Pending::On(locked_);
    }
    COFFER_RETURN_IF_ERROR(locked_.Get());
    crew.Push(std::make_unique<CoveredWrite>(operation_, part_, KeyLock(&locks, name)));
    return Pending::Done();
  }

 private:
  const OperationPtr operation_;
  const CellPart part_;
  Future<void> locked_;
};

PendingUpdatePtr MakePendingUpdate(const OperationPtr& operation, const std::string& key,
                                   const Context& context) {
  return std::make_shared<PendingUpdate>(
      operation->stored, operation->stored->Describe(key),
      UpdatePart{operation->transform,
                 [operation](const Box& box) { return operation->source.Subview(box); },
                 operation->store_fill_chunks},
      context.shared_executor());
}

/// A cell that is covered in part: read, modified, written back under its generation, for all that
/// have joined by then.
class UpdateWork : public Work {
 public:
  /// `pending`: nullptr if the update is done by itself.
  UpdateWork(OperationPtr operation, CellPart part, PendingUpdatePtr own, PendingUpdates* pending,
             KeyLock lock)
      : operation_(std::move(operation)),
        part_(std::move(part)),
        own_(std::move(own)),
        pending_(pending),
        lock_(std::move(lock)),
        by_lanes_(operation_->shard_lanes > 1 && part_.covers_clipped),
        rounds_(*operation_->stored, part_.key) {
    if (pending_ == nullptr) commits_.push_back({own_});
  }
  ~UpdateWork() override {
    if (pending_ != nullptr) pending_->Withdraw(own_);
    while (!commits_.empty()) Settle(InternalError(part_.key + ": the write was given up"));
  }

  int64_t reserve_bytes() const override {
    const StoredArray& stored = *operation_->stored;
    const int64_t update = UpdateCellBytes(stored);
    return by_lanes_ ? std::max(update, ShardEncodingBytes(stored, operation_->shard_lanes))
                     : update;
  }

  Result<Pending> Step(Crew& crew, Reservation& reservation) override {
    if (pending_ != nullptr) {
      std::vector<PendingUpdatePtr> taken = std::exchange(pending_, nullptr)->Take(own_);
      if (taken.empty()) return CancelledError("cancelled");
      commits_.push_back(std::move(taken));
    }
    while (!commits_.empty()) {
      const Result<Pending> step = Commit(crew, reservation);
      if (step.ok() && !step->done()) return step;
      Settle(step.status());
    }
    COFFER_RETURN_IF_ERROR(own_status_);
    done_bytes = part_.bytes(*operation_);
    return Pending::Done();
  }

 private:
  /// One commit: of commits_.front().
  Result<Pending> Commit(Crew& crew, Reservation& reservation) {
    std::vector<const UpdatePart*> parts;
    for (const PendingUpdatePtr& update : commits_.front()) parts.push_back(&update->part);
    const CellUpdate update{.stored = *operation_->stored,
                            .context = crew.context(),
                            .cell = part_.cell,
                            .key = part_.key,
                            .parts = parts};
    // Whoever is cancelled must not stop what others wait for.
    const CancelToken cancel = parts.size() == 1 ? crew.stop_token() : CancelToken();
    for (;;) {
      if (write_.valid()) {
        if (!write_.ready()) return Pending::On(write_);
        COFFER_ASSIGN_OR_RETURN(
            const bool done, rounds_.TakeWrite(std::exchange(write_, Future<WriteResult>()).Get()));
        if (done) return Pending::Done();
        pause_ = rounds_.BackOff(crew.context(), cancel);
      }
      if (pause_.valid()) {
        if (!pause_.ready()) return Pending::On(pause_);
        pause_ = Future<void>();
      }
      if (encoding_ != nullptr) {
        const Result<Pending> step = encoding_->Step(crew);
        if (step.ok() && !step->done()) return step;
        const std::shared_ptr<ShardEncoding> encoded = std::move(encoding_);
        COFFER_RETURN_IF_ERROR(AtCell(step.status(), *operation_, part_));
        write_ = encoded->Finish();
        continue;
      }
      if (!read_.valid()) {
        ReadOptions options = ReadForUpdate(update.stored);
        options.cancel = cancel;
        options.reservation = &reservation;
        read_ = update.stored.store->Read(part_.key, options);
      }
      if (!read_.ready()) return Pending::On(read_);
      Result<ReadResult> old = std::exchange(read_, Future<ReadResult>()).Get();
      if (cancel.cancelled()) return CancelledError("cancelled");
      COFFER_RETURN_IF_ERROR(rounds_.TakeRead(old));
      WriteOptions options;
      options.cancel = cancel;
      options.reservation = &reservation;
      options.caller_waits = operation_->caller_waits;
      if (by_lanes_ && update_is_own() && old.ok() && old->state == ReadResult::State::kMissing) {
        options.if_equal = Generation::Missing();
        encoding_ = EncodeByLanes(*operation_, part_, crew.context(), std::move(options));
        continue;
      }
      COFFER_ASSIGN_OR_RETURN(write_, UpdateCell(update, std::move(old), options));
    }
  }

  bool update_is_own() const {
    return commits_.front().size() == 1 && commits_.front().front() == own_;
  }

  /// The front commit has ended. If stored bytes are damaged, that is an error only for those whose
  /// own part needs them: each is done by itself.
  void Settle(const Status& status) {
    const std::vector<PendingUpdatePtr> ended = std::move(commits_.front());
    commits_.pop_front();
    rounds_ = UpdateRounds(*operation_->stored, part_.key);
    for (const PendingUpdatePtr& update : ended) {
      if (status.code() == StatusCode::kDataLoss && ended.size() > 1) {
        commits_.push_back({update});
      } else if (update == own_) {
        own_status_ = status;
      } else {
        update->turn.Set(status.ok() ? Result<PendingUpdate::Turn>(PendingUpdate::Turn::kDone)
                                     : Result<PendingUpdate::Turn>(status));
      }
    }
  }

  const OperationPtr operation_;
  const CellPart part_;
  const PendingUpdatePtr own_;
  PendingUpdates* pending_;  // Until own_ is taken.
  const KeyLock lock_;
  const bool by_lanes_;  // If there is no old cell, several lanes encode it.
  std::deque<std::vector<PendingUpdatePtr>> commits_;
  Status own_status_;
  UpdateRounds rounds_;
  Future<void> pause_;  // Between two rounds.
  Future<ReadResult> read_;
  std::shared_ptr<ShardEncoding> encoding_;
  Future<WriteResult> write_;
};

/// Joins those who want to write parts of a cell, and waits until that is done; or leads them: gets
/// the cell's key to itself, then hands on to an UpdateWork.
class JoinUpdate : public Work {
 public:
  JoinUpdate(OperationPtr operation, CellPart part)
      : operation_(std::move(operation)), part_(std::move(part)) {}
  ~JoinUpdate() override {
    stop_.RemoveCallback(withdrawal_);
    if (update_ != nullptr) pending_->Withdraw(update_);
  }

  Result<Pending> Step(Crew& crew, Reservation&) override {
    if (update_ == nullptr) Join(crew);
    if (!turn_.ready()) return Pending::On(turn_);
    COFFER_ASSIGN_OR_RETURN(const PendingUpdate::Turn turn, turn_.Get());
    if (turn == PendingUpdate::Turn::kDone) {
      done_bytes = part_.bytes(*operation_);
      return Pending::Done();
    }
    auto& locks = crew.context().Get<KeyLocks>();
    if (!locked_.valid()) {
      locked_ = locks.Acquire(update_->name, crew.context().shared_executor(), crew.stop_token());
      if (!locked_.ready()) return Pending::On(locked_);
    }
    COFFER_RETURN_IF_ERROR(locked_.Get());
    KeyLock lock(&locks, update_->name);
    crew.Push(std::make_unique<UpdateWork>(operation_, part_, std::exchange(update_, nullptr),
                                           pending_, std::move(lock)));
    return Pending::Done();
  }

 private:
  void Join(Crew& crew) {
    pending_ = &crew.context().Get<PendingUpdates>();
    update_ = MakePendingUpdate(operation_, part_.key, crew.context());
    turn_ = update_->turn.future();
    pending_->Join(update_);
    stop_ = crew.stop_token();
    withdrawal_ =
        stop_.OnCancel([pending = pending_, update = update_] { pending->Withdraw(update); });
  }

  const OperationPtr operation_;
  const CellPart part_;
  PendingUpdates* pending_ = nullptr;
  PendingUpdatePtr update_;
  Future<PendingUpdate::Turn> turn_;
  CancelToken stop_;
  uint64_t withdrawal_ = 0;
  Future<void> locked_;
};

/// `inside_task`: bytes are held already, and who holds bytes must not wait for a key (KeyLocks).
/// The condition of the write alone then keeps other writers' data. Where the store knows no
/// conditions, cells that are wholly written take their turn, too: an update that has read before
/// would write the old elements over them.
WorkPtr NextCell(const std::shared_ptr<WriteOperation>& operation, const Context& context,
                 bool inside_task) {
  while (operation->next_cell < operation->cells) {
    CellPart part(*operation, operation->walk.At(operation->next_cell++));
    if (part.piece.view_box.empty()) continue;
    if (part.covered && (inside_task || operation->conditional_write)) {
      return std::make_unique<CoveredWrite>(operation, std::move(part), KeyLock());
    }
    if (part.covered) return std::make_unique<TurnOfCovered>(operation, std::move(part));
    if (inside_task) {
      PendingUpdatePtr update = MakePendingUpdate(operation, part.key, context);
      return std::make_unique<UpdateWork>(operation, std::move(part), std::move(update), nullptr,
                                          KeyLock());
    }
    return std::make_unique<JoinUpdate>(operation, std::move(part));
  }
  return nullptr;
}

int64_t PiecesOfWrite(const StoredArray& stored, int64_t cells) {
  const ShardLayout* const layout = stored.chain->shard_layout();
  if (layout == nullptr) return cells;
  return CheckedMul(cells, layout->num_entries()).value_or(INT64_MAX);
}

/// How many lanes encode one shard: more than one where there would else be too few shards, or no
/// room for them in the budget, to keep all lanes at work to the end.
int ShardLanes(const StoredArray& stored, const Context& context, int64_t cells, int lanes) {
  lanes = std::min(lanes, context.executor().concurrency());
  if (stored.chain->shard_layout() == nullptr || lanes == 1) return 1;
  const int64_t limit = context.budget().limit_bytes();
  const int64_t share = limit / std::min<int64_t>(cells, lanes);
  const bool one_each = ShardWriterBytes(stored) <= share;
  if (one_each && cells >= 2 * lanes) return 1;
  return ShardEncodingBytes(stored, lanes) <= (one_each ? share : limit) ? lanes : 1;
}

}  // namespace

int64_t LargestWriteTask(const StoredArray& stored) {
  // More than to write a cell whole, which holds no old one.
  return CheckedAdd(UpdateCellBytes(stored), SourceChunkBytes(stored)).value_or(INT64_MAX);
}

WriteFutures StartWrite(const StoredArrayPtr& stored, const IndexTransform& transform,
                        const ConstView& source, const ArrayWriteOptions& options,
                        const Context& context, StartOn start) {
  auto ready = [](const Status& status) {
    return WriteFutures{Future<void>::Ready(status), Future<void>::Ready(status)};
  };
  if (!stored->store->capabilities().writable) {
    return ready(
        FailedPreconditionError(stored->Describe(stored->prefix) + ": the store is read-only"));
  }
  if (transform.empty()) return ready(Status());
  auto operation = std::make_shared<WriteOperation>(WriteOperation{
      .stored = stored,
      .transform = transform,
      .source = source,
      .store_fill_chunks = options.store_fill_chunks,
      .exclusive = options.exclusive,
      .conditional_write = stored->store->capabilities().conditional_write,
      .walk = CellWalk(stored->grid, transform),
  });
  const std::optional<int64_t> cells = operation->walk.size();
  if (!cells) return ready(InvalidArgumentError("more chunks than can be counted"));
  operation->cells = *cells;
  operation->caller_waits = start == StartOn::kCaller && *cells == 1;
  Crew::Options crew_options = CrewOptionsFor("array.write", *stored, transform, options, context,
                                              PiecesOfWrite(*stored, *cells));
  crew_options.source_pieces = *cells;
  operation->shard_lanes = ShardLanes(*stored, context, *cells, crew_options.lanes);
  const bool inside_task = options.reservation != nullptr;
  std::shared_ptr<Crew> crew = Crew::Make(
      context, std::move(crew_options),
      [operation, context, inside_task] { return NextCell(operation, context, inside_task); });
  start == StartOn::kCaller ? crew->StartHere() : crew->Start();
  return {crew->lanes_done(), crew->all_done()};
}

}  // namespace coffer::inline v0
