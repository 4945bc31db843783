// Goal: RepairArray mends what VerifyArray finds and nothing else: a dry run changes no byte, a
// second run finds nothing, sound elements stay, other writers lose nothing, an interrupted repair
// is completed by the next, random damage neither crashes it nor costs a sound element. Method:
// arrays whose bytes are known by hand (damage.h); writers that act exactly between two steps of a
// repair, by a trace; faults at every write; random edits of random keys.
#include "coffer/array/repair.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <thread>

#include "src/base/platform_file.h"
#include "tests/support/soak.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/array/damage.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::AllValues;
using ::testing::ElementsAre;
using testing::EntriesOf;
using ::testing::IsEmpty;
using testing::NewStore;
using testing::SetAt;
using testing::ShrinkAndDie;
using testing::TellableArray;
using testing::Texts;
using testing::ValueAt;
using testing::WithEntries;

const Shape kShard = {4, 4};
const Shape kNone = {};
constexpr testing::Entry kAbsent = {};

/// One kind of damage, and what becomes of it.
struct Case {
  std::string name;
  Shape shard;
  std::function<void(const KvStorePtr&)> damage;
  RepairOptions options;
  std::vector<std::string> repaired;  // "(action) kind key", sorted by key.
};

void FlipAt(KvStore& store, const std::string& key, size_t at) {
  std::string value = ValueAt(store, key);
  value[at] = static_cast<char>(value[at] ^ 1);
  SetAt(store, key, value);
}
void Reindex(KvStore& store, const std::function<void(testing::Entries&)>& change) {
  const std::string value = ValueAt(store, "c/0/1");
  testing::Entries entries = EntriesOf(value);
  change(entries);
  SetAt(store, "c/0/1", WithEntries(value, entries));
}

std::vector<Case> Cases() {
  const auto shrink = [](const KvStorePtr& store) { ShrinkAndDie(store, {3, 8}); };
  const auto garbage = [](const KvStorePtr& store) {
    SetAt(*store, "c/0/1", ValueAt(*store, "c/0/1").insert(48, "garbage"));
  };
  const auto overlap = [](const KvStorePtr& store) {
    Reindex(*store, [](testing::Entries& entries) { entries[1] = entries[0]; });
  };
  const auto gap = [](const KvStorePtr& store) {
    Reindex(*store, [](testing::Entries& entries) { entries[2] = kAbsent; });
  };
  const auto past_the_end = [](const KvStorePtr& store) {
    Reindex(*store, [](testing::Entries& entries) { entries[3].size += 4; });
  };
  const RepairOptions drop = {.drop_damaged = true};
  const RepairOptions foreign = {.drop_foreign = true};
  return {
      {"outside and cut",
       kShard,
       shrink,
       {},
       {"(clear) beyond-edge c/0/0", "(clear) beyond-edge c/0/1", "(delete) outside c/1/0",
        "(delete) outside c/1/1"}},
      {"outside and cut",
       kNone,
       shrink,
       {},
       {"(clear) beyond-edge c/1/0", "(clear) beyond-edge c/1/1", "(clear) beyond-edge c/1/2",
        "(clear) beyond-edge c/1/3", "(delete) outside c/2/0", "(delete) outside c/2/1",
        "(delete) outside c/2/2", "(delete) outside c/2/3", "(delete) outside c/3/0",
        "(delete) outside c/3/1", "(delete) outside c/3/2", "(delete) outside c/3/3"}},
      {"bytes of no chunk", kShard, garbage, {}, {"(rewrite) shard-shape c/0/1"}},
      {"chunks that overlap", kShard, overlap, {}, {"(rewrite) shard-shape c/0/1"}},
      {"a gap", kShard, gap, {}, {"(rewrite) shard-shape c/0/1"}},
      {"a flipped chunk",
       kNone,
       [](const KvStorePtr& s) { FlipAt(*s, "c/1/1", 0); },
       drop,
       {"(delete) damaged c/1/1"}},
      {"a flipped inner chunk",
       kShard,
       [](const KvStorePtr& s) { FlipAt(*s, "c/0/1", 13); },
       drop,
       {"(drop 1 inner chunk) damaged c/0/1"}},
      {"an entry past the end", kShard, past_the_end, drop, {"(drop 1 inner chunk) damaged c/0/1"}},
      {"a flipped index",
       kShard,
       [](const KvStorePtr& s) { FlipAt(*s, "c/0/1", 60); },
       drop,
       {"(delete) damaged c/0/1"}},
      {"a short shard",
       kShard,
       [](const KvStorePtr& s) { SetAt(*s, "c/0/1", "short"); },
       drop,
       {"(delete) damaged c/0/1"}},
      {"a foreign key",
       kNone,
       [](const KvStorePtr& s) { SetAt(*s, "README", "x"); },
       foreign,
       {"(delete) foreign README"}},
  };
}

