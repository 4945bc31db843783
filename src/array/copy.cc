// How a bounded copy goes:
//
//  1. The destination's cells that the copy touches are shared out to threads of its own: a few, or
//     as many as hide the latency of a remote store.
//
//  2. A thread reserves, once per cell, all it will hold: one block of the source, what reading the
//     source and encoding hold. Reading and writing inside draw on that reservation.
//
//  3. A shard that the copy covers is put together block by block: a block is a whole number of
//     inner chunks, about as large as a chunk of the source, so that each of these is decoded once.
//
//  4. So is a chunk, in one piece. A cell that is covered in part, or sticks out of an array that
//     others may make larger, is changed, (inner) chunk by chunk; its key is locked in this process
//     before bytes are reserved (KeyLocks).
//
//  5. A cell's value becomes durable while the next is copied; at most kUnacknowledgedMax wait.
//     While one is sent to a remote store, only its encoded bytes are held.
//
//  6. With skip_stored the cells are taken in windows. Before each one listing sets a bit for each
//     cell of the window that is stored; those that the copy covers are skipped.
#include "coffer/array/copy.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <utility>

#include "src/array/array_caches.h"
#include "src/array/background.h"
#include "src/array/chunk_io.h"
#include "src/array/key_locks.h"
#include "src/array/read.h"
#include "src/array/resize.h"
#include "src/array/shard_update.h"
#include "src/array/shard_writer.h"
#include "src/array/update_rounds.h"
#include "src/async/progress.h"
#include "src/base/mutex.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {
namespace {

constexpr int64_t kBlockBytesMax = MiB(4);
constexpr size_t kUnacknowledgedMax = 32;
constexpr int64_t kWindowCellsMax = int64_t{1} << 26;

class ArrayBlockSource : public BlockSource {
 public:
  ArrayBlockSource(const Array& array, const IndexTransform& transform)
      : array_(array), transform_(transform) {}

  DataType data_type() const override { return array_.data_type(); }
  const Shape& shape() const override { return transform_.view_shape(); }

  Shape block_shape() const override {
    Shape block = Shape::Filled(shape().rank(), 1);
    for (int d = 0; d < transform_.stored_rank(); ++d) {
      const IndexTransform::OutputMap& map = transform_.maps()[static_cast<size_t>(d)];
      if (map.view_dim < 0) continue;
      block[map.view_dim] = CeilDiv(array_.chunk_shape()[d], std::abs(map.stride));
    }
    return block;
  }

  int request_concurrency() const override {
    return array_.stored()->store->capabilities().request_concurrency;
  }
  int64_t task_bytes(const Box&) const override { return LargestReadTask(*array_.stored()); }

  Status ReadBlock(const Box& box, const View& destination, Reservation& reservation,
                   const CancelToken& cancel) override {
    COFFER_ASSIGN_OR_RETURN(const IndexTransform part, transform_.Subview(box));
    return array_.Read(part, destination, {.cancel = cancel, .reservation = &reservation});
  }

 private:
  const Array array_;
  const IndexTransform transform_;
};

class Copier {
 public:
  Copier(BlockSource& source, const Array& destination, const Index& at, const CopyOptions& options,
         int threads)
      : source_(source),
        array_(destination),
        stored_(*destination.stored()),
        context_(destination.context()),
        region_{at, source.shape()},
        options_(options),
        threads_(threads),
        item_size_(source.data_type().size()),
        progress_(options.on_progress, *NumElements(source.shape()) * item_size_) {}

  Status CopyCell(const Index& cell, bool is_stored) {
    const Box clipped = stored_.grid.ClippedCellBox(cell);
    const Box part = clipped.Intersect(region_);
    if (part.empty()) return Status();
    const int64_t bytes = *NumElements(part.shape) * item_size_;
    if (is_stored && part == clipped) {
      skipped_bytes_ += bytes;
      progress_.Add(bytes);
      return Status();
    }
    const bool in_part = part != (options_.exclusive ? clipped : stored_.grid.CellBox(cell));
    KeyLock turn;
    if (in_part || !conditional_write_) {  // As in NextCell() of write.cc.
      COFFER_ASSIGN_OR_RETURN(turn, TakeTurn(stored_.CellKey(cell)));
    }
    if (in_part) {
      COFFER_RETURN_IF_ERROR(CopyPart(cell));
    } else if (stored_.chain->shard_layout() != nullptr) {
      COFFER_RETURN_IF_ERROR(CopyShard(cell, clipped));
    } else {
      COFFER_RETURN_IF_ERROR(CopyChunk(cell, clipped));
    }
    progress_.Add(bytes);
    return Status();
  }

