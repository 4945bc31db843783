// Goal: every sentence of the Future contract of the design holds.
// Method: promises resolved by hand, and chains on small pools; where threads matter, the test
// holds them at known points by other futures and promises, never by time.
#include "coffer/async/future.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/async/context.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;

Deadline In(milliseconds time) { return std::chrono::steady_clock::now() + time; }

TEST(Future, ReadyHoldsItsResult) {
  const Future<int> future = Future<int>::Ready(7);
  EXPECT_TRUE(future.valid());
  EXPECT_TRUE(future.ready());
  EXPECT_EQ(*future.Get(), 7);
  EXPECT_FALSE(Future<int>().valid());
  EXPECT_EQ(Future<void>::Ready(NotFoundError("x")).Get(), NotFoundError("x"));
}

TEST(Future, ResolvesExactlyOnce) {
  const Promise<int> promise;
  const Future<int> future = promise.future();
  EXPECT_FALSE(future.ready());
  EXPECT_TRUE(promise.Set(1));
  EXPECT_FALSE(promise.Set(2));
  EXPECT_FALSE(promise.Set(InternalError("late")));
  EXPECT_EQ(*future.Get(), 1);
}

TEST(Future, OfManySettersOneWins) {
  for (int round = 0; round < 200; ++round) {
    const Promise<int> promise;
    std::atomic<int> wins{0};
    std::vector<std::thread> setters;
    for (int i = 0; i < 3; ++i) {
      setters.emplace_back([&, i] { wins += promise.Set(i) ? 1 : 0; });
    }
    const int seen = *promise.future().Get();
    for (std::thread& setter : setters) setter.join();
    EXPECT_EQ(wins, 1);
    EXPECT_EQ(*promise.future().Get(), seen);
  }
}

TEST(Future, DroppedPromiseBreaks) {
  Future<int> future;
  {
    const Promise<int> promise;
    const Promise<int> copy = promise;  // NOLINT: the second handle is the point
    future = promise.future();
    {
      Promise<int> moved = Promise<int>(promise);
    }
    EXPECT_FALSE(future.ready());
  }
  EXPECT_EQ(future.Get().status(), InternalError("promise dropped without a result"));
}

TEST(Future, WaitOnlyWaits) {
  const Promise<int> promise;
  const Future<int> future = promise.future();
  EXPECT_FALSE(future.Wait(In(milliseconds(-1))));
  EXPECT_FALSE(future.Wait(In(milliseconds(2))));
  EXPECT_FALSE(promise.cancel_token().cancelled());  // Running out of time asks for nothing.
  promise.Set(5);
  EXPECT_TRUE(future.Wait(In(milliseconds(-1))));
  EXPECT_EQ(*future.Get(), 5);
}

TEST(Future, WaitBeforeAFarDeadlineReturnsWhenResolved) {
  const Promise<int> promise;
  std::thread setter([&promise] { promise.Set(1); });
  EXPECT_TRUE(promise.future().Wait(In(std::chrono::hours(1))));
  setter.join();
}

TEST(Future, WorkerWaitsOnlyUntilTheDeadline) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const Promise<int> never(pool);
  Future<bool> waited = Spawn(pool, [&] { return never.future().Wait(In(milliseconds(2))); });
  EXPECT_FALSE(*waited.Get());
  never.Set(0);
}

TEST(Future, GetOfTheOnlyHolderMoves) {
  Promise<std::vector<int>> promise;
  Future<std::vector<int>> future = promise.future();
  promise.Set(std::vector<int>{1, 2, 3});
  const int* const data = future.Get()->data();
  promise = Promise<std::vector<int>>();
  const std::vector<int> taken = *std::move(future).Get();
  EXPECT_EQ(taken.data(), data);
}

TEST(Future, GetOfOneOfTwoHoldersCopies) {
  const Future<std::string> kept = Future<std::string>::Ready(std::string(100, 'x'));
  EXPECT_EQ(*Future<std::string>(kept).Get(), std::string(100, 'x'));
  EXPECT_EQ(*kept.Get(), std::string(100, 'x'));
}

TEST(Future, CarriesWhatCannotBeCopied) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const Promise<std::unique_ptr<int>> promise(pool);
  Future<std::unique_ptr<int>> plus = promise.future().Then(
      [](Result<std::unique_ptr<int>> held) { return std::make_unique<int>(**held + 1); });
  promise.Set(std::make_unique<int>(1));
  EXPECT_EQ(**std::move(plus).Get(), 2);
}

