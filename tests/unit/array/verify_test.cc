// Goal: VerifyArray names every kind of damage, exactly, and nothing that is sound. Method: arrays
// whose bytes are known by hand (damage.h); one thing is done to each, and the whole report is
// compared.
#include "coffer/array/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "coffer/array/group.h"
#include "coffer/array/repair.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/array/damage.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using testing::EntriesOf;
using ::testing::IsEmpty;
using testing::NewStore;
using testing::SetAt;
using testing::ShrinkAndDie;
using testing::TellableArray;
using testing::TellableOptions;
using testing::Texts;
using testing::ValueAt;
using testing::WithEntries;

class Verify : public ::testing::Test {
 protected:
  std::vector<std::string> Found(const Shape& shard, bool deep) {
    const Array array = Array::Open(StoreOf(shard), "").OrDie();
    return Texts(VerifyArray(array, {.deep = deep}).OrDie(), *StoreOf(shard));
  }
  KvStorePtr& StoreOf(const Shape& shard) { return shard.empty() ? plain_ : sharded_; }
  std::string Shard() { return ValueAt(*sharded_, "c/0/1"); }
  void SetShard(std::string value) { SetAt(*sharded_, "c/0/1", std::move(value)); }

  static inline const Shape kShard = {4, 4};
  static inline const Shape kNone = {};
  KvStorePtr sharded_ = NewStore();
  KvStorePtr plain_ = NewStore();
  const Array sharded_array_ = TellableArray(sharded_, kShard);
  const Array plain_array_ = TellableArray(plain_, kNone);
};

TEST_F(Verify, FindsNothingInSoundArrays) {
  for (const Shape& shard : {kNone, kShard}) {
    EXPECT_THAT(Found(shard, false), IsEmpty());
    EXPECT_THAT(Found(shard, true), IsEmpty());
  }
}

TEST_F(Verify, WithoutAListEveryCellIsLookedFor) {
  SetAt(*plain_, "c/1/2", "short");
  SetAt(*plain_, "stray", "x");
  plain_->Write("c/0/0", std::nullopt).Get().OrDie();
  std::string shard = Shard();
  shard[3] = static_cast<char>(shard[3] ^ 16);
  SetShard(shard);
  for (const bool deep : {false, true}) {
    const KvStorePtr plain = std::make_shared<testing::UnlistedStore>(plain_);
    const KvStorePtr sharded = std::make_shared<testing::UnlistedStore>(sharded_);
    int64_t done = 0;
    VerifyOptions options{.deep = deep};
    options.on_progress = [&](int64_t now, int64_t all) {
      done = now;
      EXPECT_EQ(all, 16);
    };
    VerifyReport report = VerifyArray(Array::Open(plain, "").OrDie(), options).OrDie();
    EXPECT_THAT(Texts(report, *plain),
                ElementsAre("damaged c/1/2: DataLoss: stored size 5, a chunk has 12"));
    EXPECT_TRUE(report.unlisted);
    EXPECT_EQ(report.chunks_checked, deep ? 14 : 0);
    EXPECT_EQ(done, 16);
    report = VerifyArray(Array::Open(sharded, "").OrDie(), {.deep = deep}).OrDie();
    EXPECT_EQ(report.num_findings, deep ? 1 : 0);
    EXPECT_EQ(report.chunks_checked, deep ? 15 : 0);
    EXPECT_FALSE(VerifyArray(plain_array_, {.deep = deep}).OrDie().unlisted);
    EXPECT_EQ(RepairArray(Array::Open(plain, "").OrDie(), {.dry_run = true}).status().code(),
              StatusCode::kUnimplemented);
  }
}

TEST_F(Verify, ACutOrFlippedChunk) {
  std::string value = ValueAt(*plain_, "c/1/2");
  SetAt(*plain_, "c/1/2", value.substr(0, 11));
  const std::string cut = "damaged c/1/2: DataLoss: stored size 11, a chunk has 12";
  EXPECT_THAT(Found(kNone, false), ElementsAre(cut));
  EXPECT_THAT(Found(kNone, true), ElementsAre(cut));
  value[3] = static_cast<char>(value[3] ^ 16);
  SetAt(*plain_, "c/1/2", value);
  EXPECT_THAT(Found(kNone, false), IsEmpty());
  EXPECT_THAT(Found(kNone, true),
              ElementsAre(::testing::StartsWith("damaged c/1/2: DataLoss: codecs[1] (crc32c): ")));
}

