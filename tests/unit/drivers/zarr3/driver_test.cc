// Goal: nodes are created, opened and changed as the driver's contract says, in stores with and
// without conditional writes, and also while somebody else writes.
// Method: a store in memory whose contents, calls and capabilities the tests see and set; another
// writer is a hook that acts just before a write.
#include "drivers/zarr3/driver.h"

#include <gtest/gtest.h>

#include "src/codec/chain.h"
#include "tests/unit/drivers/map_store.h"
#include "tests/unit/drivers/zarr3/documents.h"

namespace coffer::zarr3 {
namespace {

using testing::MapStore;

constexpr std::string_view kGroup = R"({
  "zarr_format": 3,
  "node_type": "group",
  "attributes": {}
})";

class Zarr3DriverTest : public ::testing::TestWithParam<bool> {
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

  Context context_ = Context::Default();
  Zarr3Driver driver_;
  std::shared_ptr<MapStore> store_ = std::make_shared<MapStore>(GetParam());
};

INSTANTIATE_TEST_SUITE_P(ConditionalWrites, Zarr3DriverTest, ::testing::Bool());

TEST_P(Zarr3DriverTest, WhatIsCreatedIsOpened) {
  const StoredArrayPtr created =
      Create("", {.shape = {10, 20},
                  .data_type = DataType::kInt32,
                  .chunk_shape = {2, 4},
                  .shard_shape = {4, 8},
                  .attributes = R"({"b":1,"a":2})",
                  .format = {.fill_value = "-7", .dimension_names = {{"y", ""}}}})
          .value();
  const StoredArrayPtr opened = Open("").value();
  for (const StoredArrayPtr& array : {created, opened}) {
    EXPECT_EQ(array->driver, &driver_);
    EXPECT_EQ(array->prefix, "");
    EXPECT_EQ(array->shape(), Shape({10, 20}));
    EXPECT_EQ(array->grid.cell_shape(), Shape({4, 8}));
    EXPECT_EQ(array->data_type(), DataType::kInt32);
    EXPECT_NE(array->chain->shard_layout(), nullptr);
    EXPECT_EQ(array->attributes, R"({"b":1,"a":2})");
    EXPECT_EQ(array->dimension_names, (std::vector<std::optional<std::string>>{"y", ""}));
    EXPECT_EQ(array->metadata, store_->values.at("zarr.json"));
  }
  EXPECT_EQ(created->metadata_generation, opened->metadata_generation);
  EXPECT_EQ(Keys(), std::vector<std::string>({"zarr.json"}));
}

TEST_P(Zarr3DriverTest, KeysOfCells) {
  const StoredArrayPtr array = Create("a/", {.shape = {10, 20}, .chunk_shape = {2, 4}}).value();
  EXPECT_EQ(array->CellKey({3, 14}), "a/c/3/14");
  EXPECT_EQ(array->ParseCellKey("a/c/3/14"), std::optional(Index({3, 14})));
  EXPECT_EQ(array->ParseCellKey("a/c/100/0"), std::optional(Index({100, 0})));
  EXPECT_EQ(array->ParseCellKey("c/3/14"), std::nullopt);
  EXPECT_EQ(array->ParseCellKey("b/c/3/14"), std::nullopt);
  EXPECT_EQ(array->ParseCellKey("a/zarr.json"), std::nullopt);
  EXPECT_TRUE(array->IsMetadataKey("a/zarr.json"));
  EXPECT_FALSE(array->IsMetadataKey("zarr.json"));
  EXPECT_FALSE(array->IsMetadataKey("a/b/zarr.json"));
}

