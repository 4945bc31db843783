// 1. A worker is started when a task comes and no worker is idle, up to the limit.
// 2. Workers, and those that help while they block in Future::Get(), take tasks off one queue under
//    one mutex; one condition tells of new tasks, of the end, and of what helpers wait for.
// 3. Dropping the last reference sets `stopping`. Workers leave when it is set and the queue is
//    empty. Off the pool the dropping thread joins and deletes; on a worker it leaves that to this
//    worker's last act, so tasks may use the pool until the last of them has returned.
// 4. fork() leaves the child with one thread, and locks in any state. So the child abandons each
//    pool's queue as it is (never locked, run or freed again) and gives the pool a new one.
#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/async/executor.h"
#include "src/async/current_executor.h"
#include "src/base/mutex.h"
#include "src/base/platform_cpus.h"

namespace coffer::inline v0 {
namespace {

[[noreturn]] void Die(const char* why) {
  std::fprintf(stderr, "coffer: %s\n", why);
  std::abort();
}

// What a task throws ends the program. What it captured goes before it counts as done.
void Run(Task& task) noexcept {
  task();
  task = nullptr;
}

class ThreadPool;
thread_local ThreadPool* own_pool = nullptr;

class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool() override { delete work_; }

  void Submit(Task task) override;
  int concurrency() const override { return threads_; }
  bool IsWorkerThread() const override { return own_pool == this; }
  bool RunOne() override;
  bool WaitForTask(const std::atomic<bool>& done, Deadline deadline) override;
  void Wake() override;

  /// What the deleter of the last reference does: step 3.
  void Stop();
  /// In a forked child: step 4.
  void Abandon();

 private:
  struct Work {
    Mutex mutex;
    CondVar changed;
    std::deque<Task> queue COFFER_GUARDED_BY(mutex);
    std::vector<std::thread> workers COFFER_GUARDED_BY(mutex);
    size_t waiting COFFER_GUARDED_BY(mutex) = 0;  // Workers and helpers asleep on `changed`.
    bool stopping COFFER_GUARDED_BY(mutex) = false;
    std::thread::id joiner COFFER_GUARDED_BY(mutex);  // The worker that deletes the pool, if any.

    bool Take(Task& task) COFFER_REQUIRES(mutex);
  };

  void StartWorker(Work& work) COFFER_REQUIRES(work.mutex);
  void WorkerMain(Work* work);
  bool WorkUntilStopped(Work* work);

