// OneThreadContext: a context in which everything happens in one order: what the executor is given
// runs while the thread that made it waits, and the file store has no threads. So the nth file call
// of a program is always the same one. (What coffer runs on threads of its own, such as the saving
// of leaves, goes on while that thread waits; there is one of them at a time.)
//
// Only the thread that made it calls coffer with it.
#ifndef COFFER_TESTS_SUPPORT_ONE_THREAD_H_
#define COFFER_TESTS_SUPPORT_ONE_THREAD_H_

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <thread>
#include <utility>

#include "coffer/async/context.h"
#include "coffer/async/executor.h"
#include "kvstore/file/engine.h"
#include "src/base/mutex.h"

namespace coffer::inline v0::testing {

class OneThreadExecutor final : public Executor {
 public:
  ~OneThreadExecutor() override {
    while (RunOne()) {
    }
  }
  void Submit(Task task) override {
    const MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.NotifyAll();
  }
  int concurrency() const override { return 1; }
  bool IsWorkerThread() const override { return std::this_thread::get_id() == maker_; }
  bool RunOne() override {
    Task task;
    {
      const MutexLock lock(mutex_);
      if (tasks_.empty()) return false;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
    return true;
  }
  bool WaitForTask(const std::atomic<bool>& done, Deadline deadline) override {
    const MutexLock lock(mutex_);
    while (tasks_.empty() && !done && std::chrono::steady_clock::now() < deadline) {
      changed_.WaitUntil(mutex_, deadline);
    }
    return true;
  }
  void Wake() override {
    const MutexLock lock(mutex_);
    changed_.NotifyAll();
  }

 private:
  const std::thread::id maker_ = std::this_thread::get_id();
  Mutex mutex_;
  CondVar changed_;
  std::deque<Task> tasks_ COFFER_GUARDED_BY(mutex_);
};

inline Context OneThreadContext() {
  Context context = Context::Create({.executor = std::make_shared<OneThreadExecutor>()});
  context.Get<ContextEngine>().engine()->Close();
  return context;
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_ONE_THREAD_H_
