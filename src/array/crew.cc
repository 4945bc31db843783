// How a lane goes (RunLane):
//
//  1. Take: the next piece of work. None: the lane ends; the last one to end resolves the futures.
//  2. Reserve: its bytes, from the context's budget. If they are not there at once the lane is
//     parked in the budget's queue, and resumes as a task of the executor.
//  3. Step: until the work is done. A step that waits parks the lane in the same way.
//
// A lane counts as active from its first step to its last, also while it is parked: the crew cannot
// finish while a continuation may still touch the caller's memory. While any work is left some lane
// is active, or none has begun. Await() tells "it called back before we returned" from "it will
// call later" by one atomic, so that a ready future costs no hop and a chain of them no stack.
#include "src/array/crew.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace coffer::inline v0 {

namespace {

constexpr int64_t kInlineBytesMax = KiB(256);

}  // namespace

int LaneCount(const KvStore& store, const Context& context, int64_t pieces, int64_t bytes) {
  const Capabilities capabilities = store.capabilities();
  if (capabilities.local && bytes <= kInlineBytesMax) return 1;
  const int wanted = capabilities.local ? context.executor().concurrency()
                                        : std::max(context.executor().concurrency(),
                                                   capabilities.request_concurrency);
  return static_cast<int>(std::clamp<int64_t>(wanted, 1, std::max<int64_t>(pieces, 1)));
}

std::shared_ptr<Crew> Crew::Make(Context context, Options options, Source source) {
  std::shared_ptr<Crew> crew(new Crew(std::move(context), std::move(options), std::move(source)));
  crew->Prepare();
  return crew;
}

Crew::Crew(Context context, Options options, Source source)
    : context_(std::move(context)),
      options_(std::move(options)),
      progress_(options_.on_progress, options_.progress_bytes),
      lanes_promise_(context_.shared_executor()),
      all_promise_(context_.shared_executor()),
      source_(std::move(source)) {
  pool_scope_.emplace(context_.buffers());
}

void Crew::Prepare() {
  std::weak_ptr<Crew> weak = weak_from_this();
  auto cancel = [weak] {
    if (std::shared_ptr<Crew> crew = weak.lock()) crew->Fail(CancelledError("cancelled"));
  };
  lanes_promise_.cancel_token().OnCancel(cancel);
  all_promise_.cancel_token().OnCancel(cancel);
  cancel_id_ = options_.cancel.OnCancel(cancel);
}

/// How many lanes begin at once.
int Crew::QueueFirstLanes() {
  MutexLock lock(mutex_);
  queued_lanes_ = static_cast<int>(std::clamp<int64_t>(options_.source_pieces, 1, options_.lanes));
  return queued_lanes_;
}

void Crew::Start() {
  const int lanes = QueueFirstLanes();
  for (int i = 0; i < lanes; ++i) SubmitNewLane();
}

void Crew::StartHere() {
  const int lanes = QueueFirstLanes();
  for (int i = 1; i < lanes; ++i) SubmitNewLane();
  BeginLane();
}

void Crew::SubmitNewLane() {
  context_.executor().Submit([self = shared_from_this()] { self->BeginLane(); });
}

void Crew::BeginLane() {
  {
    MutexLock lock(mutex_);
    --queued_lanes_;
    if (lanes_resolved_) return;
    ++active_lanes_;
  }
  RunLane(std::make_shared<Lane>());
}

void Crew::SubmitLane(LanePtr lane) {
  context_.executor().Submit(
      [self = shared_from_this(), lane = std::move(lane)] { self->RunLane(lane); });
}

void Crew::RunLane(const LanePtr& lane) {
  while (lane->work != nullptr || Take(*lane)) {
    if (!lane->reserved && !Reserve(lane)) return;
    Result<Pending> step = lane->acquired.ok() ? StepOf(*lane) : Result<Pending>(lane->acquired);
    if (step.ok() && !step->done()) {
      if (!Await(lane, [&](Task resume) { step->Subscribe(std::move(resume)); })) return;
      continue;
    }
    const int64_t done_bytes = lane->work->done_bytes;
    lane->work.reset();
    lane->held = Reservation();
    lane->reserved = false;
    const Status status = step.ok() ? Tell(done_bytes) : step.status();
    if (!status.ok()) Fail(status);
  }
  FinishIfIdle();
}