/// Elements that could be read, with their places; those of one inner chunk at a time.
std::map<std::string, std::vector<uint16_t>> Readable(const KvStorePtr& store) {
  const Array array = Array::Open(store, "").OrDie();
  std::map<std::string, std::vector<uint16_t>> readable;
  for (int64_t row = 0; row < array.shape()[0]; row += 2) {
    for (int64_t column = 0; column < array.shape()[1]; column += 2) {
      const Box box = Box::FromSize({row, column}, {2, 2}).Intersect(Box::Full(array.shape()));
      std::vector<uint16_t> values(static_cast<size_t>(*NumElements(box.shape)));
      if (array.Read(box, Ref(values.data(), box.shape)).ok()) readable[ToString(box)] = values;
    }
  }
  return readable;
}

void ExpectKept(const std::map<std::string, std::vector<uint16_t>>& before,
                const KvStorePtr& store) {
  const auto after = Readable(store);
  for (const auto& [box, values] : before) {
    ASSERT_TRUE(after.contains(box)) << box;
    EXPECT_EQ(after.at(box), values) << box;
  }
}

std::vector<std::string> With(const std::string& outcome, const std::vector<std::string>& texts) {
  std::vector<std::string> all;
  for (const std::string& text : texts) all.push_back(outcome + " " + text);
  return all;
}

TEST(RepairArray, MendsEveryKindOnceAndKeepsWhatIsSound) {
  for (const Case& one : Cases()) {
    for (const bool later : {false, true}) {
      SCOPED_TRACE(one.name + ToString(one.shard) + (later ? " later" : ""));
      const KvStorePtr base = NewStore();
      TellableArray(base, one.shard);
      one.damage(base);
      const KvStorePtr store = later ? testing::Later(base) : base;
      const auto readable = Readable(store);
      const auto values = AllValues(*base);
      const Array array = Array::Open(store, "").OrDie();
      RepairOptions options = one.options;
      options.dry_run = true;
      const RepairReport dry = RepairArray(array, options).OrDie();
      EXPECT_EQ(Texts(dry, *store), With("planned", one.repaired));
      EXPECT_EQ(dry.num_planned, std::ssize(one.repaired));
      EXPECT_EQ(AllValues(*base), values);
      options.dry_run = false;
      const RepairReport done = RepairArray(array, options).OrDie();
      EXPECT_EQ(Texts(done, *store), With("done", one.repaired));
      EXPECT_EQ(done.num_done, std::ssize(one.repaired));
      EXPECT_EQ(done.num_left, 0);
      ExpectKept(readable, store);
      const auto mended = AllValues(*base);
      EXPECT_THAT(Texts(RepairArray(array, options).OrDie(), *store), IsEmpty());
      EXPECT_EQ(AllValues(*base), mended);
      EXPECT_THAT(Texts(VerifyArray(array, {.deep = true}).OrDie(), *store), IsEmpty());
    }
  }
}

TEST(RepairArray, GrowingAfterwardsShowsNothingOld) {
  for (const Shape& shard : {kNone, kShard}) {
    const KvStorePtr store = NewStore();
    TellableArray(store, shard);
    ShrinkAndDie(store, {3, 5});
    Array array = Array::Open(store, "").OrDie();
    RepairArray(array).OrDie();
    array.Resize({8, 8}).OrDie();
    const NdArray<uint16_t> values = array.Read<uint16_t>({}).OrDie();
    for (int64_t row = 0; row < 8; ++row) {
      for (int64_t column = 0; column < 8; ++column) {
        const bool kept = row < 3 && column < 5;
        EXPECT_EQ(values(row, column), kept ? row * 8 + column + 1 : 0) << row << "," << column;
      }
    }
  }
}

