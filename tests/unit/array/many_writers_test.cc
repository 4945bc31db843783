// Goal: writers of parts of one chunk or shard in one process share read-modify-writes: far fewer
// than there are writers, later ones winning, each told what became of its own, none harmed by
// another's cancellation; and nothing is lost to writers whose handle is older.
// Method: a store whose answers wait at a gate and an executor that the test runs by hand fix who
// comes when; the calls that reach the store are counted. Threads besides, for what that may miss.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <latch>
#include <thread>

#include "coffer/array/array.h"
#include "coffer/array/copy.h"
#include "coffer/array/driver.h"
#include "coffer/kvstore/adapters.h"
#include "src/array/pending_updates.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/gate_store.h"
#include "tests/unit/array/model.h"
#include "tests/unit/async/manual_executor.h"

namespace coffer {
namespace {

using testing::GatePolicy;
using testing::Later;
using testing::MakeGateStore;
using testing::NewStore;

/// An array of 8 x 8 in one shard of 4 x 4 inner chunks (or one chunk), written by hand.
class Workshop {
 public:
  explicit Workshop(bool sharded, KvStorePtr base = nullptr)
      : context_(Context::Create({.executor = executor_})),
        base_(base != nullptr ? std::move(base) : NewStore(context_)) {
    CreateOptions options{.shape = {8, 8},
                          .data_type = DataType::kUint16,
                          .chunk_shape = sharded ? Shape{2, 2} : Shape{8, 8},
                          .shard_shape = sharded ? Shape{8, 8} : Shape{}};
    options.context = context_;
    array_ = Array::Create(MakeGateStore(base_, gate_), "", options).OrDie();
  }

  Future<void> Write(int64_t i, int64_t j, int64_t rows, int64_t columns, uint16_t value,
                     const CancelToken& cancel = {}) {
    sources_.push_back(std::make_unique<std::vector<uint16_t>>(rows * columns, value));
    const Future<void> committed =
        array_
            ->WriteAsync(Box::FromSize({i, j}, {rows, columns}),
                         Ref(sources_.back()->data(), {rows, columns}), {.cancel = cancel})
            .committed;
    Run();
    return committed;
  }
  void Run() { executor_->RunAll(); }
  void Open() {
    gate_->Open();
    Run();
  }
  /// Lets what is held now go on, and holds what comes then.
  void OpenOnce() {
    gate_->Open();
    gate_->Close("c/0/0");
    Run();
  }
  NdArray<uint16_t> All() {
    return Array::Open(base_, "", {.context = Context::Create({.threads = 1})})
        .OrDie()
        .Read<uint16_t>({})
        .OrDie();
  }
  int64_t waiting() {
    return context_.Get<PendingUpdates>().waiting(array_->stored()->Describe("c/0/0"));
  }
  int writes() const { return gate_->Count(KvOperation::kWrite, "c/0/0"); }
  GatePolicy& gate() { return *gate_; }
  const KvStorePtr& base() const { return base_; }
  const Context& context() const { return context_; }
  const Array& array() const { return *array_; }