TEST(FutureCancel, OnlyAsks) {
  const Promise<int> promise;
  const Future<int> future = promise.future();
  future.Cancel();
  EXPECT_TRUE(promise.cancel_token().cancelled());
  EXPECT_FALSE(future.ready());
  promise.Set(9);  // It was past stopping.
  EXPECT_EQ(*future.Get(), 9);
}

TEST(FutureCancel, ReachesWorkThatAskedBefore) {
  const Promise<int> promise;
  promise.cancel_token().OnCancel([promise] { promise.Set(CancelledError("asked")); });
  const Future<int> future = promise.future();
  future.Cancel();
  EXPECT_EQ(future.Get().status(), CancelledError("asked"));
}

TEST(FutureCancel, OfAContinuationReachesTheSource) {
  const Promise<int> promise(MakeThreadPool(1));
  const Future<void> last =
      promise.future().Then([](const auto&) {}).Then([](const Status&) { return Status(); });
  last.Cancel();
  EXPECT_TRUE(promise.cancel_token().cancelled());
  promise.Set(0);
  EXPECT_EQ(last.Get(), Status());
}

TEST(FutureCancel, ReachesTheFutureThatAStepReturned) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const Promise<int> inner(pool);
  const Promise<void> entered;
  const Future<int> outer = Spawn(pool, [&] {
    entered.Set(Status());
    return inner.future();
  });
  entered.future().Wait();
  const Promise<void> asked;
  inner.cancel_token().OnCancel([&] { asked.Set(Status()); });
  outer.Cancel();  // Before or after the step has handed its future over: it arrives.
  asked.future().Wait();
  inner.Set(CancelledError("inner"));
  EXPECT_EQ(outer.Get().status(), CancelledError("inner"));
}

TEST(FutureCancel, OfAReadyFutureIsNothing) { Future<int>::Ready(1).Cancel(); }

TEST(FutureDrop, DetachesTheWork) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const Promise<void> gate(pool);
  const Promise<int> done;
  {
    Future<void> dropped = gate.future().Then([done](const Status&) { done.Set(3); });
  }
  EXPECT_FALSE(gate.cancel_token().cancelled());
  gate.Set(Status());
  EXPECT_EQ(*done.future().Get(), 3);
}

TEST(FutureThen, TakesAllFormsOfReturn) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(2);
  const Future<int> one = Spawn(pool, [] { return 1; });
  Future<std::string> value =
      one.Then(*pool, [](const Result<int>& n) { return std::to_string(*n); });
  Future<int> result = one.Then(*pool, [](Result<int> n) -> Result<int> { return *n + 1; });
  Future<int> error =
      one.Then(*pool, [](const Result<int>&) -> Result<int> { return NotFoundError("none"); });
  Future<void> status = one.Then(*pool, [](auto&&) { return AbortedError("no"); });
  Future<void> nothing = one.Then(*pool, [](const auto&) {});
  Future<int> future = one.Then(*pool, [&](Result<int>&& n) { return Future<int>::Ready(*n + 2); });
  Future<void> no_future = one.Then(*pool, [](const auto&) { return Future<void>(); });
  EXPECT_EQ(*value.Get(), "1");
  EXPECT_EQ(*result.Get(), 2);
  EXPECT_EQ(error.Get().status(), NotFoundError("none"));
  EXPECT_EQ(status.Get(), AbortedError("no"));
  EXPECT_EQ(nothing.Get(), Status());
  EXPECT_EQ(*future.Get(), 3);
  EXPECT_EQ(no_future.Get(), InternalError("promise dropped without a result"));
  EXPECT_EQ(*one.Get(), 1);  // None of the steps took it away.
}

TEST(FutureThen, RunsOnTheExecutorNeverOnTheCompletingThread) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const auto on_pool = [&](const auto&) { return pool->IsWorkerThread(); };
  const Promise<int> promise(pool);
  const Future<bool> before = promise.future().Then(on_pool);
  promise.Set(1);
  EXPECT_TRUE(*before.Get());
  EXPECT_TRUE(*promise.future().Then(on_pool).Get());
  EXPECT_TRUE(*Future<int>::Ready(1).Then(*pool, on_pool).Get());
}

TEST(FutureThen, StaysOnTheGivenExecutor) {
  const std::shared_ptr<Executor> first = MakeThreadPool(1);
  const std::shared_ptr<Executor> second = MakeThreadPool(1);
  const Promise<int> promise(first);
  const Future<bool> third =
      promise.future().Then(*second, [](const auto&) { return 0; }).Then([&](const auto&) {
        return second->IsWorkerThread();
      });
  promise.Set(1);
  EXPECT_TRUE(*third.Get());
}

