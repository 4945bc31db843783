// One thread holds the operations in order of the time they are due, does them on the store behind,
// and holds the answer for as long as its bytes need at the given rate.
//
// The thread shares ownership of the timer, so that the store may be destroyed by a callback that
// runs on it.
#include <algorithm>
#include <queue>
#include <system_error>
#include <thread>
#include <utility>

#include "coffer/kvstore/adapters.h"
#include "src/base/mutex.h"
#include "src/kvstore/intercepting_store.h"

namespace coffer::inline v0 {

namespace {

using Clock = std::chrono::steady_clock;

/// Runs tasks when they are due.
class Timer : public std::enable_shared_from_this<Timer> {
 public:
  /// Where the kernel refuses a thread, everything is due at once.
  void Start() {
    MutexLock lock(mutex_);
    try {
      thread_ = std::thread([self = shared_from_this()] { self->Run(); });
    } catch (const std::system_error&) {
      ended_ = true;
    }
  }

  /// What is left runs now; then the thread ends.
  void Close() {
    MutexLock lock(mutex_);
    closed_ = true;
    changed_.NotifyAll();
    std::thread thread = std::move(thread_);
    lock.Unlock();
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();
    } else if (thread.joinable()) {
      thread.join();
    }
  }

  void Schedule(Clock::time_point due, Task task) {
    {
      MutexLock lock(mutex_);
      if (!ended_) {
        tasks_.push({due, ++count_, std::move(task)});
        changed_.NotifyAll();
        return;
      }
    }
    task();
  }

 private:
  struct Entry {
    Clock::time_point due;
    uint64_t number;  // First come, first served.
    Task task;
    bool operator<(const Entry& other) const {  // The queue gives its greatest first.
      return due != other.due ? due > other.due : number > other.number;
    }
  };

  void Run() {
    MutexLock lock(mutex_);
    for (;;) {
      if (tasks_.empty()) {
        if (closed_) break;
        changed_.Wait(mutex_);
        continue;
      }
      const Clock::time_point due = tasks_.top().due;
      if (!closed_ && Clock::now() < due) {
        changed_.WaitUntil(mutex_, due);
        continue;
      }
      Task task = tasks_.top().task;
      tasks_.pop();
      lock.Unlock();
      task();
      task = nullptr;
      lock.Lock();
    }
    ended_ = true;
  }

  Mutex mutex_;
  CondVar changed_;
  std::priority_queue<Entry> tasks_ COFFER_GUARDED_BY(mutex_);
  uint64_t count_ COFFER_GUARDED_BY(mutex_) = 0;
  bool closed_ COFFER_GUARDED_BY(mutex_) = false;
  bool ended_ COFFER_GUARDED_BY(mutex_) = false;
  std::thread thread_ COFFER_GUARDED_BY(mutex_);
};

class LatencyPolicy {
 public:
  LatencyPolicy(KvStorePtr base, const LatencyOptions& options)
      : base_(std::move(base)), options_(options), timer_(std::make_shared<Timer>()) {
    timer_->Start();
  }
  void Close() { timer_->Close(); }

  template <class T>
  Future<T> Around(const KvCall& call, std::function<Future<T>()> run) {
    Promise<T> promise;
    auto answer = [promise, timer = timer_, options = options_,
                   sent = call.bytes](const ResultOf<T>& result) {
      int64_t bytes = sent;
      if constexpr (!std::is_void_v<T>) {
        if (result.ok()) bytes += AnsweredBytes(*result);
      }
      if (options.bytes_per_second <= 0 || bytes == 0) return void(promise.Set(result));
      const std::chrono::duration<double> transfer(static_cast<double>(bytes) /
                                                   static_cast<double>(options.bytes_per_second));
      timer->Schedule(Clock::now() + std::chrono::duration_cast<Clock::duration>(transfer),
                      [promise, result] { promise.Set(result); });
    };
    const auto due = Clock::now() + options_.per_request;
    timer_->Schedule(due, [promise, call, answer, run = std::move(run), base = base_] {
      if (call.cancel.cancelled() || promise.cancel_token().cancelled()) {
        promise.Set(CancelledError(base->Describe(call.key) + ": " +
                                   std::string(KvOperationName(call.operation))));
        return;
      }
      run().OnReady(answer);
    });
    return promise.future();
  }

  Status BeforeOpen(const KvCall&) const { return Status(); }
  void AfterOpen(const KvCall&, Clock::time_point, const Status&) const {}

  Capabilities Change(Capabilities base) const {
    base.local = false;
    base.request_concurrency = std::max(base.request_concurrency, kRequestConcurrency);
    return base;
  }

 private:
  static constexpr int kRequestConcurrency = 32;

  const KvStorePtr base_;
  const LatencyOptions options_;
  const std::shared_ptr<Timer> timer_;
};

class LatencyStore final : public InterceptingStore<LatencyPolicy> {
 public:
  using InterceptingStore::InterceptingStore;
  ~LatencyStore() override { policy().Close(); }
};

}  // namespace

KvStorePtr MakeLatencyStore(KvStorePtr base, const LatencyOptions& options) {
  auto policy = std::make_shared<LatencyPolicy>(base, options);
  return std::make_shared<LatencyStore>(std::move(base), std::move(policy));
}

}  // namespace coffer::inline v0
