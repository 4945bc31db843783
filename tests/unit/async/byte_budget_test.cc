// Goal: a ByteBudget never admits more than its limit, admits in order of arrival, starves nobody,
// and gets every byte back.
// Method: exact cases on an executor run by hand; random sequences against a model that counts what
// is "allocated" by itself (RapidCheck); threads that allocate for real beside an independent
// count.
#include "coffer/async/byte_budget.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/async/context.h"
#include "coffer/async/future.h"
#include "tests/unit/async/manual_executor.h"

namespace coffer {
namespace {

// Requests of one budget, by name, and what became of each.
class Requests {
 public:
  explicit Requests(int64_t limit) : budget_(limit, &executor_) {}

  void Ask(const std::string& name, int64_t bytes, const CancelToken& cancel = CancelToken()) {
    budget_.AcquireAsync(
        bytes,
        [this, name](Result<Reservation> held) {
          log_ += name +
                  (held.ok() ? " " : ":" + std::string(StatusCodeName(held.status().code())) + " ");
          if (held.ok()) held_.emplace(name, *std::move(held));
        },
        cancel);
  }
  void Drop(const std::string& name) { held_.erase(name); }
  Reservation& Held(const std::string& name) { return held_.at(name); }
  // What has run since the last call, in order.
  std::string Log() { return std::exchange(log_, ""); }

  ManualExecutor executor_;
  ByteBudget budget_;