 private:
  const std::shared_ptr<ManualExecutor> executor_ = std::make_shared<ManualExecutor>();
  const Context context_;
  const KvStorePtr base_;
  const std::shared_ptr<GatePolicy> gate_ = std::make_shared<GatePolicy>();
  std::optional<Array> array_;
  std::vector<std::unique_ptr<std::vector<uint16_t>>> sources_;
};

class ManyWriters : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Shards, ManyWriters, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Sharded" : "Plain"; });

TEST_P(ManyWriters, WhoeverWaitsIsWrittenByTheNext) {
  Workshop shop(GetParam());
  shop.gate().Close("c/0/0");
  std::vector<Future<void>> writes;
  for (int64_t n = 0; n < 16; ++n) {
    writes.push_back(shop.Write(n / 4 * 2, n % 4 * 2, 2, 2, static_cast<uint16_t>(n + 1)));
  }
  EXPECT_EQ(shop.gate().held(), 1u);  // The first one's reading.
  EXPECT_EQ(shop.waiting(), 15);
  while (shop.gate().held() > 0) shop.Open();
  for (const Future<void>& write : writes) {
    ASSERT_TRUE(write.ready());
    EXPECT_EQ(write.Get(), Status());
  }
  EXPECT_EQ(shop.writes(), 2);  // Before: one for each of the 16.
  EXPECT_EQ(shop.gate().Count(KvOperation::kRead, "c/0/0"), 2);
  const NdArray<uint16_t> all = shop.All();
  for (int64_t i = 0; i < 8; ++i) {
    for (int64_t j = 0; j < 8; ++j) EXPECT_EQ(all(i, j), i / 2 * 4 + j / 2 + 1) << i << " " << j;
  }
  EXPECT_EQ(shop.context().budget().held_bytes(), 0);
  EXPECT_EQ(shop.context().buffers().held_bytes(), 0);
}

TEST_P(ManyWriters, LaterOnesWinWhereTheyOverlap) {
  Workshop shop(GetParam());
  shop.gate().Close("c/0/0");
  const Future<void> writes[] = {
      shop.Write(0, 0, 1, 1, 9),  // Holds the others up.
      shop.Write(0, 0, 4, 4, 1), shop.Write(2, 2, 4, 4, 2),
      shop.Write(2, 2, 2, 2, 3),  // One whole inner chunk, over what came before.
      shop.Write(3, 0, 1, 8, 4)   // A row, through that chunk.
  };
  EXPECT_EQ(shop.waiting(), 4);
  shop.Open();
  for (const Future<void>& write : writes) EXPECT_EQ(write.Get(), Status());
  EXPECT_EQ(shop.writes(), 2);
  const NdArray<uint16_t> all = shop.All();
  const char* const expected[] = {"11110000", "11110000", "11332200", "44444444",
                                  "00222200", "00222200", "00000000", "00000000"};
  for (int64_t i = 0; i < 8; ++i) {
    for (int64_t j = 0; j < 8; ++j) EXPECT_EQ(all(i, j), expected[i][j] - '0') << i << " " << j;
  }
}

TEST_P(ManyWriters, ACancelledOneWithdrawsAndHarmsNobody) {
  Workshop shop(GetParam());
  shop.gate().Close("c/0/0");
  const CancelSource cancel[3];
  const Future<void> first = shop.Write(0, 0, 1, 1, 1, cancel[0].token());
  const Future<void> leader = shop.Write(0, 1, 1, 1, 2, cancel[1].token());
  const Future<void> second = shop.Write(0, 2, 1, 1, 3);
  const Future<void> third = shop.Write(0, 3, 1, 1, 4, cancel[2].token());
  const Future<void> fourth = shop.Write(0, 4, 1, 1, 5);
  cancel[1].Cancel();  // It waits for the key: the lead goes to the second.
  cancel[2].Cancel();
  shop.Run();
  EXPECT_EQ(shop.waiting(), 2);
  for (const Future<void>& write : {leader, third}) {
    ASSERT_TRUE(write.ready());
    EXPECT_EQ(write.Get().code(), StatusCode::kCancelled);
  }
  shop.Open();
  for (const Future<void>& write : {first, second, fourth}) {
    ASSERT_TRUE(write.ready());
    EXPECT_EQ(write.Get(), Status());
  }
  EXPECT_EQ(shop.writes(), 2);
  const NdArray<uint16_t> all = shop.All();
  const std::vector<uint16_t> row(all.values().begin(), all.values().begin() + 6);
  EXPECT_EQ(row, (std::vector<uint16_t>{1, 0, 3, 0, 5, 0}));
}

TEST_P(ManyWriters, OneThatIsCancelledWhileWrittenDoesNotStopTheOthers) {
  Workshop shop(GetParam());
  shop.gate().Close("c/0/0");
  const Future<void> first = shop.Write(0, 0, 1, 1, 1);
  const CancelSource cancel;
  const Future<void> leader = shop.Write(0, 1, 1, 1, 2, cancel.token());
  const Future<void> second = shop.Write(0, 2, 1, 1, 3);
  while (!first.ready()) shop.OpenOnce();  // Its reading, its writing.
  EXPECT_EQ(first.Get(), Status());
  EXPECT_EQ(shop.gate().held(), 1u);  // The second commit's reading.
  EXPECT_EQ(shop.waiting(), 0);
  cancel.Cancel();
  shop.Open();
  EXPECT_EQ(second.Get(), Status());
  EXPECT_EQ(shop.All()(0, 2), 3);
  // Its elements may have been written by then.
  EXPECT_EQ(leader.Get().code(), StatusCode::kCancelled);
}

TEST_P(ManyWriters, AnErrorReachesAllWhoWereInThatCommit) {
  Workshop shop(GetParam());
  shop.gate().Close("c/0/0");
  const Future<void> first = shop.Write(0, 0, 1, 1, 1);
  std::vector<Future<void>> writes;
  for (int64_t j = 1; j < 4; ++j) writes.push_back(shop.Write(0, j, 1, 1, 2));
  shop.gate().FailNext(KvOperation::kWrite, UnavailableError("no disk"), 1);
  shop.Open();
  EXPECT_EQ(first.Get(), Status());
  for (const Future<void>& write : writes) {
    ASSERT_TRUE(write.ready());
    EXPECT_EQ(write.Get().code(), StatusCode::kUnavailable);
  }
  EXPECT_EQ(shop.context().budget().held_bytes(), 0);
  const Future<void> after = shop.Write(0, 1, 1, 1, 7);  // The key is free again.
  EXPECT_EQ(after.Get(), Status());
  EXPECT_EQ(shop.All()(0, 1), 7);
}

TEST(ManyWritersTest, ADamagedChunkFailsOnlyThoseWhoNeedIt) {
  Workshop shop(true);
  for (int64_t n = 0; n < 16; ++n) shop.Write(n / 4 * 2, n % 4 * 2, 2, 2, 1).Get().OrDie();
  std::string bytes(shop.base()->Read("c/0/0").Get().OrDie().value.text());
  bytes[0] = static_cast<char>(bytes[0] ^ 1);  // The first inner chunk's.
  shop.base()->Write("c/0/0", Bytes::Take(bytes)).Get().OrDie();
  shop.gate().Close("c/0/0");
  const Future<void> first = shop.Write(7, 7, 1, 1, 5);
  const Future<void> hurt = shop.Write(0, 0, 1, 1, 5);
  const Future<void> unhurt = shop.Write(4, 4, 1, 1, 5);
  const Future<void> mends = shop.Write(0, 0, 2, 2, 6);
  shop.Open();
  EXPECT_EQ(first.Get(), Status());
  EXPECT_EQ(unhurt.Get(), Status());
  EXPECT_EQ(mends.Get(), Status());
  // All three came in one commit, where the last one covers what is damaged.
  EXPECT_EQ(hurt.Get(), Status());
  EXPECT_EQ(shop.All()(0, 0), 6);
  EXPECT_EQ(shop.All()(4, 4), 5);

  bytes.assign(shop.base()->Read("c/0/0").Get().OrDie().value.text());
  bytes[0] = static_cast<char>(bytes[0] ^ 1);
  shop.base()->Write("c/0/0", Bytes::Take(bytes)).Get().OrDie();
  shop.gate().Close("c/0/0");
  const Future<void> holds_up = shop.Write(7, 7, 1, 1, 5);
  const Future<void> hurt_now = shop.Write(0, 0, 1, 1, 8);
  const Future<void> unhurt_now = shop.Write(4, 4, 1, 1, 8);
  shop.Open();
  EXPECT_EQ(holds_up.Get(), Status());
  EXPECT_EQ(hurt_now.Get().code(), StatusCode::kDataLoss);
  EXPECT_EQ(unhurt_now.Get(), Status());
}

// Writers whose handles say different things of the array do not share a commit.
TEST_P(ManyWriters, HandlesOfAnotherShapeWriteByThemselves) {
  Workshop shop(GetParam());
  Array larger = shop.array();
  larger.Resize({9, 8}).OrDie();
  shop.gate().Close("c/0/0");
  const Future<void> first = shop.Write(0, 0, 1, 1, 1);
  const Future<void> second = shop.Write(0, 1, 1, 1, 2);
  const uint16_t three = 3;
  const Future<void> other =
      larger.WriteAsync(Box::FromSize({0, 2}, {1, 1}), Ref(&three, {1, 1})).committed;
  shop.Open();
  for (const Future<void>& write : {first, second, other}) EXPECT_EQ(write.Get(), Status());
  EXPECT_EQ(shop.writes(), 3);
  const NdArray<uint16_t> all = shop.All();
  EXPECT_EQ(all(0, 0), 1);
  EXPECT_EQ(all(0, 1), 2);
  EXPECT_EQ(all(0, 2), 3);
}

// What threads do of themselves: any number of commits, but nothing lost.
/// A store that knows no conditions.
class NoConditions : public testing::ForwardingStore {
 public:
  NoConditions() : ForwardingStore(NewStore()) {}
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    options.if_equal = {};
    return ForwardingStore::Write(std::move(key), std::move(value), std::move(options));
  }
  Capabilities capabilities() const override { return {}; }
};

// Nothing but their order keeps what both have written.
TEST_P(ManyWriters, AWholeCellTakesItsTurnWhereTheStoreKnowsNoConditions) {
  for (const bool whole_first : {true, false}) {
    Workshop shop(GetParam(), std::make_shared<NoConditions>());
    shop.Write(0, 0, 8, 8, 1).Get().OrDie();
    shop.gate().Close("c/0/0");
    const Future<void> first = whole_first ? shop.Write(0, 0, 8, 8, 7) : shop.Write(0, 0, 1, 1, 5);
    const Future<void> second = whole_first ? shop.Write(0, 0, 1, 1, 5) : shop.Write(0, 0, 8, 8, 7);
    while (!first.ready() || !second.ready()) shop.OpenOnce();
    first.Get().OrDie();
    second.Get().OrDie();
    EXPECT_EQ(shop.All()(0, 0), whole_first ? 5 : 7);
    EXPECT_EQ(shop.All()(0, 1), 7);
    EXPECT_EQ(shop.All()(7, 7), 7);
  }
}

TEST_P(ManyWriters, WhoWaitsForItsTurnCanBeCancelled) {
  Workshop shop(GetParam(), std::make_shared<NoConditions>());
  shop.gate().Close("c/0/0");
  const Future<void> first = shop.Write(0, 0, 1, 1, 1);
  const CancelSource cancel;
  const Future<void> part = shop.Write(0, 1, 1, 1, 2, cancel.token());
  const Future<void> whole = shop.Write(0, 0, 8, 8, 7, cancel.token());
  const Future<void> after = shop.Write(0, 2, 1, 1, 3);
  EXPECT_FALSE(part.ready() || whole.ready());
  cancel.Cancel();
  shop.Run();
  for (const Future<void>& write : {part, whole}) {
    ASSERT_TRUE(write.ready());
    EXPECT_EQ(write.Get().code(), StatusCode::kCancelled);
  }
  while (!first.ready() || !after.ready()) shop.OpenOnce();
  first.Get().OrDie();
  after.Get().OrDie();
  const NdArray<uint16_t> all = shop.All();
  const std::vector<uint16_t> row(all.values().begin(), all.values().begin() + 4);
  EXPECT_EQ(row, (std::vector<uint16_t>{1, 0, 3, 0}));
}

/// What has not happened after this long does not happen.
bool HappensSoon(const std::function<bool()>& happened) {
  const Promise<void> never;
  for (int ms = 0; ms < 200 && !happened(); ++ms) {
    never.future().Wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(1));
  }
  return happened();
}

