// Goal: where documents of two formats stand in one place, a repair by one of them takes nothing
// that may be the other's. Method: a Zarr v2 array that was given a Zarr v3 document, as migrating
// does, and was then made larger by its own; the other one's document coming late; a v3 group in a
// v2 array's place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "coffer/array/group.h"
#include "coffer/checkpoint/repair.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/checkpoint/reports.h"
#include "tests/unit/checkpoint/stores.h"

namespace coffer {
namespace {

using coffer::testing::ActingAfter;
using coffer::testing::Kinds;
using coffer::testing::Remove;
using coffer::testing::SetValue;
using coffer::testing::Texts;
using coffer::testing::ValueOf;
using ::testing::ElementsAre;

const RepairOptions kAll = {.drop_damaged = true, .drop_foreign = true, .drop_unfinished = true};
const std::string kLeft = "left the place has a document of zarr2, too: ";

class RepairFormats : public ::testing::Test {
 protected:
  RepairFormats() {
    Group::Create(url_).OrDie();
    CreateOptions options;
    options.shape = {3};
    options.chunk_shape = {2};
    options.codec = Uncompressed();

    Array::Create(url_ + "/a|zarr2:", options).OrDie();
    Write("a|zarr2:", {1, 2, 3});
  }
  void Write(const std::string& name, const std::vector<uint8_t>& values) {
    const auto size = static_cast<int64_t>(values.size());
    Array array = Array::Open(url_ + "/" + name).OrDie();
    if (array.shape() != Shape{size}) array.Resize({size}).OrDie();
    array.Write(Box::Full({size}), Ref(values.data(), {size})).OrDie();
  }
  /// As migrating writes it, for the shape of now.
  void Migrate() {
    SetValue(*store_, "a/zarr.json",
             R"({"zarr_format": 3, "node_type": "array", "shape": [3], "data_type": "uint8",
                 "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
                 "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "."}},
                 "fill_value": 0, "codecs": [{"name": "bytes"}]})");
  }
  void ExpectIsSound(const std::vector<uint8_t>& values) {
    const Array array = Array::Open(url_ + "/a|zarr2:").OrDie();
    std::vector<uint8_t> read(static_cast<size_t>(array.shape()[0]));
    array.Read(Box::Full(array.shape()), Ref(read.data(), array.shape())).OrDie();
    EXPECT_EQ(read, values);
  }

  const TempDir dir_;
  const std::string url_ = dir_ / "g";
  const KvStorePtr store_ = OpenKvStore(url_).OrDie();
};

TEST_F(RepairFormats, ByOneNothingIsTakenFromTheOther) {
  Migrate();
  const std::vector<uint8_t> values = {1, 2, 3, 4, 5, 6};
  Write("a|zarr2:", values);
  SetValue(*store_, "a/note", "x");
  EXPECT_THAT(Kinds(VerifyPlace(url_, {.deep = true}).OrDie(), *store_),
              ElementsAre("beyond-edge a/1", "outside a/2", "foreign a/note"));
  for (const std::string& place : {url_, url_ + "/a"}) {
    EXPECT_THAT(
        Texts(RepairPlace(place, kAll).OrDie(), *store_),
        ElementsAre(kLeft + "beyond-edge a/1", kLeft + "outside a/2", kLeft + "foreign a/note"));
  }
  ExpectIsSound(values);
  EXPECT_EQ(ValueOf(*store_, "a/note"), "x");
}

TEST_F(RepairFormats, WhatIsDamagedInOneMayBeSoundInTheOther) {
  Migrate();
  SetValue(*store_, "a/1", "longer than a chunk of the new one");
  EXPECT_THAT(Texts(RepairPlace(url_, kAll).OrDie(), *store_), ElementsAre(kLeft + "damaged a/1"));
  EXPECT_EQ(ValueOf(*store_, "a/1"), "longer than a chunk of the new one");
}

TEST_F(RepairFormats, ADocumentThatComesMeanwhileStopsARepair) {
  Migrate();
  const std::string document = ValueOf(*store_, "a/.zarray");
  Remove(*store_, "a/.zarray");
  SetValue(*store_, "a/2", "56");
  const KvStorePtr store = ActingAfter(store_, KvOperation::kRead, "a/2",
                                       [&] { SetValue(*store_, "a/.zarray", document); });
  EXPECT_EQ(RepairArray(Array::Open(store, "a/").OrDie(), kAll).status().code(),
            StatusCode::kAborted);
  EXPECT_EQ(ValueOf(*store_, "a/2"), "56");
}

TEST_F(RepairFormats, ChunksOfAnArrayInsideAnArrayAreItsOwn) {
  CreateOptions options;
  options.shape = {4, 4};
  options.chunk_shape = {2, 2};
  options.format.chunk_key_encoding = "v2";
  options.format.chunk_key_separator = '/';
  Array::Create(url_ + "/p|zarr2:", options).OrDie();
  CreateOptions inner;
  inner.shape = {6};
  inner.chunk_shape = {2};
  const std::vector<uint8_t> values = {1, 2, 3, 4, 5, 6};
  // Moved, since nothing is made there. Chunks p/7/0 to 2 lie outside p, p/1/0 and 1 in it.
  for (const std::string name : {"7", "1"}) {
    const Array array = Array::Create(url_ + "/q" + name + "|zarr2:", inner).OrDie();
    array.Write(Box::Full({6}), Ref(values.data(), {6})).OrDie();
    std::filesystem::rename(url_ + "/q" + name, url_ + "/p/" + name);
  }
  EXPECT_THAT(Kinds(VerifyPlace(url_, {.deep = true}).OrDie(), *store_),
              ElementsAre("inner-node p/1/", "inner-node p/7/"));
  for (const std::string& place : {url_, url_ + "/p"}) {
    EXPECT_THAT(Texts(RepairPlace(place, kAll).OrDie(), *store_),
                ElementsAre(::testing::StartsWith("left it may be wanted"),
                            ::testing::StartsWith("left it may be wanted")));
  }
  for (const std::string name : {"p/7", "p/1"}) {
    const Array array = Array::Open(store_, name + "/").OrDie();
    std::vector<uint8_t> read(6);
    array.Read(Box::Full({6}), Ref(read.data(), {6})).OrDie();
    EXPECT_EQ(read, values) << name;
  }
}

TEST_F(RepairFormats, ChunksOfAnArrayInAGroupsPlaceAreNotNobodys) {
  SetValue(*store_, "a/zarr.json", R"({"zarr_format": 3, "node_type": "group"})");
  SetValue(*store_, "note", "x");
  for (const std::string& place : {url_, url_ + "/a"}) {
    EXPECT_THAT(Texts(RepairPlace(place, {.dry_run = true, .drop_foreign = true}).OrDie(), *store_),
                ::testing::IsSupersetOf({kLeft + "foreign a/0", kLeft + "foreign a/1"}));
  }
  EXPECT_THAT(
      Texts(RepairPlace(url_, kAll).OrDie(), *store_),
      ElementsAre(kLeft + "foreign a/0", kLeft + "foreign a/1", "done delete: foreign note"));
  ExpectIsSound({1, 2, 3});
}

}  // namespace
}  // namespace coffer
