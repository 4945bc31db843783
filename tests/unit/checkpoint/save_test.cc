// Goal: a save is all or nothing, whatever fails, whoever else saves, and whatever the store can
// do. Method: saves into memory and file stores with and without renames; every mutating operation
// failed in turn (with and without effect), after which the place holds no checkpoint or a complete
// one and the next save works; savers racing for one place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <thread>

#include "coffer/array/group.h"
#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "src/base/mutex.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/checkpoint/checkpoints.h"
#include "tests/unit/checkpoint/stores.h"
#include "tests/unit/checkpoint/trees.h"

namespace coffer {
namespace {

using coffer::testing::Difference;
using coffer::testing::ExpectStored;
using coffer::testing::KeysOf;
using coffer::testing::Lesser;
using coffer::testing::LesserStore;
using coffer::testing::Sample;
using coffer::testing::SetValue;
using coffer::testing::Small;
using coffer::testing::ValueOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Whether something may stay after a failure: never below the place what a reader could take for
/// a checkpoint.
void ExpectNothingAt(const KvStorePtr& store, const std::string& prefix) {
  EXPECT_EQ(checkpoint::IsCheckpoint(store, prefix).OrDie(), false);
  EXPECT_EQ(checkpoint::Restore(store, prefix).status().code(), StatusCode::kNotFound);
}

TEST(Save, LaysOutOneDirectoryPerArrayAndTwoDocuments) {
  const KvStorePtr store = MakeMemoryStore();
  ASSERT_EQ(checkpoint::Save(store, "run/7/", Small(1)), Status());
  std::vector<std::string> keys = KeysOf(*store);
  std::string data;
  for (std::string& key : keys) {
    const size_t at = key.find("data-");
    if (at == std::string::npos) continue;
    data = key.substr(at, 21);
    key.replace(at, 21, "data");
  }
  EXPECT_THAT(keys, ElementsAre("run/7/commit", "run/7/data/arrays/0/c.0.0",
                                "run/7/data/arrays/0/zarr.json", "run/7/data/arrays/1/c.0",
                                "run/7/data/arrays/1/zarr.json", "run/7/data/checkpoint.json"));
  EXPECT_THAT(ValueOf(*store, "run/7/commit"), HasSubstr(data));
  ExpectStored(store, "run/7/", Small(1));
}

TEST(Save, AtTheRootOfAStore) {
  const KvStorePtr store = MakeMemoryStore();
  ASSERT_EQ(checkpoint::Save(store, "", Small(1)), Status());
  ExpectStored(store, "", Small(1));
  EXPECT_EQ(checkpoint::Save(store, "", Small(2)).code(), StatusCode::kAlreadyExists);
}

TEST(Save, RefusesAPlaceThatIsTaken) {
  const KvStorePtr store = MakeMemoryStore();
  ASSERT_EQ(checkpoint::Save(store, "c/", Small(1)), Status());
  EXPECT_EQ(checkpoint::Save(store, "c/", Small(2)),
            AlreadyExistsError(store->Describe("c/") + ": a checkpoint is there already"));
  Array::Create(store, "a/", {.shape = {2}}).OrDie();
  const Status taken = AlreadyExistsError(store->Describe("a/") +
                                          ": something that is no checkpoint is there already");
  EXPECT_EQ(checkpoint::Save(store, "a/", Small(2)), taken);
  EXPECT_EQ(checkpoint::Save(store, "a/", Small(2), {.overwrite = true}), taken);
  SetValue(*store, "v", "value");
  EXPECT_EQ(
      checkpoint::Save(store, "v/", Small(2)),
      AlreadyExistsError(store->Describe("v/") + ": a value that is no checkpoint has this name"));
  ExpectStored(store, "c/", Small(1));
}

TEST(Save, RefusesBadArguments) {
  const KvStorePtr store = MakeMemoryStore();
  EXPECT_EQ(checkpoint::Save(store, "c", Small(1)),
            InvalidArgumentError("the prefix \"c\" must be empty or end with \"/\""));
  EXPECT_EQ(checkpoint::Save(store, "c/", Small(1), {.chunk_bytes = 0}),
            InvalidArgumentError("chunk_bytes must be from 1 to 2^40, not 0"));
  EXPECT_EQ(checkpoint::Save(store, "c/", Small(1), {.shard_bytes = -1}),
            InvalidArgumentError("shard_bytes must be from 0 to 2^40, not -1"));
  const std::string temporary = "c.coffer-tmp-0123456789abcdef/";
  EXPECT_EQ(checkpoint::Save(store, temporary, Small(1)),
            InvalidArgumentError(store->Describe(temporary) +
                                 ": names like this are for unfinished saves"));
  EXPECT_EQ(checkpoint::Save(store, "c/", Tree("\xff")).code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(KeysOf(*store), IsEmpty());
}

TEST(Save, OverwriteReplacesAndLeavesNothingOfTheOld) {
  for (const bool rename : {true, false}) {
    const auto store = Lesser({.rename = rename});
    ASSERT_EQ(checkpoint::Save(store, "c/", Small(1), {.overwrite = true}), Status());
    const size_t count = KeysOf(*store).size();
    ASSERT_EQ(checkpoint::Save(store, "c/", Small(2), {.overwrite = true}), Status());
    ExpectStored(store, "c/", Small(2));
    EXPECT_EQ(KeysOf(*store).size(), count);
    EXPECT_EQ(checkpoint::Verify(store, "c/", {.deep = true}).OrDie().num_findings, 0);
  }
}

TEST(Save, AFailedOverwriteLeavesTheOld) {
  const auto store = Lesser({});
  ASSERT_EQ(checkpoint::Save(store, "c/", Small(1)), Status());
  const std::vector<std::string> keys = KeysOf(*store);
  EXPECT_EQ(checkpoint::Save(store, "c/", Tree("\xff"), {.overwrite = true}).code(),
            StatusCode::kInvalidArgument);
  CancelSource cancel;
  cancel.Cancel();
  EXPECT_EQ(
      checkpoint::Save(store, "c/", Small(2), {.overwrite = true, .cancel = cancel.token()}).code(),
      StatusCode::kCancelled);
  EXPECT_EQ(KeysOf(*store), keys);
  ExpectStored(store, "c/", Small(1));
}

TEST(Save, NeedsRenamesOrConditionalWrites) {
  const auto neither = Lesser({.rename = false, .conditional_write = false});
  EXPECT_EQ(checkpoint::Save(neither, "c/", Small(1)),
            FailedPreconditionError(neither->Describe("c/") +
                                    ": a checkpoint needs renames or conditional writes, which "
                                    "this store lacks"));
  const auto renames = Lesser({.conditional_write = false});
  ASSERT_EQ(checkpoint::Save(renames, "c/", Small(1)), Status());
  ExpectStored(renames, "c/", Small(1));
  EXPECT_EQ(checkpoint::Save(renames, "c/", Small(2), {.overwrite = true}),
            FailedPreconditionError(renames->Describe("c/") +
                                    ": replacing a checkpoint needs conditional writes, which "
                                    "this store lacks"));
}

TEST(Save, WithoutRenamesWritesTheMarkerLast) {
  const KvStorePtr memory = MakeMemoryStore();
  std::vector<std::string> written;
  Mutex mutex;
  const KvStorePtr traced = MakeTraceStore(memory, [&](const TraceEvent& event) {
    MutexLock lock(mutex);
    if (event.operation == KvOperation::kWrite || event.operation == KvOperation::kCommit ||
        event.operation == KvOperation::kRenamePrefix) {
      written.push_back(event.key);
    }
  });
  ASSERT_EQ(
      checkpoint::Save(std::make_shared<LesserStore>(traced, LesserStore::Options{.rename = false}),
                       "c/", Small(1)),
      Status());
  ASSERT_EQ(written.size(), 6U);
  EXPECT_EQ(written[5], "c/commit");
  EXPECT_THAT(written[4], HasSubstr("/checkpoint.json"));
}

TEST(Save, StagesBesideThePlaceWhereTheStoreRenames) {
  const KvStorePtr memory = MakeMemoryStore();
  std::atomic<int> at_place{0};
  std::atomic<int> renames{0};
  const KvStorePtr traced = MakeTraceStore(memory, [&](const TraceEvent& event) {
    const bool write =
        event.operation == KvOperation::kWrite || event.operation == KvOperation::kCommit;
    if (write && event.key.starts_with("c/")) ++at_place;
    if (event.operation == KvOperation::kRenamePrefix) ++renames;
  });
  ASSERT_EQ(checkpoint::Save(traced, "c/", Small(1)), Status());
  EXPECT_EQ(at_place, 0);
  EXPECT_EQ(renames, 1);
  ExpectStored(memory, "c/", Small(1));
}

/// Fails the n-th mutating operation and all after it, for every n: as if the saver had died there,
/// except that it is told.
void FailEveryMutation(LesserStore::Options options, bool overwrite, bool after) {
  const Tree old = Small(1), fresh = Small(7);
  for (int64_t n = 0;; ++n) {
    const auto store = Lesser(options);
    if (overwrite) {
      ASSERT_EQ(checkpoint::Save(store, "c/", old), Status());
    }
    const int64_t before = store->mutations();
    store->FailFrom(n, after);
    const Status status = checkpoint::Save(store, "c/", fresh, {.overwrite = overwrite});
    const int64_t used = store->mutations() - before;
    store->FailFrom(-1);
    const Result<Tree> there = checkpoint::Restore(store, "c/");
    if (status.ok()) {
      ASSERT_TRUE(there.ok()) << n << there.status();
      EXPECT_EQ(Difference(fresh, *there), "") << n;
      if (used <= n) return;  // Nothing failed: every n has been seen.
      continue;               // What failed was only the deletion of the old one.
    }
    if (there.ok()) {  // The old one, or (outcome unknown) the new one: whole in either case.
      const bool is_fresh = Difference(fresh, *there).empty();
      EXPECT_TRUE(is_fresh || (overwrite && Difference(old, *there).empty())) << n;
      if (is_fresh) {
        EXPECT_TRUE(after) << n;
        EXPECT_THAT(std::string(status.message()),
                    HasSubstr("the checkpoint is there, but perhaps not durable"))
            << n;
      }
    } else {
      EXPECT_FALSE(overwrite) << n;
      EXPECT_EQ(there.status().code(), StatusCode::kNotFound) << n << there.status();
    }
    ASSERT_EQ(checkpoint::Save(store, "c/", fresh, {.overwrite = overwrite || there.ok()}),
              Status())
        << n;
    ExpectStored(store, "c/", fresh);
    ASSERT_LT(n, 100);
  }
}

TEST(Save, EveryFailureIsAllOrNothingWithRenames) {
  FailEveryMutation({}, false, false);
  FailEveryMutation({}, false, true);
}

TEST(Save, EveryFailureIsAllOrNothingWithoutRenames) {
  FailEveryMutation({.rename = false}, false, false);
  FailEveryMutation({.rename = false}, false, true);
  FailEveryMutation({.rename = false, .local = false}, false, true);
}

TEST(Save, EveryFailureKeepsTheOldOrGivesTheNewWhenOverwriting) {
  FailEveryMutation({}, true, false);
  FailEveryMutation({}, true, true);
  FailEveryMutation({.rename = false}, true, true);
}

TEST(Save, AfterAFailureNothingOfItStays) {
  for (const bool rename : {true, false}) {
    const KvStorePtr memory = MakeMemoryStore();
    const auto faulty = MakeFaultStore(memory);
    const auto store =
        std::make_shared<LesserStore>(faulty, LesserStore::Options{.rename = rename});
    for (int64_t n = 0; n < 6; ++n) {
      faulty->Clear();
      faulty->Inject({.operation = KvOperation::kWrite,
                      .skip = n,
                      .status = PermissionDeniedError("injected")});
      const Status status = checkpoint::Save(store, "c/", Small(1));
      EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << n << status;
      EXPECT_THAT(KeysOf(*memory), IsEmpty()) << n;
    }
  }
}

TEST(Save, ALostAnswerToTheMarkerIsMadeGood) {
  const KvStorePtr memory = MakeMemoryStore();
  const auto faulty = MakeFaultStore(memory);
  const auto store = std::make_shared<LesserStore>(faulty, LesserStore::Options{.rename = false});
  faulty->Inject({.operation = KvOperation::kWrite, .key_prefix = "c/commit", .after = true});
  EXPECT_EQ(checkpoint::Save(store, "c/", Small(1)), Status());
  EXPECT_EQ(faulty->injected(), 1);
  ExpectStored(memory, "c/", Small(1));
  faulty->Inject(
      {.operation = KvOperation::kWrite, .key_prefix = "c/commit", .times = 2, .after = true});
  const Status unknown = checkpoint::Save(store, "c/", Small(2), {.overwrite = true});
  EXPECT_EQ(unknown.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(unknown.message()),
              HasSubstr("the checkpoint is there, but perhaps not durable"));
  ExpectStored(memory, "c/", Small(2));
}

TEST(Save, ARenameThatFailedAndTookEffectIsSaid) {
  const KvStorePtr memory = MakeMemoryStore();
  const auto faulty = MakeFaultStore(memory);
  faulty->Inject({.operation = KvOperation::kRenamePrefix, .after = true});
  const Status unknown = checkpoint::Save(faulty, "c/", Small(1));
  EXPECT_EQ(unknown.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(unknown.message()),
              HasSubstr("the checkpoint is there, but perhaps not durable"));
  ExpectStored(memory, "c/", Small(1));
  faulty->Inject({.operation = KvOperation::kRenamePrefix});
  const Status nothing = checkpoint::Save(faulty, "d/", Small(1));
  EXPECT_EQ(nothing.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(nothing.message()), ::testing::Not(HasSubstr("the checkpoint is there")));
  ExpectNothingAt(memory, "d/");
}

TEST(Save, ErrorsNameTheLeaf) {
  const auto faulty = MakeFaultStore(MakeMemoryStore());
  faulty->Inject({.operation = KvOperation::kWrite, .status = ResourceExhaustedError("disk full")});
  const Status status =
      checkpoint::Save(faulty, "c/", Tree::Dict().Set("m", Tree::List().Append(Small(1))));
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("at m/0/"));
}

TEST(Save, DebrisOfAKilledSaverIsNoCheckpointAndNoObstacle) {
  for (const bool rename : {true, false}) {
    const auto store = Lesser({.rename = rename});
    store->FailFrom(5);
    ASSERT_FALSE(checkpoint::Save(store, "c/", Small(1)).ok());
    store->FailFrom(-1);
    const std::vector<std::string> debris = KeysOf(*store);
    ASSERT_FALSE(debris.empty());
    ExpectNothingAt(store, "c/");
    const std::string staging = debris[0].substr(0, debris[0].find('/') + 1);
    if (rename) {
      EXPECT_EQ(checkpoint::Restore(store, staging).status(),
                NotFoundError(store->Describe(staging) + ": an unfinished save, not a checkpoint"));
    }
    ASSERT_EQ(checkpoint::Save(store, "c/", Small(2)), Status());
    ExpectStored(store, "c/", Small(2));
  }
}

TEST(Save, AFinishedButUnpublishedStagingIsNoCheckpoint) {
  const KvStorePtr memory = MakeMemoryStore();
  const auto faulty = MakeFaultStore(memory);
  faulty->Inject({.operation = KvOperation::kRenamePrefix});
  faulty->Inject({.operation = KvOperation::kDeleteRange});
  ASSERT_EQ(checkpoint::Save(faulty, "c/", Small(1)).code(), StatusCode::kUnavailable);
  const std::string first = KeysOf(*memory).at(0);
  ASSERT_THAT(first, HasSubstr(".coffer-tmp-"));
  ASSERT_THAT(first, ::testing::EndsWith("/commit"));
  const std::string staging = first.substr(0, first.find('/') + 1);
  EXPECT_EQ(checkpoint::IsCheckpoint(memory, staging).OrDie(), false);
  EXPECT_EQ(checkpoint::Restore(memory, staging).status().code(), StatusCode::kNotFound);
}

void RaceForOnePlace(const KvStorePtr& store) {
  constexpr uint32_t kSavers = 4;
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const std::string prefix = "c" + std::to_string(round) + "/";
    std::vector<Status> outcomes(kSavers);
    std::vector<std::thread> savers;
    for (uint32_t i = 0; i < kSavers; ++i) {
      savers.emplace_back(
          [&, i] { outcomes[i] = checkpoint::Save(store, prefix, Small(10 * i + 1)); });
    }
    for (std::thread& saver : savers) saver.join();
    int winner = -1;
    for (uint32_t i = 0; i < kSavers; ++i) {
      if (outcomes[i].ok()) {
        EXPECT_EQ(winner, -1) << "two winners";
        winner = static_cast<int>(i);
      } else {
        EXPECT_EQ(outcomes[i].code(), StatusCode::kAlreadyExists) << outcomes[i];
      }
    }
    ASSERT_NE(winner, -1) << outcomes[0];
    ExpectStored(store, prefix, Small(static_cast<uint32_t>(10 * winner + 1)));
    EXPECT_EQ(checkpoint::Verify(store, prefix).OrDie().num_findings, 0);
  }
  for (const std::string& key : KeysOf(*store)) EXPECT_EQ(key.find(".coffer-tmp-"), key.npos);
}

TEST(Save, OfManySaversOneWinsByRename) { RaceForOnePlace(MakeMemoryStore()); }

TEST(Save, OfManySaversOneWinsByTheMarker) { RaceForOnePlace(Lesser({.rename = false})); }

TEST(Save, OfManySaversOneWinsInFiles) {
  const TempDir dir;
  RaceForOnePlace(MakeFileStore(dir.path(), {.sync = false}).OrDie());
}

TEST(Save, OfManyOverwritersOneAtATimeWins) {
  const auto store = Lesser({});
  ASSERT_EQ(checkpoint::Save(store, "c/", Small(1)), Status());
  std::vector<Status> outcomes(4);
  std::vector<std::thread> savers;
  for (uint32_t i = 0; i < 4; ++i) {
    savers.emplace_back([&, i] {
      outcomes[i] = checkpoint::Save(store, "c/", Small(10 * i + 1), {.overwrite = true});
    });
  }
  for (std::thread& saver : savers) saver.join();
  int winners = 0;
  for (const Status& status : outcomes) {
    winners += status.ok() ? 1 : 0;
    EXPECT_TRUE(status.ok() || status.code() == StatusCode::kAborted) << status;
  }
  EXPECT_GE(winners, 1);
  EXPECT_EQ(checkpoint::Verify(store, "c/", {.deep = true}).OrDie().num_findings, 0);
}

TEST(Save, ThroughAStoreThatAnswersLater) {
  const KvStorePtr slow =
      MakeLatencyStore(MakeMemoryStore(), {.per_request = std::chrono::microseconds(50)});
  ASSERT_EQ(checkpoint::Save(slow, "c/", Small(3)), Status());
  ExpectStored(slow, "c/", Small(3));
  const KvStorePtr prefixed = MakePrefixStore(slow, "sub/");
  ASSERT_EQ(checkpoint::Save(prefixed, "c/", Small(4)), Status());
  ExpectStored(slow, "sub/c/", Small(4));
}

TEST(Save, CancelledWhileWritingLeavesNothing) {
  const KvStorePtr store = MakeMemoryStore();
  CancelSource cancel;
  checkpoint::SaveOptions options;
  options.cancel = cancel.token();
  options.on_progress = [&](int64_t, int64_t) { cancel.Cancel(); };
  Tree tree = Tree::List();
  for (uint32_t i = 0; i < 50; ++i) tree.Append(Sample(DataType::kUint8, {100}, i));
  EXPECT_EQ(checkpoint::Save(store, "c/", tree, options).code(), StatusCode::kCancelled);
  EXPECT_THAT(KeysOf(*store), IsEmpty());
}

TEST(Save, ProgressCountsEveryByteOnceInOrder) {
  const KvStorePtr store = MakeMemoryStore();
  Tree tree = Tree::List();
  for (uint32_t i = 0; i < 20; ++i) tree.Append(Sample(DataType::kInt32, {10, i}, i));
  const int64_t all = 4 * 10 * 190;
  std::vector<int64_t> seen;
  const auto watch = [&](int64_t done, int64_t of) {
    EXPECT_EQ(of, all);
    seen.push_back(done);
  };
  ASSERT_EQ(checkpoint::Save(store, "c/", tree, {.on_progress = watch}), Status());
  ASSERT_FALSE(seen.empty());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), all);
  seen.clear();
  ASSERT_TRUE(checkpoint::Restore(store, "c/", {.on_progress = watch}).ok());
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(seen.back(), all);
}

