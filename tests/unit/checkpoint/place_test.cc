// Goal: a checkpoint in an archive is read from there, however the place is written, and nothing is
// ever saved into one, nor beside it under its name. Method: a saved checkpoint put into a zip
// archive in a folder; every function on each way to name a place in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/checkpoint/repair.h"
#include "src/checkpoint/place.h"
#include "tests/support/temp_dir.h"
#include "tests/support/zip_writer.h"
#include "tests/unit/checkpoint/checkpoints.h"
#include "tests/unit/checkpoint/stores.h"

namespace coffer {
namespace {

using coffer::testing::ExpectStored;
using coffer::testing::KeysOf;
using coffer::testing::Small;
using coffer::testing::StoreWith;
using coffer::testing::ValueOf;

class InArchive : public ::testing::Test {
 protected:
  InArchive() {
    const KvStorePtr store = StoreWith(tree_);
    std::vector<ZipMember> members;
    for (const std::string& key : KeysOf(*store)) {
      members.push_back(MakeZipMember("a b/" + key, ValueOf(*store, key), false));
    }
    std::ofstream(archive_, std::ios::binary) << MakeZip(members);
  }
  /// Ways to name what stands below "a b/" in the archive.
  std::vector<std::string> PlacesOf(const std::string& name) const {
    const std::string spec = R"({"driver": "zip", "base": {"driver": "file", "path": ")" +
                             archive_ + R"("}, "path": "a b/)" + name + "\"}";
    return {archive_ + "|zip:a%20b/" + name, archive_ + "|zip:a%20b/" + name + "/",
            "file://" + archive_ + "|zip:a%20b/" + name, spec};
  }

  const Tree tree_ = Small(1);
  const TempDir dir_;
  const std::string archive_ = dir_ / "ck.zip";
};

TEST_F(InArchive, IsReadWhereverItIsNamed) {
  for (const std::string& place : PlacesOf("c")) {
    EXPECT_TRUE(MayNameCheckpoint(place, Context::Default())) << place;
    EXPECT_TRUE(checkpoint::IsCheckpoint(place).OrDie()) << place;
    const Result<Tree> restored = checkpoint::Restore(place);
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ(coffer::testing::Difference(tree_, *restored), "") << place;
    EXPECT_EQ(checkpoint::Info(place).OrDie().leaves.size(), 3U);
    const Result<VerifyReport> report = VerifyPlace(place, {.deep = true});
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->num_findings, 0);
    EXPECT_EQ(report->chunks_checked, 2);
    const std::string copy = dir_ / "copy";
    ASSERT_TRUE(checkpoint::Copy(place, copy).ok()) << place;
    ExpectStored(OpenKvStore(dir_.path()).OrDie(), "copy/", tree_);
    std::filesystem::remove_all(copy);
  }
  for (const std::string& place : PlacesOf("d")) {
    EXPECT_EQ(checkpoint::Restore(place).status().code(), StatusCode::kNotFound) << place;
  }
}

TEST_F(InArchive, NothingIsSaved) {
  const std::string source = dir_ / "source";
  checkpoint::Save(source, tree_).OrDie();
  for (const std::string name : {"new", "c", "more/than one"}) {
    for (const std::string& place : PlacesOf(name)) {
      for (const bool overwrite : {false, true}) {
        const Status saved = checkpoint::Save(place, tree_, {.overwrite = overwrite});
        EXPECT_EQ(saved.code(), StatusCode::kFailedPrecondition) << place;
        EXPECT_THAT(std::string(saved.message()), ::testing::HasSubstr("this store is read-only"));
      }
      EXPECT_EQ(checkpoint::Copy(source, place).status().code(), StatusCode::kFailedPrecondition);
    }
  }
  for (const std::string root : {"|zip:", "|zip", "|zip:/"}) {
    EXPECT_EQ(checkpoint::Save(archive_ + root, tree_).code(), StatusCode::kFailedPrecondition);
  }
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.path())) {
    if (!entry.path().string().starts_with(source)) names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names, ::testing::ElementsAre("ck.zip"));
}

TEST_F(InArchive, AnArraysAdapterNamesNone) {
  for (const std::string& place :
       {dir_ / "c|zarr3:", "file://" + archive_ + "|zip:c|zarr3:", dir_ / "c|none:x"}) {
    EXPECT_FALSE(MayNameCheckpoint(place, Context::Default()));
    EXPECT_EQ(checkpoint::Save(place, tree_).code(), StatusCode::kInvalidArgument) << place;
    EXPECT_EQ(checkpoint::Restore(place).status().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(
      MayNameCheckpoint(R"({"driver": "zarr3", "kvstore": "memory://x"})", Context::Default()));
  EXPECT_FALSE(MayNameCheckpoint("{no JSON", Context::Default()));
}

}  // namespace
}  // namespace coffer
