// Goal: each adapter does the one thing it is for. That it passes on everything else is shown by
// the conformance suite. Method: adapters over a memory store; exact events, counts and texts.
#include "coffer/kvstore/adapters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <thread>

#include "coffer/kvstore/stores.h"
#include "src/base/mutex.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;

Status Put(KvStore& store, const std::string& key, std::string_view text) {
  return store.Write(key, Bytes::Copy(text)).Get().status();
}

TEST(PrefixStore, PrefixesEveryKey) {
  const KvStorePtr base = MakeMemoryStore("m", Context::Create({.threads = 1}));
  const KvStorePtr store = MakePrefixStore(base, "p/");
  ASSERT_TRUE(Put(*store, "a/k", "v").ok());
  ASSERT_TRUE(Put(*base, "q/k", "v").ok());
  EXPECT_EQ(base->Read("p/a/k").Get().OrDie().value.text(), "v");
  EXPECT_EQ(store->Describe("k"), "memory://m/p/k");
  EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  EXPECT_EQ(ListAll(*base).OrDie().size(), 1u);
  EXPECT_EQ(store->Read("k", {.range = ByteRange::Stat()}).Get().OrDie().state,
            ReadResult::State::kMissing);
}

TEST(FaultStore, FailsWhenAndWhereItIsTold) {
  const auto store = MakeFaultStore(MakeMemoryStore("m", Context::Create({.threads = 1})));
  store->Inject({.operation = KvOperation::kWrite,
                 .key_prefix = "a/",
                 .skip = 1,
                 .times = 2,
                 .status = UnavailableError("no answer")});
  EXPECT_TRUE(Put(*store, "a/1", "v").ok());
  EXPECT_TRUE(Put(*store, "b/1", "v").ok());
  EXPECT_EQ(Put(*store, "a/2", "v").ToString(), "Unavailable: memory://m/a/2: no answer");
  EXPECT_FALSE(Put(*store, "a/3", "v").ok());
  EXPECT_TRUE(Put(*store, "a/4", "v").ok());
  EXPECT_EQ(store->injected(), 2);
  EXPECT_EQ(store->Read("a/2").Get().OrDie().state, ReadResult::State::kMissing);
}

TEST(FaultStore, LosesTheAnswerOnly) {
  const auto store = MakeFaultStore(MakeMemoryStore());
  store->Inject({.operation = KvOperation::kWrite, .times = -1, .after = true});
  EXPECT_EQ(Put(*store, "k", "v").code(), StatusCode::kUnavailable);
  EXPECT_EQ(store->Read("k").Get().OrDie().value.text(), "v");
  EXPECT_FALSE(Put(*store, "k", "v").ok());
  store->Clear();
  EXPECT_TRUE(Put(*store, "k", "v").ok());
}

TEST(FaultStore, EveryOperationCanFail) {
  const auto store = MakeFaultStore(MakeMemoryStore());
  std::byte memory[1];
  const std::vector<std::pair<KvOperation, std::function<Status()>>> operations = {
      {KvOperation::kRead, [&] { return store->Read("k").Get().status(); }},
      {KvOperation::kReadInto, [&] { return store->ReadInto("k", memory).Get().status(); }},
      {KvOperation::kReadRanges, [&] { return store->ReadRanges("k", {}).Get().status(); }},
      {KvOperation::kWrite, [&] { return Put(*store, "k", "v"); }},
      {KvOperation::kDelete, [&] { return store->Write("k", std::nullopt).Get().status(); }},
      {KvOperation::kOpenWriter, [&] { return store->OpenWriter("k").status(); }},
      {KvOperation::kCommit,
       [&] { return store->OpenWriter("k").OrDie()->Commit().Get().status(); }},
      {KvOperation::kList, [&] { return ListAll(*store).status(); }},
      {KvOperation::kDeleteRange, [&] { return store->DeleteRange({}).Get(); }},
      {KvOperation::kRenamePrefix, [&] { return store->RenamePrefix("k/", "l/").Get(); }},
      {KvOperation::kClearDebris, [&] { return store->ClearDebris({}).Get().status(); }},
  };
  for (const auto& [operation, run] : operations) {
    ASSERT_TRUE(Put(*store, "k", "v").ok());
    ASSERT_TRUE(Put(*store, "k/1", "v").ok());
    store->Inject({.operation = operation, .status = DataLossError("gone")});
    EXPECT_EQ(run().code(), StatusCode::kDataLoss) << KvOperationName(operation);
    EXPECT_TRUE(run().ok()) << KvOperationName(operation);
  }
}