 private:
  std::string log_;
  std::map<std::string, Reservation> held_;
};

TEST(ByteBudget, AdmitsAtOnceOnTheCallersThreadWhatFits) {
  Requests requests(100);
  requests.Ask("a", 60);
  requests.Ask("b", 40);
  EXPECT_EQ(requests.Log(), "a b ");
  EXPECT_EQ(requests.executor_.queued(), 0U);
  EXPECT_EQ(requests.budget_.held_bytes(), 100);
  EXPECT_EQ(requests.budget_.limit_bytes(), 100);
}

TEST(ByteBudget, WhatWaitedRunsOnTheExecutor) {
  Requests requests(100);
  requests.Ask("a", 100);
  requests.Ask("b", 1);
  EXPECT_EQ(requests.Log(), "a ");
  requests.Drop("a");
  EXPECT_EQ(requests.Log(), "");
  EXPECT_EQ(requests.executor_.queued(), 1U);
  EXPECT_EQ(requests.budget_.held_bytes(), 1);  // Held already on its way.
  requests.executor_.RunAll();
  EXPECT_EQ(requests.Log(), "b ");
}

TEST(ByteBudget, ASmallRequestNeverOvertakesALargeOne) {
  Requests requests(100);
  requests.Ask("a", 60);
  requests.Ask("large", 50);
  requests.Ask("small", 1);
  requests.Ask("zero", 0);
  EXPECT_EQ(requests.Log(), "a ");
  requests.Drop("a");
  requests.executor_.RunAll();
  EXPECT_EQ(requests.Log(), "large small zero ");
}

TEST(ByteBudget, ALargerRequestThanTheLimitRunsAlone) {
  Requests requests(100);
  requests.Ask("a", 1);
  requests.Ask("huge", 1000);
  requests.Ask("b", 1);
  EXPECT_EQ(requests.Log(), "a ");
  requests.Drop("a");
  requests.executor_.RunAll();
  EXPECT_EQ(requests.Log(), "huge ");
  EXPECT_EQ(requests.budget_.held_bytes(), 1000);
  requests.Drop("huge");
  requests.executor_.RunAll();
  EXPECT_EQ(requests.Log(), "b ");
  EXPECT_EQ(requests.budget_.held_bytes_peak(), 1000);
}

TEST(ByteBudget, AnyInt64IsABudgetOfBytes) {
  Requests requests(INT64_MAX);
  requests.Ask("a", INT64_MAX);
  requests.Ask("b", INT64_MAX);
  EXPECT_EQ(requests.Log(), "a ");
  requests.Drop("a");
  requests.executor_.RunAll();
  EXPECT_EQ(requests.Log(), "b ");
}

TEST(ByteBudget, ShrinkingGivesBackWhatIsMore) {
  Requests requests(100);
  requests.Ask("a", 100);
  requests.Held("a").ShrinkTo(120);
  EXPECT_EQ(requests.Held("a").bytes(), 100);
  requests.Held("a").ShrinkTo(30);
  EXPECT_EQ(requests.Held("a").bytes(), 30);
  EXPECT_EQ(requests.budget_.held_bytes(), 30);
  Reservation().ShrinkTo(0);
}

TEST(ByteBudget, PartsGivenBackAdmitTheNext) {
  Requests requests(100);
  requests.Ask("a", 100);
  requests.Ask("b", 30);
  requests.Ask("c", 30);
  requests.Held("a").Release(29);
  EXPECT_EQ(requests.executor_.queued(), 0U);
  requests.Held("a").Release(1);
  requests.executor_.RunAll();
  EXPECT_EQ(requests.Log(), "a b ");
  EXPECT_EQ(requests.Held("a").bytes(), 70);
  EXPECT_EQ(requests.budget_.held_bytes(), 100);
}

TEST(ByteBudget, RefusesNegativeSizes) {
  ManualExecutor executor;
  ByteBudget budget(1, &executor);
  const Result<Reservation> held = budget.Acquire(-5);
  EXPECT_EQ(held.status(), InvalidArgumentError("reserving -5 bytes: expected a number >= 0"));
}

TEST(ByteBudget, CancellingGivesThePlaceUp) {
  Requests requests(100);
  const CancelSource cancel;
  requests.Ask("a", 60);
  requests.Ask("large", 50, cancel.token());
  requests.Ask("b", 40);
  cancel.Cancel();
  EXPECT_EQ(requests.Log(), "a ");  // Both continuations are tasks.
  requests.executor_.RunAll();
  EXPECT_EQ(requests.Log(), "large:Cancelled b ");
  requests.Ask("late", 0, cancel.token());
  EXPECT_EQ(requests.Log(), "late:Cancelled ");
}

TEST(ByteBudget, CancellingWhatWasAdmittedChangesNothing) {
  Requests requests(100);
  const CancelSource cancel;
  requests.Ask("a", 100);
  requests.Ask("b", 100, cancel.token());
  requests.Drop("a");
  cancel.Cancel();
  requests.executor_.RunAll();
  EXPECT_EQ(requests.Log(), "a b ");
  EXPECT_EQ(requests.budget_.held_bytes(), 100);
}

TEST(ByteBudget, LeavesNothingBehindInALongLivedToken) {
  Requests requests(100);
  const CancelSource cancel;
  const auto marker = std::make_shared<int>(0);
  requests.Ask("a", 100);
  requests.budget_.AcquireAsync(1, [marker](const Result<Reservation>&) {}, cancel.token());
  EXPECT_EQ(marker.use_count(), 2);
  requests.Drop("a");
  requests.executor_.RunAll();
  EXPECT_EQ(marker.use_count(), 1);
  EXPECT_EQ(requests.budget_.held_bytes(), 0);
}

TEST(ByteBudget, ReservationsMoveAndGiveBackOnce) {
  ManualExecutor executor;
  ByteBudget budget(100, &executor);
  Reservation first = *budget.Acquire(30);
  Reservation second = std::move(first);
  EXPECT_EQ(budget.held_bytes(), 30);
  first = *budget.Acquire(20);
  EXPECT_EQ(budget.held_bytes(), 50);
  second = std::move(first);
  EXPECT_EQ(budget.held_bytes(), 20);
  second = Reservation();
  EXPECT_EQ(budget.held_bytes(), 0);
  EXPECT_EQ(budget.held_bytes_peak(), 50);
}

TEST(ByteBudget, MayEndBeforeItsReservationsAndRequests) {
  ManualExecutor executor;
  auto budget = std::make_unique<ByteBudget>(100, &executor);
  const Reservation held = *budget->Acquire(100);
  Status outcome;
  budget->AcquireAsync(1, [&](const Result<Reservation>& result) { outcome = result.status(); });
  budget.reset();
  EXPECT_EQ(outcome, CancelledError("the byte budget was destroyed"));
}

TEST(ByteBudget, AcquireBlocksUntilItFits) {
  const Context context = Context::Create({.threads = 1, .budget_bytes = 10});
  std::optional<Reservation> held = *context.budget().Acquire(10);
  std::atomic<bool> released{false};
  std::thread waiter([&] {
    const Reservation mine = *context.budget().Acquire(5);
    EXPECT_TRUE(released);
    EXPECT_EQ(mine.bytes(), 5);
  });
  std::this_thread::yield();
  released = true;
  held.reset();
  waiter.join();
  EXPECT_EQ(context.budget().held_bytes(), 0);
}

TEST(ByteBudget, ABlockedAcquireIsCancelled) {
  const Context context = Context::Create({.threads = 1, .budget_bytes = 10});
  const Reservation held = *context.budget().Acquire(10);
  const CancelSource cancel;
  std::thread canceller([&] { cancel.Cancel(); });
  EXPECT_EQ(context.budget().Acquire(5, cancel.token()).status().code(), StatusCode::kCancelled);
  canceller.join();
  EXPECT_EQ(context.budget().held_bytes(), 10);
}

// The design's counter-example: blocking workers would finish nothing here.
TEST(ByteBudget, TasksOf40OfALimitOf64FinishOnTwoWorkers) {
  const Context context = Context::Create({.threads = 2, .budget_bytes = 64});
  std::atomic<int> left{100};
  const Promise<void> all;
  for (int i = 0; i < 100; ++i) {
    context.executor().Submit([&] {
      context.budget().AcquireAsync(40, [&](Result<Reservation> held) {
        ASSERT_TRUE(held.ok());
        // Goes on in another task, as after a fetch.
        auto shared = std::make_shared<Reservation>(*std::move(held));
        context.executor().Submit([&, shared]() mutable {
          shared.reset();
          if (--left == 0) all.Set(Status());
        });
      });
    });
  }
  all.future().Wait();
  EXPECT_LE(context.budget().held_bytes_peak(), 64);
}

TEST(ByteBudgetDeathTest, AcquireOnAWorkerAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const Context context = Context::Create({.threads = 1});
        Spawn(context.shared_executor(), [&] { return context.budget().Acquire(1).status(); })
            .Get()
            .OrDie();
      },
      "Acquire called on an executor thread");
}