  int64_t skipped_bytes() const { return skipped_bytes_; }

  /// Waits for all that is not acknowledged yet; the first error.
  Status Settle() {
    std::deque<Future<WriteResult>> writes;
    {
      MutexLock lock(mutex_);
      writes.swap(unacknowledged_);
    }
    Status first;
    for (const Future<WriteResult>& write : writes) {
      const Status status = write.Get().status();
      if (first.ok()) first = status;
    }
    return first;
  }

 private:
  Result<Reservation> Reserve(int64_t bytes) {
    return context_.budget().Acquire(bytes, options_.cancel);
  }

  WriteOptions OptionsOfWrite(Reservation& held) const {
    WriteOptions write;
    write.cancel = options_.cancel;
    if (!AcknowledgesLater(stored_)) write.reservation = &held;
    return write;
  }

  Result<KeyLock> TakeTurn(const std::string& key) {
    auto& locks = context_.Get<KeyLocks>();
    const std::string name = stored_.Describe(key);
    COFFER_RETURN_IF_ERROR(locks.Acquire(name, context_.shared_executor(), options_.cancel).Get());
    return KeyLock(&locks, name);
  }

  Status CopyPart(const Index& cell) {
    const std::string key = stored_.CellKey(cell);
    const ShardLayout* const layout = stored_.chain->shard_layout();
    const ChunkSpec& unit = (layout != nullptr ? layout->inner() : *stored_.chain).chunk();
    const int64_t read_bytes =
        SourceChunkBytes(stored_) + source_.task_bytes(Box::Full(unit.shape));
    COFFER_ASSIGN_OR_RETURN(
        Reservation held,
        Reserve(CheckedAdd(read_bytes, UpdateCellBytes(stored_)).value_or(INT64_MAX)));
    COFFER_ASSIGN_OR_RETURN(const Buffer buffer,
                            context_.buffers().Allocate(static_cast<size_t>(unit.num_bytes())));
    COFFER_ASSIGN_OR_RETURN(const IndexTransform transform,
                            IndexTransform::FromBox(stored_.shape(), region_));
    const auto read_block = [&](const Box& box) -> Result<ConstView> {
      const View view(buffer.data(), source_.data_type(), box.shape);
      COFFER_RETURN_IF_ERROR(source_.ReadBlock(box, view, held, options_.cancel));
      return ConstView(view);
    };
    const UpdatePart part{transform, read_block, options_.store_fill_chunks};
    const UpdatePart* const parts[] = {&part};
    return Update(
        {.stored = stored_, .context = context_, .cell = cell, .key = key, .parts = parts}, held);
  }

  Status Update(const CellUpdate& update, Reservation& held) const {
    for (UpdateRounds rounds(stored_, update.key);;) {
      ReadOptions read = ReadForUpdate(stored_);
      read.cancel = options_.cancel;
      read.reservation = &held;
      WriteOptions write;
      write.cancel = options_.cancel;
      write.reservation = &held;
      Result<ReadResult> old = stored_.store->Read(update.key, read).Get();
      COFFER_RETURN_IF_ERROR(rounds.TakeRead(old));
      COFFER_ASSIGN_OR_RETURN(const Future<WriteResult> written,
                              UpdateCell(update, std::move(old), write));
      COFFER_ASSIGN_OR_RETURN(const bool done, rounds.TakeWrite(written.Get()));
      if (done) return Status();
      rounds.BackOff(context_, options_.cancel).Wait();
    }
  }