TEST(FutureThen, WithoutAnExecutorRunsOnTheDefaultContexts) {
  const Promise<int> promise;
  promise.Set(1);
  EXPECT_TRUE(*promise.future()
                   .Then([](const auto&) { return Context::Default().executor().IsWorkerThread(); })
                   .Get());
}

TEST(FutureThen, TurnsExceptionsIntoStatus) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  EXPECT_EQ(Spawn(pool, []() -> int { throw std::runtime_error("boom"); }).Get().status(),
            InternalError("exception: boom"));
  EXPECT_EQ(Spawn(pool, []() -> Status { throw std::bad_alloc(); }).Get(),
            ResourceExhaustedError("out of memory"));
  EXPECT_EQ(Spawn(pool, []() -> Future<int> { throw 5; }).Get().status(),
            InternalError("exception of no standard type"));
}

TEST(FutureThen, CapturesAreGoneWhenResolved) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(2);
  for (int round = 0; round < 100; ++round) {
    auto captured = std::make_shared<int>(1);
    const std::weak_ptr<int> seen = captured;
    const Future<int> future = Spawn(pool, [captured = std::move(captured)] { return *captured; });
    EXPECT_EQ(*future.Get(), 1);
    EXPECT_TRUE(seen.expired());
  }
}

TEST(FutureThen, AMillionChainedBeforeResolving) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const Promise<int> promise(pool);
  Future<int> last = promise.future();
  for (int i = 0; i < 1'000'000; ++i) {
    last = std::move(last).Then([](Result<int> n) { return *n + 1; });
  }
  promise.Set(0);
  EXPECT_EQ(*last.Get(), 1'000'000);
}

TEST(FutureThen, AMillionChainedOnABrokenPromise) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  int ran = 0;
  Future<int> last;
  {
    const Promise<int> promise(pool);
    last = promise.future();
    for (int i = 0; i < 1'000'000; ++i) {
      last = std::move(last).Then([&](Result<int> n) {
        ++ran;
        return n;
      });
    }
  }
  EXPECT_EQ(last.Get().status(), InternalError("promise dropped without a result"));
  EXPECT_EQ(ran, 1'000'000);
}

// A loop: each step returns the future of the rest, so n outer futures wait for the innermost.
Future<int> CountDown(const std::shared_ptr<Executor>& pool, int n) {
  return Spawn(pool,
               [&pool, n] { return n == 0 ? Future<int>::Ready(42) : CountDown(pool, n - 1); });
}

