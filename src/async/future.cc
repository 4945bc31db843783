// 1. Set() claims the state (one caller wins), stores the result, then publishes: under the mutex
//    it raises `ready`, takes the callbacks, wakes sleepers and helpers; after it runs the
//    callbacks.
// 2. A callback that resolves another future only queues that one's callbacks on this thread: the
//    outermost Publish() runs them one after the other, so no chain grows the stack.
// 3. A worker that waits enters itself in `helped`, so that Publish() wakes its executor, and runs
//    that executor's tasks until the future is ready. On leaving it wakes the executor again: it
//    may have been the one that was told of a task.
// 4. Every pending state has a promise, and the last promise resolves it, so callbacks always run,
//    and nothing is ever destroyed through a chain of callbacks.
#include "coffer/async/future.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "coffer/async/context.h"
#include "src/async/cancel.h"
#include "src/async/current_executor.h"
#include "src/async/current_reservation.h"
#include "src/base/mutex.h"

namespace coffer::inline v0::internal {
namespace {

// The callbacks that this thread has yet to run.
struct Pending {
  bool running = false;
  FutureCallback* first = nullptr;
  FutureCallback* last = nullptr;
};
thread_local Pending pending;

// Runs a list of callbacks, or leaves that to the frame below which is doing so.
void RunCallbacks(FutureCallback* list) {
  (pending.last == nullptr ? pending.first : pending.last->next) = list;
  pending.last = list;
  while (pending.last->next != nullptr) pending.last = pending.last->next;
  if (pending.running) return;
  pending.running = true;
  while (FutureCallback* const node = pending.first) {
    pending.first = node->next;
    if (pending.first == nullptr) pending.last = nullptr;
    node->Ready(std::move(node->core));
  }
  pending.running = false;
}

}  // namespace

struct FutureCore::Sync {
  Mutex mutex;
  CondVar resolved;
  FutureCallback* first COFFER_GUARDED_BY(mutex) = nullptr;
  FutureCallback* last COFFER_GUARDED_BY(mutex) = nullptr;
  std::vector<Executor*> helped COFFER_GUARDED_BY(mutex);
  std::optional<CancelSource> cancel COFFER_GUARDED_BY(mutex);

  CancelSource& Source() COFFER_REQUIRES(mutex) {
    if (!cancel) cancel.emplace();
    return *cancel;
  }
};

FutureCallback::~FutureCallback() = default;

FutureCore::FutureCore(std::shared_ptr<Executor> executor)
    : executor_(std::move(executor)), sync_(std::make_unique<Sync>()) {}

FutureCore::FutureCore(AlreadyReady) : claimed_(true), ready_(true) {}

FutureCore::~FutureCore() = default;

bool FutureCore::Wait(Deadline deadline) {
  if (ready()) return true;
  Executor* own = CurrentExecutor();
  if (own == nullptr && executor_ != nullptr && executor_->IsWorkerThread()) own = executor_.get();
  if (own != nullptr) return HelpUntil(*own, deadline);
  MutexLock lock(sync_->mutex);
  while (!ready()) {
    if (deadline == Deadline::max()) {
      sync_->resolved.Wait(sync_->mutex);
    } else if (!sync_->resolved.WaitUntil(sync_->mutex, deadline)) {
      break;
    }
  }
  return ready();
}

bool FutureCore::HelpUntil(Executor& executor, Deadline deadline) {
  using Clock = std::chrono::steady_clock;
  {
    MutexLock lock(sync_->mutex);
    sync_->helped.push_back(&executor);
  }
  while (!ready() && Clock::now() < deadline) {
    {
      HelpScope scope;
      if (executor.RunOne()) continue;
    }
    if (executor.WaitForTask(ready_, deadline)) continue;
    MutexLock lock(sync_->mutex);
    if (ready()) break;
    sync_->resolved.WaitUntil(sync_->mutex,
                              std::min(deadline, Clock::now() + std::chrono::milliseconds(1)));
  }
  {
    MutexLock lock(sync_->mutex);
    sync_->helped.erase(std::find(sync_->helped.begin(), sync_->helped.end(), &executor));
  }
  executor.Wake();
  return ready();
}

void FutureCore::AddCallback(Ref<FutureCore> core, FutureCallback* callback) {
  if (!core->ready()) {
    Sync& sync = *core->sync_;
    MutexLock lock(sync.mutex);
    if (!core->ready()) {
      (sync.last == nullptr ? sync.first : sync.last->next) = callback;
      sync.last = callback;
      return;
    }
  }
  callback->core = std::move(core);
  RunCallbacks(callback);
}

void FutureCore::Publish() {
  FutureCallback* callbacks = nullptr;
  {
    MutexLock lock(sync_->mutex);
    ready_.store(true, std::memory_order_release);
    callbacks = std::exchange(sync_->first, nullptr);
    sync_->last = nullptr;
    sync_->resolved.NotifyAll();
    for (Executor* executor : sync_->helped) executor->Wake();
  }
  for (FutureCallback* node = callbacks; node != nullptr; node = node->next) {
    node->core = Ref<FutureCore>::Share(this);
  }
  if (callbacks != nullptr) RunCallbacks(callbacks);
}

void FutureCore::Cancel() {
  if (ready()) return;
  std::optional<CancelSource> source;
  {
    MutexLock lock(sync_->mutex);
    source = sync_->Source();
  }
  source->Cancel();
}

CancelToken FutureCore::cancel_token() {
  if (sync_ == nullptr) return CancelToken();
  MutexLock lock(sync_->mutex);
  return sync_->Source().token();
}

void FutureCore::ShareCancel(FutureCore& other) {
  if (other.ready()) return;
  std::optional<CancelSource> source;
  {
    MutexLock lock(other.sync_->mutex);
    source = other.sync_->Source();
  }
  MutexLock lock(sync_->mutex);
  sync_->cancel = std::move(source);
}

std::shared_ptr<Executor> OrDefault(const std::shared_ptr<Executor>& executor) {
  return executor != nullptr ? executor : Context::Default().shared_executor();
}

std::shared_ptr<Executor> Share(Executor& executor) {
  if (std::shared_ptr<Executor> owner = executor.weak_from_this().lock()) return owner;
  return std::shared_ptr<Executor>(std::shared_ptr<void>(), &executor);
}

Status StatusOfException() {
  try {
    std::rethrow_exception(std::current_exception());
  } catch (const std::bad_alloc&) {
    return ResourceExhaustedError("out of memory");
  } catch (const std::exception& exception) {
    const char* const what = exception.what();  // Of a class of the user's: perhaps null.
    return InternalError(std::string("exception: ") + (what != nullptr ? what : ""));
  } catch (...) {
    return InternalError("exception of no standard type");
  }
}

Status BrokenPromise() { return InternalError("promise dropped without a result"); }

uint64_t ForwardCancel(const CancelToken& token, Ref<FutureCore> inner) {
  return token.OnCancel([inner = std::move(inner)] { inner->Cancel(); });
}

}  // namespace coffer::inline v0::internal
