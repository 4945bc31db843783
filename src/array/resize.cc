// How an array is resized:
//
//  1. The metadata gets the new shape, under its old generation. From here on readers see it.
//  2. Where a dimension shrinks, what is stored is listed: the keys of cells outside the new grid
//     are deleted.
//  3. The part of a cell at the new edge that fell outside is overwritten with the fill value, so
//     that growing again cannot show old elements.
//
// A crash or an error after 1 leaves the new shape, cells outside it, which `verify` names as
// orphans, and cut cells that still hold old elements beyond the edge.
//
// Others at work meanwhile (Outside):
//
//  4. Somebody may make the array larger again and write there while 2 or 3 goes on. So a cell's
//     generation is asked for first, then whether the metadata still excludes the cell, and only
//     then the cell is changed, on the condition of that generation: whatever was written after the
//     array had grown again stays.
//  5. Somebody may write through an older handle, behind 2 and 3. Every writer therefore asks for
//     the metadata's generation when its elements are written; if the array has become too small it
//     takes back what it wrote outside, by 2 to 4, and fails. Either the writer sees the new
//     metadata, or what it wrote came before them, and 2 and 3 see that.
#include "src/array/resize.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "src/array/background.h"
#include "src/array/guarded_driver.h"
#include "src/array/key_locks.h"
#include "src/array/shard_update.h"
#include "src/array/update_rounds.h"
#include "src/base/mutex.h"
#include "src/codec/chain.h"
#include "src/nd/grid.h"