TEST(RepairArray, LeavesWhatWouldCostDataAndSaysWhy) {
  const KvStorePtr store = NewStore();
  TellableArray(store, kShard);
  FlipAt(*store, "c/0/0", 13);
  SetAt(*store, "c/0/1", ValueAt(*store, "c/0/1").insert(48, "garbage"));
  FlipAt(*store, "c/0/1", 0);
  SetAt(*store, "README", "x");
  TellableArray(MakePrefixStore(store, "inner/"), kNone);
  const auto values = AllValues(*store);
  const RepairReport report = RepairArray(Array::Open(store, "").OrDie()).OrDie();
  const std::string lost = "left (its data would be lost (drop-damaged)) ";
  EXPECT_THAT(
      Texts(report, *store),
      ElementsAre("left (nobody knows whose it is (drop-foreign)) foreign README",
                  lost + "damaged c/0/0", lost + "damaged c/0/1", lost + "shard-shape c/0/1",
                  "left (it may be wanted; delete it by itself if not) inner-node inner/"));
  EXPECT_EQ(report.num_left, 5);
  EXPECT_EQ(AllValues(*store), values);
}

TEST(RepairArray, DroppedChunksReadAsTheFillValue) {
  const KvStorePtr store = NewStore();
  TellableArray(store, kShard);
  FlipAt(*store, "c/0/1", 13);
  const Array array = Array::Open(store, "").OrDie();
  RepairArray(array, {.drop_damaged = true}).OrDie();
  const NdArray<uint16_t> values = array.Read<uint16_t>({}).OrDie();
  EXPECT_EQ(values(0, 4), 5);  // Its neighbour in the shard.
  EXPECT_EQ(values(0, 6), 0);
  EXPECT_EQ(values(1, 7), 0);
  EXPECT_EQ(values(2, 6), 23);
}

TEST(RepairArray, IsSeenAtOnceByWhoAllowsForStaleness) {
  const KvStorePtr store = NewStore();
  TellableArray(store, kNone);
  const Context context = Context::Create({.threads = 2, .chunk_cache_bytes = MiB(1)});
  const Array array = Array::Open(store, "", {.context = context}).OrDie();
  const auto first = [&] {
    uint16_t value = 99;
    ArrayReadOptions options;
    options.max_staleness = std::chrono::hours(1);
    array.Read(Box::FromSize({0, 0}, {1, 1}), Ref(&value, {1, 1}), options).OrDie();
    return value;
  };
  EXPECT_EQ(first(), 1);
  SetAt(*store, "c/0/0", "damaged");
  EXPECT_EQ(first(), 1);  // It is remembered.
  RepairArray(array, {.dry_run = true, .drop_damaged = true}).OrDie();
  EXPECT_EQ(first(), 1);
  EXPECT_THAT(Texts(RepairArray(array, {.drop_damaged = true}).OrDie(), *store),
              ElementsAre("done (delete) damaged c/0/0"));
  EXPECT_EQ(first(), 0);
}

TEST(RepairArray, ShallowReadsNoChunk) {
  const KvStorePtr store = NewStore();
  TellableArray(store, kShard);
  FlipAt(*store, "c/0/0", 13);
  SetAt(*store, "c/0/1", ValueAt(*store, "c/0/1").insert(48, "garbage"));
  int64_t chunk_reads = 0;
  const KvStorePtr traced = MakeTraceStore(store, [&](const TraceEvent& event) {
    if (event.operation == KvOperation::kReadInto) ++chunk_reads;
  });
  const RepairReport report =
      RepairArray(Array::Open(traced, "").OrDie(), {.dry_run = true, .deep = false}).OrDie();
  EXPECT_THAT(Texts(report, *store), ElementsAre("planned (rewrite) shard-shape c/0/1"));
  EXPECT_EQ(chunk_reads, 0);
}

TEST(RepairArray, DoesNothingWithoutConditions) {
  class Unconditional : public testing::ForwardingStore {
   public:
    explicit Unconditional(const KvStorePtr& base) : ForwardingStore(base), base_(base) {}
    Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                              WriteOptions options) override {
      options.if_equal = Generation::Unknown();
      return ForwardingStore::Write(std::move(key), std::move(value), std::move(options));
    }
    Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
      return base_->List(std::move(options));
    }
    Capabilities capabilities() const override {
      Capabilities can = ForwardingStore::capabilities();
      can.conditional_write = false;
      can.conditional_delete = false;
      return can;
    }

   private:
    const KvStorePtr base_;
  };
  const KvStorePtr base = NewStore();
  TellableArray(base, kShard);
  ShrinkAndDie(base, {3, 4});
  const auto values = AllValues(*base);
  const auto store = std::make_shared<Unconditional>(base);
  const RepairReport report = RepairArray(Array::Open(store, "").OrDie()).OrDie();
  EXPECT_EQ(report.num_left, 4);
  EXPECT_EQ(Texts(report, *base).front(),
            "left (the store has no conditional writes and deletes) beyond-edge c/0/0");
  EXPECT_EQ(AllValues(*base), values);
}

