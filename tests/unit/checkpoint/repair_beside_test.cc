// Goal: a repair of a place takes nothing of anybody who makes or replaces things beside it, and
// cries no damage for it. Method: a store that lets the other one act exactly between two
// operations of the repair, or of the verifier.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "coffer/array/group.h"
#include "coffer/checkpoint/repair.h"
#include "coffer/kvstore/store_table.h"
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
using coffer::testing::SetValue;
using coffer::testing::Small;
using coffer::testing::Texts;
using coffer::testing::ValueOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const RepairOptions kAll = {.drop_damaged = true, .drop_foreign = true, .drop_unfinished = true};

/// A context to which "test://x" is this store.
Context Opening(const KvStorePtr& store) {
  const Context context = Context::Create({.threads = 1});
  context.Get<StoreTable>()
      .Add({.name = "test",
            .schemes = {"test"},
            .open_url = [store](std::string_view, const Context&) { return store; }})
      .OrDie();
  return context;
}

class RepairBeside : public ::testing::Test {
 protected:
  RepairBeside() { Group::Create(store_, "").OrDie(); }
  void WriteArray(const std::string& prefix) {
    store_->DeleteRange(KeyRange::Prefix(prefix)).Get().OrDie();
    Array array = Array::Create(store_, prefix, {.shape = {4}, .chunk_shape = {2}}).OrDie();
    const std::vector<uint8_t> values = {1, 2, 3, 4};
    array.Write(Box::Full({4}), Ref(values.data(), {4})).OrDie();
  }

  const KvStorePtr store_ = MakeMemoryStore();
};

TEST_F(RepairBeside, AnArrayThatIsMadeOfForeignKeysIsKept) {
  SetValue(*store_, "a/c/0", "left by somebody");
  SetValue(*store_, "b/note", "x");
  // After the first look at the folder: it is no node yet.
  const KvStorePtr store =
      ActingAfter(store_, KvOperation::kRead, "b/zarr.json", [this] { WriteArray("a/"); });
  EXPECT_THAT(Texts(RepairPlace("test://x", kAll, Opening(store)).OrDie(), *store_),
              ElementsAre("done delete: foreign b/note"));
  EXPECT_EQ(KeysOf(*store_),
            (std::vector<std::string>{"a/c/0", "a/c/1", "a/zarr.json", "zarr.json"}));
}

TEST_F(RepairBeside, AGroupThatBecomesSomethingElseIsLeftAlone) {
  SetValue(*store_, "c/0", "left by somebody");
  const KvStorePtr store =
      ActingAfter(store_, KvOperation::kRead, "c/zarr.json", [this] { WriteArray(""); });
  EXPECT_THAT(Texts(RepairPlace("test://x", kAll, Opening(store)).OrDie(), *store_), IsEmpty());
  EXPECT_EQ(KeysOf(*store_), (std::vector<std::string>{"c/0", "c/1", "zarr.json"}));
}

TEST_F(RepairBeside, WhatOthersMakeInsideAnArrayOrCheckpointOfForeignKeysIsKept) {
  WriteArray("a/");
  checkpoint::Save(store_, "k/", Small(1)).OrDie();
  for (const std::string inner : {"a/in/", "k/in/"}) {
    SetValue(*store_, inner + "c/0", "left by somebody");
    const auto make = [&] {
      SetValue(*store_, inner + "zarr.json", ValueOf(*store_, "a/zarr.json"));
      SetValue(*store_, inner + "c/0", "12");
    };
    const KvStorePtr store = ActingAfter(store_, KvOperation::kRead, inner + "commit", make);
    EXPECT_THAT(Texts(RepairPlace("test://x", kAll, Opening(store)).OrDie(), *store_), IsEmpty());
    EXPECT_EQ(KeysOf(*store_, inner),
              (std::vector<std::string>{inner + "c/0", inner + "zarr.json"}));
    store_->DeleteRange(KeyRange::Prefix(inner)).Get().OrDie();
  }
}

