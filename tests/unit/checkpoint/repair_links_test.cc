// Goal: what may be reached through a symbolic link is not deleted as nobody's, and what is no
// value is told, not passed over. Method: an array's or a checkpoint's data moved aside in a file
// store, with a link to it in its place; links to directories where keys are expected.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "coffer/array/group.h"
#include "coffer/checkpoint/repair.h"
#include "coffer/kvstore/adapters.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/checkpoint/checkpoints.h"
#include "tests/unit/checkpoint/reports.h"
#include "tests/unit/checkpoint/stores.h"

namespace coffer {
namespace {

using coffer::testing::KeyEndingWith;
using coffer::testing::SetValue;
using coffer::testing::Small;
using coffer::testing::Texts;
using coffer::testing::ValueOf;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

const RepairOptions kAll = {.drop_damaged = true, .drop_foreign = true, .drop_unfinished = true};

class RepairLinks : public ::testing::Test {
 protected:
  RepairLinks() {
    Group::Create(url_).OrDie();
    for (const char* const name : {"/a", "/b"}) {
      Array array = Array::Create(url_ + name, {.shape = {4}, .chunk_shape = {2}}).OrDie();
      const std::vector<uint8_t> values = {1, 2, 3, 4};
      array.Write(Box::Full({4}), Ref(values.data(), {4})).OrDie();
    }
  }
  /// Moves something, and leaves a link in its place.
  void MoveAside(const std::string& from, const std::string& to) {
    const std::filesystem::path place = url_ + "/" + from;
    const std::filesystem::path moved = url_ + "/" + to;
    std::filesystem::create_directories(moved.parent_path());
    std::filesystem::rename(place, moved);
    std::filesystem::create_symlink(std::filesystem::relative(moved, place.parent_path()), place);
  }
  /// Not on the POSIX twin, for one.
  bool FollowsLinks(const std::string& link) const { return store_->Read(link).Get().ok(); }
  std::string WhyLeft(const std::string& link) const {
    return "left the link " + store_->Describe(link) + " may lead to it: ";
  }
  std::vector<std::string> Repaired(const std::string& place) {
    return Texts(RepairPlace(url_ + place, kAll).OrDie(), *store_);
  }

  const TempDir dir_;
  const std::string url_ = dir_ / "g";
  const KvStorePtr store_ = OpenKvStore(url_).OrDie();
};

TEST_F(RepairLinks, TheDataOfAnArrayIsNotNobodys) {
  MoveAside("a/c", "a/.data");
  const std::string why = WhyLeft("a/c") + "foreign a/";
  for (const std::string place : {"", "/a"}) {
    EXPECT_THAT(Repaired(place), ElementsAre(why + ".data/0", why + ".data/1", why + "c"));
  }
  const RepairReport report = RepairArray(Array::Open(store_, "a/").OrDie(), kAll).OrDie();
  EXPECT_THAT(Texts(report, *store_), ElementsAre(why + ".data/0", why + ".data/1", why + "c"));
  EXPECT_TRUE(std::filesystem::exists(url_ + "/a/.data/1"));
}

TEST_F(RepairLinks, EveryWayOfListingSaysWhatIsALink) {
  MoveAside("a/c/0", "a/c/x");
  const auto links = [](const std::vector<ListEntry>& entries) {
    std::vector<std::string> keys;
    for (const ListEntry& entry : entries) {
      if (entry.is_link) keys.push_back(entry.key);
    }
    return keys;
  };
  EXPECT_THAT(links(ListAll(*store_).OrDie()), ElementsAre("a/c/0"));
  EXPECT_THAT(links(ListFolder(*store_, "a/c/").OrDie().keys), ElementsAre("a/c/0"));
  const auto traced = MakeTraceStore(MakePrefixStore(store_, "a/"), [](const TraceEvent&) {});
  EXPECT_THAT(links(ListAll(*traced).OrDie()), ElementsAre("c/0"));
}

TEST_F(RepairLinks, OfAGroupALinkAnywhereBelowCounts) {
  MoveAside("b/c/0", "a/pool/0");  // In an array beside.
  MoveAside("b/c/1", "pool/1");
  if (!FollowsLinks("b/c/0")) GTEST_SKIP() << "links are not followed here";
  EXPECT_THAT(Repaired(""), ElementsAre(WhyLeft("b/c/0") + "foreign a/pool/0",
                                        WhyLeft("b/c/0") + "foreign pool/1"));
  // By itself nobody sees the link.
  EXPECT_THAT(Repaired("/a"), ElementsAre("done delete: foreign a/pool/0"));
}

TEST_F(RepairLinks, NorThatOfACheckpoint) {
  checkpoint::Save(url_ + "/k", Small(1)).OrDie();
  const std::string chunk = KeyEndingWith(*store_, "arrays/0/c.0.0");
  const std::string value = ValueOf(*store_, chunk);
  MoveAside(chunk, "k/pool/chunk");
  for (const std::string place : {"", "/k"}) {
    EXPECT_THAT(Repaired(place), IsSupersetOf({WhyLeft(chunk) + "foreign k/pool/chunk"}));
  }
  EXPECT_EQ(ValueOf(*store_, "k/pool/chunk"), value);
}

TEST_F(RepairLinks, NorIsItWhatAnUnfinishedSaveLeft) {
  checkpoint::Save(url_ + "/k", Small(1)).OrDie();
  const std::string document = KeyEndingWith(*store_, "/checkpoint.json");
  const std::string data = document.substr(0, document.rfind('/'));
  const std::string moved = "k/data-0123456789abcdef";
  MoveAside(data, moved);
  if (!FollowsLinks(document)) GTEST_SKIP() << "links are not followed here";
  EXPECT_THAT(Repaired("/k"), IsSupersetOf({WhyLeft(data) + "unfinished " + moved + "/"}));
  EXPECT_TRUE(std::filesystem::exists(url_ + "/" + moved + "/checkpoint.json"));
}

TEST_F(RepairLinks, WhatIsListedAndHasNoValueIsTold) {
  std::filesystem::create_directory_symlink("../b", url_ + "/a/inside");
  std::filesystem::create_directory_symlink("../../b", url_ + "/a/c/9");
  const std::string no_value =
      FollowsLinks("a/c/9")
          ? "left it is listed but has no value, as a link to a directory; delete it by hand: "
          : "left it is no value that could be compared; delete it by hand: ";
  EXPECT_THAT(Texts(RepairPlace(url_).OrDie(), *store_),
              ElementsAre(no_value + "outside a/c/9",
                          "left nobody knows whose it is (drop-foreign): foreign a/inside"));
  EXPECT_THAT(Repaired("/b"), ElementsAre());
  const std::vector<std::string> repaired = Repaired("");
  ASSERT_EQ(repaired.size(), 2);
  EXPECT_EQ(repaired[0], no_value + "outside a/c/9");
  EXPECT_THAT(repaired[1], ::testing::MatchesRegex("left the link .* may lead to it: foreign.*"));
}

}  // namespace
}  // namespace coffer