TEST_F(Verify, FlippedInnerChunksAreOneFindingOfTheirShard) {
  std::string value = Shard();
  value[12] = static_cast<char>(value[12] ^ 1);
  SetShard(value);
  EXPECT_THAT(Found(kShard, false), IsEmpty());
  EXPECT_THAT(Found(kShard, true),
              ElementsAre(::testing::StartsWith("damaged c/0/1: DataLoss: inner chunk 1: ")));
  value[40] = static_cast<char>(value[40] ^ 1);
  SetShard(value);
  EXPECT_THAT(Found(kShard, true), ElementsAre(::testing::EndsWith(" (and 1 more of this shard)")));
}

TEST_F(Verify, AnIndexThatCannotBeRead) {
  const std::string value = Shard();
  SetShard(value.substr(0, 10));
  EXPECT_THAT(Found(kShard, false),
              ElementsAre("damaged c/0/1: DataLoss: a shard of 10 bytes is shorter than its index "
                          "of 68"));
  std::string flipped = value;
  flipped[60] = static_cast<char>(flipped[60] ^ 1);
  SetShard(flipped);
  EXPECT_THAT(Found(kShard, false),
              ElementsAre(::testing::StartsWith("damaged c/0/1: DataLoss: shard index: ")));
}

TEST_F(Verify, EntriesThatCannotBe) {
  auto entries = EntriesOf(Shard());
  entries[3].size += 4;
  SetShard(WithEntries(Shard(), entries));
  EXPECT_THAT(Found(kShard, false),
              ElementsAre("damaged c/0/1: DataLoss: shard index: inner chunk [1, 1] at offset 36, "
                          "size 16: inside the index of 68 bytes at the end"));
  // A sound chunk behind it is looked at all the same.
  entries[1] = {~uint64_t{0}, 12};
  SetShard(WithEntries(Shard(), entries));
  EXPECT_THAT(Found(kShard, true),
              ElementsAre("damaged c/0/1: DataLoss: shard index: inner chunk [0, 1] at offset "
                          "18446744073709551615, size 12: only one of them says that the chunk is "
                          "absent (and 1 more of this shard)"));
}

TEST_F(Verify, ShardsOutOfShape) {
  const std::string value = Shard();
  const auto entries = EntriesOf(value);
  SetShard(value.substr(0, 48) + "garbage" + value.substr(48));
  const std::string unused = "shard-shape c/0/1: shard: 7 bytes belong to no chunk";
  EXPECT_THAT(Found(kShard, false), ElementsAre(unused));
  EXPECT_THAT(Found(kShard, true), ElementsAre(unused));
  auto moved = entries;
  moved[1] = entries[0];
  SetShard(WithEntries(value, moved));
  EXPECT_THAT(Found(kShard, false),
              ElementsAre("shard-shape c/0/1: shard: 12 bytes belong to no chunk; 1 inner chunk "
                          "begins inside another"));
  // Another order is as good as any.
  auto turned = entries;
  std::swap(turned[0], turned[3]);
  SetShard(WithEntries(value, turned));
  EXPECT_THAT(Found(kShard, true), IsEmpty());
  // So is an absent chunk, but for the bytes it leaves.
  turned[2] = {~uint64_t{0}, ~uint64_t{0}};
  SetShard(WithEntries(value, turned));
  EXPECT_THAT(Found(kShard, true),
              ElementsAre("shard-shape c/0/1: shard: 12 bytes belong to no chunk"));
}

TEST_F(Verify, AnInterruptedShrink) {
  for (const Shape& shard : {kNone, kShard}) {
    ShrinkAndDie(StoreOf(shard), {3, 8});
    const std::string edge = ": beyond the edge: holds elements outside the array's shape";
    const std::string outside = ": orphan: a chunk outside the array's shape";
    std::vector<std::string> shallow;
    std::vector<std::string> deep;
    for (const std::string& row : shard.empty() ? std::vector<std::string>{"0", "1", "2", "3"}
                                                : std::vector<std::string>{"0", "1"}) {
      for (const std::string& column : shard.empty() ? std::vector<std::string>{"0", "1", "2", "3"}
                                                     : std::vector<std::string>{"0", "1"}) {
        const std::string key = "c/" + row + "/" + column;
        const bool is_outside = row >= (shard.empty() ? "2" : "1");
        const bool is_cut = !is_outside && row == (shard.empty() ? "1" : "0");
        if (is_outside) shallow.push_back("outside " + key + outside);
        if (is_outside) deep.push_back("outside " + key + outside);
        if (is_cut) deep.push_back("beyond-edge " + key + edge);
      }
    }
    EXPECT_EQ(Found(shard, false), shallow);
    EXPECT_EQ(Found(shard, true), deep);
  }
}

