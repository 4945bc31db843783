// Goal: repairing a checkpoint removes what is no part of it as far as nobody can miss it, and
// never costs it anything; a group is verified and repaired with all below it, checkpoints
// included, each once; nothing is made inside checkpoints. Method: a checkpoint of known layout,
// one thing at a time done to it; what is found, planned and done compared as a whole.
#include "coffer/checkpoint/repair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "coffer/array/group.h"
#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/checkpoint/checkpoints.h"
#include "tests/unit/checkpoint/reports.h"
#include "tests/unit/checkpoint/stores.h"

namespace coffer {
namespace {

using coffer::testing::Difference;
using coffer::testing::ExpectStored;
using coffer::testing::KeyEndingWith;
using coffer::testing::KeysOf;
using coffer::testing::Kinds;
using coffer::testing::Remove;
using coffer::testing::SetValue;
using coffer::testing::Small;
using coffer::testing::StoreWith;
using coffer::testing::Texts;
using coffer::testing::ValueOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kData = "data-0123456789abcdef/";
const std::string kStaging = "c.coffer-tmp-0123456789abcdef/";

class RepairCheckpoint : public ::testing::Test {
 protected:
  std::vector<std::string> Repaired(const RepairOptions& options = {}) {
    return Texts(checkpoint::Repair(store_, "c/", options).OrDie(), *store_);
  }
  std::vector<std::string> Found() {
    return Kinds(checkpoint::Verify(store_, "c/", {.deep = true}).OrDie(), *store_);
  }
  void LeaveUnfinishedSaves() {
    SetValue(*store_, "c/" + kData + "checkpoint.json", "x");
    SetValue(*store_, "c/" + kData + "arrays/0/zarr.json", "x");
    SetValue(*store_, kStaging + kData + "checkpoint.json", "x");
    SetValue(*store_, "cc.coffer-tmp-0123456789abcdef/commit", "another's");
  }

