// Goal: a repair of a place takes nothing of anybody who makes or replaces things beside it, and
// cries no damage for it. Method: a store that lets the other one act exactly between two
// operations of the repair, or of the verifier.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/array/group.h"
#include "coffer/checkpoint/repair.h"
#include "coffer/kvstore/store_table.h"
#include "tests/unit/checkpoint/checkpoints.h"
#include "tests/unit/checkpoint/reports.h"
#include "tests/unit/checkpoint/stores.h"

namespace coffer {
namespace {

using coffer::testing::ActingAfter;
using coffer::testing::ExpectStored;
using coffer::testing::KeysOf;
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

}  // namespace
}  // namespace coffer
