// An executor whose tasks run when the test says so, on the test's thread.
#ifndef COFFER_TESTS_UNIT_ASYNC_MANUAL_EXECUTOR_H_
#define COFFER_TESTS_UNIT_ASYNC_MANUAL_EXECUTOR_H_

#include <deque>
#include <utility>

#include "coffer/async/executor.h"

namespace coffer {

class ManualExecutor : public Executor {
 public:
  void Submit(Task task) override { tasks_.push_back(std::move(task)); }
  int concurrency() const override { return 1; }
  bool IsWorkerThread() const override { return false; }
  bool RunOne() override {
    if (tasks_.empty()) return false;
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
    return true;
  }
  void RunAll() {
    while (RunOne()) {
    }
  }
  size_t queued() const { return tasks_.size(); }

 private:
  std::deque<Task> tasks_;
};

}  // namespace coffer

#endif  // COFFER_TESTS_UNIT_ASYNC_MANUAL_EXECUTOR_H_
