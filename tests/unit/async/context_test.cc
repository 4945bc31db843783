// Goal: contexts share nothing, end only when their work has ended, and hand out one resource a
// type. Method: small contexts with work held at known points.
#include "coffer/async/context.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/async/future.h"
#include "src/base/platform_cpus.h"

namespace coffer {
namespace {

TEST(Context, TheDefaultIsOne) {
  EXPECT_EQ(Context::Default(), Context::Default());
  EXPECT_EQ(Context(), Context::Default());
  EXPECT_EQ(Context::Default().executor().concurrency(), platform::CpuCount());
  EXPECT_EQ(Context::Default().budget().limit_bytes(), MiB(64));
  EXPECT_EQ(Context::Default().observer(), nullptr);
}

TEST(Context, ThreadsThatComeFirstTogetherGetOneDefault) {
  std::vector<std::optional<Context>> seen(4);
  std::vector<std::thread> threads;
  for (auto& slot : seen) {
    threads.emplace_back([&slot] { slot = Context::Default(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& context : seen) EXPECT_EQ(*context, Context::Default());
}

TEST(Context, TakesItsOptions) {
  const Context context = Context::Create({.threads = 3, .budget_bytes = 1000});
  EXPECT_EQ(context.executor().concurrency(), 3);
  EXPECT_EQ(context.options().threads, 3);
  EXPECT_EQ(context.budget().limit_bytes(), 1000);
  EXPECT_EQ(context.options().cache_bytes, MiB(32));
}

TEST(Context, RunsOnTheCallersOwnExecutor) {
  const std::shared_ptr<Executor> own = MakeThreadPool(2);
  const Context context = Context::Create({.threads = 5, .executor = own});
  EXPECT_EQ(&context.executor(), own.get());
  EXPECT_EQ(context.shared_executor(), own);
  EXPECT_EQ(context.options().threads, 2);
}

TEST(Context, TwoShareNothing) {
  const Context a = Context::Create({.threads = 1});
  const Context b = Context::Create({.threads = 1});
  EXPECT_FALSE(a == b);
  EXPECT_NE(&a.executor(), &b.executor());
  EXPECT_NE(&a.budget(), &b.budget());
  EXPECT_NE(&a.buffers(), &b.buffers());
  a.stats().bytes_read += 5;
  EXPECT_EQ(b.stats().bytes_read, 0);
  EXPECT_NE(&a.Get<int>(), &b.Get<int>());
}

TEST(Context, CopiesShare) {
  const Context a = Context::Create({.threads = 1});
  const Context b = a;  // NOLINT: the copy is the point
  EXPECT_EQ(a, b);
  a.stats().chunks_decoded += 1;
  EXPECT_EQ(b.stats().chunks_decoded, 1);
}

class CountingObserver : public Observer {
 public:
  void OnSpan(std::string_view, std::string_view, std::chrono::nanoseconds,
              const Status&) override {
    ++spans;
  }
  void OnLog(std::string_view) override { ++lines; }
  int spans = 0;
  int lines = 0;
};

TEST(Context, HandsOutItsObserver) {
  const auto observer = std::make_shared<CountingObserver>();
  const Context context = Context::Create({.threads = 1, .observer = observer});
  context.observer()->OnSpan("array.read", "memory://", std::chrono::nanoseconds(1), Status());
  context.observer()->OnLog("retried");
  EXPECT_EQ(observer->spans, 1);
  EXPECT_EQ(observer->lines, 1);
}

struct Plain {
  int value = 7;
};
struct WithOptions {
  explicit WithOptions(const ContextOptions& options) : cache_bytes(options.cache_bytes) {}
  int64_t cache_bytes;
};

TEST(ContextGet, MakesOneOfEachTypeOnFirstUse) {
  const Context context = Context::Create({.threads = 1, .cache_bytes = 99});
  EXPECT_EQ(context.Get<Plain>().value, 7);
  context.Get<Plain>().value = 8;
  EXPECT_EQ(context.Get<Plain>().value, 8);
  EXPECT_EQ(context.Get<WithOptions>().cache_bytes, 99);
  EXPECT_EQ(&context.Get<WithOptions>(), &context.Get<WithOptions>());
}

TEST(ContextGet, ThreadsThatComeFirstTogetherGetOneResource) {
  const Context context = Context::Create({.threads = 1});
  std::vector<Plain*> seen(4);
  std::vector<std::thread> threads;
  for (Plain*& slot : seen) {
    threads.emplace_back([&context, &slot] { slot = &context.Get<Plain>(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (Plain* const resource : seen) EXPECT_EQ(resource, &context.Get<Plain>());
}

std::atomic<int> traced_alive{0};
struct Traced {
  Traced() { ++traced_alive; }
  ~Traced() { --traced_alive; }
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;
};

TEST(ContextEnd, RunsWhatIsQueuedBeforeItsResourcesGo) {
  int seen = 0;
  {
    const Context context = Context::Create({.threads = 1});
    const Traced& resource = context.Get<Traced>();
    EXPECT_EQ(&resource, &context.Get<Traced>());
    for (int i = 0; i < 100; ++i) context.executor().Submit([&] { seen += traced_alive; });
  }
  EXPECT_EQ(seen, 100);
  EXPECT_EQ(traced_alive, 0);
}

TEST(ContextEnd, AnOperationThatHoldsAHandleOutlivesTheCallers) {
  const Promise<void> gate;
  Future<int64_t> operation;
  {
    const Context context = Context::Create({.threads = 1, .budget_bytes = 77});
    const Promise<void> begin(context.shared_executor());
    operation =
        begin.future().Then([context](const Status&) { return context.budget().limit_bytes(); });
    gate.future().OnReady([begin](const Status&) { begin.Set(Status()); });
  }
  gate.Set(Status());
  EXPECT_EQ(*operation.Get(), 77);
}

TEST(ContextEnd, TheLastHandleMayBeDroppedOnItsOwnWorker) {
  for (int round = 0; round < 50; ++round) {
    std::optional<Context> context = Context::Create({.threads = 2});
    std::atomic<bool> dropped{false};
    const Promise<void> done;
    context->executor().Submit([&, own = *context]() mutable {
      while (!dropped) std::this_thread::yield();
      {
        const Context last = std::move(own);
        own = Context::Default();
      }
      done.Set(Status());
    });
    context.reset();
    dropped = true;
    EXPECT_EQ(done.future().Get(), Status());
  }
}

}  // namespace
}  // namespace coffer
