// Goal: a cancel callback runs exactly once, or not at all once it has been removed.
// Method: every order of registering, cancelling and removing, on one thread and on two that meet
// at promises.
#include "coffer/async/cancel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "coffer/async/future.h"
#include "src/async/cancel.h"

namespace coffer {
namespace {

TEST(Cancel, TokensSeeTheirSource) {
  const CancelSource source;
  const CancelToken token = source.token();
  EXPECT_FALSE(token.cancelled());
  source.Cancel();
  source.Cancel();
  EXPECT_TRUE(token.cancelled());
}

TEST(Cancel, ADefaultTokenNeverFires) {
  const CancelToken token;
  EXPECT_FALSE(token.cancelled());
  EXPECT_EQ(token.OnCancel([] { FAIL(); }), 0U);
  token.RemoveCallback(1);
}

TEST(Cancel, CallbacksRunOnceInOrderOnTheCancellingThread) {
  const CancelSource source;
  std::string order;
  for (const char c : {'a', 'b', 'c'}) {
    EXPECT_NE(source.token().OnCancel([&order, c] { order += c; }), 0U);
  }
  source.Cancel();
  source.Cancel();
  EXPECT_EQ(order, "abc");
}

TEST(Cancel, ACallbackAfterwardsRunsHereAndNow) {
  const CancelSource source;
  source.Cancel();
  bool ran = false;
  EXPECT_EQ(source.token().OnCancel([&] { ran = true; }), 0U);
  EXPECT_TRUE(ran);
}

TEST(Cancel, ARemovedCallbackDoesNotRunAndIsDestroyed) {
  const CancelSource source;
  const auto owned = std::make_shared<int>(0);
  const uint64_t id = source.token().OnCancel([owned] { FAIL(); });
  EXPECT_EQ(owned.use_count(), 2);
  source.token().RemoveCallback(id);
  EXPECT_EQ(owned.use_count(), 1);
  source.Cancel();
}

TEST(Cancel, ACallbackMayRemoveItselfAndOthers) {
  const CancelSource source;
  uint64_t own = 0;
  uint64_t other = 0;
  int ran = 0;
  own = source.token().OnCancel([&] {
    ++ran;
    source.token().RemoveCallback(own);
    source.token().RemoveCallback(other);
  });
  other = source.token().OnCancel([] { FAIL(); });
  source.Cancel();
  EXPECT_EQ(ran, 1);
}

TEST(Cancel, ACallbackRegisteredByACallbackRuns) {
  const CancelSource source;
  int ran = 0;
  source.token().OnCancel([&] { source.token().OnCancel([&] { ++ran; }); });
  source.Cancel();
  EXPECT_EQ(ran, 1);
}

TEST(Cancel, RemovingWaitsForARunOnAnotherThread) {
  for (int round = 0; round < 200; ++round) {
    const CancelSource source;
    const Promise<void> entered;
    std::atomic<bool> finished{false};
    const uint64_t id = source.token().OnCancel([&] {
      entered.Set(Status());
      std::this_thread::yield();
      finished = true;
    });
    std::thread canceller([&] { source.Cancel(); });
    entered.future().Wait();
    source.token().RemoveCallback(id);
    EXPECT_TRUE(finished);
    canceller.join();
  }
}

TEST(Cancel, ForgettingDoesNotWait) {
  const CancelSource source;
  const Promise<void> entered;
  const Promise<void> go_on;
  const uint64_t id = source.token().OnCancel([&] {
    entered.Set(Status());
    go_on.future().Wait();
  });
  std::thread canceller([&] { source.Cancel(); });
  entered.future().Wait();
  internal::ForgetCallback(source.token(), id);  // Would hang here if it waited.
  go_on.Set(Status());
  canceller.join();
}

TEST(Cancel, ACallbackThatCancelsAnotherSourceFiresItAtOnceAndRunsItsCallbacksAfter) {
  const CancelSource first;
  const CancelSource second;
  std::string order;
  second.token().OnCancel([&] { order += "2"; });
  first.token().OnCancel([&] {
    second.Cancel();
    EXPECT_TRUE(second.token().cancelled());
    order += "1";
  });
  first.Cancel();
  EXPECT_EQ(order, "12");
}

TEST(Cancel, AMillionLinkedSourcesDoNotGrowTheStack) {
  std::vector<CancelSource> sources(1'000'000);
  for (size_t i = 0; i + 1 < sources.size(); ++i) {
    sources[i].token().OnCancel([next = sources[i + 1]] { next.Cancel(); });
  }
  sources.front().Cancel();
  EXPECT_TRUE(sources.back().token().cancelled());
}

TEST(Cancel, OfManyCancellingThreadsOneRunsTheCallbacks) {
  for (int round = 0; round < 200; ++round) {
    const CancelSource source;
    std::atomic<int> ran{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        source.token().OnCancel([&] { ++ran; });
        source.Cancel();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(ran, 3);
  }
}

}  // namespace
}  // namespace coffer
