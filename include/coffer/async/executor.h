// Executor: where coffer's work runs.
//
// A context has one; users may give their own (an adapter over their thread pool). The default is
// a fixed pool with as many threads as the cgroup has cores.
//
// Contract for implementations: Submit() may be called from any thread, never runs the task before
// it returns, and runs every accepted task exactly once, also during shutdown.
#ifndef COFFER_ASYNC_EXECUTOR_H_
#define COFFER_ASYNC_EXECUTOR_H_

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "coffer/base/export.h"

namespace coffer::inline v0 {

using Task = std::function<void()>;
using Deadline = std::chrono::steady_clock::time_point;

class COFFER_EXPORT Executor : public std::enable_shared_from_this<Executor> {
 public:
  virtual ~Executor();

  /// Queues `task`. Exceptions that leave it are a bug of the task and end the program.
  virtual void Submit(Task task) = 0;
  /// How many tasks can run at once, >= 1.
  virtual int concurrency() const = 0;
  /// Whether the calling thread is one of this executor's.
  virtual bool IsWorkerThread() const = 0;
  /// Takes one queued task and runs it on the calling thread; false if there was none. This is how
  /// a blocking Get() helps instead of deadlocking. The default finds none.
  virtual bool RunOne() { return false; }

  /// Between two RunOne(): sleeps until a task may be queued, `done` is true, or the deadline has
  /// passed. Whoever sets `done` calls Wake() afterwards, holding a lock of its own: Wake() must
  /// not call out. False if this executor cannot tell; the caller then looks again every
  /// millisecond.
  virtual bool WaitForTask(const std::atomic<bool>& done, Deadline deadline);
  virtual void Wake() {}
};

/// A pool of `threads` workers (0: the cgroup's cores), started as tasks come. Destruction runs
/// what is queued, then joins. The last reference may be dropped on one of the pool's own workers,
/// which then does this in the background. After fork() the child's copy starts new threads at its
/// first use; what the parent had queued runs in the parent only. A task that forks must not return
/// in the child (it ends, or becomes another program).
///
/// Where not even one thread can be started when the first task comes (a limit of processes), the
/// program ends with a message: nobody is left whom the task's failure could be told. With fewer
/// threads than asked for it goes on. Who must outlive that gives an executor of his own.
COFFER_EXPORT std::shared_ptr<Executor> MakeThreadPool(int threads = 0);

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_EXECUTOR_H_