TEST(TraceStore, TellsEveryOperation) {
  std::vector<std::string> seen;
  const KvStorePtr store = MakeTraceStore(MakeMemoryStore(), [&seen](const TraceEvent& event) {
    EXPECT_LE(event.begin, event.end);
    seen.push_back(std::string(KvOperationName(event.operation)) + " " + event.key + " " +
                   std::to_string(event.bytes) + " " +
                   std::string(StatusCodeName(event.status.code())));
  });
  ASSERT_TRUE(Put(*store, "k", "hello").ok());
  store->Read("k", {.range = ByteRange::Last(2)}).Get().OrDie();
  EXPECT_FALSE(store->Read("k", {.range = ByteRange::From(9)}).Get().ok());
  store->ReadRanges("k", {ByteRange::Span(0, 1), ByteRange::Span(2, 5)}).Get().OrDie();
  auto writer = store->OpenWriter("w").OrDie();
  ASSERT_TRUE(writer->Append(AsBytes("abc")).ok());
  writer->Commit().Get().OrDie();
  store->Write("k", std::nullopt).Get().OrDie();
  EXPECT_THAT(seen,
              ElementsAre("Write k 5 OK", "Read k 2 OK", "Read k 0 OutOfRange", "ReadRanges k 4 OK",
                          "OpenWriter w 0 OK", "Commit w 3 OK", "Delete k 0 OK"));
}

/// What cannot be opened.
class ClosedStore final : public KvStore {
 public:
  Future<ReadResult> Read(std::string, ReadOptions) override {
    return Future<ReadResult>::Ready(ReadResult());
  }
  Future<WriteResult> Write(std::string, std::optional<BytesChain>, WriteOptions) override {
    return Future<WriteResult>::Ready(WriteResult());
  }
  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string, WriteOptions) override {
    return UnavailableError("closed");
  }
  Capabilities capabilities() const override { return {.listable = false}; }
  std::string Describe(std::string_view key) const override { return std::string(key); }
};

TEST(TraceStore, TellsWhatCouldNotBeOpened) {
  std::vector<std::string> seen;
  const KvStorePtr store =
      MakeTraceStore(std::make_shared<ClosedStore>(), [&seen](const TraceEvent& event) {
        EXPECT_LE(event.begin, event.end);
        seen.push_back(std::string(KvOperationName(event.operation)) + " " + event.key + " " +
                       std::string(StatusCodeName(event.status.code())));
      });
  EXPECT_FALSE(store->OpenWriter("w").ok());
  EXPECT_FALSE(store->List({.range = KeyRange::Prefix("p/")}).ok());
  EXPECT_THAT(seen, ElementsAre("OpenWriter w Unavailable", "List p/ Unimplemented"));
}