TEST_P(ManyWriters, SoDoesACopiedOne) {
  const Context context = Context::Create({.threads = 2});
  const auto gate = std::make_shared<GatePolicy>();
  CreateOptions options{.shape = {8, 8},
                        .data_type = DataType::kUint16,
                        .chunk_shape = GetParam() ? Shape{2, 2} : Shape{8, 8},
                        .shard_shape = GetParam() ? Shape{8, 8} : Shape{}};
  options.context = context;
  const Array source = Array::Create(NewStore(), "", options).OrDie();
  const Array array =
      Array::Create(MakeGateStore(std::make_shared<NoConditions>(), gate), "", options).OrDie();
  const std::vector<uint16_t> ones(64, 1);
  const std::vector<uint16_t> sevens(64, 7);
  array.Write(Box::Full({8, 8}), Ref(ones.data(), {8, 8})).OrDie();
  source.Write(Box::Full({8, 8}), Ref(sevens.data(), {8, 8})).OrDie();

  gate->Close("c/0/0");
  const uint16_t five = 5;
  const Future<void> part =
      array.WriteAsync(Box::FromSize({0, 0}, {1, 1}), Ref(&five, {1, 1})).committed;
  ASSERT_TRUE(HappensSoon([&] { return gate->held() == 1; }));  // Its reading.
  std::thread copier([&] { EXPECT_EQ(Copy(source, array), Status()); });
  EXPECT_FALSE(HappensSoon([&] { return gate->held() == 2; })) << "the copy's writing";
  gate->Open();
  copier.join();
  part.Get().OrDie();
  const NdArray<uint16_t> all = array.Read<uint16_t>({}).OrDie();
  EXPECT_EQ(std::vector<uint16_t>(all.values().begin(), all.values().end()), sevens);
}