  Status CopyChunk(const Index& cell, const Box& clipped) {
    const Box wanted = Relative(clipped, region_);
    const int64_t bytes = *NumElements(clipped.shape) * item_size_;
    const int64_t read_bytes = BufferPool::CapacityFor(bytes) + source_.task_bytes(wanted);
    COFFER_ASSIGN_OR_RETURN(
        Reservation held,
        Reserve(CheckedAdd(read_bytes, EncodeChunkBytes(stored_)).value_or(INT64_MAX)));
    std::optional<BytesChain> value;
    {
      COFFER_ASSIGN_OR_RETURN(const Buffer buffer,
                              context_.buffers().Allocate(static_cast<size_t>(bytes)));
      const View view(buffer.data(), source_.data_type(), clipped.shape);
      COFFER_RETURN_IF_ERROR(source_.ReadBlock(wanted, view, held, options_.cancel));
      COFFER_ASSIGN_OR_RETURN(value, EncodeChunk(stored_, context_, stored_.grid.CellBox(cell),
                                                 view, options_.store_fill_chunks));
    }
    const WriteOptions write = OptionsOfWrite(held);
    if (value && AcknowledgesLater(stored_)) {
      value = HoldEncoded(stored_, *std::move(value), held);
    }
    Future<WriteResult> written =
        stored_.store->Write(stored_.CellKey(cell), std::move(value), write);
    held.ShrinkTo(BufferPool::CapacityFor(stored_.chain->max_encoded_size()));
    return Acknowledge(std::move(written));
  }

  /// Inner chunks per dimension in one block.
  Shape BlockChunks() const {
    const ShardLayout& layout = *stored_.chain->shard_layout();
    const Shape& inner = layout.inner_chunk_shape();
    const Shape& grid = layout.inner_grid_shape();
    const int64_t limit =
        std::min(context_.budget().limit_bytes() / (4 * threads_), kBlockBytesMax);
    const int64_t chunks_max =
        std::max<int64_t>(1, limit / std::max<int64_t>(1, layout.inner().chunk().num_bytes()));
    Shape block = Shape::Filled(inner.rank(), 1);
    const Shape opinion = source_.block_shape();
    if (opinion.rank() == inner.rank()) {
      for (int d = 0; d < inner.rank(); ++d) {
        block[d] = std::min(grid[d], CeilDiv(opinion[d], inner[d]));
      }
      // A source chunk may be larger than what may be held: then it is decoded more than once.
      for (int d = 0; d < inner.rank() && NumElements(block).value_or(INT64_MAX) > chunks_max;
           ++d) {
        while (block[d] > 1 && NumElements(block).value_or(INT64_MAX) > chunks_max) {
          block[d] = CeilDiv(block[d], 2);
        }
      }
    }
    for (int d = inner.rank() - 1; d >= 0; --d) {
      const int64_t others = *NumElements(block) / block[d];
      block[d] = std::clamp(chunks_max / others, block[d], std::max(grid[d], block[d]));
    }
    return block;
  }

  Status CopyShard(const Index& cell, const Box& clipped) {
    const ShardLayout& layout = *stored_.chain->shard_layout();
    const Shape& inner = layout.inner_chunk_shape();
    const Shape block = BlockChunks();
    Shape block_shape = inner;
    for (int d = 0; d < inner.rank(); ++d) block_shape[d] *= block[d];
    const int64_t block_bytes = *NumElements(block_shape) * item_size_;
    COFFER_ASSIGN_OR_RETURN(Reservation held,
                            Reserve(CheckedAdd(BufferPool::CapacityFor(block_bytes) +
                                                   source_.task_bytes(Box::Full(block_shape)),
                                               ShardWriterBytes(stored_))
                                        .value_or(INT64_MAX)));
    COFFER_ASSIGN_OR_RETURN(Buffer buffer,
                            context_.buffers().Allocate(static_cast<size_t>(block_bytes)));
    const std::string key = stored_.CellKey(cell);
    std::optional<ShardWriter> writer(std::in_place, stored_, context_, key, OptionsOfWrite(held),
                                      options_.store_fill_chunks);
    COFFER_ASSIGN_OR_RETURN(const RegularGrid blocks,
                            RegularGrid::Make(stored_.grid.cell_shape(), block_shape));
    const CellWalk walk(blocks, IndexTransform::Identity(stored_.grid.cell_shape()));
    for (int64_t n = 0; n < walk.size().value_or(0); ++n) {
      if (options_.cancel.cancelled()) return CancelledError("cancelled");
      Box box = blocks.ClippedCellBox(walk.At(n));
      for (int d = 0; d < box.rank(); ++d) box.origin[d] += clipped.origin[d];
      box = box.Intersect(clipped);
      if (box.empty()) continue;
      const View view(buffer.data(), source_.data_type(), box.shape);
      COFFER_RETURN_IF_ERROR(
          source_.ReadBlock(Relative(box, region_), view, held, options_.cancel));
      COFFER_RETURN_IF_ERROR(PutBlock(*writer, key, clipped, box, view));
    }
    Future<WriteResult> written = writer->Finish();
    const int64_t sent_bytes = writer->sent_bytes();
    writer.reset();
    buffer = Buffer();
    held.ShrinkTo(sent_bytes);
    return Acknowledge(std::move(written));
  }

