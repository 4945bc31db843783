// 1. A request that fits while nobody is queued is admitted at once, on the caller's thread.
// 2. Any other joins the queue. Whenever bytes come back or a request leaves the queue, requests
//    are admitted from its front for as long as the first one fits: nobody overtakes.
// 3. "Fits": within what the limit leaves, or alone. What holds no bytes always fits.
// 4. Continuations are collected under the lock and run after it, as tasks of the executor. Those
//    of the blocking Acquire() only wake its thread, so they run on the releasing thread.
// 5. A cancelled request is taken off the queue by its cancel callback; whoever takes a request off
//    the queue (admission, cancellation, destruction) is the one that runs its continuation.
#include "coffer/async/byte_budget.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <optional>
#include <string>

#include "src/async/cancel.h"
#include "src/async/current_executor.h"
#include "src/async/current_reservation.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {
namespace internal {

struct BudgetRequest {
  uint64_t id = 0;
  int64_t bytes = 0;
  bool inline_continuation = false;
  ByteBudget::Continuation then;
  CancelToken cancel;
  uint64_t cancel_id = 0;
};

struct BudgetState : std::enable_shared_from_this<BudgetState> {
  using Requests = std::list<BudgetRequest>;

  BudgetState(int64_t limit, Executor* runs_on) : limit_bytes(limit), executor(runs_on) {}

  const int64_t limit_bytes;
  Executor* const executor;
  Mutex mutex;
  int64_t held COFFER_GUARDED_BY(mutex) = 0;
  int64_t held_peak COFFER_GUARDED_BY(mutex) = 0;
  uint64_t next_id COFFER_GUARDED_BY(mutex) = 1;
  Requests queue COFFER_GUARDED_BY(mutex);

  bool TryHold(int64_t bytes) COFFER_REQUIRES(mutex) {
    if (bytes > 0 && held > 0 && bytes > limit_bytes - held) return false;
    held += bytes;
    held_peak = std::max(held_peak, held);
    return true;
  }

  Requests Admit() COFFER_REQUIRES(mutex) {
    Requests admitted;
    while (!queue.empty() && TryHold(queue.front().bytes)) {
      admitted.splice(admitted.end(), queue, queue.begin());
    }
    return admitted;
  }

  void Acquire(BudgetRequest request);
  void Enqueue(BudgetRequest request);
  void Release(int64_t bytes);
  void Cancel(uint64_t id);
  void Start(Requests admitted);
  void Finish(BudgetRequest request, Result<Reservation> outcome);
};

void BudgetState::Acquire(BudgetRequest request) {
  if (request.bytes < 0) {
    return request.then(InvalidArgumentError("reserving " + std::to_string(request.bytes) +
                                             " bytes: expected a number >= 0"));
  }
  if (request.cancel.cancelled()) {
    return request.then(CancelledError("cancelled before its bytes were reserved"));
  }
  {
    MutexLock lock(mutex);
    if (!queue.empty() || !TryHold(request.bytes)) {
      lock.Unlock();
      return Enqueue(std::move(request));
    }
  }
  request.then(Reservation(shared_from_this(), request.bytes));
}

void BudgetState::Enqueue(BudgetRequest request) {
  const CancelToken cancel = request.cancel;
  uint64_t id = 0;
  Requests admitted;
  {
    MutexLock lock(mutex);
    id = request.id = next_id++;
    queue.push_back(std::move(request));
    admitted = Admit();  // Bytes may have come back since the caller looked.
  }
  Start(std::move(admitted));
  const uint64_t cancel_id = cancel.OnCancel([weak = weak_from_this(), id] {
    if (const std::shared_ptr<BudgetState> state = weak.lock()) state->Cancel(id);
  });
  if (cancel_id == 0) return;
  {
    MutexLock lock(mutex);
    for (BudgetRequest& queued : queue) {
      if (queued.id != id) continue;
      queued.cancel_id = cancel_id;
      return;
    }
  }
  ForgetCallback(cancel, cancel_id);
}

void BudgetState::Release(int64_t bytes) {
  Requests admitted;
  {
    MutexLock lock(mutex);
    held -= bytes;
    admitted = Admit();
  }
  Start(std::move(admitted));
}

void BudgetState::Cancel(uint64_t id) {
  Requests cancelled;
  Requests admitted;
  {
    MutexLock lock(mutex);
    const auto at = std::find_if(queue.begin(), queue.end(),
                                 [id](const BudgetRequest& queued) { return queued.id == id; });
    if (at == queue.end()) return;
    cancelled.splice(cancelled.end(), queue, at);
    admitted = Admit();
  }
  Finish(std::move(cancelled.front()), CancelledError("cancelled before its bytes were reserved"));
  Start(std::move(admitted));
}

void BudgetState::Start(Requests admitted) {
  for (BudgetRequest& request : admitted) {
    Reservation reservation(shared_from_this(), request.bytes);
    Finish(std::move(request), std::move(reservation));
  }
}

void BudgetState::Finish(BudgetRequest request, Result<Reservation> outcome) {
  ForgetCallback(request.cancel, request.cancel_id);
  if (request.inline_continuation) return request.then(std::move(outcome));
  // A Task must be copyable, and a Reservation is not.
  auto shared = std::make_shared<Result<Reservation>>(std::move(outcome));
  executor->Submit(
      [then = std::move(request.then), shared = std::move(shared)] { then(std::move(*shared)); });
}

const void*& CurrentTaskBudget() {
  thread_local const void* budget = nullptr;
  return budget;
}

namespace {

[[noreturn]] void Die(const char* why) {
  std::fprintf(stderr, "coffer: %s\n", why);
  std::abort();
}

void CheckNotNested([[maybe_unused]] const BudgetState* state) {
#ifndef NDEBUG
  if (CurrentTaskBudget() == state) {
    Die("a task that holds a reservation acquires again from the same budget; what runs inside a "
        "task draws on its reservation");
  }
#endif
}

// What the blocking Acquire() waits for.
struct Waiter {
  Mutex mutex;
  CondVar changed;
  std::optional<Result<Reservation>> outcome COFFER_GUARDED_BY(mutex);
};

}  // namespace
}  // namespace internal