/// Acts once, just after the n-th operation of a kind on a key has been done; on a thread of its
/// own, for that of the operation is amid its callbacks.
KvStorePtr ActAfter(const KvStorePtr& base, KvOperation operation, const std::string& key, int n,
                    std::function<void()> act) {
  auto count = std::make_shared<std::atomic<int>>(n);
  return MakeTraceStore(base, [=](const TraceEvent& event) {
    if (event.operation == operation && event.key == key && count->fetch_sub(1) == 1)
      std::thread(act).join();
  });
}

/// Grows the array back to {8, 8} and writes `value` everywhere.
void GrowAndWrite(const KvStorePtr& store, uint16_t value) {
  Array array = Array::Open(store, "").OrDie();
  array.Resize({8, 8}).OrDie();
  const std::vector<uint16_t> values(64, value);
  array.Write(Box::Full({8, 8}), Ref(values.data(), {8, 8})).OrDie();
}

void ExpectAll(const KvStorePtr& store, uint16_t value) {
  const NdArray<uint16_t> values = Array::Open(store, "").OrDie().Read<uint16_t>({}).OrDie();
  ASSERT_EQ(values.shape(), Shape({8, 8}));
  for (int64_t i = 0; i < 64; ++i) ASSERT_EQ(values(i / 8, i % 8), value) << i;
}

TEST(RepairArray, AGrowerThatComesBetweenLosesNothing) {
  // Before the generations are taken, between judging by the old shape and reading the metadata
  // again, and between that and acting.
  for (const Shape& shard : {kNone, kShard}) {
    const std::string cut = shard.empty() ? "c/1/0" : "c/0/0";
    const std::string outside = shard.empty() ? "c/3/3" : "c/1/1";
    const KvOperation cut_read = shard.empty() ? KvOperation::kRead : KvOperation::kReadInto;
    const std::vector<std::tuple<KvOperation, std::string, int>> moments = {
        {KvOperation::kList, "", 1},          {KvOperation::kRead, outside, 1}, {cut_read, cut, 1},
        {KvOperation::kRead, "zarr.json", 2},  // The first was opening it.
        {KvOperation::kRead, "zarr.json", 3},
    };
    for (const auto& [operation, key, n] : moments) {
      SCOPED_TRACE(key + " " + std::to_string(n) + ToString(shard));
      const KvStorePtr base = NewStore();
      TellableArray(base, shard);
      ShrinkAndDie(base, {3, 8});
      bool acted = false;
      const KvStorePtr store = ActAfter(base, operation, key, n, [&] {
        acted = true;
        GrowAndWrite(base, 7);
      });
      const Result<RepairReport> report = RepairArray(Array::Open(store, "").OrDie());
      ASSERT_TRUE(acted);
      if (!report.ok()) {
        EXPECT_EQ(report.status().ToString(),
                  "Aborted: " + base->Describe("") +
                      ": the array's metadata was changed while it was repaired; repair again");
      }
      ExpectAll(base, 7);
      RepairArray(Array::Open(base, "").OrDie()).OrDie();
      ExpectAll(base, 7);
    }
  }
}

TEST(RepairArray, AWriterOfTheSameShardComesFirst) {
  // After inspecting (4 inner chunks) and after the first chunk was read for the new shard.
  for (const int n : {4, 5, 8}) {
    const KvStorePtr base = NewStore();
    TellableArray(base, kShard);
    SetAt(*base, "c/0/1", ValueAt(*base, "c/0/1").insert(48, "garbage"));
    const std::vector<uint16_t> values(4, 99);
    const KvStorePtr store = ActAfter(base, KvOperation::kReadInto, "c/0/1", n, [&] {
      Array::Open(base, "")
          .OrDie()
          .Write(Box::FromSize({0, 4}, {2, 2}), Ref(values.data(), {2, 2}))
          .OrDie();
    });
    const RepairReport report = RepairArray(Array::Open(store, "").OrDie()).OrDie();
    EXPECT_THAT(Texts(report, *base), IsEmpty()) << n;  // The writer has mended it.
    const NdArray<uint16_t> after = Array::Open(base, "").OrDie().Read<uint16_t>({}).OrDie();
    EXPECT_EQ(after(1, 5), 99);
    EXPECT_EQ(after(3, 7), 32);
  }
}