TEST(Adapters, WritersAndListingsKeepTheStoreBehindAlive) {
  const std::vector<std::function<KvStorePtr(KvStorePtr)>> adapters = {
      [](KvStorePtr base) { return MakePrefixStore(std::move(base), "p/"); },
      [](KvStorePtr base) { return MakeTraceStore(std::move(base), [](const TraceEvent&) {}); },
      [](KvStorePtr base) { return MakeFaultStore(std::move(base)); },
      [](KvStorePtr base) { return MakeCacheStore(std::move(base)); },
      [](KvStorePtr base) { return MakeLatencyStore(std::move(base), {}); }};
  for (const auto& adapt : adapters) {
    KvStorePtr base = MakeMemoryStore();  // Its writers are the default ones, which refer to it.
    std::weak_ptr<KvStore> alive = base;
    auto writer = adapt(std::move(base))->OpenWriter("k").OrDie();
    ASSERT_FALSE(alive.expired());
    EXPECT_TRUE(writer->Append(AsBytes("value")).ok());
    EXPECT_TRUE(writer->Commit().Get().ok());
    writer.reset();
    EXPECT_TRUE(alive.expired());

    base = MakeMemoryStore();
    alive = base;
    ASSERT_TRUE(Put(*base, "p/k", "value").ok());
    auto listing = adapt(std::move(base))->List().OrDie();
    ASSERT_FALSE(alive.expired());
    EXPECT_EQ(listing->Next().Get().OrDie().size(), 1u);
    listing.reset();
    EXPECT_TRUE(alive.expired());
  }
}

/// Remembers which thread asked it.
class ThreadStore final : public KvStore {
 public:
  Future<ReadResult> Read(std::string, ReadOptions) override {
    asked_by = std::this_thread::get_id();
    return Future<ReadResult>::Ready(ReadResult());
  }
  Future<WriteResult> Write(std::string, std::optional<BytesChain>, WriteOptions) override {
    return Future<WriteResult>::Ready(WriteResult());
  }
  Capabilities capabilities() const override { return {.local = true}; }
  std::string Describe(std::string_view key) const override { return std::string(key); }

  std::thread::id asked_by;
};

TEST(LatencyStore, WorksOnAnotherThreadAndIsNotLocal) {
  const auto base = std::make_shared<ThreadStore>();
  const KvStorePtr store = MakeLatencyStore(base, {});
  EXPECT_FALSE(store->capabilities().local);
  EXPECT_GT(store->capabilities().request_concurrency, 0);
  EXPECT_TRUE(store->Read("k").Get().ok());
  EXPECT_NE(base->asked_by, std::thread::id());
  EXPECT_NE(base->asked_by, std::this_thread::get_id());
}

TEST(LatencyStore, ReadsInTheOrderAskedWhateverTheirNumber) {
  const KvStorePtr store = MakeLatencyStore(MakeMemoryStore(), {});
  Mutex mutex;
  std::vector<int> order;
  std::vector<Future<WriteResult>> writes;
  for (int i = 0; i < 20; ++i) {
    writes.push_back(store->Write("k", Bytes::Copy(std::to_string(i))));
    writes.back().OnReady([&, i](const Result<WriteResult>&) {
      MutexLock lock(mutex);
      order.push_back(i);
    });
  }
  for (const Future<WriteResult>& write : writes) EXPECT_TRUE(write.Get().ok());
  EXPECT_EQ(store->Read("k").Get().OrDie().value.text(), "19");
  MutexLock lock(mutex);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(LatencyStore, PendingAnswersComeAtOnceWhenItIsDestroyed) {
  const KvStorePtr base = MakeMemoryStore();
  KvStorePtr store = MakeLatencyStore(base, {.per_request = std::chrono::hours(1)});
  const Future<WriteResult> writing = store->Write("k", Bytes::Copy("v"));
  const Future<WriteResult> cancelled = store->Write("l", Bytes::Copy("v"));
  cancelled.Cancel();
  EXPECT_FALSE(writing.ready());
  store.reset();
  EXPECT_TRUE(writing.Get().ok());
  EXPECT_EQ(cancelled.Get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(ListAll(*base).OrDie().size(), 1u);
}

TEST(LatencyStore, MayBeDestroyedByItsOwnCallback) {
  auto store = std::make_shared<KvStorePtr>(MakeLatencyStore(MakeMemoryStore(), {}));
  Promise<void> gone;
  (*store)->Read("k").OnReady([store, gone](const Result<ReadResult>&) {
    store->reset();
    gone.Set(Status());
  });
  EXPECT_TRUE(gone.future().Get().ok());
}

}  // namespace
}  // namespace coffer