Reservation::Reservation(Reservation&& other) noexcept
    : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    Release(bytes_);
    budget_ = std::move(other.budget_);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

Reservation::~Reservation() { Release(bytes_); }

void Reservation::Release(int64_t bytes) {
  if (bytes < 0 || bytes > bytes_) internal::Die("releasing more bytes than a reservation holds");
  if (bytes == 0) return;
  bytes_ -= bytes;
  budget_->Release(bytes);
}

void Reservation::ShrinkTo(int64_t bytes) {
  if (bytes < bytes_) Release(bytes_ - bytes);
}

TaskReservationScope::TaskReservationScope(const Reservation& reservation)
    : outer_(std::exchange(internal::CurrentTaskBudget(), reservation.budget_.get())) {}

TaskReservationScope::~TaskReservationScope() { internal::CurrentTaskBudget() = outer_; }

ByteBudget::ByteBudget(int64_t limit_bytes, Executor* executor)
    : state_(std::make_shared<internal::BudgetState>(limit_bytes, executor)) {
  if (limit_bytes <= 0) internal::Die("a byte budget needs a limit above 0");
}

ByteBudget::~ByteBudget() {
  internal::BudgetState::Requests orphans;
  {
    MutexLock lock(state_->mutex);
    orphans.swap(state_->queue);
  }
  for (internal::BudgetRequest& request : orphans) {
    request.inline_continuation = true;
    state_->Finish(std::move(request), CancelledError("the byte budget was destroyed"));
  }
}

void ByteBudget::AcquireAsync(int64_t bytes, Continuation then, const CancelToken& cancel) {
  internal::CheckNotNested(state_.get());
  internal::BudgetRequest request;
  request.bytes = bytes;
  request.then = std::move(then);
  request.cancel = cancel;
  state_->Acquire(std::move(request));
}

Result<Reservation> ByteBudget::Acquire(int64_t bytes, const CancelToken& cancel) {
  internal::CheckNotNested(state_.get());
  if (internal::CurrentExecutor() != nullptr || state_->executor->IsWorkerThread()) {
    internal::Die("ByteBudget::Acquire called on an executor thread; use AcquireAsync");
  }
  const auto waiter = std::make_shared<internal::Waiter>();
  internal::BudgetRequest request;
  request.bytes = bytes;
  request.inline_continuation = true;
  request.cancel = cancel;
  request.then = [waiter](Result<Reservation> outcome) {
    MutexLock lock(waiter->mutex);
    waiter->outcome.emplace(std::move(outcome));
    waiter->changed.NotifyAll();
  };
  state_->Acquire(std::move(request));
  MutexLock lock(waiter->mutex);
  while (!waiter->outcome) waiter->changed.Wait(waiter->mutex);
  return *std::move(waiter->outcome);
}

int64_t ByteBudget::limit_bytes() const { return state_->limit_bytes; }

int64_t ByteBudget::held_bytes() const {
  MutexLock lock(state_->mutex);
  return state_->held;
}

int64_t ByteBudget::held_bytes_peak() const {
  MutexLock lock(state_->mutex);
  return state_->held_peak;
}

}  // namespace coffer::inline v0