  /// The inner chunks of one block, whose origin is on their grid.
  Status PutBlock(ShardWriter& writer, const std::string& key, const Box& clipped, const Box& box,
                  const View& view) {
    const ShardLayout& layout = *stored_.chain->shard_layout();
    const Shape& inner = layout.inner_chunk_shape();
    COFFER_ASSIGN_OR_RETURN(const RegularGrid grid, RegularGrid::Make(box.shape, inner));
    const CellWalk walk(grid, IndexTransform::Identity(box.shape));
    for (int64_t n = 0; n < walk.size().value_or(0); ++n) {
      const Box in_block = grid.ClippedCellBox(walk.At(n));
      int64_t number = 0;
      Box chunk{box.origin, inner};
      for (int d = 0; d < box.rank(); ++d) {
        chunk.origin[d] += in_block.origin[d];
        const int64_t position = (chunk.origin[d] - clipped.origin[d]) / inner[d];
        number = number * layout.inner_grid_shape()[d] + position;
      }
      const Status put = writer.Put(number, chunk, view.Subview(in_block));
      if (!put.ok()) {
        return put.Annotate(stored_.Describe(key) + ", chunk at " + ToString(chunk.origin));
      }
    }
    return Status();
  }

  Status Acknowledge(Future<WriteResult> write) {
    // Without conditions the cell's turn lasts until then.
    if (!AcknowledgesLater(stored_) || !conditional_write_) return write.Get().status();
    Future<WriteResult> oldest;
    {
      MutexLock lock(mutex_);
      unacknowledged_.push_back(std::move(write));
      if (unacknowledged_.size() <= kUnacknowledgedMax) return Status();
      oldest = std::move(unacknowledged_.front());
      unacknowledged_.pop_front();
    }
    return oldest.Get().status();
  }