namespace coffer::inline v0 {
namespace {

constexpr int kAppendTriesMax = 100;
constexpr std::chrono::microseconds kPauseMin(200);
constexpr std::chrono::microseconds kPauseMax(20'000);

bool Shrinks(const Shape& from, const Shape& to) {
  for (int d = 0; d < from.rank(); ++d) {
    if (to[d] < from[d]) return true;
  }
  return false;
}

/// Whether the metadata are still those of `stored`: one request, of no bytes, where the driver
/// says which key that is.
Future<ReadResult> StatMetadata(const StoredArray& stored) {
  ReadOptions options;
  options.range = ByteRange::Stat();
  return stored.store->Read(stored.metadata_key, options);
}
bool SaysSame(const StoredArray& stored, const Result<ReadResult>& stat) {
  return stat.ok() && stored.metadata_generation.known() &&
         stat->generation == stored.metadata_generation;
}

/// Whether what is written through `a` is read back through `b`, but for the shape.
bool SameLayout(const StoredArray& a, const StoredArray& b) {
  const Index ones = Index::Filled(a.shape().rank(), 1);
  return a.shape().rank() == b.shape().rank() && a.grid.cell_shape() == b.grid.cell_shape() &&
         a.data_type() == b.data_type() && a.codecs == b.codecs && a.fill_value == b.fill_value &&
         a.CellKey(ones) == b.CellKey(ones);
}
/// The array as it is now, unless it is another one.
Result<StoredArrayPtr> OpenAgain(const StoredArray& stored, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(StoredArrayPtr now,
                          GuardedDriver(*stored.driver).Open(stored.store, stored.prefix, context));
  if (SameLayout(stored, *now)) return now;
  return FailedPreconditionError(stored.Describe(stored.prefix) +
                                 ": another array has taken its place meanwhile");
}

/// Takes away what an array holds outside its shape, while others may change that again.
class Outside {
 public:
  /// `reservation`: of a task around, or nullptr.
  Outside(const StoredArray& before, StoredArrayPtr now, const Context& context,
          Reservation* reservation)
      : before_(before), now_(std::move(now)), context_(context), reservation_(reservation) {}

  /// Deletes those of the keys that lie outside, but for one that cannot be looked at: somebody
  /// may write there just now. Tries all; the first error.
  Status Delete(const std::vector<std::string>& keys) {
    const ReadOptions stat{.range = ByteRange::Stat()};
    std::vector<Future<ReadResult>> found;
    for (const std::string& key : keys) found.push_back(before_.store->Read(key, stat));
    for (const Future<ReadResult>& each : found) each.Wait();
    COFFER_ASSIGN_OR_RETURN(const StoredArrayPtr now, Now());
    Status first;
    std::vector<Future<WriteResult>> deletes;
    for (size_t i = 0; i < keys.size(); ++i) {
      const Result<ReadResult>& read = found[i].Get();
      if (!read.ok()) {
        if (first.ok()) first = read.status();
        continue;
      }
      if (read->state == ReadResult::State::kMissing) continue;
      if (IsInGrid(*now, *before_.ParseCellKey(keys[i]))) {
        if (first.ok()) first = GrewAgain(*now);
        continue;
      }
      WriteOptions options;
      if (before_.store->capabilities().conditional_delete) options.if_equal = read->generation;
      deletes.push_back(before_.store->Write(keys[i], std::nullopt, options));
    }
    for (const Future<WriteResult>& deleted : deletes) {
      const Status status = deleted.Get().status();
      if (first.ok()) first = status;
    }
    return first;
  }

  /// Fills, in these cells, what lies beyond the new edge.
  Status ClearCells(const std::vector<Index>& cells) {
    return RunInBackground(context_, Lanes(), std::ssize(cells),
                           [&](int64_t n) { return ClearCell(cells[static_cast<size_t>(n)]); }, {});
  }

  /// The same in all cells that the new edge cuts, inside `region`.
  Status ClearCutCells(const Box& region) {
    const Shape& before = before_.shape();
    const Shape after = Known()->shape();
    const Shape& cell = before_.grid.cell_shape();
    for (int d = 0; d < before.rank(); ++d) {
      if (after[d] >= before[d] || after[d] % cell[d] == 0) continue;
      Box beyond = Box::Full(before);
      beyond.origin[d] = after[d];
      beyond.shape[d] = std::min(before[d], CeilDiv(after[d], cell[d]) * cell[d]) - after[d];
      for (int e = 0; e < before.rank(); ++e) {
        if (e != d) beyond.shape[e] = std::min(before[e], CeilDiv(after[e], cell[e]) * cell[e]);
      }
      beyond = beyond.Intersect(region);
      if (beyond.empty()) continue;
      COFFER_ASSIGN_OR_RETURN(const IndexTransform transform,
                              IndexTransform::FromBox(before, beyond));
      const CellWalk walk(before_.grid, transform);
      COFFER_RETURN_IF_ERROR(RunInBackground(context_, Lanes(), walk.size().value_or(0),
                                             [&](int64_t n) { return ClearCell(walk.At(n)); }, {}));
    }
    return Status();
  }

 private:
  int Lanes() const { return reservation_ != nullptr ? 1 : context_.executor().concurrency(); }

  Status GrewAgain(const StoredArray& now) const {
    return AbortedError(before_.Describe(before_.prefix) + ": somebody else has changed the shape" +
                        " to " + ToString(now.shape()) + " in the meantime");
  }

  StoredArrayPtr Known() {
    MutexLock lock(mutex_);
    return now_;
  }

  /// The array as it is now.
  Result<StoredArrayPtr> Now() {
    StoredArrayPtr now = Known();
    if (!now->metadata_key.empty() && SaysSame(*now, StatMetadata(*now).Get())) return now;
    COFFER_ASSIGN_OR_RETURN(now, OpenAgain(before_, context_));
    MutexLock lock(mutex_);
    now_ = now;
    return now;
  }

  /// For each dimension what of the cell lies beyond the edge.
  Result<std::vector<UpdatePart>> PartsBeyond(const Index& cell, const StoredArray& now) const {
    std::vector<UpdatePart> parts;
    for (int d = 0; d < before_.shape().rank(); ++d) {
      Box box = before_.grid.ClippedCellBox(cell);
      const int64_t end = box.end(d);
      box.origin[d] = std::max(box.origin[d], now.shape()[d]);
      box.shape[d] = end - box.origin[d];
      if (box.shape[d] <= 0) continue;
      COFFER_ASSIGN_OR_RETURN(IndexTransform transform,
                              IndexTransform::FromBox(before_.shape(), box));
      parts.push_back({std::move(transform), [this](const Box& part) -> Result<ConstView> {
                         return ConstView(before_.chain->chunk().fill_value.data(),
                                          before_.data_type(), part.shape,
                                          Strides::Filled(part.rank(), 0));
                       }});
    }
    return parts;
  }

  Status ClearCell(const Index& cell) {
    const std::string key = before_.CellKey(cell);
    auto& locks = context_.Get<KeyLocks>();
    const std::string name = before_.Describe(key);
    KeyLock lock;
    Reservation held;
    if (reservation_ == nullptr) {  // Who holds bytes must not wait for a key.
      locks.Acquire(name, context_.shared_executor(), {}).Wait();
      lock = KeyLock(&locks, name);
      COFFER_ASSIGN_OR_RETURN(held, context_.budget().Acquire(UpdateCellBytes(before_)));
    }
    Reservation* const reservation = reservation_ != nullptr ? reservation_ : &held;
    for (UpdateRounds rounds(before_, key);;) {
      ReadOptions read = ReadForUpdate(before_);
      read.reservation = reservation;
      Result<ReadResult> old = before_.store->Read(key, read).Get();
      if (old.ok() && old->state == ReadResult::State::kMissing) return Status();
      COFFER_RETURN_IF_ERROR(rounds.TakeRead(old));
      COFFER_ASSIGN_OR_RETURN(const StoredArrayPtr now, Now());
      if (!IsInGrid(*now, cell)) return Status();  // Somebody else deletes it.
      COFFER_ASSIGN_OR_RETURN(const std::vector<UpdatePart> parts, PartsBeyond(cell, *now));
      if (parts.empty()) return GrewAgain(*now);
      std::vector<const UpdatePart*> pointers;
      for (const UpdatePart& part : parts) pointers.push_back(&part);
      const CellUpdate update{
          .stored = before_, .context = context_, .cell = cell, .key = key, .parts = pointers};
      WriteOptions write;
      write.reservation = reservation;
      COFFER_ASSIGN_OR_RETURN(const Future<WriteResult> written,
                              UpdateCell(update, std::move(old), write));
      COFFER_ASSIGN_OR_RETURN(const bool done, rounds.TakeWrite(written.Get()));
      if (done) return Status();
      rounds.BackOff(context_, CancelToken()).Wait();
    }
  }

  const StoredArray& before_;
  Mutex mutex_;  // Guards now_.
  StoredArrayPtr now_ COFFER_GUARDED_BY(mutex_);
  const Context& context_;
  Reservation* const reservation_;
};

/// Whether the cell, which is in the grid of `now`, has a part beyond its edge.
bool IsCut(const StoredArray& before, const StoredArray& now, const Index& cell) {
  return !Box::Full(now.shape()).Contains(before.grid.ClippedCellBox(cell));
}

/// Steps 2 and 3 for all that is stored. Tries all; the first error, of deleting before clearing.
Status ClearOutside(const StoredArray& before, const StoredArray& now, Outside& outside) {
  Status deleted;
  Status cleared;
  const auto clear = [&](std::span<const ListEntry> page) {
    std::vector<std::string> keys;
    std::vector<Index> cut;
    for (const ListEntry& entry : page) {
      const std::optional<Index> cell = now.ParseCellKey(entry.key);
      if (!cell) continue;
      if (!IsInGrid(now, *cell)) {
        keys.push_back(entry.key);
      } else if (IsInGrid(before, *cell) && IsCut(before, now, *cell)) {
        cut.push_back(*cell);
      }
    }
    const Status of_page = keys.empty() ? Status() : outside.Delete(keys);
    if (deleted.ok()) deleted = of_page;
    const Status of_cells = outside.ClearCells(cut);
    if (cleared.ok()) cleared = of_cells;
    return Status();
  };
  COFFER_RETURN_IF_ERROR(ForEachPage(*now.store, {.range = KeyRange::Prefix(now.prefix)}, clear));
  return deleted.ok() ? cleared : deleted;
}

/// Step 5: the metadata have changed since a writer got its handle.
Status TakeBackOutside(const StoredArrayPtr& stored, const IndexTransform& transform,
                       Reservation* reservation, const Context& context) {
  Result<StoredArrayPtr> now = OpenAgain(*stored, context);
  if (!now.ok()) {
    return now.status().Annotate("the array could not be looked at after it was written");
  }
  const Box region = transform.StoredBounds();
  if (Box::Full((*now)->shape()).Contains(region)) return Status();
  Outside outside(*stored, *now, context, reservation);
  const CellWalk walk(stored->grid, transform);
  std::vector<std::string> keys;
  Status taken;
  const int64_t cells = walk.size().value_or(0);
  for (int64_t n = 0; n < cells; ++n) {
    const Index cell = walk.At(n);
    if (!IsInGrid(**now, cell)) keys.push_back(stored->CellKey(cell));
    if (keys.empty() || (keys.size() < 1000 && n + 1 < cells)) continue;
    const Status status = outside.Delete(std::exchange(keys, {}));
    if (taken.ok()) taken = status;
  }
  const Status cleared = outside.ClearCutCells(region);
  if (taken.ok()) taken = cleared;
  const Status resized = FailedPreconditionError(
      stored->Describe(stored->prefix) + ": somebody else has changed the shape to " +
      ToString((*now)->shape()) + " while " + ToString(region) + " was written");
  if (taken.ok() || taken.code() == StatusCode::kAborted) return resized;
  return resized.Annotate("not all of what was written outside is deleted (" + taken.ToString() +
                          ")");
}

/// Waits a random time that grows with the tries. A worker of the executor works meanwhile.
void Pause(int tries, const Context& context) {
  thread_local std::minstd_rand random(std::random_device{}());
  const auto most = std::min(kPauseMax, kPauseMin * (int64_t{1} << std::min(tries, 12)));
  const std::chrono::microseconds pause(
      std::uniform_int_distribution<int64_t>(0, most.count())(random));
  const Promise<void> never(context.shared_executor());
  never.future().Wait(std::chrono::steady_clock::now() + pause);
}

}  // namespace

bool IsInGrid(const StoredArray& stored, const Index& cell) {
  const Shape& grid = stored.grid.grid_shape();
  for (int d = 0; d < grid.rank(); ++d) {
    if (cell[d] >= grid[d]) return false;
  }
  return true;
}

Status ResizeStored(StoredArrayPtr& stored, const Shape& shape, const Context& context) {
  const StoredArrayPtr old = stored;
  if (shape.rank() != old->shape().rank()) {
    return InvalidArgumentError(old->Describe(old->prefix) + ": the array has rank " +
                                std::to_string(old->shape().rank()) + ", the new shape " +
                                ToString(shape));
  }
  const bool shrinks = Shrinks(old->shape(), shape);
  if (shrinks) {  // Where nothing can be listed, nothing could be deleted.
    const ListOptions below{.range = KeyRange::Prefix(old->prefix)};
    const Status listed = old->store->List(below).status();
    if (!listed.ok()) return listed.Annotate("an array that is to shrink");
  }
  COFFER_ASSIGN_OR_RETURN(stored,
                          GuardedDriver(*old->driver).Update(*old, shape, std::nullopt, context));
  if (!shrinks) return Status();
  Outside outside(*old, stored, context, nullptr);
  return ClearOutside(*old, *stored, outside)
      .Annotate("the shape is " + ToString(shape) + " now, but not all outside it is deleted");
}

Result<Box> GrowStored(StoredArrayPtr& stored, int dim, const Shape& source, const Context& context,
                       const CancelToken& cancel) {
  const std::string name = stored->Describe(stored->prefix);
  if (!stored->store->capabilities().conditional_write) {
    return FailedPreconditionError(name + ": appending needs a store with conditional writes");
  }
  for (int tries = 0; tries < kAppendTriesMax; ++tries) {
    if (cancel.cancelled()) return CancelledError("cancelled");
    if (tries > 0) Pause(tries, context);
    COFFER_ASSIGN_OR_RETURN(const StoredArrayPtr now, OpenAgain(*stored, context));
    Shape shape = now->shape();
    Box box{Index::Filled(shape.rank(), 0), source};
    bool fits = source.rank() == shape.rank() && dim >= 0 && dim < shape.rank();
    for (int d = 0; fits && d < shape.rank(); ++d) fits = d == dim || source[d] == shape[d];
    if (!fits) {
      return InvalidArgumentError(name + ": a source of shape " + ToString(source) +
                                  " cannot be appended to " + ToString(shape) + " in dimension " +
                                  std::to_string(dim));
    }
    box.origin[dim] = shape[dim];
    const std::optional<int64_t> extent = CheckedAdd(shape[dim], source[dim]);
    if (!extent) return InvalidArgumentError(name + ": the extent would overflow");
    shape[dim] = *extent;
    Result<StoredArrayPtr> grown =
        source[dim] == 0 ? Result<StoredArrayPtr>(now)
                         : GuardedDriver(*now->driver).Update(*now, shape, std::nullopt, context);
    if (grown.ok()) {
      stored = *std::move(grown);
      return box;
    }
    if (grown.status().code() != StatusCode::kAborted) return grown.status();
  }
  return AbortedError(name + ": others changed the metadata " + std::to_string(kAppendTriesMax) +
                      " times before this append could");
}

Future<void> CheckShapeAfterWrite(const StoredArrayPtr& stored, const IndexTransform& transform,
                                  const ArrayWriteOptions& options, const Context& context) {
  if (options.exclusive || transform.empty()) return Future<void>::Ready(Status());
  Reservation* const reservation = options.reservation;
  const auto take_back = [=](const Result<ReadResult>& stat) {
    return SaysSame(*stored, stat) ? Status()
                                   : TakeBackOutside(stored, transform, reservation, context);
  };
  if (stored->metadata_key.empty()) {
    return Future<void>::Ready(TakeBackOutside(stored, transform, reservation, context));
  }
  const Future<ReadResult> stat = StatMetadata(*stored);
  if (stat.ready()) return Future<void>::Ready(take_back(stat.Get()));
  return stat.Then(context.executor(), take_back);
}

}  // namespace coffer::inline v0