TEST_P(Zarr3DriverTest, OpeningWhatIsNotThere) {
  EXPECT_EQ(Open("a/").status().ToString(),
            "NotFound: map://a/zarr.json: no array is here: the key does not exist");
  EXPECT_EQ(driver_.OpenGroup(store_, "a/").status().ToString(),
            "NotFound: map://a/zarr.json: no group is here: the key does not exist");
  EXPECT_EQ(driver_.UpdateGroup(store_, "a/", "{}").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(driver_.Find(store_, "a/").value(), NodeKind::kNone);
}

TEST_P(Zarr3DriverTest, OpeningTheOtherKind) {
  Create("a/").value();
  driver_.CreateGroup(store_, "g/", {}).value();
  EXPECT_EQ(Open("g/").status().ToString(),
            "FailedPrecondition: map://g/zarr.json: here is a group, not an array");
  EXPECT_EQ(driver_.OpenGroup(store_, "a/").status().ToString(),
            "FailedPrecondition: map://a/zarr.json: here is an array, not a group");
  EXPECT_EQ(driver_.Find(store_, "a/").value(), NodeKind::kArray);
  EXPECT_EQ(driver_.Find(store_, "g/").value(), NodeKind::kGroup);
}

TEST_P(Zarr3DriverTest, DocumentsThatAreNoDocuments) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  const std::pair<std::string, std::string> cases[] = {
      {"", "JSON, line 1, column 1: "},
      {"[]", "at $: expected an object, got []"},
      {R"({"zarr_format": 3,)", "JSON, line 1, column 19: "},
      {"{\"zarr_format\": \"\xff\"}", "JSON, line 1, column 18: "},
      {R"({"zarr_format": NaN})", "at $.zarr_format: expected 3, got NaN"},
      {R"({"zarr_format": nan})", "JSON, line 1, column 18: "},
      {R"({"zarr_format": 3, "zarr_format": 3})", "JSON, line 1, column 32: duplicate key"},
      {deep, "JSON, line 1, column 65: nested deeper than 64"},
  };
  for (const auto& [text, error] : cases) {
    store_->values["zarr.json"] = text;
    const std::string message(Open("").status().message());
    EXPECT_TRUE(message.starts_with("map://zarr.json: " + error)) << message;
    EXPECT_EQ(Open("").status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(driver_.OpenGroup(store_, "").status().code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(driver_.Find(store_, "").value(), NodeKind::kArray);
  }
  store_->values["zarr.json"] = Patched(kGoodArray, R"({"shape": [4, "6"]})").Dump();
  EXPECT_EQ(Open("").status().ToString(),
            "InvalidArgument: map://zarr.json: at $.shape[1]: expected an integer >= 0, got \"6\"");
  store_->values["zarr.json"] = R"({"zarr_format": 3, "node_type": "group", "x": 1})";
  EXPECT_EQ(driver_.OpenGroup(store_, "").status().ToString(),
            "InvalidArgument: map://zarr.json: at $: unknown member \"x\" without "
            "\"must_understand\": false");
}

TEST_P(Zarr3DriverTest, HugeDocumentsAreNotRead) {
  store_->values["zarr.json"] = std::string((size_t{16} << 20) + 1, ' ');
  const Status malformed = InvalidArgumentError(
      "map://zarr.json: the value has 16777217 bytes, but the reader takes at "
      "most 16777216");
  EXPECT_EQ(Open("").status(), malformed);
  EXPECT_EQ(driver_.OpenGroup(store_, "").status(), malformed);
  EXPECT_EQ(driver_.Find(store_, "").value(), NodeKind::kArray);
  store_->read_error = ResourceExhaustedError("no descriptors");  // Tells nothing of the document.
  EXPECT_EQ(Open("").status(), store_->read_error);
  EXPECT_EQ(driver_.Find(store_, "").status(), store_->read_error);
}

TEST_P(Zarr3DriverTest, AFailingStoreIsNotAMissingNode) {
  store_->read_error = UnavailableError("the network is down");
  EXPECT_EQ(Open("").status(), store_->read_error);
  EXPECT_EQ(driver_.Find(store_, "").status(), store_->read_error);
  EXPECT_EQ(Create("").status(), store_->read_error);
  EXPECT_TRUE(store_->values.empty());
}

TEST_P(Zarr3DriverTest, CreatingOverANodeFails) {
  Create("a/").value();
  driver_.CreateGroup(store_, "g/", {}).value();
  const auto before = store_->values;
  for (const std::string prefix : {"a/", "g/"}) {
    const std::string error =
        "AlreadyExists: map://" + prefix + "zarr.json: a node is already here";
    EXPECT_EQ(Create(prefix).status().ToString(), error);
    EXPECT_EQ(driver_.CreateGroup(store_, prefix, {.attributes = R"({"a":1})"}).status().ToString(),
              error);
  }
  EXPECT_EQ(store_->values, before);
}

TEST_P(Zarr3DriverTest, CreatingAtTheSameTimeAsAnother) {
  store_->before_write = [&](const std::string& key) {
    if (GetParam()) store_->values[key] = std::string(kGroup);
  };
  if (GetParam()) {
    EXPECT_EQ(Create("a/").status().ToString(),
              "AlreadyExists: map://a/zarr.json: a node is already here");
    EXPECT_EQ(store_->values.at("a/zarr.json"), kGroup);
    EXPECT_EQ(driver_.CreateGroup(store_, "b/", {.attributes = R"({"c":1})"}).status().code(),
              StatusCode::kAlreadyExists);
  } else {
    EXPECT_EQ(Create("a/").status(), Status());
  }
}

TEST_P(Zarr3DriverTest, DeleteExistingDeletesTheDocumentFirst) {
  Create("a/").value();
  store_->values["a/c/0"] = "chunk";
  store_->values["a/b/zarr.json"] = "below";
  store_->values["ab/zarr.json"] = "beside";
  store_->log.clear();
  Create("a/", {.shape = {7}, .format = {.delete_existing = true}}).value();
  EXPECT_EQ(store_->log, std::vector<std::string>(
                             {"delete a/zarr.json", "delete range a/", "write a/zarr.json"}));
  EXPECT_EQ(Keys(), std::vector<std::string>({"a/zarr.json", "ab/zarr.json"}));
  EXPECT_EQ(Open("a/").value()->shape(), Shape({7}));
}

TEST_P(Zarr3DriverTest, DeleteExistingLeavesWhatIsNoNode) {
  store_->values["notes.txt"] = "mine";
  Create("", {.shape = {7}, .format = {.delete_existing = true}}).value();
  EXPECT_EQ(Keys(), std::vector<std::string>({"notes.txt", "zarr.json"}));
}

TEST_P(Zarr3DriverTest, BadOptionsWriteAndDeleteNothing) {
  Create("a/").value();
  store_->log.clear();
  EXPECT_EQ(Create("a/", {.shape = {-1}, .format = {.delete_existing = true}}).status().ToString(),
            "InvalidArgument: map://a/: shape [-1]: an extent is negative");
  EXPECT_EQ(Create("a/", {.shape = {1}, .format = {.codecs = "[]", .delete_existing = true}})
                .status()
                .ToString(),
            "InvalidArgument: map://a/zarr.json: at $.codecs: no array -> bytes codec");
  EXPECT_TRUE(store_->log.empty());
}

TEST_P(Zarr3DriverTest, GroupsAboveAreWritten) {
  Create("x/y/a/").value();
  EXPECT_EQ(store_->log, std::vector<std::string>({"write x/zarr.json", "write x/y/zarr.json",
                                                   "write x/y/a/zarr.json"}));
  EXPECT_EQ(store_->values.at("x/zarr.json"), kGroup);
  EXPECT_EQ(store_->values.at("x/y/zarr.json"), kGroup);
  store_->log.clear();
  driver_.CreateGroup(store_, "x/y/z/g/", {}).value();
  EXPECT_EQ(store_->log,
            std::vector<std::string>({"write x/y/z/zarr.json", "write x/y/z/g/zarr.json"}));
}

TEST_P(Zarr3DriverTest, AGroupAboveThatAnotherWritesFirstIsTaken) {
  store_->before_write = [&](const std::string& key) {
    if (key == "x/zarr.json") store_->values[key] = R"({"node_type": "group"})";
  };
  EXPECT_EQ(Create("x/a/").status(), Status());
  if (GetParam()) {
    EXPECT_EQ(store_->values.at("x/zarr.json"), R"({"node_type": "group"})");
  }
}

TEST_P(Zarr3DriverTest, NothingStandsBelowAnArray) {
  Create("a/").value();
  EXPECT_EQ(Create("a/b/").status().ToString(),
            "FailedPrecondition: map://a/zarr.json: is no group, so no node can stand below it");
  EXPECT_EQ(driver_.CreateGroup(store_, "a/b/c/", {}).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_EQ(Keys(), std::vector<std::string>({"a/zarr.json"}));
  Create("").value();
  EXPECT_EQ(Create("b/").status().ToString(),
            "FailedPrecondition: map://zarr.json: is no group, so no node can stand below it");
}

TEST_P(Zarr3DriverTest, NamesOfNodes) {
  for (const std::string prefix : {"/", "a//b/", "./", "a/../", ".../", "__x/", "a/__x/",
                                   "zarr.json/", "a/zarr.json/b/", "a"}) {
    EXPECT_EQ(Create(prefix).status().code(), StatusCode::kInvalidArgument) << prefix;
  }
  EXPECT_EQ(Create("a/__x/").status().ToString(),
            "InvalidArgument: map://a/__x/: the name \"__x\" cannot be that of a node");
  EXPECT_TRUE(store_->values.empty());
  for (const std::string prefix : {"a.b/", ".x/", "_x/", "zarr.JSON/", "\xc3\xa4/", "c/0/"}) {
    EXPECT_EQ(Create(prefix).status(), Status()) << prefix;
  }
}

TEST_P(Zarr3DriverTest, UpdateKeepsWhatItDoesNotChange) {
  store_->values["zarr.json"] =
      R"({"node_type":"array","x":{"must_understand":false,"y":[1.50,18446744073709551615]},)"
      R"("attributes":{"z":1,"a":2},"zarr_format":3,"fill_value":7,"shape":[4,6],)"
      R"("chunk_key_encoding":"default","codecs":["bytes"],"data_type":"uint8",)"
      R"("chunk_grid":{"name":"regular","configuration":{"chunk_shape":[2,3]}}})";
  const StoredArrayPtr opened = Open("").value();
  const StoredArrayPtr resized = driver_.Update(*opened, Shape{8, 1}, {}, context_).value();
  EXPECT_EQ(resized->shape(), Shape({8, 1}));
  EXPECT_EQ(resized->grid.grid_shape(), Shape({4, 1}));
  EXPECT_EQ(resized->attributes, R"({"z":1,"a":2})");
  const StoredArrayPtr updated =
      driver_.Update(*resized, {}, R"({"new": [true]})", context_).value();
  EXPECT_EQ(updated->shape(), Shape({8, 1}));
  EXPECT_EQ(updated->attributes, R"({"new":[true]})");
  EXPECT_EQ(updated->metadata, store_->values.at("zarr.json"));
  EXPECT_EQ(Json::Parse(updated->metadata).value().Dump(),
            R"({"node_type":"array","x":{"must_understand":false,"y":[1.5,18446744073709551615]},)"
            R"("attributes":{"new":[true]},"zarr_format":3,"fill_value":7,"shape":[8,1],)"
            R"("chunk_key_encoding":"default","codecs":["bytes"],"data_type":"uint8",)"
            R"("chunk_grid":{"name":"regular","configuration":{"chunk_shape":[2,3]}}})");
}

TEST_P(Zarr3DriverTest, UpdateOfAnOldStateIsAborted) {
  const StoredArrayPtr first = Create("a/", {.shape = {4}}).value();
  driver_.Update(*first, Shape{5}, {}, context_).value();
  EXPECT_EQ(driver_.Update(*first, Shape{6}, {}, context_).status().ToString(),
            "Aborted: map://a/zarr.json: changed by someone else in the meantime");
  EXPECT_EQ(Open("a/").value()->shape(), Shape({5}));
  const StoredArrayPtr second = Open("a/").value();
  store_->values.erase("a/zarr.json");
  EXPECT_EQ(driver_.Update(*second, Shape{6}, {}, context_).status().code(), StatusCode::kAborted);
  EXPECT_TRUE(store_->values.empty());
}

TEST_P(Zarr3DriverTest, BadUpdatesWriteNothing) {
  const StoredArrayPtr array = Create("a/", {.shape = {4}}).value();
  store_->log.clear();
  EXPECT_EQ(driver_.Update(*array, Shape{-1}, {}, context_).status().ToString(),
            "InvalidArgument: map://a/zarr.json: at $.shape[0]: expected an integer >= 0, got -1");
  EXPECT_EQ(driver_.Update(*array, Shape{1, 1}, {}, context_).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(driver_.Update(*array, {}, "[]", context_).status().ToString(),
            "InvalidArgument: map://a/zarr.json: attributes: expected a JSON object");
  EXPECT_TRUE(store_->log.empty());
}

TEST_P(Zarr3DriverTest, Groups) {
  const StoredGroup created =
      driver_.CreateGroup(store_, "g/", {.attributes = R"({"b": 1, "a": [2.0]})"}).value();
  EXPECT_EQ(created.attributes, R"({"b":1,"a":[2.0]})");
  const StoredGroup opened = driver_.OpenGroup(store_, "g/").value();
  EXPECT_EQ(opened.attributes, created.attributes);
  EXPECT_EQ(opened.generation, created.generation);
  EXPECT_EQ(driver_.CreateGroup(store_, "h/", {.attributes = "3"}).status().ToString(),
            "InvalidArgument: map://h/: attributes: expected a JSON object");
  EXPECT_EQ(driver_.UpdateGroup(store_, "g/", "3").status().ToString(),
            "InvalidArgument: map://g/zarr.json: attributes: expected a JSON object");
}

TEST_P(Zarr3DriverTest, UpdateGroupKeepsOtherMembers) {
  store_->values["zarr.json"] =
      R"({"node_type":"group","consolidated_metadata":null,"attributes":{"a":1},"zarr_format":3})";
  EXPECT_EQ(driver_.UpdateGroup(store_, "", R"({"b":2})").value().attributes, R"({"b":2})");
  EXPECT_EQ(
      Json::Parse(store_->values.at("zarr.json")).value().Dump(),
      R"({"node_type":"group","consolidated_metadata":null,"attributes":{"b":2},"zarr_format":3})");
}

TEST_P(Zarr3DriverTest, UpdateGroupAtTheSameTimeAsAnother) {
  driver_.CreateGroup(store_, "g/", {}).value();
  store_->before_write = [&](const std::string& key) {
    store_->values[key] = R"({"zarr_format": 3, "node_type": "group", "attributes": {"x": 1}})";
  };
  const Status status = driver_.UpdateGroup(store_, "g/", R"({"b":2})").status();
  if (GetParam()) {
    EXPECT_EQ(status.ToString(),
              "Aborted: map://g/zarr.json: changed by someone else in the meantime");
    EXPECT_EQ(driver_.OpenGroup(store_, "g/").value().attributes, R"({"x":1})");
  } else {
    EXPECT_EQ(status, Status());
  }
}

TEST_P(Zarr3DriverTest, GroupOpenSaysWhatIsWrong) {
  Create("a/").value();
  store_->values["g/zarr.json"] = R"({"zarr_format": 3, "node_type": "group")";
  EXPECT_EQ(Group::Open(store_, "a/").status().ToString(),
            "FailedPrecondition: map://a/zarr.json: here is an array, not a group");
  const std::string message = Group::Open(store_, "g/").status().ToString();
  EXPECT_TRUE(message.starts_with("InvalidArgument: map://g/zarr.json: JSON, line 1, column 40: "))
      << message;
}

TEST(Zarr3Driver, NodeOfKey) {
  const Zarr3Driver driver;
  EXPECT_EQ(driver.NodeOfKey("zarr.json"), std::optional<std::string>(""));
  EXPECT_EQ(driver.NodeOfKey("a/b/zarr.json"), std::optional<std::string>("a/b/"));
  for (std::string_view key : {"a/b", "azarr.json", "a/xzarr.json", "zarr.json/", "zarr.json/c/0",
                               "a/zarr.json.tmp", ""}) {
    EXPECT_EQ(driver.NodeOfKey(key), std::nullopt) << key;
  }
  for (std::string_view name :
       {"", "__x", "__", "a/__x", "a/__x/b", "..", "a//b", "a/", "zarr.json"}) {
    EXPECT_FALSE(driver.IsNodeName(name)) << name;
  }
  for (std::string_view name : {"x", "_x", "a__", "a/b__/_c", "..a"}) {
    EXPECT_TRUE(driver.IsNodeName(name)) << name;
  }
}

TEST(DriverTable, KnowsTheBuiltInDrivers) {
  DriverTable table;
  EXPECT_EQ(table.standard().name(), "zarr3");
  EXPECT_EQ(table.Find("zarr3").value(), &table.standard());
  EXPECT_EQ(table.Find("n5").status().ToString(),
            "InvalidArgument: unknown driver \"n5\"; known: zarr3, zarr2");
  EXPECT_EQ(table.Add(std::make_unique<Zarr3Driver>()).ToString(),
            "AlreadyExists: driver \"zarr3\" is already known");
  EXPECT_EQ(table.drivers().size(), 2U);
}

}  // namespace
}  // namespace coffer::zarr3