Status Crew::Tell(int64_t done_bytes) {
  try {
    progress_.Add(done_bytes);
    return Status();
  } catch (...) {
    return internal::StatusOfException().Annotate(options_.operation + " of " + options_.subject);
  }
}

bool Crew::Take(Lane& lane) {
  Status failed;
  {
    MutexLock lock(mutex_);
    if (status_.ok() && !pushed_.empty()) {
      lane.work = std::move(pushed_.front());
      pushed_.pop_front();
    } else if (status_.ok() && !source_ended_) {
      try {
        lane.work = source_();
      } catch (...) {
        failed =
            internal::StatusOfException().Annotate(options_.operation + " of " + options_.subject);
      }
      source_ended_ = lane.work == nullptr;
    }
    if (lane.work == nullptr && failed.ok()) --active_lanes_;
  }
  if (failed.ok()) return lane.work != nullptr;
  Fail(failed);
  return Take(lane);  // Nothing is handed out any more: the lane ends.
}

bool Crew::Reserve(const LanePtr& lane) {
  lane->reserved = true;
  lane->acquired = Status();
  const int64_t bytes = lane->work->reserve_bytes();
  if (bytes == 0 || inside_task()) return true;
  return Await(lane, [&](Task resume) {
    context_.budget().AcquireAsync(
        bytes,
        [lane, resume = std::move(resume)](Result<Reservation> held) {
          lane->acquired = held.status();
          if (held.ok()) lane->held = *std::move(held);
          resume();
        },
        stop_.token());
  });
}

Result<Pending> Crew::StepOf(Lane& lane) {
  std::optional<TaskReservationScope> task;
  if (lane.held.bytes() > 0) task.emplace(lane.held);
  try {
    return lane.work->Step(*this, inside_task() ? *options_.reservation : lane.held);
  } catch (...) {
    return internal::StatusOfException().Annotate(options_.operation + " of " + options_.subject);
  }
}

bool Crew::Await(const LanePtr& lane, const std::function<void(Task)>& subscribe) {
  enum { kSubscribing, kCalledBack, kParked };
  auto state = std::make_shared<std::atomic<int>>(kSubscribing);
  subscribe([self = shared_from_this(), lane, state] {
    if (state->exchange(kCalledBack) == kParked) self->SubmitLane(lane);
  });
  return state->exchange(kParked) == kCalledBack;
}

void Crew::Push(WorkPtr work) {
  {
    MutexLock lock(mutex_);
    if (!status_.ok()) return;  // Nobody would take it.
    pushed_.push_back(std::move(work));
    if (active_lanes_ + queued_lanes_ >= options_.lanes) return;
    ++queued_lanes_;
  }
  SubmitNewLane();
}

void Crew::Fail(const Status& status) {
  std::deque<WorkPtr> dropped;  // Now, not at the end: it may hold keys that others wait for.
  {
    MutexLock lock(mutex_);
    if (!status_.ok() || all_resolved_) return;
    status_ = status;
    dropped.swap(pushed_);
  }
  dropped.clear();
  stop_.Cancel();
}

void Crew::BeginTracking() {
  MutexLock lock(mutex_);
  ++tracked_;
}

void Crew::EndTracking(const Status& status) {
  if (!status.ok()) Fail(status);
  {
    MutexLock lock(mutex_);
    --tracked_;
  }
  FinishIfIdle();
}

void Crew::FinishIfIdle() {
  bool lanes_now = false;
  bool all_now = false;
  Status status;
  {
    MutexLock lock(mutex_);
    if (active_lanes_ > 0) return;
    lanes_now = !std::exchange(lanes_resolved_, true);
    all_now = tracked_ == 0 && !std::exchange(all_resolved_, true);
    status = status_;
  }
  if (all_now) {
    options_.cancel.RemoveCallback(cancel_id_);
    pool_scope_.reset();
    if (Observer* observer = context_.observer(); observer != nullptr) {
      observer->OnSpan(options_.operation, options_.subject,
                       std::chrono::steady_clock::now() - begin_, status);
    }
  }
  if (lanes_now) lanes_promise_.Set(status);
  if (all_now) all_promise_.Set(status);
}

}  // namespace coffer::inline v0