TEST_F(Verify, KeysOfNobodyAndOthersThingsInside) {
  SetAt(*plain_, "README", "x");
  SetAt(*plain_, "c/01/2", "x");
  TellableArray(MakePrefixStore(plain_, "inner/"), kNone);
  Group::Create(MakePrefixStore(plain_, "x/group/"), "").OrDie();
  EXPECT_THAT(Found(kNone, true),
              ElementsAre("foreign README: orphan: no key of this array's",
                          "foreign c/01/2: orphan: no key of this array's",
                          "inner-node inner/: orphan: an array, group or checkpoint inside an "
                          "array, 17 keys",
                          "inner-node x/group/: orphan: an array, group or checkpoint inside an "
                          "array, 1 key"));
}

TEST_F(Verify, WhatDeadWritersLeft) {
  const TempDir dir;
  const KvStorePtr store = OpenKvStore("file://" + dir.path() + "/a").OrDie();
  const Array array = TellableArray(store, kNone);
  std::ofstream(dir / "a/c/0/0.__lock") << "part";
  EXPECT_THAT(Texts(VerifyArray(array).OrDie(), *store),
              ElementsAre("debris c/0/0.__lock: debris: the lock of a writer, perhaps with a part "
                          "of its value; nobody holds it"));
  EXPECT_TRUE(std::filesystem::exists(dir / "a/c/0/0.__lock"));
}

TEST_F(Verify, WhatWasFoundBeforeAnErrorIsTold) {
  SetAt(*plain_, "README", "x");
  const auto faulty = MakeFaultStore(plain_);
  const Status denied(StatusCode::kPermissionDenied, "injected");
  faulty->Inject({.key_prefix = "c/1/", .times = -1, .status = denied});
  VerifyReport partial;
  EXPECT_EQ(VerifyArray(Array::Open(faulty, "").OrDie(), {.deep = true, .on_error = &partial})
                .status()
                .code(),
            StatusCode::kPermissionDenied);
  EXPECT_THAT(Texts(partial, *plain_),
              ElementsAre("foreign README: orphan: no key of this array's"));
}

TEST_F(Verify, TheListIsShortAndTheCountWhole) {
  for (int i = 0; i < 1005; ++i) SetAt(*plain_, "n" + std::to_string(i), "x");
  const VerifyReport report = VerifyArray(plain_array_).OrDie();
  EXPECT_EQ(report.findings.size(), 1000U);
  EXPECT_EQ(report.num_findings, 1005);
}

TEST(GroupSurvey, NodesAreListedOnceAndNoneInsideAnArray) {
  const KvStorePtr store = NewStore();
  Group group = Group::Create(store, "g/").OrDie();
  TellableArray(store, {}, "g/a/");
  TellableArray(store, {}, "g/sub/b/");
  TellableArray(MakePrefixStore(store, "g/a/inner/"), {});
  std::vector<std::string> names;
  const std::vector<NodeEntry> nodes = group.List(true).OrDie();
  for (const NodeEntry& node : nodes) names.push_back(node.name);
  EXPECT_THAT(names, ElementsAre("a", "sub", "sub/b"));
  EXPECT_EQ(group.FindStrays().OrDie().count, 0);
  // What cannot be read may have been a group: what is below it shows.
  SetAt(*store, "g/sub/zarr.json", "{");
  names.clear();
  for (const NodeEntry& node : group.List(true).OrDie()) names.push_back(node.name);
  EXPECT_THAT(names, ElementsAre("a", "sub", "sub/b"));
  EXPECT_EQ(group.FindStrays().OrDie().count, 0);
}

TEST(NothingInsideArrays, IsCreatedByName) {
  const TempDir dir;
  const std::string place = dir / "a";
  TellableArray(OpenKvStore(place).OrDie(), {});
  const std::string reason =
      ": inside the array at file://" + place + "/, where nothing else can stand";
  const std::string inner = place + "/x/y";
  EXPECT_EQ(Array::Create(inner, TellableOptions({})).status().ToString(),
            "FailedPrecondition: " + inner + reason);
  EXPECT_EQ(Array::OpenOrCreate(inner, TellableOptions({})).status().ToString(),
            "FailedPrecondition: " + inner + reason);
  EXPECT_EQ(Group::Create("file://" + inner).status().ToString(),
            "FailedPrecondition: file://" + inner + reason);
  // By another way to the same place; and beside it all is well.
  std::filesystem::create_directory_symlink(place, dir / "link");
  EXPECT_FALSE(Group::Create(dir / "link/x").ok());
  EXPECT_TRUE(Group::Create(place + "/../b").ok());
  EXPECT_FALSE(std::filesystem::exists(inner));
}

}  // namespace
}  // namespace coffer
