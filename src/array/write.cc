// How a write goes:
//
//  1. The grid cells that the transform touches are walked in storage order; each is one value of
//     the store (a chunk, or a shard).
//  2. A cell that the transform covers wholly (as far as it lies inside the array) is encoded from
//     the source, without reading, and written without a condition. A local store acknowledges
//     later, when the value is durable: the lane does not wait for it, the operation does.
//  3. Any other cell is read, modified and written back under its generation. Its key is locked in
//     this process first (KeyLocks), so that only other processes can get in between; then the
//     condition fails and the cell is done again from its new value.
//  4. Of a shard only the inner chunks that the transform touches are decoded and encoded; the
//     others move as they are.
//  5. A cell or inner chunk that holds nothing but the fill value is deleted (by option: stored).
#include "src/array/write.h"

#include <algorithm>
#include <utility>

#include "src/array/chunk_io.h"
#include "src/array/crew.h"
#include "src/array/key_locks.h"
#include "src/array/shard_update.h"
#include "src/array/shard_writer.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {
namespace {

struct WriteOperation {
  StoredArrayPtr stored;
  IndexTransform transform;
  ConstView source;
  bool store_fill_chunks = false;
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
        covered(piece.CoversAll(clipped)) {}

  Index cell;
  std::string key;
  Box box;
  Box clipped;  // Inside the array's shape.
  TransformPiece piece;
  bool covered;

  int64_t bytes(const WriteOperation& operation) const {
    return *NumElements(piece.view_box.shape) * operation.stored->data_type().size();
  }
};

Status AtCell(const Status& status, const WriteOperation& operation, const CellPart& part) {
  return status.ok() ? status
                     : status.Annotate(operation.stored->Describe(part.key) + ", chunk at " +
                                       ToString(part.box.origin));
}

/// A covered cell: encoded from the source, written without a condition.
class CoveredWrite : public Work {
 public:
  CoveredWrite(OperationPtr operation, CellPart part)
      : operation_(std::move(operation)), part_(std::move(part)) {}

  int64_t reserve_bytes() const override {
    return operation_->sharded() ? ShardWriterBytes(*operation_->stored)
                                 : EncodeChunkBytes(*operation_->stored);
  }

  Result<Pending> Step(Crew& crew, Reservation& reservation) override {
    if (!write_.valid()) {
      // Inside a task nothing may be held beyond its reservation, so it waits.
      const bool later = AcknowledgesLater(*operation_->stored) && !crew.inside_task();
      COFFER_RETURN_IF_ERROR(Begin(crew, reservation, later));
      done_bytes = part_.bytes(*operation_);
      if (later) {
        crew.Track<WriteResult>(write_,
                                [](const Result<WriteResult>& result) { return result.status(); });
        return Pending::Done();
      }
      if (!write_.ready()) return Pending::On(write_);
    }
    COFFER_RETURN_IF_ERROR(write_.Get());
    return Pending::Done();
  }

 private:
  Status Begin(Crew& crew, Reservation& reservation, bool later) {
    const StoredArray& stored = *operation_->stored;
    const Context& context = crew.context();
    const ConstView source =
        InStoredOrder(operation_->source.Subview(part_.piece.view_box), part_.piece);
    WriteOptions options;
    options.cancel = crew.stop_token();
    if (!later) options.reservation = &reservation;
    if (!operation_->sharded()) {
      COFFER_ASSIGN_OR_RETURN(
          std::optional<BytesChain> value,
          EncodeChunk(stored, context, part_.box, source, operation_->store_fill_chunks));
      if (value && later) value = HoldEncoded(stored, *std::move(value), reservation);
      write_ = stored.store->Write(part_.key, std::move(value), options);
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
    return Status();
  }

  const OperationPtr operation_;
  const CellPart part_;
  Future<WriteResult> write_;
};

/// A cell that is covered in part: read, modified, written back under its generation.
class PartialWrite : public Work {
 public:
  PartialWrite(OperationPtr operation, CellPart part, KeyLock lock)
      : operation_(std::move(operation)), part_(std::move(part)), lock_(std::move(lock)) {}

