// Crew: lanes of workers that take budgeted work until none is left.
//
//  1. Work comes from a source, asked for the next piece in storage order, and from Push(): what a
//     piece of work found to do (a shard's index names the spans to read). Pushed work goes first.
//  2. A lane takes one piece, reserves its bytes, runs it, gives the bytes back, tells the user how
//     far things are, takes the next. It never blocks: what must wait (for the budget, for a remote
//     store) parks the lane as a continuation, which later goes on on the executor.
//  3. Track() follows a future without keeping a lane (a local store making writes durable).
//  4. The first error or a cancellation stops the taking. The futures resolve when no lane can
//     touch the caller's memory any more; lanes that the executor has not begun by then never do.
//
// Inside a task of its own (options.reservation set) a crew has one lane, on the calling thread,
// and draws on that reservation instead of acquiring.
#ifndef COFFER_SRC_ARRAY_CREW_H_
#define COFFER_SRC_ARRAY_CREW_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "coffer/array/driver.h"
#include "coffer/array/options.h"
#include "coffer/async/future.h"
#include "coffer/nd/index_transform.h"
#include "src/async/progress.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

class Crew;

/// What a step of work waits for: nothing more (it is done), or a future.
class Pending {
 public:
  static Pending Done() { return Pending(); }
  template <class T>
  static Pending On(const Future<T>& future) {
    Pending pending;
    pending.subscribe_ = [future](Task resume) {
      future.OnReady([resume = std::move(resume)](const ResultOf<T>&) { resume(); });
    };
    return pending;
  }
  bool done() const { return subscribe_ == nullptr; }
  void Subscribe(Task resume) const { subscribe_(std::move(resume)); }

 private:
  std::function<void(Task)> subscribe_;
};

/// One piece of work. Destroyed before its reservation is given back.
class Work {
 public:
  virtual ~Work() = default;
  /// Bytes of the user's that are done when the piece is.
  int64_t done_bytes = 0;
  /// What the whole piece holds at most; asked once, before the first step.
  virtual int64_t reserve_bytes() const { return 0; }
  /// Runs until it is done or must wait; after waiting it is called again.
  virtual Result<Pending> Step(Crew& crew, Reservation& reservation) = 0;
};

using WorkPtr = std::unique_ptr<Work>;

/// How many lanes an operation gets that decodes, encodes or moves `bytes` in `pieces` pieces. Few
/// bytes of a local store are done before another thread has begun.
int LaneCount(const KvStore& store, const Context& context, int64_t pieces, int64_t bytes);

class Crew : public std::enable_shared_from_this<Crew> {
 public:
  struct Options {
    std::string operation;  // "array.read", for the observer.
    std::string subject;    // The array's URL.
    int lanes = 1;
    /// What the source has, if that is known: more lanes begin when work is pushed.
    int64_t source_pieces = INT64_MAX;
    int64_t progress_bytes = 0;  // All bytes of the operation.
    int64_t work_bytes = 0;      // Those that it decodes, encodes or moves: no fewer.
    ProgressFunction on_progress;
    CancelToken cancel;
    Reservation* reservation = nullptr;
  };
  /// The next piece, or null if there is none. Called under the crew's lock: must not call back.
  using Source = std::function<WorkPtr()>;

  static std::shared_ptr<Crew> Make(Context context, Options options, Source source);

  /// Starts the lanes on the executor.
  void Start();
  /// Starts all but one of them there, and runs one on this thread as far as it goes.
  void StartHere();

  /// Resolves when all work is done and no lane is active: the caller's memory is free.
  Future<void> lanes_done() const { return lanes_promise_.future(); }
  /// Resolves when, besides, all tracked futures have.
  Future<void> all_done() const { return all_promise_.future(); }

  // For work, from any lane:
  const Context& context() const { return context_; }
  CancelToken stop_token() const { return stop_.token(); }
  /// More work; runs even if the source has ended.
  void Push(WorkPtr work);
  /// Keeps the crew unfinished until the future resolves; `check` judges its result.
  template <class T>
  void Track(const Future<T>& future, std::function<Status(const ResultOf<T>&)> check) {
    BeginTracking();
    future.OnReady([self = shared_from_this(), check = std::move(check)](
                       const ResultOf<T>& result) { self->EndTracking(check(result)); });
  }
  /// Whether all is drawn from the reservation of a task around the crew.
  bool inside_task() const { return options_.reservation != nullptr; }

 private:
  struct Lane {
    WorkPtr work;
    Reservation held;
    bool reserved = false;
    Status acquired;
  };
  using LanePtr = std::shared_ptr<Lane>;

  Crew(Context context, Options options, Source source);
  void Prepare();
  int QueueFirstLanes();
  void SubmitLane(LanePtr lane);
  void SubmitNewLane();
  void BeginLane();
  void RunLane(const LanePtr& lane);
  Status Tell(int64_t done_bytes);
  bool Take(Lane& lane);
  bool Reserve(const LanePtr& lane);
  Result<Pending> StepOf(Lane& lane);
  bool Await(const LanePtr& lane, const std::function<void(Task)>& subscribe);
  void Fail(const Status& status);
  void BeginTracking();
  void EndTracking(const Status& status);
  void FinishIfIdle();

  const Context context_;
  const Options options_;
  Progress progress_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  Promise<void> lanes_promise_;
  Promise<void> all_promise_;
  CancelSource stop_;
  uint64_t cancel_id_ = 0;
  std::optional<BufferPool::OperationScope> pool_scope_;

  Mutex mutex_;  // Guards what follows.
  Source source_ COFFER_GUARDED_BY(mutex_);
  bool source_ended_ COFFER_GUARDED_BY(mutex_) = false;
  std::deque<WorkPtr> pushed_ COFFER_GUARDED_BY(mutex_);
  int queued_lanes_ COFFER_GUARDED_BY(mutex_) = 0;  // Submitted, not begun.
  int active_lanes_ COFFER_GUARDED_BY(mutex_) = 0;
  int tracked_ COFFER_GUARDED_BY(mutex_) = 0;
  bool lanes_resolved_ COFFER_GUARDED_BY(mutex_) = false;
  bool all_resolved_ COFFER_GUARDED_BY(mutex_) = false;
  Status status_ COFFER_GUARDED_BY(mutex_);
};

/// The options of a crew that moves `bytes` of a stored array, in `pieces` pieces, and has to work
/// on `work_bytes` for that. `options`: ArrayReadOptions or ArrayWriteOptions.
template <class UserOptions>
Crew::Options CrewOptionsFor(std::string operation, const StoredArray& stored, int64_t bytes,
                             const UserOptions& options, const Context& context, int64_t pieces,
                             int64_t work_bytes = 0) {
  work_bytes = std::max(bytes, work_bytes);
  return {.operation = std::move(operation),
          .subject = stored.Describe(stored.prefix),
          .lanes = options.reservation != nullptr
                       ? 1
                       : LaneCount(*stored.store, context, pieces, work_bytes),
          .progress_bytes = bytes,
          .work_bytes = work_bytes,
          .on_progress = options.on_progress,
          .cancel = options.cancel,
          .reservation = options.reservation};
}

/// The same of what `transform` selects.
template <class UserOptions>
Crew::Options CrewOptionsFor(std::string operation, const StoredArray& stored,
                             const IndexTransform& transform, const UserOptions& options,
                             const Context& context, int64_t pieces, int64_t work_bytes = 0) {
  return CrewOptionsFor(std::move(operation), stored,
                        *NumElements(transform.view_shape()) * stored.data_type().size(), options,
                        context, pieces, work_bytes);
}

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_CREW_H_