TEST(ByteBudgetDeathTest, ReleasingMoreThanIsHeldAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ManualExecutor executor;
        ByteBudget budget(10, &executor);
        Reservation held = *budget.Acquire(5);
        held.Release(6);
      },
      "releasing more bytes");
}

#ifndef NDEBUG
TEST(ByteBudgetDeathTest, AcquiringInsideATaskThatHoldsBytesAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        ManualExecutor executor;
        ByteBudget budget(10, &executor);
        const Reservation held = *budget.Acquire(1);
        const TaskReservationScope scope(held);
        budget.AcquireAsync(1, [](const Result<Reservation>&) {});
      },
      "acquires again from the same budget");
}
#endif

TEST(ByteBudget, TheNestingCheckIsPerTask) {
  const Context context = Context::Create({.threads = 1});
  const auto task = [&] {
    const Reservation held = *context.budget().Acquire(1);
    return held.bytes();
  };
  const Future<int64_t> outer = Spawn(context.shared_executor(), [&] {
    int64_t bytes = 0;
    context.budget().AcquireAsync(1, [&](const Result<Reservation>& held) {
      const TaskReservationScope scope(*held);
      // This thread helps with another task, which may acquire.
      bytes = *Spawn(context.shared_executor(), [&] {
                 int64_t inner = 0;
                 context.budget().AcquireAsync(
                     2, [&](const Result<Reservation>& mine) { inner = mine->bytes(); });
                 return inner;
               }).Get();
    });
    return bytes;
  });
  EXPECT_EQ(*outer.Get(), 2);
  {
    const Reservation held = *context.budget().Acquire(1);
    const Context other = Context::Create();
    const TaskReservationScope scope(held);
    EXPECT_EQ(other.budget().Acquire(1)->bytes(), 1);  // Another budget is no nesting.
  }
  EXPECT_EQ(task(), 1);  // The scope has ended.
}

// The model: what a budget should do, written the slow and obvious way.
struct Model {
  struct Request {
    int id;
    int64_t bytes;
  };
  int64_t limit;
  std::map<int, int64_t> allocated;  // The independent count: what admitted tasks hold.
  std::deque<Request> waiting;

  int64_t total() const {
    int64_t sum = 0;
    for (const auto& [id, bytes] : allocated) sum += bytes;
    return sum;
  }
  std::vector<int> AdmitFromTheFront() {
    std::vector<int> admitted;
    while (!waiting.empty()) {
      const Request& next = waiting.front();
      if (total() != 0 && next.bytes != 0 && total() + next.bytes > limit) break;
      allocated[next.id] = next.bytes;
      admitted.push_back(next.id);
      waiting.pop_front();
    }
    return admitted;
  }
};