TEST(FutureThen, ThreeHundredThousandNestedResolve) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  EXPECT_EQ(*CountDown(pool, 300'000).Get(), 42);
}

// Links `depth` futures, each returned by a step of the one before it, round an open promise.
Future<int> Nested(const Promise<int>& innermost, const std::shared_ptr<Executor>& pool,
                   int depth) {
  Future<int> outer = innermost.future();
  for (int i = 0; i < depth; ++i) {
    outer = Future<int>::Ready(0).Then(*pool, [outer](const auto&) { return outer; });
  }
  Spawn(pool, [] {}).Get().OrDie();  // One worker, in order: every step has run by now.
  return outer;
}

TEST(FutureCancel, ReachesThroughAHundredThousandNested) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const Promise<int> innermost(pool);
  const Future<int> outer = Nested(innermost, pool, 100'000);
  outer.Cancel();
  EXPECT_TRUE(innermost.cancel_token().cancelled());
  innermost.Set(CancelledError("stopped"));
  EXPECT_EQ(outer.Get().status(), CancelledError("stopped"));
}

TEST(FutureOnReady, RunsOnTheCompletingThread) {
  const Promise<int> promise;
  std::thread::id ran_on;
  promise.future().OnReady([&](const Result<int>& n) {
    EXPECT_EQ(*n, 4);
    ran_on = std::this_thread::get_id();
  });
  std::thread setter([&] { promise.Set(4); });
  const std::thread::id setter_id = setter.get_id();
  setter.join();
  EXPECT_EQ(ran_on, setter_id);
  promise.future().OnReady([&](const auto&) { ran_on = std::this_thread::get_id(); });
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(FutureOnReady, RunsInTheOrderOfRegistration) {
  const Promise<void> promise;
  std::string order;
  for (const char c : {'a', 'b', 'c'}) {
    promise.future().OnReady([&order, c](const Status&) { order += c; });
  }
  promise.Set(Status());
  EXPECT_EQ(order, "abc");
}

TEST(FutureOnReady, ChainsOfCallbacksDoNotGrowTheStack) {
  constexpr size_t kDepth = 1'000'000;
  std::vector<Promise<int>> promises(kDepth);
  for (size_t i = 0; i + 1 < kDepth; ++i) {
    promises[i].future().OnReady(
        [next = promises[i + 1]](const Result<int>& n) { next.Set(*n + 1); });
  }
  const Future<int> last = promises.back().future();
  promises.front().Set(0);
  EXPECT_EQ(*last.Get(), static_cast<int>(kDepth) - 1);
}

// All workers and more block in Get() on tasks queued behind them.
TEST(FutureGetOnAWorker, HelpsWhenMoreGetsBlockThanThereAreWorkers) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(2);
  std::vector<Future<int>> outer;
  for (int i = 0; i < 50; ++i) {
    outer.push_back(Spawn(pool, [&pool, i] { return *Spawn(pool, [i] { return i; }).Get() + 1; }));
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(*outer[static_cast<size_t>(i)].Get(), i + 1);
}

/// The pool's only worker is in Get() of a promise when `resolve` is called.
template <class Resolve>
void ExpectGetWakes(const std::shared_ptr<Executor>& pool, const Resolve& resolve) {
  for (int round = 0; round < 300; ++round) {
    const Promise<int> promise;
    const Promise<void> entered;
    const Future<int> outer = Spawn(pool, [&] {
      entered.Set(Status());
      return *promise.future().Get();
    });
    entered.future().Wait();
    resolve(promise, round);
    EXPECT_EQ(*outer.Get(), round);
  }
}

TEST(FutureGetOnAWorker, SleepsUntilAnotherThreadResolves) {
  ExpectGetWakes(MakeThreadPool(1),
                 [](const Promise<int>& promise, int round) { promise.Set(round); });
}

TEST(FutureGetOnAWorker, WakesForTasksThatComeLater) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  ExpectGetWakes(pool, [&](const Promise<int>& promise, int round) {
    pool->Submit([&promise, round] { promise.Set(round); });  // Only the blocked worker can run it.
  });
}

TEST(FutureGetOnAWorker, OfAnotherPoolHelpsItsOwn) {
  const std::shared_ptr<Executor> mine = MakeThreadPool(1);
  const std::shared_ptr<Executor> other = MakeThreadPool(1);
  const Future<int> outer = Spawn(mine, [&] {
    return *Spawn(other, [&] { return *Spawn(mine, [] { return 6; }).Get(); }).Get();
  });
  EXPECT_EQ(*outer.Get(), 6);
}

// A user's executor that knows nothing of helping but RunOne().
class PlainExecutor : public Executor {
 public:
  PlainExecutor() : thread_([this] { Loop(); }) {}
  ~PlainExecutor() override {
    Submit(nullptr);
    thread_.join();
  }
  void Submit(Task task) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.notify_all();
  }
  int concurrency() const override { return 1; }
  bool IsWorkerThread() const override { return std::this_thread::get_id() == thread_.get_id(); }
  bool RunOne() override {
    Task task;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (tasks_.empty() || tasks_.front() == nullptr) return false;
      task = std::move(tasks_.front());
      tasks_.erase(tasks_.begin());
    }
    task();
    return true;
  }

 private:
  void Loop() {
    while (true) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        changed_.wait(lock, [this] { return !tasks_.empty(); });
        if (tasks_.front() == nullptr) return;
      }
      RunOne();
    }
  }
  std::mutex mutex_;  // Guards tasks_.
  std::condition_variable changed_;
  std::vector<Task> tasks_;
  std::thread thread_;
};

TEST(FutureGetOnAWorker, HelpsOnAUsersExecutor) {
  PlainExecutor executor;  // Owned by no shared_ptr.
  const Promise<int> late(internal::Share(executor));
  const Promise<void> entered;
  const Future<int> outer = Future<void>::Ready(Status()).Then(executor, [&](const Status&) {
    entered.Set(Status());
    return *late.future().Get();
  });
  entered.future().Wait();
  executor.Submit([&] { late.Set(8); });
  EXPECT_EQ(*outer.Get(), 8);
}

TEST(FutureGetOffThePool, OnlyWaits) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const std::thread::id me = std::this_thread::get_id();
  EXPECT_FALSE(*Spawn(pool, [me] { return std::this_thread::get_id() == me; }).Get());
}

}  // namespace
}  // namespace coffer
