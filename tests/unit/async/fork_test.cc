// Goal: a forked child gets working executors and a default context of its own, whatever the
// parent's threads were doing.
// Method: fork while something is made, with workers held in tasks, with tasks queued, and under a
// storm of submissions; the child checks by itself and tells by its exit status. An alarm ends a
// child that hangs.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "coffer/async/context.h"
#include "coffer/async/future.h"
#include "src/base/made_before_fork.h"

namespace coffer {
namespace {

// The exit status of a forked child that runs `body`; 128 + signal if it was killed.
int StatusOfChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body());
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(Fork, TheChildsCopyOfAPoolStartsNewThreadsAndDropsTheParentsTasks) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const Promise<void> entered;
  std::atomic<bool> go_on{false};
  std::atomic<int> ran{0};
  pool->Submit([&] {
    entered.Set(Status());
    while (!go_on) std::this_thread::yield();
  });
  entered.future().Wait();
  pool->Submit([&] { ++ran; });  // Queued behind the one that holds the worker.
  EXPECT_EQ(StatusOfChild([&] {
              const int answer = *Spawn(pool, [] { return 40; }).Get();
              return answer + ran;  // The parent's task would have run before.
            }),
            40);
  go_on = true;
  Spawn(pool, [] {}).Get().OrDie();
  EXPECT_EQ(ran, 1);  // Once, in the parent.
}

TEST(Fork, TheChildCanEndAPoolOfTheParent) {
  auto pool = MakeThreadPool(2);
  Spawn(pool, [] {}).Get().OrDie();
  EXPECT_EQ(StatusOfChild([&] {
              pool.reset();
              return 3;
            }),
            3);
}

TEST(Fork, OnAWorkerTheChildIsNoWorker) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(1);
  const int status = *Spawn(pool, [&] {
                        return StatusOfChild([&] {
                          if (pool->IsWorkerThread()) return 1;
                          return *Spawn(pool, [] { return 5; }).Get();
                        });
                      }).Get();
  EXPECT_EQ(status, 5);
}

TEST(Fork, TheChildHasADefaultContextOfItsOwn) {
  const Context parents = Context::Default();
  const Reservation held = *parents.budget().Acquire(1000);
  EXPECT_EQ(StatusOfChild([&] {
              const Context own = Context::Default();
              if (own == parents || own.budget().held_bytes() != 0) return 1;
              return *Spawn(own.shared_executor(), [] { return 6; }).Get() +
                     *Future<void>::Ready(Status()).Then([](const Status&) { return 1; }).Get();
            }),
            7);
  EXPECT_EQ(Context::Default(), parents);
}

TEST(Fork, UnderAStormOfSubmissionsChildrenStillWork) {
  const std::shared_ptr<Executor> pool = MakeThreadPool(2);
  std::atomic<bool> stop{false};
  std::thread storm([&] {
    while (!stop) {
      Spawn(pool, [] {}).Get().OrDie();
      const Context context = Context::Create({.threads = 1});
      Spawn(Context::Default().shared_executor(), [] {}).Get().OrDie();
    }
  });
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(StatusOfChild([&] {
                return *Spawn(pool, [] { return 1; }).Get() +
                       *Spawn(Context::Default().shared_executor(), [] { return 1; }).Get();
              }),
              2);
  }
  stop = true;
  storm.join();
}

std::atomic<bool> making{false};

// Takes a while to make, as a table of drivers does on a busy machine.
int& SlowlyMade() {
  static int& made = *[] {
    making = true;
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < begin + std::chrono::milliseconds(200)) {
    }
    return new int(7);
  }();
  return made;
}

TEST(Fork, NothingIsHalfMadeInTheChild) {
  const MadeBeforeFork slowly_made([] { SlowlyMade(); });
  std::thread maker([] { SlowlyMade(); });
  while (!making) std::this_thread::yield();
  EXPECT_EQ(StatusOfChild([] { return SlowlyMade(); }), 7);
  maker.join();
}

}  // namespace
}  // namespace coffer