  const int threads_;
  Work* work_ = new Work;  // Replaced in a forked child only, before it has a second thread.
};

// All pools, and what forked children left behind. Held across fork(), so that the child finds
// the list whole.
struct Pools {
  Mutex mutex;
  std::vector<ThreadPool*> all COFFER_GUARDED_BY(mutex);
};

void BeforeFork();
void AfterForkInParent();
void AfterForkInChild();

Pools& AllPools() {
  static Pools* const pools = new Pools;  // Never destroyed: pools may outlive statics.
  return *pools;
}

void BeforeFork() COFFER_NO_THREAD_SAFETY_ANALYSIS { AllPools().mutex.Lock(); }
void AfterForkInParent() COFFER_NO_THREAD_SAFETY_ANALYSIS { AllPools().mutex.Unlock(); }
void AfterForkInChild() COFFER_NO_THREAD_SAFETY_ANALYSIS {
  own_pool = nullptr;
  for (ThreadPool* pool : AllPools().all) pool->Abandon();
  AllPools().mutex.Unlock();
}
// From the start on: no fork comes while the pools' list is half made.
[[maybe_unused]] const int kForkHandlers =
    pthread_atfork(BeforeFork, AfterForkInParent, AfterForkInChild);

ThreadPool::ThreadPool(int threads) : threads_(threads > 0 ? threads : platform::CpuCount()) {
  Pools& pools = AllPools();
  MutexLock lock(pools.mutex);
  pools.all.push_back(this);
}

bool ThreadPool::Work::Take(Task& task) {
  if (queue.empty()) return false;
  task = std::move(queue.front());
  queue.pop_front();
  return true;
}

void ThreadPool::StartWorker(Work& work) {
  try {
    work.workers.emplace_back([this, &work] { WorkerMain(&work); });
  } catch (const std::system_error&) {
    if (work.workers.empty()) Die("the kernel refuses to start even one thread");
  }
}

void ThreadPool::Submit(Task task) {
  Work& work = *work_;
  MutexLock lock(work.mutex);
  work.queue.push_back(std::move(task));
  // While stopping, only a running task can submit, and its worker will come for what it submits.
  if (!work.stopping && work.queue.size() > work.waiting &&
      work.workers.size() < static_cast<size_t>(threads_)) {
    StartWorker(work);
  }
  // Under the lock: as soon as it is let go, a worker may run the task that ends this pool.
  work.changed.NotifyOne();
}

bool ThreadPool::RunOne() {
  Task task;
  {
    MutexLock lock(work_->mutex);
    if (!work_->Take(task)) return false;
  }
  Run(task);
  return true;
}

bool ThreadPool::WaitForTask(const std::atomic<bool>& done, Deadline deadline) {
  Work& work = *work_;
  MutexLock lock(work.mutex);
  ++work.waiting;
  bool in_time = true;
  while (in_time && work.queue.empty() && !done.load(std::memory_order_acquire)) {
    in_time = work.changed.WaitUntil(work.mutex, deadline);
  }
  --work.waiting;
  return true;
}

void ThreadPool::Wake() {
  MutexLock lock(work_->mutex);
  work_->changed.NotifyAll();
}

// Returns whether this worker is the one that deletes the pool.
bool ThreadPool::WorkUntilStopped(Work* work) {
  MutexLock lock(work->mutex);
  while (true) {
    Task task;
    if (work->Take(task)) {
      lock.Unlock();
      Run(task);
      if (own_pool == nullptr) Die("a task that called fork() returned in the child");
      lock.Lock();
    } else if (work->stopping) {
      return work->joiner == std::this_thread::get_id();
    } else {
      ++work->waiting;
      work->changed.Wait(work->mutex);
      --work->waiting;
    }
  }
}

void ThreadPool::WorkerMain(Work* work) {
  own_pool = this;
  if (!WorkUntilStopped(work)) return;
  std::vector<std::thread> workers;
  {
    MutexLock lock(work->mutex);
    workers.swap(work->workers);
  }
  for (std::thread& worker : workers) {
    if (worker.get_id() == std::this_thread::get_id()) {
      worker.detach();
    } else {
      worker.join();
    }
  }
  delete this;
}

void ThreadPool::Stop() {
  {
    Pools& pools = AllPools();
    MutexLock lock(pools.mutex);
    std::erase(pools.all, this);
  }
  std::vector<std::thread> workers;
  {
    MutexLock lock(work_->mutex);
    work_->stopping = true;
    work_->changed.NotifyAll();
    if (IsWorkerThread()) {
      work_->joiner = std::this_thread::get_id();
      return;
    }
    workers.swap(work_->workers);
  }
  for (std::thread& worker : workers) worker.join();
  delete this;
}

void ThreadPool::Abandon() {
  static std::vector<Work*>* const abandoned = new std::vector<Work*>;  // Seen by leak checkers.
  abandoned->push_back(work_);
  work_ = new Work;
}

}  // namespace

namespace internal {
Executor* CurrentExecutor() { return own_pool; }
}  // namespace internal

Executor::~Executor() = default;

bool Executor::WaitForTask(const std::atomic<bool>&, Deadline) { return false; }

std::shared_ptr<Executor> MakeThreadPool(int threads) {
  auto* const pool = new ThreadPool(threads);
  return std::shared_ptr<Executor>(pool, [pool](Executor*) { pool->Stop(); });
}

}  // namespace coffer::inline v0
