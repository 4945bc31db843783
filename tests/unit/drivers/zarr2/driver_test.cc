// Goal: nodes of Zarr v2, whose metadata stands under two keys, are created, opened and changed as
// the driver's protocol says, in stores with and without conditional writes, and also while
// somebody else writes.
// Method: a store in memory whose contents, calls and capabilities the tests see and set; another
// writer is a hook that acts just before a write.
#include "drivers/zarr2/driver.h"

#include <gtest/gtest.h>

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "coffer/array/verify.h"
#include "src/base/json.h"
#include "tests/unit/drivers/map_store.h"
#include "tests/unit/drivers/zarr2/bad_documents.h"

namespace coffer::zarr2 {
namespace {

using testing::MapStore;

class Zarr2DriverTest : public ::testing::TestWithParam<bool> {
 protected:
  Result<StoredArrayPtr> Open(const std::string& prefix) {
    return driver_.Open(store_, prefix, context_);
  }
  Result<StoredArrayPtr> Create(const std::string& prefix, CreateOptions options = {.shape = {4}}) {
    return driver_.Create(store_, prefix, options);
  }
  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : store_->values) keys.push_back(key);
    return keys;
  }
  using KeyList = std::vector<std::string>;

  Context context_ = Context::Default();
  Zarr2Driver driver_;
  std::shared_ptr<MapStore> store_ = std::make_shared<MapStore>(GetParam());
};

INSTANTIATE_TEST_SUITE_P(ConditionalWrites, Zarr2DriverTest, ::testing::Bool());

TEST_P(Zarr2DriverTest, WhatIsCreatedIsOpened) {
  const StoredArrayPtr created = Create("", {.shape = {10, 20},
                                             .data_type = DataType::kInt32,
                                             .chunk_shape = {2, 4},
                                             .attributes = R"({"b":1,"a":2})",
                                             .format = {.fill_value = "-7"}})
                                     .value();
  const StoredArrayPtr opened = Open("").value();
  for (const StoredArrayPtr& array : {created, opened}) {
    EXPECT_EQ(array->driver, &driver_);
    EXPECT_EQ(array->shape(), Shape({10, 20}));
    EXPECT_EQ(array->grid.cell_shape(), Shape({2, 4}));
    EXPECT_EQ(array->data_type(), DataType::kInt32);
    EXPECT_EQ(array->attributes, R"({"b":1,"a":2})");
    EXPECT_EQ(array->fill_value, "-7");
    EXPECT_EQ(array->metadata, store_->values.at(".zarray"));
    EXPECT_EQ(array->CellKey({3, 4}), "3.4");
    EXPECT_TRUE(array->IsMetadataKey(".zarray"));
    EXPECT_TRUE(array->IsMetadataKey(".zattrs"));
    EXPECT_FALSE(array->IsMetadataKey(".zgroup"));
    EXPECT_FALSE(array->IsMetadataKey("a/.zarray"));
  }
  EXPECT_EQ(created->metadata_generation, opened->metadata_generation);
  EXPECT_EQ(Keys(), KeyList({".zarray", ".zattrs"}));
}

TEST_P(Zarr2DriverTest, WithoutAttributesThereIsNoDocumentOfThem) {
  Create("a/").value();
  EXPECT_EQ(Keys(), KeyList({"a/.zarray"}));
  EXPECT_EQ(Open("a/").value()->attributes, "{}");
}

TEST_P(Zarr2DriverTest, AttributesAreThereBeforeTheArrayIs) {
  store_->log.clear();
  Create("a/b/", {.shape = {4}, .attributes = R"({"x":1})"}).value();
  EXPECT_EQ(store_->log, KeyList({"write a/.zgroup", "write a/b/.zattrs", "write a/b/.zarray"}));
}