// Runs random operations on a budget and on the model, and compares after each.
void CompareWithModel(int64_t limit, const std::vector<std::pair<int, int64_t>>& operations) {
  ManualExecutor executor;
  ByteBudget budget(limit, &executor);
  Model model{limit, {}, {}};
  std::map<int, Reservation> held;
  std::vector<CancelSource> cancels;
  std::vector<int> admitted;
  std::vector<int> cancelled;
  int64_t largest = 0;
  for (const auto& [kind, amount] : operations) {
    std::vector<int> expected_cancelled;
    if (kind < 4) {  // Acquire.
      const int id = static_cast<int>(cancels.size());
      model.waiting.push_back({id, amount});
      largest = std::max(largest, amount);
      cancels.emplace_back();
      budget.AcquireAsync(
          amount,
          [&, id](Result<Reservation> result) {
            (result.ok() ? admitted : cancelled).push_back(id);
            if (result.ok()) held.emplace(id, *std::move(result));
          },
          cancels.back().token());
    } else if (kind < 7 && !held.empty()) {  // Release one of those held, whole or by half.
      auto at = std::next(held.begin(), amount % static_cast<int64_t>(held.size()));
      const int64_t bytes = kind < 6 ? at->second.bytes() : at->second.bytes() / 2;
      model.allocated[at->first] -= bytes;
      at->second.Release(bytes);
      if (kind < 6) held.erase(at);
    } else if (!cancels.empty()) {  // Cancel any, waiting or not.
      const int id = static_cast<int>(amount % static_cast<int64_t>(cancels.size()));
      const size_t before = model.waiting.size();
      std::erase_if(model.waiting, [&](const Model::Request& r) { return r.id == id; });
      if (model.waiting.size() < before) expected_cancelled.push_back(id);
      cancels[static_cast<size_t>(id)].Cancel();
    }
    const std::vector<int> expected = model.AdmitFromTheFront();
    executor.RunAll();
    RC_ASSERT(std::exchange(admitted, {}) == expected);
    RC_ASSERT(std::exchange(cancelled, {}) == expected_cancelled);
    RC_ASSERT(budget.held_bytes() == model.total());
    RC_ASSERT(budget.held_bytes_peak() <= std::max(limit, largest));
  }
  while (!held.empty()) {  // Nobody starves: when all give back, all have had their turn.
    held.clear();
    model.allocated.clear();
    model.AdmitFromTheFront();
    executor.RunAll();
  }
  RC_ASSERT(model.waiting.empty());
  RC_ASSERT(budget.held_bytes() == 0);
}

TEST(ByteBudgetProperty, DoesWhatTheModelDoes) {
  EXPECT_TRUE(rc::check([] {
    const auto limit = *rc::gen::inRange<int64_t>(1, 100);
    const auto operations = *rc::gen::container<std::vector<std::pair<int, int64_t>>>(
        rc::gen::pair(rc::gen::inRange(0, 9), rc::gen::inRange<int64_t>(0, 150)));
    CompareWithModel(limit, operations);
  }));
}

// Bytes that tasks hold, counted by the tasks themselves.
struct Count {
  std::atomic<int64_t> now{0};
  std::atomic<bool> exceeded{false};

  void Add(int64_t bytes, int64_t limit) {
    const int64_t before = now.fetch_add(bytes);
    // Nothing may be held beside what is larger than the limit.
    if (before != 0 && bytes != 0 && before + bytes > limit) exceeded = true;
  }
  void Remove(int64_t bytes) { now -= bytes; }
};

TEST(ByteBudgetProperty, ThreadsNeverExceedTheLimitAndAllFinish) {
  constexpr int64_t kLimit = 1000;
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  const Context context = Context::Create({.threads = 2, .budget_bytes = kLimit});
  ByteBudget& budget = context.budget();
  Count count;
  std::atomic<int> left{kThreads * kEach};
  std::atomic<int> cancelled{0};
  const Promise<void> all;
  const auto finish = [&] {
    if (--left == 0) all.Set(Status());
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < kEach; ++i) {
        // One in twenty asks for more than everything: it needs all others to have left.
        const auto bytes = static_cast<int64_t>(1 + random() % (random() % 20 == 0 ? 3000 : 400));
        const CancelSource cancel;
        budget.AcquireAsync(
            bytes,
            [&, bytes](Result<Reservation> held) {
              if (!held.ok()) {
                ++cancelled;
                return finish();
              }
              count.Add(bytes, kLimit);
              auto shared = std::make_shared<Reservation>(*std::move(held));
              context.executor().Submit([&, shared, bytes]() mutable {
                count.Remove(bytes);
                shared.reset();
                finish();
              });
            },
            cancel.token());
        if (random() % 8 == 0) cancel.Cancel();
        if (random() % 8 == 0) {
          const Result<Reservation> held = budget.Acquire(bytes / 2);
          count.Add(bytes / 2, kLimit);
          count.Remove(bytes / 2);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  all.future().Wait();
  // The last task gives its bytes back before it counts itself finished.
  EXPECT_EQ(budget.held_bytes(), 0);
  EXPECT_EQ(count.now, 0);
  EXPECT_FALSE(count.exceeded);
}

}  // namespace
}  // namespace coffer