TEST_F(RepairBeside, ACheckpointThatIsReplacedIsNotLost) {
  const Tree newer = Small(5);
  for (const std::string read : {"k/commit", "/checkpoint.json", "arrays/0/zarr.json"}) {
    for (const bool repair : {false, true}) {
      const std::string what = read + (repair ? " repair" : " verify");
      store_->DeleteRange(KeyRange::Prefix("k/")).Get().OrDie();
      checkpoint::Save(store_, "k/", Small(1)).OrDie();
      bool replaced = false;
      const auto replace = [&] {
        replaced = true;
        checkpoint::Save(store_, "k/", newer, {.overwrite = true}).OrDie();
      };
      const KvStorePtr store = ActingAfter(store_, KvOperation::kRead, read, replace);
      if (repair) {
        const Result<RepairReport> report = checkpoint::Repair(store, "k/");
        // Nothing was begun when the document was not there.
        const Status expected = read == "k/commit"
                                    ? Status()
                                    : AbortedError(store_->Describe("k/") +
                                                   ": the checkpoint was replaced meanwhile; "
                                                   "begin anew");
        EXPECT_EQ(report.status(), expected) << what;
      } else {
        const VerifyReport report = checkpoint::Verify(store, "k/", {.deep = true}).OrDie();
        EXPECT_EQ(report.num_findings, 0) << what;
        EXPECT_EQ(report.chunks_checked, 2) << what;
      }
      EXPECT_TRUE(replaced) << what;
      ExpectStored(store_, "k/", newer);
    }
  }
}

TEST_F(RepairBeside, WhatIsGoneSinceTheListingIsNoErrorOfTheGroup) {
  WriteArray("a/");
  WriteArray("b/");
  checkpoint::Save(store_, "k/", Small(1)).OrDie();
  SetValue(*store_, "b/c/9", "x");
  const auto remove = [this] {
    store_->DeleteRange(KeyRange::Prefix("a/")).Get().OrDie();
    store_->DeleteRange(KeyRange::Prefix("k/")).Get().OrDie();
  };
  // The survey's last look.
  const KvStorePtr store = ActingAfter(store_, KvOperation::kRead, "k/commit", remove);
  EXPECT_THAT(Texts(RepairPlace("test://x", kAll, Opening(store)).OrDie(), *store_),
              ElementsAre("done delete: outside b/c/9"));
}

TEST_F(RepairBeside, AnErrorOfOnePlaceIsOneFindingAndNoObstacle) {
  WriteArray("a/");
  WriteArray("b/");
  SetValue(*store_, "a/c/9", "x");
  SetValue(*store_, "b/c/9", "x");
  // Somebody changes a's metadata when it is repaired.
  const auto change = [this] {
    SetValue(*store_, "a/zarr.json", ValueOf(*store_, "a/zarr.json") + " ");
  };
  const KvStorePtr store = ActingAfter(store_, KvOperation::kRead, "a/c/9", change);
  const RepairReport report = RepairPlace("test://x", kAll, Opening(store)).OrDie();
  EXPECT_THAT(Texts(report, *store_),
              ElementsAre("left an error ended this one; begin anew with it alone: metadata a/",
                          "done delete: outside b/c/9"));
  EXPECT_EQ(report.items[0].finding.reason,
            "Aborted: " + store_->Describe("a/") +
                ": the array's metadata was changed while it was repaired; repair again");
}

TEST_F(RepairBeside, WhatWasDoneBeforeTheStoreFailedIsTold) {
  WriteArray("a/");
  WriteArray("b/");
  SetValue(*store_, "a/c/7", "x");
  SetValue(*store_, "a/c/8", "x");
  SetValue(*store_, "b/c/9", "x");
  const auto faulty = MakeFaultStore(store_);
  faulty->Inject({.operation = KvOperation::kDelete, .key_prefix = "a/c/8", .times = -1});
  RepairReport partial;
  RepairOptions options = kAll;
  options.on_error = &partial;
  EXPECT_EQ(RepairPlace("test://x", options, Opening(faulty)).status().code(),
            StatusCode::kUnavailable);
  EXPECT_THAT(Texts(partial, *store_), ElementsAre("done delete: outside a/c/7"));
  EXPECT_EQ(partial.num_done, 1);
}

