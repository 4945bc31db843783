// Goal: what an unfinished save wrote is named as that, and nothing else, wherever it is seen: by
// the place that it was for, by a group above, by its own name; it goes only if somebody vouches
// that no save is running; and a saver whose work was deleted publishes nothing. Method: savers
// that stop, or are overtaken by a repair, exactly between two operations, by faults and traces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "coffer/array/group.h"
#include "coffer/checkpoint/checkpoint.h"
#include "coffer/checkpoint/repair.h"
#include "coffer/kvstore/adapters.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/checkpoint/checkpoints.h"
#include "tests/unit/checkpoint/reports.h"
#include "tests/unit/checkpoint/stores.h"

namespace coffer {
namespace {

using coffer::testing::ActingAfter;
using coffer::testing::ExpectStored;
using coffer::testing::KeyEndingWith;
using coffer::testing::KeysOf;
using coffer::testing::Kinds;
using coffer::testing::LesserStore;
using coffer::testing::Remove;
using coffer::testing::SetValue;
using coffer::testing::Small;
using coffer::testing::Texts;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kMayLive = "left its saver may live (drop-unfinished): unfinished ";

KvStorePtr WithoutRenames(KvStorePtr base) {
  return std::make_shared<LesserStore>(std::move(base), LesserStore::Options{.rename = false});
}

/// The folder below which a save that did not finish wrote: "live.coffer-tmp-<id>/" or
/// "live/data-<id>/".
std::string FolderOf(KvStore& store, bool staged) {
  for (const std::string& key : KeysOf(store, staged ? "live.coffer-tmp-" : "live/data-")) {
    return key.substr(0, key.find('/', staged ? 0 : 5) + 1);
  }
  ADD_FAILURE() << "nothing unfinished is there";
  return "";
}

/// A group, and saves to "live" in it, which stage their work or write it in the place.
class Unfinished : public ::testing::TestWithParam<bool> {
 protected:
  Unfinished() {
    Group::Create(url_).OrDie();
    Array::Create(url_ + "/a", {.shape = {4}, .chunk_shape = {2}}).OrDie();
  }
  bool staged() const { return GetParam(); }
  KvStorePtr ForSaving(KvStorePtr store) const {
    return staged() ? std::move(store) : WithoutRenames(std::move(store));
  }
  /// As a save leaves the place that is killed before its last step.
  std::string DieSaving() {
    const auto faulty = MakeFaultStore(store_);
    faulty->Inject({.operation = KvOperation::kRenamePrefix, .times = -1});
    faulty->Inject({.operation = KvOperation::kWrite, .key_prefix = "live/commit", .times = -1});
    faulty->Inject({.operation = KvOperation::kDeleteRange, .times = -1});
    EXPECT_EQ(checkpoint::Save(ForSaving(faulty), "live/", tree_).code(), StatusCode::kUnavailable);
    return FolderOf(*store_, staged());
  }