  const Tree tree_ = Small(1);
  const KvStorePtr store_ = StoreWith(tree_);
};

TEST_F(RepairCheckpoint, OfASoundOneDoesNothing) {
  EXPECT_THAT(Repaired(), IsEmpty());
  ExpectStored(store_, "c/", tree_);
}

TEST_F(RepairCheckpoint, OfNothingIsNotFound) {
  EXPECT_EQ(checkpoint::Repair(store_, "d/").status().code(), StatusCode::kNotFound);
}

TEST_F(RepairCheckpoint, UnfinishedSavesAreLeftUnlessNobodySaves) {
  LeaveUnfinishedSaves();
  EXPECT_THAT(Found(), ElementsAre("unfinished " + kStaging, "unfinished c/" + kData));
  const std::vector<std::string> keys = KeysOf(*store_);
  const std::string why = "left its saver may live (drop-unfinished): unfinished ";
  EXPECT_THAT(Repaired(), ElementsAre(why + kStaging, why + "c/" + kData));
  EXPECT_EQ(KeysOf(*store_), keys);
  EXPECT_THAT(Repaired({.dry_run = true, .drop_unfinished = true}),
              ElementsAre("planned delete: unfinished " + kStaging,
                          "planned delete: unfinished c/" + kData));
  EXPECT_EQ(KeysOf(*store_), keys);
  EXPECT_THAT(
      Repaired({.drop_unfinished = true}),
      ElementsAre("done delete: unfinished " + kStaging, "done delete: unfinished c/" + kData));
  EXPECT_EQ(KeysOf(*store_).size(), keys.size() - 3);  // Not what another place's saver left.
  EXPECT_THAT(Repaired({.drop_unfinished = true}), IsEmpty());
  EXPECT_THAT(Found(), IsEmpty());
  ExpectStored(store_, "c/", tree_);
}

TEST_F(RepairCheckpoint, ADataDirectoryThatIsPublishedMeanwhileIsKept) {
  // A save that overwrites is listed when unfinished; it publishes before its data is deleted.
  const Tree newer = Small(5);
  bool saved = false;
  const std::string junk = "c/" + kData + "checkpoint.json";
  SetValue(*store_, junk, "x");
  const KvStorePtr traced = MakeTraceStore(store_, [&](const TraceEvent& event) {
    if (saved || event.operation != KvOperation::kList) return;
    saved = true;
    std::thread([&] {  // This one is amid its callbacks.
      checkpoint::Save(store_, "c/", newer, {.overwrite = true}).OrDie();
    })
        .join();
  });
  EXPECT_EQ(checkpoint::Repair(traced, "c/", {.drop_unfinished = true}).status().code(),
            StatusCode::kAborted);
  ASSERT_TRUE(saved);
  ExpectStored(store_, "c/", newer);
}

TEST_F(RepairCheckpoint, ForeignKeysAndNodes) {
  SetValue(*store_, "c/README", "x");
  Array::Create(store_, "c/inner/", {.shape = {2}, .chunk_shape = {2}}).OrDie();
  checkpoint::Save(store_, "c/nested/", tree_).OrDie();
  Remove(*store_, "c/zarr.json");  // Creating made a group of the place.
  Remove(*store_, "zarr.json");
  EXPECT_THAT(Found(),
              ElementsAre("foreign c/README", "inner-node c/inner/", "inner-node c/nested/"));
  const std::string node = "left it may be wanted; delete it by itself if not: inner-node c/";
  EXPECT_THAT(Repaired(),
              ElementsAre("left nobody knows whose it is (drop-foreign): foreign c/README",
                          node + "inner/", node + "nested/"));
  EXPECT_THAT(Repaired({.drop_foreign = true}),
              ElementsAre("done delete: foreign c/README", node + "inner/", node + "nested/"));
  ExpectStored(store_, "c/", tree_);
  ExpectStored(store_, "c/nested/", tree_);
}

TEST_F(RepairCheckpoint, WhatIsLostIsLeftWhateverTheOptions) {
  const RepairOptions all = {.drop_damaged = true, .drop_foreign = true, .drop_unfinished = true};
  const std::string chunk = KeyEndingWith(*store_, "arrays/0/c.0.0");
  const std::string value = ValueOf(*store_, chunk);
  std::string flipped = value;
  flipped[0] = static_cast<char>(flipped[0] ^ 1);
  SetValue(*store_, chunk, flipped);
  EXPECT_THAT(Repaired(all),
              ElementsAre("left a checkpoint's chunks are never dropped: damaged " + chunk));
  EXPECT_EQ(ValueOf(*store_, chunk), flipped);
  Remove(*store_, chunk);
  const std::string lost = "left what is lost cannot be made again: ";
  const std::string array = chunk.substr(0, chunk.rfind('/') + 1);
  EXPECT_THAT(Repaired(all), ElementsAre(lost + "missing " + array));
  SetValue(*store_, chunk, value);
  const std::string metadata = array + "zarr.json";
  const std::string text = ValueOf(*store_, metadata);
  SetValue(*store_, metadata, text + " ");
  EXPECT_THAT(Repaired(all), ElementsAre(lost + "metadata " + array));
  SetValue(*store_, metadata, text);
  SetValue(*store_, "c/commit", "x");
  EXPECT_THAT(Repaired(all), ElementsAre("left without it nobody can tell what belongs to the "
                                         "checkpoint: metadata c/"));
}

TEST_F(RepairCheckpoint, OrphansOfItsArraysAreDeleted) {
  const std::string chunk = KeyEndingWith(*store_, "arrays/0/c.0.0");
  const std::string outside = chunk.substr(0, chunk.size() - 3) + "7.0";
  SetValue(*store_, outside, "x");
  EXPECT_THAT(Repaired(), ElementsAre("done delete: outside " + outside));
  EXPECT_THAT(Repaired(), IsEmpty());
  ExpectStored(store_, "c/", tree_);
}

/// A group with everything below it that can be.
class RepairPlaceTest : public ::testing::Test {
 protected:
  RepairPlaceTest() {
    Group::Create(url_).OrDie();
    for (const char* const name : {"/a", "/sub/b"}) {
      Array array = Array::Create(url_ + name, {.shape = {4}, .chunk_shape = {2}}).OrDie();
      const std::vector<uint8_t> values = {1, 2, 3, 4};
      array.Write(Box::Full({4}), Ref(values.data(), {4})).OrDie();
    }
    checkpoint::Save(url_ + "/ckpt", Small(1)).OrDie();
  }
  std::vector<std::string> Found() {
    return Kinds(VerifyPlace(url_, {.deep = true}).OrDie(), *store_);
  }

