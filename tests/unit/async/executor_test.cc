// Goal: the contract of Executor holds for the thread pool, whoever destroys it and whenever.
// Method: counted tasks on small pools; tasks are held at known points by promises.
#include "coffer/async/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "coffer/async/future.h"
#include "src/base/platform_cpus.h"

namespace coffer {
namespace {

TEST(ThreadPool, HasTheThreadsAskedForOrTheCgroupsCores) {
  EXPECT_EQ(MakeThreadPool(3)->concurrency(), 3);
  EXPECT_EQ(MakeThreadPool()->concurrency(), platform::CpuCount());
  EXPECT_EQ(MakeThreadPool(-1)->concurrency(), platform::CpuCount());
}

TEST(ThreadPool, RunsEveryTaskOnceAlsoThoseQueuedAtItsEnd) {
  std::atomic<int> ran{0};
  {
    const std::shared_ptr<Executor> pool = MakeThreadPool(2);
    for (int i = 0; i < 10'000; ++i) pool->Submit([&] { ++ran; });
  }
  EXPECT_EQ(ran, 10'000);
}

TEST(ThreadPool, AtItsEndRunsWhatItsTasksSubmit) {
  int ran = 0;
  {
    const std::shared_ptr<Executor> pool = MakeThreadPool(1);
    Executor* const raw = pool.get();
    raw->Submit([&ran, raw] { raw->Submit([&ran, raw] { raw->Submit([&ran] { ++ran; }); }); });
  }
  EXPECT_EQ(ran, 1);
}

TEST(ThreadPool, OneWorkerRunsTasksInOrder) {
  std::vector<int> order;
  {
    const std::shared_ptr<Executor> pool = MakeThreadPool(1);
    for (int i = 0; i < 100; ++i) pool->Submit([&order, i] { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(ThreadPool, RunsAsManyTasksAtOnceAsItSays) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(3);
  std::atomic<int> arrived{0};
  std::atomic<int> passed{0};
  std::vector<Future<void>> done;
  for (int i = 0; i < 3; ++i) {
    const Promise<void> left;
    done.push_back(left.future());
    pool->Submit([&, left] {  // Returns only when three have begun, and without helping.
      ++arrived;
      while (arrived < 3) std::this_thread::yield();
      ++passed;
      left.Set(Status());
    });
  }
  for (const Future<void>& future : done) future.Wait();
  EXPECT_EQ(passed, 3);
}

TEST(ThreadPool, KnowsItsOwnThreads) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const std::shared_ptr<Executor> other = MakeThreadPool(1);
  EXPECT_FALSE(pool->IsWorkerThread());
  EXPECT_TRUE(*Spawn(pool, [&] { return pool->IsWorkerThread(); }).Get());
  EXPECT_FALSE(*Spawn(pool, [&] { return other->IsWorkerThread(); }).Get());
}

TEST(ThreadPool, SubmitNeverRunsTheTaskItself) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  EXPECT_TRUE(*Spawn(pool, [&] {
                 bool returned = false;
                 bool ran_before = false;
                 pool->Submit([&] { ran_before = !returned; });
                 returned = true;
                 while (pool->RunOne()) {
                 }
                 return !ran_before;
               }).Get());
}

TEST(ThreadPool, RunOneTakesOneQueuedTask) {
  std::atomic<bool> go_on{false};  // Outlives the pool, whose thread waits for it.
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  EXPECT_FALSE(pool->RunOne());
  const Promise<void> entered;
  pool->Submit([&] {
    entered.Set(Status());
    while (!go_on) std::this_thread::yield();
  });
  entered.future().Wait();
  std::thread::id ran_on;
  int ran = 0;
  for (int i = 0; i < 2; ++i) {
    pool->Submit([&] {
      ++ran;
      ran_on = std::this_thread::get_id();
    });
  }
  EXPECT_TRUE(pool->RunOne());
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  EXPECT_TRUE(pool->RunOne());
  EXPECT_FALSE(pool->RunOne());
  go_on = true;
}

TEST(ThreadPool, ATasksCapturesAreDestroyedAfterItRan) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  auto captured = std::make_shared<int>(0);
  const std::weak_ptr<int> seen = captured;
  pool->Submit([captured = std::move(captured)] {});
  Spawn(pool, [] {}).Get().OrDie();
  EXPECT_TRUE(seen.expired());
}

TEST(ThreadPool, TheLastReferenceMayBeDroppedOnAWorker) {
  for (int round = 0; round < 50; ++round) {
    std::shared_ptr<Executor> pool = MakeThreadPool(2);
    Executor* const raw = pool.get();
    const Promise<void> all;
    std::atomic<bool> dropped{false};
    std::atomic<int> ran{0};
    std::atomic<int> busy{0};
    for (int i = 0; i < 2; ++i) {  // Both workers are at work while the last reference goes.
      raw->Submit([&, own = pool]() mutable {
        ++busy;
        while (!dropped) std::this_thread::yield();
        own.reset();
        for (int task = 0; task < 100; ++task) {
          raw->Submit([&] {
            if (++ran == 200) all.Set(Status());
          });
        }
      });
    }
    while (busy < 2) std::this_thread::yield();
    pool.reset();
    dropped = true;
    all.future().Wait();
    EXPECT_EQ(ran, 200);
  }
}

TEST(ThreadPool, AWorkerThatBlocksInGetMayHelpWithTheTaskThatDropsTheLastReference) {
  std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const Promise<int> promise;
  const Promise<int> outcome;
  const Promise<void> dropped;
  pool->Submit([outcome, promise] { outcome.Set(*promise.future().Get()); });
  pool->Submit([promise, dropped, own = pool]() mutable {
    dropped.future().Wait();
    own.reset();
    promise.Set(11);
  });
  pool.reset();
  dropped.Set(Status());
  EXPECT_EQ(*outcome.future().Get(), 11);
}

TEST(ThreadPool, ChainsKeepTheirPoolAlive) {
  Promise<int> promise(MakeThreadPool(1));  // Nobody else holds this pool.
  Future<int> last = promise.future();
  for (int i = 0; i < 100; ++i) last = last.Then([](Result<int> n) { return *n + 1; });
  promise.Set(0);
  promise = Promise<int>();
  EXPECT_EQ(*last.Get(), 100);
}

TEST(ThreadPoolDeathTest, WhatATaskThrowsEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const std::shared_ptr<Executor> pool = MakeThreadPool(1);
        pool->Submit([] { throw std::runtime_error("out of a task"); });
      },
      "out of a task");
}

}  // namespace
}  // namespace coffer