TEST_P(Zarr2DriverTest, OpeningWhatIsNotThereOrOfTheOtherKind) {
  EXPECT_EQ(Open("a/").status().ToString(),
            "NotFound: map://a/.zarray: no array is here: the key does not exist");
  EXPECT_EQ(driver_.OpenGroup(store_, "a/").status().ToString(),
            "NotFound: map://a/.zgroup: no group is here: the key does not exist");
  EXPECT_EQ(driver_.UpdateGroup(store_, "a/", "{}").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(driver_.Find(store_, "a/").value(), NodeKind::kNone);
  Create("a/").value();
  driver_.CreateGroup(store_, "g/", {}).value();
  EXPECT_EQ(Open("g/").status().ToString(),
            "FailedPrecondition: map://g/.zgroup: here is a group, not an array");
  EXPECT_EQ(driver_.OpenGroup(store_, "a/").status().ToString(),
            "FailedPrecondition: map://a/.zarray: here is an array, not a group");
  EXPECT_EQ(driver_.Find(store_, "a/").value(), NodeKind::kArray);
  EXPECT_EQ(driver_.Find(store_, "g/").value(), NodeKind::kGroup);
}

TEST_P(Zarr2DriverTest, ErrorsNameTheDocument) {
  store_->values[".zarray"] = "{";
  EXPECT_TRUE(Open("").status().message().starts_with("map://.zarray: JSON, line 1"));
  store_->values[".zarray"] = std::string(100000, '[');
  EXPECT_EQ(Open("").status().ToString(),
            "InvalidArgument: map://.zarray: JSON, line 1, column 65: nested deeper than 64");
  store_->values[".zarray"] = std::string((size_t{16} << 20) + 1, ' ');
  EXPECT_EQ(Open("").status().ToString(),
            "InvalidArgument: map://.zarray: the value has 16777217 bytes, but the reader takes at "
            "most 16777216");
  store_->values[".zarray"] = R"({"zarr_format": 3})";
  EXPECT_EQ(Open("").status().ToString(),
            "InvalidArgument: map://.zarray: at $.zarr_format: expected 2, got 3");
  store_->values[".zarray"] = std::string(kGoodArray);
  store_->values[".zattrs"] = "7";
  EXPECT_EQ(Open("").status().ToString(),
            "InvalidArgument: map://.zattrs: at $: expected an object, got 7");
  store_->values["g/.zgroup"] = R"({"zarr_format": 1})";
  EXPECT_EQ(driver_.OpenGroup(store_, "g/").status().ToString(),
            "InvalidArgument: map://g/.zgroup: at $.zarr_format: expected 2, got 1");
}

TEST_P(Zarr2DriverTest, AFailingStoreIsNotAMissingNode) {
  store_->read_error = UnavailableError("the network is down");
  EXPECT_EQ(Open("").status(), store_->read_error);
  EXPECT_EQ(driver_.Find(store_, "").status(), store_->read_error);
  EXPECT_EQ(driver_.OpenGroup(store_, "").status(), store_->read_error);
  EXPECT_EQ(Create("").status(), store_->read_error);
  EXPECT_TRUE(store_->values.empty());
}

TEST_P(Zarr2DriverTest, CreatingOverANodeFails) {
  Create("a/").value();
  driver_.CreateGroup(store_, "g/", {}).value();
  const auto before = store_->values;
  EXPECT_EQ(Create("a/", {.shape = {1}, .attributes = R"({"x":1})"}).status().ToString(),
            "AlreadyExists: map://a/.zarray: a node is already here");
  EXPECT_EQ(driver_.CreateGroup(store_, "a/", {}).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(Create("g/").status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(store_->values, before);
}

TEST_P(Zarr2DriverTest, CreatingAtTheSameTimeAsAnother) {
  if (!GetParam()) GTEST_SKIP() << "needs conditional writes";
  store_->before_write = [&](const std::string& key) {
    if (key == "a/.zarray") store_->values[key] = std::string(kGoodArray);
  };
  EXPECT_EQ(Create("a/").status().ToString(),
            "AlreadyExists: map://a/.zarray: a node is already here");
  EXPECT_EQ(store_->values.at("a/.zarray"), kGoodArray);
  store_->before_write = [&](const std::string& key) {
    if (key == "b/.zattrs") store_->values[key] = R"({"of": "another"})";
  };
  EXPECT_EQ(Create("b/", {.shape = {1}, .attributes = R"({"x":1})"}).status().code(),
            StatusCode::kAlreadyExists);
  EXPECT_EQ(store_->values.at("b/.zattrs"), R"({"of": "another"})");
}

TEST_P(Zarr2DriverTest, AttributesThatAKilledCreatorLeftAreNotInherited) {
  store_->values["a/.zattrs"] = R"({"stale": true})";
  store_->values["b/.zattrs"] = R"({"stale": true})";
  EXPECT_EQ(Create("a/").value()->attributes, "{}");
  EXPECT_EQ(Open("a/").value()->attributes, "{}");
  Create("b/", {.shape = {1}, .attributes = R"({"x":1})"}).value();
  EXPECT_EQ(Open("b/").value()->attributes, R"({"x":1})");
}

TEST_P(Zarr2DriverTest, DeleteExistingDeletesTheDocumentFirst) {
  Create("a/", {.shape = {1}, .attributes = R"({"old":1})"}).value();
  store_->values["a/0"] = "chunk";
  store_->values["ab/.zarray"] = "beside";
  store_->log.clear();
  Create("a/", {.shape = {7}, .format = {.delete_existing = true}}).value();
  EXPECT_EQ(store_->log, KeyList({"delete a/.zarray", "delete a/.zgroup", "delete range a/",
                                  "write a/.zarray"}));
  EXPECT_EQ(Keys(), KeyList({"a/.zarray", "ab/.zarray"}));
  EXPECT_EQ(Open("a/").value()->attributes, "{}");
}

TEST_P(Zarr2DriverTest, GroupsAboveAreMadeAndArraysAboveAreRefused) {
  Create("a/b/c/").value();
  EXPECT_EQ(Keys(), KeyList({"a/.zgroup", "a/b/.zgroup", "a/b/c/.zarray"}));
  EXPECT_EQ(Create("a/b/c/d/").status().ToString(),
            "FailedPrecondition: map://a/b/c/.zarray: is no group, so no node can stand below it");
  store_->values[".zarray"] = std::string(kGoodArray);
  EXPECT_EQ(Create("x/").status().code(), StatusCode::kFailedPrecondition);
}

TEST_P(Zarr2DriverTest, NamesOfNodes) {
  for (const char* name : {"", ".", "..", "a//b", ".zarray", "x/.zgroup", ".zattrs", "a\\b"}) {
    EXPECT_FALSE(driver_.IsNodeName(name)) << name;
  }
  for (const char* name : {"a", "a/b", "__x", "...", "0", "zarr.json", ".z"}) {
    EXPECT_TRUE(driver_.IsNodeName(name)) << name;
  }
  EXPECT_EQ(Create("a/../").status().ToString(),
            "InvalidArgument: map://a/../: the name \"..\" cannot be that of a node");
  EXPECT_TRUE(store_->values.empty());
  EXPECT_EQ(driver_.NodeOfKey("a/.zarray"), "a/");
  EXPECT_EQ(driver_.NodeOfKey(".zgroup"), "");
  EXPECT_EQ(driver_.NodeOfKey("a/.zattrs"), "a/");
  EXPECT_EQ(driver_.NodeOfKey(".zmetadata"), "");
  EXPECT_EQ(driver_.NodeOfKey("a/x.zarray"), std::nullopt);
  EXPECT_EQ(driver_.NodeOfKey("a/0.0"), std::nullopt);
}

TEST_P(Zarr2DriverTest, ResizeKeepsTheDocumentAndTheAttributes) {
  store_->values[".zarray"] = std::string(kGoodArray);
  store_->values[".zattrs"] = R"({"a": 1})";
  const StoredArrayPtr array = Open("").value();
  store_->log.clear();
  const StoredArrayPtr resized = driver_.Update(*array, Shape({8, 1}), {}, context_).value();
  EXPECT_EQ(store_->log, KeyList({"write .zarray"}));
  EXPECT_EQ(resized->shape(), Shape({8, 1}));
  EXPECT_EQ(resized->attributes, R"({"a":1})");
  Json expected = Json::Parse(kGoodArray).value();
  expected.Set("shape", Json::Array{8, 1});
  EXPECT_EQ(Json::Parse(store_->values.at(".zarray")).value(), expected);
  EXPECT_EQ(driver_.Update(*array, Shape({9, 1}), {}, context_).status().ToString(),
            "Aborted: map://.zarray: changed by someone else in the meantime");
}

TEST_P(Zarr2DriverTest, AttributesAreWrittenUnderTheirOwnGeneration) {
  const StoredArrayPtr array = Create("").value();
  const std::string document = store_->values.at(".zarray");
  store_->log.clear();
  const StoredArrayPtr changed = driver_.Update(*array, {}, R"({"x":1})", context_).value();
  EXPECT_EQ(store_->log, KeyList({"write .zattrs"}));
  EXPECT_EQ(changed->attributes, R"({"x":1})");
  EXPECT_EQ(store_->values.at(".zarray"), document);
  // The first state is old now; the second is not, whatever became of the shape.
  EXPECT_EQ(driver_.Update(*array, {}, R"({"y":1})", context_).status().ToString(),
            "Aborted: map://.zattrs: changed by someone else in the meantime");
  EXPECT_EQ(driver_.Update(*changed, {}, R"({"z":1})", context_).value()->attributes, R"({"z":1})");
  EXPECT_EQ(driver_.Update(*changed, {}, "[]", context_).status().ToString(),
            "InvalidArgument: map://.zarray: attributes: expected a JSON object");
}

TEST_P(Zarr2DriverTest, AttributesOfAnArrayThatWasReplacedOrDeletedAreAborted) {
  const StoredArrayPtr array = Create("", {.shape = {4}, .attributes = R"({"x":1})"}).value();
  store_->values[".zarray"] = std::string(kGoodArray);
  EXPECT_EQ(driver_.Update(*array, {}, R"({"y":1})", context_).status().ToString(),
            "Aborted: map://.zarray: changed by someone else in the meantime");
  store_->values.erase(".zarray");
  EXPECT_EQ(driver_.Update(*array, {}, R"({"y":1})", context_).status().code(),
            StatusCode::kAborted);
  EXPECT_EQ(Json::Parse(store_->values.at(".zattrs")).value().Dump(), R"({"x":1})");
}

TEST_P(Zarr2DriverTest, AttributesOfGroups) {
  driver_.CreateGroup(store_, "g/", {.attributes = R"({"x":1})"}).value();
  EXPECT_EQ(driver_.OpenGroup(store_, "g/").value().attributes, R"({"x":1})");
  driver_.UpdateGroup(store_, "g/", R"({"y":2})").value();
  EXPECT_EQ(driver_.OpenGroup(store_, "g/").value().attributes, R"({"y":2})");
  if (!GetParam()) return;
  store_->before_write = [&](const std::string& key) { store_->values[key] = R"({"z":3})"; };
  EXPECT_EQ(driver_.UpdateGroup(store_, "g/", R"({"w":4})").status().code(), StatusCode::kAborted);
}

// What the array layer makes of the driver, in a real store.
class Zarr2Arrays : public ::testing::Test {
 protected:
  static Place At(const std::string& prefix) {
    static const KvStorePtr store = OpenKvStore("memory://zarr2-arrays").OrDie();
    return {store, prefix, "zarr2"};
  }
};

TEST_F(Zarr2Arrays, NamesOfTheFormat) {
  const CreateOptions options{.shape = {3}};
  EXPECT_EQ(Array::Create("memory://zarr2-names/a|zarr2:", options).OrDie().format(), "zarr2");
  EXPECT_EQ(Array::Open("memory://zarr2-names/a").OrDie().format(), "zarr2");
  EXPECT_EQ(Array::Open("memory://zarr2-names/a|zarr:").OrDie().format(), "zarr2");
  EXPECT_EQ(Array::Open("memory://zarr2-names/a|zarr3:").status().code(), StatusCode::kNotFound);
  for (const char* driver : {"zarr", "zarr2", "auto"}) {
    const std::string spec =
        std::string(R"({"driver": ")") + driver + R"(", "kvstore": "memory://zarr2-names/a"})";
    EXPECT_EQ(Array::Open(spec).OrDie().format(), "zarr2") << driver;
  }
  EXPECT_EQ(Array::Create("memory://zarr2-names/a", options).status().ToString(),
            "AlreadyExists: memory://zarr2-names/a/: a node of format zarr2 is already here");
}

TEST_F(Zarr2Arrays, ZerosAreStoredWhereTheFillValueIsUndefined) {
  const auto count = [](const std::string& name, const std::string& fill_value) {
    const Array array =
        Array::Create(At(name),
                      {.shape = {8}, .chunk_shape = {4}, .format = {.fill_value = fill_value}})
            .OrDie();
    const std::vector<uint8_t> zeros(8);
    array.Write(Box::Full({8}), Ref(zeros.data(), {8})).OrDie();
    return array.CountStored().OrDie().count;
  };
  EXPECT_EQ(count("undefined/", "null"), 2);
  EXPECT_EQ(count("zero/", "0"), 0);
}

TEST_F(Zarr2Arrays, BeyondTheEdgeOfAnUndefinedFillValueAnythingMayStand) {
  const auto findings = [](const std::string& name, const std::string& fill_value) {
    const Array array =
        Array::Create(At(name),
                      {.shape = {3},
                       .chunk_shape = {4},
                       .format = {.fill_value = fill_value, .codecs = R"({"compressor": null})"}})
            .OrDie();
    At("").store->Write(name + "0", BytesChain(Bytes::Copy("abcd"))).Get().OrDie();
    VerifyOptions deep;
    deep.deep = true;
    return VerifyArray(array, deep).OrDie().num_findings;
  };
  EXPECT_EQ(findings("beyond-undefined/", "null"), 0);
  EXPECT_EQ(findings("beyond-zero/", "0"), 1);
}

TEST_F(Zarr2Arrays, EveryCompressorOrderAndByteOrderGivesBackWhatItWasGiven) {
  struct Compressor {
    const char* text;
    bool has_checksum;
  };
  const Compressor compressors[] = {
      {"null", false},
      {R"({"id": "zlib", "level": 9})", true},
      {R"({"id": "gzip"})", true},
      {R"({"id": "bz2", "level": 9})", true},
      {R"({"id": "zstd", "level": 5, "checksum": true})", true},
      {R"({"id": "zstd", "checksum": false})", false},
      {R"({"id": "lz4", "acceleration": 10})", false},
      {R"({"id": "blosc"})", false},
      {R"({"id": "lzma"})", true},
      {R"({"id": "lzma", "check": 0})", false},
      {R"({"id": "lzma", "format": 2, "preset": 0})", false},
      {R"({"id": "lzma", "format": 1, "check": 10, "filters": [{"id": 3, "dist": 4}, {"id": 33, "preset": 9}]})",
       true},
      {R"({"id": "lzma", "format": 3, "filters": [{"id": 4}, {"id": 33, "dict_size": 65536}]})",
       false}};
  std::vector<int32_t> values(7 * 9);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i * i * 31) - 999;
  int number = 0;
  for (const auto& [compressor, has_checksum] : compressors) {
    for (const char* order : {"C", "F"}) {
      for (const char* dtype : {"<i4", ">i4"}) {
        const std::string codecs = std::string(R"({"compressor": )") + compressor +
                                   R"(, "order": ")" + order + R"(", "dtype": ")" + dtype + "\"}";
        const Array array =
            Array::Create(At("c" + std::to_string(number++) + "/"), {.shape = {7, 9},
                                                                     .data_type = DataType::kInt32,
                                                                     .chunk_shape = {4, 3},
                                                                     .format = {.codecs = codecs}})
                .OrDie();
        array.Write(Box::Full({7, 9}), Ref(values.data(), {7, 9})).OrDie();
        const auto read = array.Read<int32_t>({}).OrDie();
        EXPECT_EQ(std::vector<int32_t>(read.data(), read.data() + values.size()), values) << codecs;
        VerifyOptions deep;
        deep.deep = true;
        const VerifyReport report = VerifyArray(array, deep).OrDie();
        EXPECT_EQ(report.num_findings, 0) << codecs;
        EXPECT_EQ(report.chunks_unchecked, has_checksum ? 0 : report.chunks_checked) << codecs;
      }
    }
  }
}

TEST_F(Zarr2Arrays, ShrinkingDeletesAndGrowingShowsTheFillValue) {
  Array array = Array::Create(At("resize/"), {.shape = {8}, .chunk_shape = {4}}).OrDie();
  const std::vector<uint8_t> ones(8, 1);
  array.Write(Box::Full({8}), Ref(ones.data(), {8})).OrDie();
  array.Resize({2}).OrDie();
  EXPECT_EQ(array.CountStored().OrDie().count, 1);
  array.Resize({8}).OrDie();
  const auto read = array.Read<uint8_t>({}).OrDie();
  EXPECT_EQ(std::vector<uint8_t>(read.data(), read.data() + 8),
            std::vector<uint8_t>({1, 1, 0, 0, 0, 0, 0, 0}));
}

TEST_F(Zarr2Arrays, GroupsListArraysAndGroupsOnce) {
  const Group group = Group::Create(At("tree/"), {.attributes = R"({"x": 1})"}).OrDie();
  Array::Create(At("tree/a/b/"), {.shape = {3}, .attributes = R"({"y": 2})"}).OrDie();
  Group::Create(At("tree/g/"), {.attributes = R"({"z": 3})"}).OrDie();
  const std::vector<NodeEntry> nodes = group.List(true).OrDie();
  ASSERT_EQ(nodes.size(), 3U);
  EXPECT_EQ(nodes[0].name + nodes[1].name + nodes[2].name, "aa/bg");
  EXPECT_EQ(nodes[1].kind, NodeKind::kArray);
  EXPECT_EQ(group.List().OrDie().size(), 2U);
  EXPECT_EQ(group.OpenArray("a/b").OrDie().attributes(), R"({"y":2})");
  EXPECT_EQ(group.OpenGroup("g").OrDie().attributes(), R"({"z":3})");
  EXPECT_EQ(group.FindStrays().OrDie().count, 0);
  EXPECT_EQ(group.format(), "zarr2");
}

TEST_F(Zarr2Arrays, DamagedAndOverlongChunksAreDataLoss) {
  const KvStorePtr store = At("").store;
  const auto read = [&](const std::string& compressor, const std::string& chunk) {
    const std::string name = "damage/";
    const Array array =
        Array::Create(At(name),
                      {.shape = {4}, .format = {.codecs = compressor, .delete_existing = true}})
            .OrDie();
    store->Write(name + "0", BytesChain(Bytes::Copy(chunk))).Get().OrDie();
    return array.ReadOwned(IndexTransform::Identity({4})).status().code();
  };
  const std::string lz4 = R"({"compressor": {"id": "lz4"}})";
  // A raw LZ4 block of literals behind its size: right, then with another size in front.
  EXPECT_EQ(read(lz4, std::string("\4\0\0\0\x40"
                                  "abcd",
                                  9)),
            StatusCode::kOk);
  EXPECT_EQ(read(lz4, std::string("\5\0\0\0\x40"
                                  "abcd",
                                  9)),
            StatusCode::kDataLoss);
  EXPECT_EQ(read(lz4, std::string("\3\0\0\0\x40"
                                  "abcd",
                                  9)),
            StatusCode::kDataLoss);
  EXPECT_EQ(read(lz4, std::string("\xff\xff\xff\x7f\x40"
                                  "abcd",
                                  9)),
            StatusCode::kDataLoss);
  EXPECT_EQ(read(lz4, std::string("\4\0\0", 3)), StatusCode::kDataLoss);
  for (const char* id : {"zlib", "gzip", "bz2", "zstd", "lzma", "blosc"}) {
    const std::string compressor = std::string(R"({"compressor": {"id": ")") + id + "\"}}";
    EXPECT_EQ(read(compressor, ""), StatusCode::kDataLoss) << id;
    EXPECT_EQ(read(compressor, "abcd"), StatusCode::kDataLoss) << id;
  }
  EXPECT_EQ(read(R"({"compressor": null})", "abc"), StatusCode::kDataLoss);
  EXPECT_EQ(read(R"({"compressor": null})", "abcde"), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace coffer::zarr2