TEST(RepairArray, ADamagedChunkThatIsWrittenAnewIsNotDropped) {
  const KvStorePtr base = NewStore();
  TellableArray(base, kNone);
  FlipAt(*base, "c/0/0", 0);
  const std::vector<uint16_t> values(4, 99);
  // The metadata is read between judging and deleting.
  const KvStorePtr store = ActAfter(base, KvOperation::kRead, "zarr.json", 2, [&] {
    Array::Open(base, "")
        .OrDie()
        .Write(Box::FromSize({0, 0}, {2, 2}), Ref(values.data(), {2, 2}))
        .OrDie();
  });
  const RepairReport report =
      RepairArray(Array::Open(store, "").OrDie(), {.drop_damaged = true}).OrDie();
  EXPECT_THAT(Texts(report, *base), IsEmpty());
  EXPECT_EQ((Array::Open(base, "").OrDie().Read<uint16_t>({}).OrDie()(1, 1)), 99);
}

TEST(RepairArray, BesideWritersOnThreadsNothingIsLost) {
  const KvStorePtr store = NewStore();
  TellableArray(store, kShard);
  const Array array = Array::Open(store, "").OrDie();
  std::atomic<bool> writing{true};
  constexpr uint16_t kRounds = 60;
  std::thread writer([&] {
    for (uint16_t round = 1; round <= kRounds; ++round) {
      for (int64_t column = 0; column < 8; column += 2) {
        const std::vector<uint16_t> values(4, round);
        array.Write(Box::FromSize({0, column}, {2, 2}), Ref(values.data(), {2, 2})).OrDie();
      }
    }
    writing = false;
  });
  while (writing) {
    const Result<ReadResult> now = store->Read("c/0/1").Get();
    const std::string shard(now->value.text());
    // Sound, but out of shape; on a condition, so that this writer loses nothing either.
    store
        ->Write("c/0/1", Bytes::Copy(std::string(shard).insert(shard.size() - 68, "garbage")),
                {.if_equal = now->generation})
        .Get()
        .OrDie();
    const Status repaired =
        RepairArray(array, {.drop_damaged = true, .drop_foreign = true}).status();
    EXPECT_TRUE(repaired.ok() || repaired.code() == StatusCode::kAborted) << repaired;
  }
  writer.join();
  RepairArray(array).OrDie();
  EXPECT_THAT(Texts(VerifyArray(array, {.deep = true}).OrDie(), *store), IsEmpty());
  const NdArray<uint16_t> values = array.Read<uint16_t>({}).OrDie();
  for (int64_t column = 0; column < 8; ++column) {
    EXPECT_EQ(values(0, column), kRounds);
    EXPECT_EQ(values(2, column), 2 * 8 + column + 1);
  }
}

TEST(RepairArray, AnInterruptedOneIsCompletedByTheNext) {
  for (const Case& one : Cases()) {
    SCOPED_TRACE(one.name + ToString(one.shard));
    for (int64_t skip = 0;; ++skip) {
      const KvStorePtr base = NewStore();
      TellableArray(base, one.shard);
      one.damage(base);
      const auto readable = Readable(base);
      const auto faulty = MakeFaultStore(base);
      for (const KvOperation operation :
           {KvOperation::kWrite, KvOperation::kDelete, KvOperation::kCommit}) {
        faulty->Inject({.operation = operation, .skip = skip, .times = -1});
      }
      const bool completed = RepairArray(Array::Open(faulty, "").OrDie(), one.options).ok();
      EXPECT_EQ(completed, faulty->injected() == 0);
      ExpectKept(readable, base);
      const Array array = Array::Open(base, "").OrDie();
      EXPECT_EQ(RepairArray(array, one.options).OrDie().num_left, 0);
      ExpectKept(readable, base);
      EXPECT_THAT(Texts(VerifyArray(array, {.deep = true}).OrDie(), *base), IsEmpty());
      if (completed) break;
      ASSERT_LT(skip, 100);
    }
  }
}

TEST(RepairArray, CancelledItSaysSo) {
  const KvStorePtr store = NewStore();
  TellableArray(store, kShard);
  CancelSource cancel;
  cancel.Cancel();
  EXPECT_EQ(RepairArray(Array::Open(store, "").OrDie(), {.cancel = cancel.token()}).status().code(),
            StatusCode::kCancelled);
}