  const TempDir dir_;
  const std::string url_ = dir_ / "g";
  const KvStorePtr store_ = OpenKvStore(url_).OrDie();
};

TEST_F(RepairPlaceTest, EveryThingOnce) {
  EXPECT_THAT(Found(), IsEmpty());
  EXPECT_EQ(VerifyPlace(url_, {.deep = true}).OrDie().chunks_checked, 2 + 2 + 2);
  SetValue(*store_, "a/c/9", "x");
  SetValue(*store_, "sub/b/c/8", "x");
  SetValue(*store_, "ckpt/" + kData + "checkpoint.json", "x");
  SetValue(*store_, "note", "x");
  std::ofstream(url_ + "/sub/b/c/0.__lock") << "part";
  const std::vector<std::string> all = {"outside a/c/9", "unfinished ckpt/" + kData, "foreign note",
                                        "debris sub/b/c/0.__lock", "outside sub/b/c/8"};
  EXPECT_EQ(Found(), all);
  EXPECT_THAT(
      Texts(RepairPlace(url_).OrDie(), *store_),
      ElementsAre("done delete: outside a/c/9",
                  "left its saver may live (drop-unfinished): unfinished ckpt/" + kData,
                  "left nobody knows whose it is (drop-foreign): foreign note",
                  "done delete: debris sub/b/c/0.__lock", "done delete: outside sub/b/c/8"));
  const RepairOptions drop = {.drop_foreign = true, .drop_unfinished = true};
  EXPECT_THAT(Texts(RepairPlace(url_, drop).OrDie(), *store_),
              ElementsAre("done delete: unfinished ckpt/" + kData, "done delete: foreign note"));
  EXPECT_THAT(Texts(RepairPlace(url_, drop).OrDie(), *store_), IsEmpty());
  EXPECT_THAT(Found(), IsEmpty());
  EXPECT_EQ(Difference(Small(1), checkpoint::Restore(url_ + "/ckpt").OrDie()), "");
}

TEST_F(RepairPlaceTest, DamagedDocumentsHideNothingBelowThem) {
  SetValue(*store_, "sub/zarr.json", "{");
  SetValue(*store_, "a/zarr.json", "[]");
  SetValue(*store_, "sub/b/c/8", "x");
  EXPECT_THAT(Found(), ElementsAre("metadata a/", "metadata sub/", "outside sub/b/c/8"));
  const std::string lost = "left what is lost cannot be made again: metadata ";
  EXPECT_THAT(Texts(RepairPlace(url_).OrDie(), *store_),
              ElementsAre(lost + "a/", lost + "sub/", "done delete: outside sub/b/c/8"));
}

TEST_F(RepairPlaceTest, AnOversizeDocumentHidesNothingBesideIt) {
  SetValue(*store_, "a/zarr.json", std::string((size_t{16} << 20) + 1, ' '));
  SetValue(*store_, "sub/b/c/8", "x");
  const VerifyReport report = VerifyPlace(url_, {.deep = true}).OrDie();
  EXPECT_THAT(Kinds(report, *store_), ElementsAre("metadata a/", "outside sub/b/c/8"));
  EXPECT_EQ(report.findings[0].reason,
            "InvalidArgument: " + store_->Describe("a/zarr.json") +
                ": the value has 16777217 bytes, but the reader takes at most 16777216");
  EXPECT_THAT(Texts(RepairPlace(url_).OrDie(), *store_),
              ElementsAre("left what is lost cannot be made again: metadata a/",
                          "done delete: outside sub/b/c/8"));
}

TEST_F(RepairPlaceTest, SnapshotsThatCannotBeReadAreFound) {
  SetValue(
      *store_, "sub/zarr.json",
      R"({"zarr_format": 3, "node_type": "group", "consolidated_metadata": {"kind": "inline", "metadata": 7}})");
  SetValue(*store_, "old/.zgroup", R"({"zarr_format": 2})");
  SetValue(*store_, "old/.zmetadata", "{");
  SetValue(*store_, "old/c/.zgroup", R"({"zarr_format": 2})");
  const VerifyReport report = VerifyPlace(url_).OrDie();
  EXPECT_THAT(Kinds(report, *store_), ElementsAre("metadata old/", "metadata sub/"));
  EXPECT_THAT(report.findings[0].reason,
              ::testing::StartsWith("InvalidArgument: " + store_->Describe("old/.zmetadata")));
  const std::vector<std::string> keys = KeysOf(*store_);
  const RepairOptions all = {.drop_damaged = true, .drop_foreign = true, .drop_unfinished = true};
  const std::string anew = "left consolidate the metadata of the group anew: metadata ";
  EXPECT_THAT(Texts(RepairPlace(url_, all).OrDie(), *store_),
              ElementsAre(anew + "old/", anew + "sub/"));
  EXPECT_EQ(KeysOf(*store_), keys);
}

TEST_F(RepairPlaceTest, WhatIsNotSupportedIsNoDamageAndIsLeft) {
  std::string text = ValueOf(*store_, "a/zarr.json");
  const std::string type = "\"uint8\"";
  text.replace(text.find(type), type.size(), "\"string\"");
  SetValue(*store_, "a/zarr.json", text);
  SetValue(*store_, "a/c/9", "nobody can tell whether it is outside");
  const std::vector<std::string> keys = KeysOf(*store_);
  const RepairOptions all = {.drop_damaged = true, .drop_foreign = true, .drop_unfinished = true};
  for (const std::string& place : {url_, url_ + "/a"}) {
    const VerifyReport report = VerifyPlace(place, {.deep = true}).OrDie();
    EXPECT_EQ(report.num_findings, 0);
    EXPECT_EQ(report.num_unsupported, 1);
    EXPECT_THAT(Kinds(report.unsupported, *store_), ElementsAre("unsupported a/"));
    EXPECT_EQ(report.unsupported[0].reason, Array::Open(url_ + "/a").status().ToString());
    const RepairReport repaired = RepairPlace(place, all).OrDie();
    EXPECT_THAT(Texts(repaired, *store_), IsEmpty());
    EXPECT_EQ(repaired.num_planned + repaired.num_done + repaired.num_left, 0);
    EXPECT_EQ(repaired.num_unsupported, 1);
    EXPECT_EQ(repaired.unsupported, report.unsupported);
    EXPECT_EQ(KeysOf(*store_), keys);
  }
}

TEST_F(RepairPlaceTest, AllForeignKeysAreDroppedHoweverMany) {
  constexpr int64_t kKeys = 2500;  // Two pages of a listing and a half.
  for (int64_t i = 0; i < kKeys; ++i) SetValue(*store_, "sub/x" + std::to_string(i), "");
  const RepairReport left = RepairPlace(url_).OrDie();
  EXPECT_EQ(std::make_tuple(left.num_left, left.num_done, std::ssize(left.items)),
            std::make_tuple(kKeys, 0, 1000));
  const RepairReport done = RepairPlace(url_, {.drop_foreign = true}).OrDie();
  EXPECT_EQ(std::make_tuple(done.num_left, done.num_done, std::ssize(done.items)),
            std::make_tuple(0, kKeys, 1000));
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(RepairPlaceTest, ACheckpointByItsNameKnowsItsNeighbours) {
  const std::string staging = "ckpt.coffer-tmp-0123456789abcdef/";
  SetValue(*store_, staging + "commit", "x");
  EXPECT_THAT(Kinds(VerifyPlace(url_ + "/ckpt").OrDie(), *store_),
              ElementsAre("unfinished " + staging));
  EXPECT_THAT(Kinds(checkpoint::Verify(url_ + "/ckpt/.").OrDie(), *store_), IsEmpty());
}

TEST_F(RepairPlaceTest, NothingIsMadeInsideACheckpointByName) {
  const std::string inner = url_ + "/ckpt/x";
  EXPECT_EQ(checkpoint::Save(inner, Small(2)).ToString(),
            "FailedPrecondition: " + inner + ": inside the checkpoint at file://" + url_ +
                "/ckpt/, where nothing else can stand");
  EXPECT_EQ(checkpoint::Copy(url_ + "/ckpt", inner).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(checkpoint::Save(url_ + "/a/x", Small(2)).ToString(),
            "FailedPrecondition: " + url_ + "/a/x: inside the array at file://" + url_ +
                "/a/, where nothing else can stand");
  EXPECT_FALSE(std::filesystem::exists(inner));
}

TEST_F(RepairPlaceTest, NothingIsDroppedInsideACheckpointByName) {
  const std::string chunk = KeyEndingWith(*store_, "arrays/0/c.0.0");
  SetValue(*store_, chunk, "damaged");
  const std::vector<std::string> keys = KeysOf(*store_);
  const std::string leaf = url_ + "/" + chunk.substr(0, chunk.rfind('/'));
  const std::string data = leaf.substr(0, leaf.find("/arrays/"));
  const RepairOptions all = {.drop_damaged = true, .drop_foreign = true, .drop_unfinished = true};
  const std::string spec =
      R"({"driver": "zarr3", "kvstore": {"driver": "file", "path": ")" + leaf + R"(/"}})";
  const std::string why =
      ": inside the checkpoint at file://" + url_ + "/ckpt/, which is repaired as a whole";
  for (const std::string& marker : {ValueOf(*store_, "ckpt/commit"), std::string("damaged")}) {
    SetValue(*store_, "ckpt/commit", marker);
    for (const std::string& place : {leaf, leaf + "/", leaf + "|zarr3:", data, data + "/"}) {
      EXPECT_EQ(RepairPlace(place, all).status(), FailedPreconditionError(place + why));
    }
    EXPECT_EQ(RepairPlace(spec, all).status(),
              FailedPreconditionError("file://" + leaf + "/" + why));
    EXPECT_EQ(KeysOf(*store_), keys);
  }
}

TEST_F(RepairPlaceTest, WhatHasTheNameOfANewCheckpointIsSaid) {
  std::filesystem::create_symlink("a", url_ + "/inside");
  const bool follows_links = store_->Read("inside/zarr.json").Get().ok();  // Not the POSIX twin.
  std::filesystem::create_symlink("nowhere", url_ + "/link");
  const Status saved = checkpoint::Save(url_ + "/link", Small(2));
  EXPECT_EQ(
      saved.ToString(),
      follows_links
          ? "AlreadyExists: file://" + url_ +
                "/link/: something without keys has this name, such as a link that leads "
                "nowhere"
          : "FailedPrecondition: file://" + url_ +
                "/link: opening the directory: a symbolic link leads out of the store's root, or "
                "in a circle, or cannot be followed here");
}

TEST_F(RepairPlaceTest, NothingIsNotFound) {
  EXPECT_EQ(VerifyPlace(url_ + "/none").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(RepairPlace(url_ + "/none").status().code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace coffer