TEST_F(RepairBeside, WhatWasFoundBeforeAnErrorIsTold) {
  for (const std::string prefix : {"a/", "b/"}) {
    WriteArray(prefix);
    SetValue(*store_, prefix + "note", "x");
  }
  const auto faulty = MakeFaultStore(store_);
  VerifyReport partial;
  const VerifyOptions options = {.deep = true, .on_error = &partial};
  // Of one place: one finding beside those that it had.
  const Status denied(StatusCode::kPermissionDenied, "injected");
  faulty->Inject({.key_prefix = "a/c/1", .times = -1, .status = denied});
  EXPECT_THAT(Kinds(VerifyPlace("test://x", options, Opening(faulty)).OrDie(), *store_),
              ElementsAre("metadata a/", "foreign a/note", "foreign b/note"));
  EXPECT_EQ(partial.num_findings, 0);
  // Of the store.
  faulty->Clear();
  faulty->Inject({.key_prefix = "b/c/1", .times = -1});
  EXPECT_EQ(VerifyPlace("test://x", options, Opening(faulty)).status().code(),
            StatusCode::kUnavailable);
  EXPECT_THAT(Kinds(partial, *store_), ElementsAre("foreign a/note", "foreign b/note"));
  checkpoint::Save(store_, "k/", Small(1)).OrDie();
  SetValue(*store_, "k/note", "x");
  faulty->Clear();
  faulty->Inject({.key_prefix = KeyEndingWith(*store_, "arrays/0/c.0.0"), .times = -1});
  EXPECT_EQ(checkpoint::Verify(faulty, "k/", options).status().code(), StatusCode::kUnavailable);
  EXPECT_THAT(Kinds(partial, *store_), ElementsAre("foreign k/note"));
}

TEST_F(RepairBeside, WhereNobodyMayLookIsOneFindingAndNoObstacle) {
  for (const std::string prefix : {"a/", "b/", "d/"}) {
    WriteArray(prefix);
    SetValue(*store_, prefix + "c/9", "x");
  }
  const Status denied(StatusCode::kPermissionDenied, "injected");
  const auto faulty = MakeFaultStore(store_);
  faulty->Inject({.key_prefix = "a/zarr.json", .times = -1, .status = denied});
  faulty->Inject({.key_prefix = "e/commit", .times = -1, .status = denied});
  SetValue(*store_, "e/key", "x");
  // Whether another format's array stands in a group's place.
  Group::Create(store_, "f/").OrDie();
  SetValue(*store_, "f/key", "x");
  faulty->Inject({.key_prefix = "f/.zarray", .times = -1, .status = denied});
  const RepairReport report = RepairPlace("test://x", kAll, Opening(faulty)).OrDie();
  const std::string one = "left an error ended this one; begin anew with it alone: metadata ";
  EXPECT_THAT(Texts(report, *store_),
              ElementsAre(one + "a/", "done delete: outside b/c/9", "done delete: outside d/c/9",
                          one + "e/",
                          "left " + store_->Describe("f/.zarray") + ": injected: foreign f/key"));
  EXPECT_EQ(ValueOf(*store_, "e/key"), "x");
  EXPECT_EQ(report.items[0].finding.reason,
            "PermissionDenied: " + store_->Describe("a/zarr.json") + ": injected");
  // Who lists the nodes is not told less.
  EXPECT_EQ(Group::Open(faulty, "").OrDie().List(true).status().code(),
            StatusCode::kPermissionDenied);
}

TEST_F(RepairBeside, DebrisThatNobodyMayLookAtIsLeft) {
  const auto faulty = MakeFaultStore(store_);
  faulty->Inject({.operation = KvOperation::kClearDebris,
                  .status = Status(StatusCode::kPermissionDenied, "injected")});
  const RepairReport report = RepairPlace("test://x", kAll, Opening(faulty)).OrDie();
  ASSERT_EQ(report.items.size(), 1);
  EXPECT_EQ(report.items[0].action, "not all of it may be looked at");
  EXPECT_EQ(report.items[0].finding.kind, FindingKind::kDebris);
}

TEST(RepairPartly, NoValueInAMarkersPlaceIsNoObstacle) {
  const TempDir dir;
  Group::Create(dir / "g").OrDie();
  const KvStorePtr store = OpenKvStore(dir / "g").OrDie();
  const std::string data = "k/data-0123456789abcdef/";
  SetValue(*store, data + "checkpoint.json", "x");
  SetValue(*store, "z/" + data.substr(2) + "checkpoint.json", "x");
  ASSERT_EQ(mkfifo((dir / "g/k/commit").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo((dir / "g/commit").c_str(), 0600), 0);
  const RepairOptions options = {.drop_unfinished = true};
  EXPECT_THAT(
      Texts(RepairPlace(dir / "g", options).OrDie(), *store),
      ElementsAre("left nobody knows whose it is (drop-foreign): foreign commit",
                  "left nobody knows whose it is (drop-foreign): foreign k/commit",
                  "left an error ended this one; begin anew with it alone: metadata " + data,
                  "done delete: unfinished z/" + data.substr(2)));
  EXPECT_THAT(Texts(RepairPlace(dir / "g/k", options).OrDie(), *store),
              ElementsAre("left without it nobody can tell what belongs to the checkpoint: "
                          "metadata k/"));
}

}  // namespace
}  // namespace coffer
