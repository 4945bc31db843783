// Executor: where coffer's work runs.
//
// A context has one; users may give their own (an adapter over their thread pool). The default is
// a fixed pool with as many threads as the cgroup has cores.
//
// Contract for implementations: Submit() may be called from any thread, never runs the task before
// it returns, and runs every accepted task exactly once, also during shutdown.
#ifndef COFFER_ASYNC_EXECUTOR_H_
#define COFFER_ASYNC_EXECUTOR_H_

#include <functional>
#include <memory>

#include "coffer/base/export.h"

namespace coffer::inline v0 {

using Task = std::function<void()>;

class COFFER_EXPORT Executor {
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
};

/// A pool of `threads` workers (0: the cgroup's cores). Destruction runs what is queued, then
/// joins; it may happen on one of its own workers. After fork() the child's copy starts new threads
/// at its first use.
COFFER_EXPORT std::shared_ptr<Executor> MakeThreadPool(int threads = 0);

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_EXECUTOR_H_