/// Acts once, directly before something is written.
class BeforeWrite : public testing::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    if (key == "c/0/0" && act != nullptr) std::exchange(act, nullptr)();
    return ForwardingStore::Write(std::move(key), std::move(value), std::move(options));
  }
  std::function<void()> act;
};

// Two contexts share no key locks: only the conditional write keeps them apart, as it does between
// processes.
TEST_P(ManyWriters, AWriterOfAnotherContextAtTheLastMomentLosesNothing) {
  Workshop shop(GetParam());
  const auto store = std::make_shared<BeforeWrite>(shop.base());
  const Array late = Array::Open(store, "", {.context = Context::Create({.threads = 1})}).OrDie();
  for (const bool anew : {true, false}) {
    store->act = [&] { shop.Write(0, 0, 1, 1, anew ? 5 : 6).Get().OrDie(); };
    const uint16_t value = anew ? 7 : 8;
    late.Write(Box::FromSize({1, 1}, {1, 1}), Ref(&value, {1, 1})).OrDie();
    EXPECT_EQ(store->act, nullptr);
    const NdArray<uint16_t> all = shop.All();
    EXPECT_EQ(all(0, 0), anew ? 5 : 6);
    EXPECT_EQ(all(1, 1), value);
  }
}

TEST_P(ManyWriters, AWholeCellIsWrittenUnreadWhereTheStoreKnowsNoConditions) {
  Workshop shop(GetParam(), std::make_shared<NoConditions>());
  shop.base()->Write("c/0/0", Bytes::Copy("no chunk")).Get().OrDie();
  const int before = shop.gate().Count(KvOperation::kRead, "c/0/0");
  shop.Write(0, 0, 8, 8, 7).Get().OrDie();
  EXPECT_EQ(shop.gate().Count(KvOperation::kRead, "c/0/0"), before);
  EXPECT_EQ(shop.All()(3, 3), 7);
}