  int64_t reserve_bytes() const override { return UpdateCellBytes(*operation_->stored); }

  Result<Pending> Step(Crew& crew, Reservation& reservation) override {
    const CellUpdate update{
        .stored = *operation_->stored,
        .context = crew.context(),
        .cell = part_.cell,
        .key = part_.key,
        .transform = operation_->transform,
        .source = [this](const Box& box) { return operation_->source.Subview(box); },
        .store_fill_chunks = operation_->store_fill_chunks};
    for (;;) {
      if (write_.valid()) {
        if (!write_.ready()) return Pending::On(write_);
        COFFER_ASSIGN_OR_RETURN(const WriteResult result, std::move(write_).Get());
        write_ = Future<WriteResult>();
        if (result.state == WriteResult::State::kWritten) break;
        COFFER_RETURN_IF_ERROR(CheckTries(update, ++tries_));
      }
      if (!read_.valid()) {
        ReadOptions options = ReadForUpdate(update.stored);
        options.cancel = crew.stop_token();
        options.reservation = &reservation;
        read_ = update.stored.store->Read(part_.key, options);
      }
      if (!read_.ready()) return Pending::On(read_);
      Result<ReadResult> old = std::exchange(read_, Future<ReadResult>()).Get();
      if (crew.stop_token().cancelled()) return CancelledError("cancelled");
      WriteOptions options;
      options.cancel = crew.stop_token();
      options.reservation = &reservation;
      COFFER_ASSIGN_OR_RETURN(write_, UpdateCell(update, std::move(old), options));
    }
    done_bytes = part_.bytes(*operation_);
    return Pending::Done();
  }

 private:
  const OperationPtr operation_;
  const CellPart part_;
  const KeyLock lock_;
  int tries_ = 0;
  Future<ReadResult> read_;
  Future<WriteResult> write_;
};

/// Gets the key of a cell to itself, then hands the cell on as a PartialWrite.
class LockCell : public Work {
 public:
  LockCell(OperationPtr operation, CellPart part)
      : operation_(std::move(operation)), part_(std::move(part)) {}

  Result<Pending> Step(Crew& crew, Reservation&) override {
    auto& locks = crew.context().Get<KeyLocks>();
    const std::string name = operation_->stored->Describe(part_.key);
    if (!locked_.valid()) {
      locked_ = locks.Acquire(name, crew.context().shared_executor());
      if (!locked_.ready()) return Pending::On(locked_);
    }
    crew.Push(std::make_unique<PartialWrite>(operation_, part_, KeyLock(&locks, name)));
    return Pending::Done();
  }

 private:
  const OperationPtr operation_;
  const CellPart part_;
  Future<void> locked_;
};

/// `inside_task`: bytes are held already, and who holds bytes must not wait for a key (KeyLocks).
/// The condition of the write alone then keeps other writers' data.
WorkPtr NextCell(const std::shared_ptr<WriteOperation>& operation, bool inside_task) {
  while (operation->next_cell < operation->cells) {
    CellPart part(*operation, operation->walk.At(operation->next_cell++));
    if (part.piece.view_box.empty()) continue;
    if (part.covered) return std::make_unique<CoveredWrite>(operation, std::move(part));
    if (inside_task) {
      return std::make_unique<PartialWrite>(operation, std::move(part), KeyLock());
    }
    return std::make_unique<LockCell>(operation, std::move(part));
  }
  return nullptr;
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
      .walk = CellWalk(stored->grid, transform),
  });
  const std::optional<int64_t> cells = operation->walk.size();
  if (!cells) return ready(InvalidArgumentError("more chunks than can be counted"));
  operation->cells = *cells;
  Crew::Options crew_options =
      CrewOptionsFor("array.write", *stored, transform, options, context, *cells);
  const bool inside_task = options.reservation != nullptr;
  std::shared_ptr<Crew> crew =
      Crew::Make(context, std::move(crew_options),
                 [operation, inside_task] { return NextCell(operation, inside_task); });
  start == StartOn::kCaller ? crew->StartHere() : crew->Start();
  return {crew->lanes_done(), crew->all_done()};
}

}  // namespace coffer::inline v0