  const Tree tree_ = Small(3);
  const TempDir dir_;
  const std::string url_ = dir_ / "g";
  const KvStorePtr store_ = OpenKvStore(url_).OrDie();
};
INSTANTIATE_TEST_SUITE_P(, Unfinished, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "Staged" : "InPlace"; });

TEST_P(Unfinished, ASweepOfForeignKeysBesideASaverCostsNothing) {
  std::vector<std::string> swept;
  std::string unfinished;
  const auto sweep = [&] {
    unfinished = FolderOf(*store_, staged());
    swept = Texts(RepairPlace(url_, {.drop_foreign = true}).OrDie(), *store_);
  };
  // The last that is written before the step that publishes.
  const KvStorePtr saving =
      ActingAfter(store_, KvOperation::kWrite, staged() ? "/commit" : "/checkpoint.json", sweep);
  EXPECT_EQ(checkpoint::Save(ForSaving(saving), "live/", tree_), Status());
  EXPECT_THAT(swept, ElementsAre(kMayLive + unfinished));
  ExpectStored(store_, "live/", tree_);
}

TEST_P(Unfinished, ASaverWhoseWorkWasDeletedPublishesNothing) {
  for (const std::string gone : {"/checkpoint.json", "/commit"}) {
    if (!staged() && gone == "/commit") continue;  // There it is what publishes.
    std::string key;
    const auto remove = [&] {
      for (const std::string& each : KeysOf(*store_, "live")) {
        if (each.ends_with(gone)) key = each;
      }
      Remove(*store_, key);
    };
    const KvStorePtr saving =
        ActingAfter(store_, KvOperation::kWrite, staged() ? "/commit" : "/checkpoint.json", remove);
    const std::string why = gone == "/commit" ? ": the marker is gone"
                                              : ": missing, but the checkpoint says it is there";
    const Status saved = checkpoint::Save(ForSaving(saving), "live/", tree_);
    EXPECT_EQ(saved, AbortedError(store_->Describe("live/") +
                                  ": not published, for what was written is not there any more: " +
                                  store_->Describe(key) + why));
    EXPECT_THAT(KeysOf(*store_, "live"), IsEmpty());
  }
}

TEST_P(Unfinished, IsNamedByTheGroupAndByThePlaceAndGoesWhenNobodySaves) {
  const std::string unfinished = DieSaving();
  const std::vector<std::string> keys = KeysOf(*store_);
  for (const std::string& place : {url_, url_ + "/live"}) {
    EXPECT_THAT(Kinds(VerifyPlace(place).OrDie(), *store_),
                ElementsAre("unfinished " + unfinished));
    const RepairOptions all_but = {.drop_damaged = true, .drop_foreign = true};
    EXPECT_THAT(Texts(RepairPlace(place, all_but).OrDie(), *store_),
                ElementsAre(kMayLive + unfinished));
    EXPECT_THAT(
        Texts(RepairPlace(place, {.dry_run = true, .drop_unfinished = true}).OrDie(), *store_),
        ElementsAre("planned delete: unfinished " + unfinished));
    EXPECT_EQ(KeysOf(*store_), keys);
    EXPECT_THAT(Texts(RepairPlace(place, {.drop_unfinished = true}).OrDie(), *store_),
                ElementsAre("done delete: unfinished " + unfinished));
    EXPECT_EQ(KeysOf(*store_), (std::vector<std::string>{"a/zarr.json", "zarr.json"}));
    for (const std::string& key : keys) {  // Once more, for the other place.
      if (key.starts_with("live")) SetValue(*store_, key, "x");
    }
  }
}

TEST_P(Unfinished, IsNamedByCheckpointFunctionsToo) {
  const std::string unfinished = DieSaving();
  EXPECT_THAT(Kinds(checkpoint::Verify(store_, "live/").OrDie(), *store_),
              ElementsAre("unfinished " + unfinished));
  EXPECT_THAT(
      Texts(checkpoint::Repair(store_, "live/", {.drop_unfinished = true}).OrDie(), *store_),
      ElementsAre("done delete: unfinished " + unfinished));
  EXPECT_EQ(checkpoint::Verify(store_, "live/").status(),
            NotFoundError(store_->Describe("live/") + ": no checkpoint: nothing is there"));
  EXPECT_EQ(VerifyPlace(url_ + "/live").status(),
            NotFoundError(url_ + "/live: no array, group or checkpoint is there"));
}

TEST_P(Unfinished, StaysIfSomethingElseIsInIt) {
  const std::string unfinished = DieSaving();
  const std::string document = KeyEndingWith(*store_, "/checkpoint.json");
  const std::string data = document.substr(0, document.rfind('/') + 1);
  const RepairOptions all = {.drop_damaged = true, .drop_foreign = true, .drop_unfinished = true};
  for (const std::string strange :
       {"thesis.txt", "zarr.jso", "arrays/zarr.json", "arrays/0/thesis.txt", "arrays/0/c/0/0",
        "arrays/0/c.0.", "arrays/0/c.00", "arrays/0/c.0x", "arrays/0/cc", "arrays/00/zarr.json",
        "arrays/x/zarr.json", "arrays/0/.zarray", "arrays/0/a/zarr.json"}) {
    SetValue(*store_, data + strange, "x");
    const std::vector<std::string> keys = KeysOf(*store_);
    EXPECT_THAT(
        Texts(RepairPlace(url_, all).OrDie(), *store_),
        ElementsAre("left it holds keys that no save writes; delete it by hand: unfinished " +
                    unfinished))
        << strange;
    EXPECT_EQ(KeysOf(*store_), keys) << strange;
    Remove(*store_, data + strange);
  }
  for (const std::string usual : {"arrays/7/c", "arrays/7/c.12.0", "arrays/10/zarr.json"}) {
    SetValue(*store_, data + usual, "x");
  }
  EXPECT_THAT(Texts(RepairPlace(url_, all).OrDie(), *store_),
              ElementsAre("done delete: unfinished " + unfinished));
}

TEST(UnfinishedPlace, AStagingByItsOwnName) {
  const TempDir dir;
  const KvStorePtr store = MakeFileStore(dir.path(), {.sync = false}).OrDie();
  const std::string staging = "live.coffer-tmp-0123456789abcdef/";
  SetValue(*store, staging + "data-0123456789abcdef/checkpoint.json", "x");
  EXPECT_THAT(Kinds(VerifyPlace(dir / staging).OrDie(), *store),
              ElementsAre("unfinished " + staging));
}

TEST(UnfinishedPlace, AnArrayOfSomebodyWhoUsesSuchANameIsLeft) {
  const TempDir dir;
  Group::Create(dir / "g").OrDie();
  const std::string name = "data-0123456789abcdef";
  Array array = Array::Create(dir / "g/" + name, {.shape = {2}, .chunk_shape = {2}}).OrDie();
  const std::vector<uint8_t> values = {1, 2};
  array.Write(Box::Full({2}), Ref(values.data(), {2})).OrDie();
  const KvStorePtr store = OpenKvStore(dir / "g").OrDie();
  const std::vector<std::string> keys = KeysOf(*store);
  const RepairOptions all = {.drop_damaged = true, .drop_foreign = true, .drop_unfinished = true};
  RepairPlace(dir / "g", all).OrDie();
  EXPECT_EQ(KeysOf(*store), keys);
}

TEST(UnfinishedPlace, OneThatIsPublishedMeanwhileIsKept) {
  // A save in the place, which is published between the look and the deleting.
  const KvStorePtr memory = MakeMemoryStore();
  checkpoint::Save(WithoutRenames(memory), "other/", Small(1)).OrDie();
  const std::string marker = coffer::testing::ValueOf(*memory, "other/commit");
  ASSERT_EQ(memory->RenamePrefix("other/", "live/").Get(), Status());
  Remove(*memory, "live/commit");
  bool published = false;
  const KvStorePtr traced = MakeTraceStore(memory, [&](const TraceEvent& event) {
    if (event.operation != KvOperation::kList || published) return;
    published = true;
    std::thread([&] { SetValue(*memory, "live/commit", marker); }).join();
  });
  EXPECT_EQ(checkpoint::Repair(traced, "live/", {.drop_unfinished = true}).status(),
            AbortedError(memory->Describe("live/") +
                         ": the checkpoint was replaced meanwhile; begin anew"));
  ExpectStored(memory, "live/", Small(1));
}

}  // namespace
}  // namespace coffer