TEST(Save, OnEveryWorkerOfAPool) {
  const Context context = Context::Create({.threads = 2});
  const KvStorePtr store = MakeMemoryStore(context);
  const Tree tree = Tree::List()
                        .Append(Sample(DataType::kUint8, {64, 1000}, 1))
                        .Append(Sample(DataType::kUint8, {64, 1000}, 2));
  std::barrier both(2);  // No worker is left but those that save.
  std::vector<Future<void>> saves;
  for (const std::string& prefix : {std::string("a/"), std::string("b/")}) {
    saves.push_back(Spawn(context.shared_executor(), [&, prefix]() -> Status {
      checkpoint::SaveOptions options;
      options.chunk_bytes = 1000;
      options.shard_bytes = 0;
      options.context = context;
      both.arrive_and_wait();
      COFFER_RETURN_IF_ERROR(checkpoint::Save(store, prefix, tree, options));
      both.arrive_and_wait();
      return checkpoint::Restore(store, prefix, {.context = context}).status();
    }));
  }
  for (const Future<void>& saved : saves) EXPECT_EQ(saved.Get(), Status());
  ExpectStored(store, "a/", tree);
}

/// Writes a marker, and says that the condition was not met, as whoever repeats a write does whose
/// first answer a proxy has lost.
class SaysThatOthersWere : public LesserStore {
 public:
  explicit SaysThatOthersWere(const KvStorePtr& base)
      : LesserStore(base, {.rename = false, .local = false}) {}
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    const bool marker = key.ends_with("/commit");
    Future<WriteResult> written = LesserStore::Write(key, std::move(value), options);
    if (!marker) return written;
    written.Wait();
    return Future<WriteResult>::Ready(WriteResult{WriteResult::State::kConditionNotMet, {}});
  }
};

TEST(Save, NothingThatAMarkerNamesIsDeletedWhateverTheStoreSays) {
  const KvStorePtr base = MakeMemoryStore();
  const auto store = std::make_shared<SaysThatOthersWere>(base);
  EXPECT_EQ(checkpoint::Save(store, "a/", Small(1)), Status());
  ExpectStored(base, "a/", Small(1));
  EXPECT_EQ(checkpoint::Save(store, "a/", Small(2), {.overwrite = true}), Status());
  ExpectStored(base, "a/", Small(2));
  EXPECT_EQ(checkpoint::Save(store, "a/", Small(3)).code(), StatusCode::kAlreadyExists);
  ExpectStored(base, "a/", Small(2));
}

}  // namespace
}  // namespace coffer
