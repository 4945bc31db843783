// An executor that counts what it is given, around a pool of four threads.
#ifndef COFFER_TESTS_UNIT_ARRAY_COUNTING_EXECUTOR_H_
#define COFFER_TESTS_UNIT_ARRAY_COUNTING_EXECUTOR_H_

#include <atomic>
#include <memory>
#include <utility>

#include "coffer/async/executor.h"

namespace coffer::inline v0::testing {

class CountingExecutor final : public Executor {
 public:
  void Submit(Task task) override {
    ++submitted;
    pool_->Submit(std::move(task));
  }
  int concurrency() const override { return pool_->concurrency(); }
  bool IsWorkerThread() const override { return pool_->IsWorkerThread(); }
  bool RunOne() override { return pool_->RunOne(); }

  std::atomic<int> submitted = 0;

 private:
  const std::shared_ptr<Executor> pool_ = MakeThreadPool(4);
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_ARRAY_COUNTING_EXECUTOR_H_