  BlockSource& source_;
  const Array array_;
  const StoredArray& stored_;
  const Context context_;
  const Box region_;
  const CopyOptions options_;
  const int threads_;
  const bool conditional_write_ = stored_.store->capabilities().conditional_write;
  const int64_t item_size_;
  Progress progress_;
  std::atomic<int64_t> skipped_bytes_{0};
  Mutex mutex_;  // Guards what follows.
  std::deque<Future<WriteResult>> unacknowledged_ COFFER_GUARDED_BY(mutex_);
};

Status CheckCopy(const BlockSource& source, const Array& destination, const Index& at) {
  if (source.data_type() != destination.data_type()) {
    return InvalidArgumentError(destination.url() + ": the array has data type " +
                                destination.data_type().name() + ", the source has " +
                                source.data_type().name());
  }
  if (source.shape().rank() != destination.rank() || at.rank() != destination.rank()) {
    return InvalidArgumentError(destination.url() + ": the array has rank " +
                                std::to_string(destination.rank()) + ", the source has shape " +
                                ToString(source.shape()));
  }
  Result<IndexTransform> region =
      IndexTransform::FromBox(destination.shape(), Box{at, source.shape()});
  return region.status().Annotate(destination.url());
}

/// Of the cells number `begin` to `end` of a walk: whether something is stored.
Result<std::vector<bool>> FindStored(const StoredArray& array, const CellWalk& walk, int64_t begin,
                                     int64_t end, const CancelToken& cancel) {
  std::vector<bool> is_stored(static_cast<size_t>(end - begin));
  const auto see = [&](std::span<const ListEntry> page) {
    for (const ListEntry& entry : page) {
      const std::optional<Index> cell = array.ParseCellKey(entry.key);
      const std::optional<int64_t> number = cell ? walk.Find(*cell) : std::nullopt;
      if (!number || *number < begin || *number >= end) continue;
      is_stored[static_cast<size_t>(*number - begin)] = true;
    }
    return cancel.cancelled() ? CancelledError("cancelled") : Status();
  };
  COFFER_RETURN_IF_ERROR(ForEachPage(*array.store, {.range = KeyRange::Prefix(array.prefix)}, see));
  return is_stored;
}

Status CopyCells(Copier& copier, const Array& destination, const CellWalk& walk, int64_t cells,
                 int threads, const CopyOptions& options) {
  // Of one bit for a cell: at most 8 MiB, or a quarter of the budget.
  const int64_t window_max =
      2 * std::min(kWindowCellsMax / 2, destination.context().budget().limit_bytes());
  const int64_t window = options.skip_stored ? window_max : cells;
  for (int64_t begin = 0; begin < cells; begin += window) {
    const int64_t count = std::min(window, cells - begin);
    std::vector<bool> is_stored;
    if (options.skip_stored) {
      COFFER_ASSIGN_OR_RETURN(
          is_stored, FindStored(*destination.stored(), walk, begin, begin + count, options.cancel));
    }
    const auto copy = [&](int64_t n) {
      return copier.CopyCell(walk.At(begin + n),
                             options.skip_stored && is_stored[static_cast<size_t>(n)]);
    };
    COFFER_RETURN_IF_ERROR(
        RunInBackground(destination.context(), threads, count, copy, options.cancel));
  }
  return Status();
}

}  // namespace

BlockSource::~BlockSource() = default;

std::unique_ptr<BlockSource> MakeBlockSource(const Array& array, const IndexTransform& transform) {
  return std::make_unique<ArrayBlockSource>(array, transform);
}

Status CopyInto(BlockSource& source, const Array& destination, const Index& at,
                const CopyOptions& options) {
  if (options.skipped_bytes != nullptr) *options.skipped_bytes = 0;
  COFFER_RETURN_IF_ERROR(CheckCopy(source, destination, at));
  if (Box::Full(source.shape()).empty()) return Status();
  COFFER_ASSIGN_OR_RETURN(const IndexTransform region,
                          IndexTransform::FromBox(destination.shape(), Box{at, source.shape()}));
  const CellWalk walk(destination.stored()->grid, region);
  const std::optional<int64_t> cells = walk.size();
  if (!cells) return InvalidArgumentError(destination.url() + ": more chunks than can be counted");
  const BufferPool::OperationScope scope(destination.context().buffers());
  const WriteMark mark(destination.context(), *destination.stored()->store,
                       destination.stored()->prefix);
  const int requests = std::max(source.request_concurrency(),
                                destination.stored()->store->capabilities().request_concurrency);
  const int threads = static_cast<int>(
      std::min<int64_t>(BackgroundThreads(destination.context(), requests), *cells));
  Copier copier(source, destination, at, options, threads);
  const Status copied = CopyCells(copier, destination, walk, *cells, threads, options);
  const Status settled = copier.Settle();
  if (options.skipped_bytes != nullptr) *options.skipped_bytes = copier.skipped_bytes();
  const Status checked =
      CheckShapeAfterWrite(destination.stored(), region, {.exclusive = options.exclusive},
                           destination.context())
          .Get();
  if (!copied.ok()) return copied;
  return settled.ok() ? checked : settled;
}

Status Copy(const Array& source, const Array& destination, const CopyOptions& options) {
  if (source.shape() != destination.shape()) {
    return InvalidArgumentError(destination.url() + ": the array has shape " +
                                ToString(destination.shape()) + ", the source has " +
                                ToString(source.shape()));
  }
  std::unique_ptr<BlockSource> blocks =
      MakeBlockSource(source, IndexTransform::Identity(source.shape()));
  return CopyInto(*blocks, destination, Index::Filled(destination.rank(), 0), options);
}

}  // namespace coffer::inline v0