TEST_P(ManyWriters, ThreadsLoseNothing) {
  for (const bool later : {false, true}) {
    const Context context = Context::Create({.threads = 3, .budget_bytes = KiB(256)});
    KvStorePtr store = NewStore(context);
    if (later) store = Later(store);
    CreateOptions options{.shape = {16, 64},
                          .data_type = DataType::kUint16,
                          .chunk_shape = GetParam() ? Shape{4, 4} : Shape{16, 64},
                          .shard_shape = GetParam() ? Shape{16, 64} : Shape{}};
    options.context = context;
    const Array array = Array::Create(store, "", options).OrDie();
    std::latch start(16);
    std::vector<std::thread> writers;
    for (int64_t i = 0; i < 16; ++i) {
      writers.emplace_back([&, i] {
        start.arrive_and_wait();
        for (int64_t j = 0; j < 64; ++j) {
          const auto value = static_cast<uint16_t>(i * 64 + j + 1);
          EXPECT_EQ(array.Write(Box::FromSize({i, j}, {1, 1}), Ref(&value, {1, 1})), Status());
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    const NdArray<uint16_t> all = array.Read<uint16_t>({}).OrDie();
    for (int64_t i = 0; i < 16; ++i) {
      for (int64_t j = 0; j < 64; ++j) ASSERT_EQ(all(i, j), i * 64 + j + 1);
    }
    EXPECT_LE(context.budget().held_bytes_peak(), std::max(KiB(256), array.largest_task_bytes()));
    EXPECT_EQ(context.budget().held_bytes(), 0);
  }
}

// The array of the second handle has grown into the cell that sticks out of the first one's.
TEST_P(ManyWriters, AnOldHandleKeepsWhatWasWrittenBeyondItsEdge) {
  const KvStorePtr store = NewStore();
  const Array before = Array::Create(store, "",
                                     {.shape = {5},
                                      .data_type = DataType::kUint16,
                                      .chunk_shape = GetParam() ? Shape{4} : Shape{8},
                                      .shard_shape = GetParam() ? Shape{8} : Shape{}})
                           .OrDie();
  Array after = before;
  after.Resize({8}).OrDie();
  const std::vector<uint16_t> values = {1, 2, 3, 4, 5, 6, 7, 8};
  after.Write(Box::Full({8}), Ref(values.data(), {8})).OrDie();
  const std::vector<uint16_t> fives(5, 5);
  before.Write(Box::Full({5}), Ref(fives.data(), {5})).OrDie();
  const NdArray<uint16_t> all = after.Read<uint16_t>({}).OrDie();
  EXPECT_EQ(std::vector<uint16_t>(all.values().begin(), all.values().end()),
            (std::vector<uint16_t>{5, 5, 5, 5, 5, 6, 7, 8}));
}

}  // namespace
}  // namespace coffer