TEST(RepairArray, RemovesWhatTheDeadLeftAndNothingOfTheLiving) {
  const TempDir dir;
  const KvStorePtr store = OpenKvStore("file://" + dir.path() + "/a").OrDie();
  const Array array = TellableArray(store, kNone);
  std::ofstream(dir / "a/c/0/0.__lock") << "part";
  std::ofstream(dir / "a/c/0/1.__lock") << "part";
  const int living = open((dir / "a/c/0/1.__lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(living, 0);
  ASSERT_EQ(SystemFileOps::Get().TryLock(living), 0);
  EXPECT_THAT(Texts(RepairArray(array, {.dry_run = true}).OrDie(), *store),
              ElementsAre("planned (delete) debris c/0/0.__lock"));
  EXPECT_TRUE(std::filesystem::exists(dir / "a/c/0/0.__lock"));
  EXPECT_THAT(Texts(RepairArray(array).OrDie(), *store),
              ElementsAre("done (delete) debris c/0/0.__lock"));
  EXPECT_FALSE(std::filesystem::exists(dir / "a/c/0/0.__lock"));
  EXPECT_TRUE(std::filesystem::exists(dir / "a/c/0/1.__lock"));
  EXPECT_THAT(Texts(RepairArray(array).OrDie(), *store), IsEmpty());
  close(living);
}

TEST(RepairArray, LeavesWhatIsNoValue) {
  const TempDir dir;
  const KvStorePtr store = OpenKvStore("file://" + dir.path() + "/a").OrDie();
  const Array array = TellableArray(store, kNone);
  std::filesystem::remove(dir / "a/c/0/1");
  ASSERT_EQ(mkfifo((dir / "a/c/0/1").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo((dir / "a/pipe").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo((dir / "a/c/4").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo((dir / "a/c/3/9").c_str(), 0600), 0);
  const RepairReport report =
      RepairArray(array, {.drop_damaged = true, .drop_foreign = true}).OrDie();
  const std::string left = "left (it is no value that could be compared; delete it by hand) ";
  EXPECT_THAT(Texts(report, *store), ElementsAre(left + "damaged c/0/1", left + "outside c/3/9",
                                                 left + "foreign c/4", left + "foreign pipe"));
}

/// Some edit of some key, or a new key.
void DamageAnything(KvStore& store, std::mt19937_64& random) {
  const auto pick = [&](size_t below) { return static_cast<size_t>(random() % below); };
  std::vector<std::string> keys;
  for (const ListEntry& entry : ListAll(store).OrDie()) {
    if (entry.key != "zarr.json") keys.push_back(entry.key);
  }
  if (keys.empty() || pick(6) == 0) {
    const char* const names[] = {"c/7/7", "c/0/x", "note", "c/1/1/1", "a/b/zarr.json", "c/00/1"};
    SetAt(store, names[pick(std::size(names))], std::string(pick(40), 'x'));
    return;
  }
  const std::string key = keys[pick(keys.size())];
  std::string value = ValueAt(store, key);
  switch (pick(5)) {
    case 0:
      value.resize(pick(value.size() + 1));
      break;
    case 1:
      value.insert(pick(value.size() + 1), std::string(1 + pick(20), static_cast<char>(pick(256))));
      break;
    case 2:
      store.Write(key, std::nullopt).Get().OrDie();
      return;
    case 3:
      value = ValueAt(store, keys[pick(keys.size())]);
      break;
    default:
      if (!value.empty()) value[pick(value.size())] = static_cast<char>(pick(256));
  }
  SetAt(store, key, value);
}

TEST(RepairArray, RandomDamageCostsNothingThatIsSound) {
  for (uint64_t seed = 1; seed <= Soaked(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const KvStorePtr store = NewStore();
    TellableArray(store, seed % 2 == 0 ? kShard : kNone);
    if (seed % 5 == 0) ShrinkAndDie(store, {5, 7});
    for (uint64_t edits = 1 + random() % 6; edits > 0; --edits) DamageAnything(*store, random);
    const Array array = Array::Open(store, "").OrDie();
    const auto readable = Readable(store);
    const VerifyReport found = VerifyArray(array, {.deep = true}).OrDie();
    const RepairReport safe = RepairArray(array).OrDie();
    EXPECT_EQ(safe.num_left + safe.num_done, found.num_findings);
    ExpectKept(readable, store);
    EXPECT_EQ(RepairArray(array).OrDie().num_done, 0);
    RepairArray(array, {.drop_damaged = true, .drop_foreign = true}).OrDie();
    ExpectKept(readable, store);
    for (const std::string& text : Texts(VerifyArray(array, {.deep = true}).OrDie(), *store)) {
      EXPECT_THAT(text, ::testing::StartsWith("inner-node a/b/: "));
    }
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace coffer
