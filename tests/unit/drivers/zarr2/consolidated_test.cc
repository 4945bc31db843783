// Goal: a group opened with consolidated metadata lists and opens what is below it without asking
// the store, shows it as it was, and changes nothing that has changed since.
// Method: both formats in a memory store, seen through the trace store; the snapshots are written
// here as zarr-python writes them, with members in another order.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/driver.h"
#include "coffer/array/group.h"
#include "coffer/kvstore/adapters.h"
#include "src/base/json.h"

namespace coffer {
namespace {

// Groups with consolidated metadata, in a store that shows what reaches it.
class ConsolidatedTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    base_ = OpenKvStore(std::string("memory://consolidated-") + GetParam()).OrDie();
    base_->DeleteRange(KeyRange::Prefix("")).Get().OrDie();
    Group::Create(Place{base_, "", GetParam()}).OrDie();
    const Array array =
        Array::Create(Place{base_, "a/x/", GetParam()}, {.shape = {4}, .attributes = R"({"k":1})"})
            .OrDie();
    Group::Create(Place{base_, "g/", GetParam()}, {.attributes = R"({"m":2})"}).OrDie();
    const std::vector<uint8_t> values = {1, 2, 3, 4};
    array.Write(Box::Full({4}), Ref(values.data(), {4})).OrDie();
    Consolidate(array);
  }

  // What zarr-python does.
  void Consolidate(const Array& array) {
    const Json document = Json::Parse(array.metadata()).OrDie();
    if (std::string_view(GetParam()) == "zarr2") {
      Json metadata(Json::Object{{".zgroup", Json::Object{{"zarr_format", 2}}},
                                 {"a/.zgroup", Json::Object{{"zarr_format", 2}}},
                                 {"a/x/.zarray", document},
                                 {"a/x/.zattrs", Json::Object{{"k", 1}}},
                                 {"g/.zattrs", Json::Object{{"m", 2}}},
                                 {"g/.zgroup", Json::Object{{"zarr_format", 2}}}});
      const Json all(
          Json::Object{{"metadata", std::move(metadata)}, {"zarr_consolidated_format", 1}});
      Put(".zmetadata", all);
      return;
    }
    const auto group = [](Json attributes) {
      return Json::Object{
          {"attributes", std::move(attributes)}, {"zarr_format", 3}, {"node_type", "group"}};
    };
    Json root(group(Json::Object{}));
    root.Set("consolidated_metadata",
             Json::Object{{"metadata", Json::Object{{"g", group(Json::Object{{"m", 2}})},
                                                    {"a/x", document},
                                                    {"a", group(Json::Object{})}}},
                          {"must_understand", false},
                          {"kind", "inline"}});
    Put("zarr.json", root);
  }
  void Put(const std::string& key, const Json& json) {
    base_->Write(key, BytesChain(Bytes::Copy(json.Dump()))).Get().OrDie();
  }
  Result<Group> Open(Consolidated consolidated) {
    return Group::Open(
        Place{
            MakeTraceStore(base_, [this](const TraceEvent& event) { calls_.push_back(event.key); }),
            "", GetParam()},
        {.consolidated = consolidated});
  }

  KvStorePtr base_;
  std::vector<std::string> calls_;
};

INSTANTIATE_TEST_SUITE_P(Formats, ConsolidatedTest, ::testing::Values("zarr2", "zarr3"));

TEST_P(ConsolidatedTest, ListsAndOpensWithoutTheStore) {
  const Group group = Open(Consolidated::kMust).OrDie();
  EXPECT_TRUE(group.consolidated());
  calls_.clear();
  const std::vector<NodeEntry> all = group.List(true).OrDie();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].name + " " + all[1].name + " " + all[2].name, "a a/x g");
  EXPECT_EQ(all[1].kind, NodeKind::kArray);
  EXPECT_EQ(group.List().OrDie().size(), 2U);
  const Array array = group.OpenArray("a/x").OrDie();
  EXPECT_EQ(array.shape(), Shape({4}));
  EXPECT_EQ(array.attributes(), R"({"k":1})");
  const Group inner = group.OpenGroup("a").OrDie();
  EXPECT_EQ(inner.List().OrDie().size(), 1U);
  EXPECT_EQ(inner.OpenArray("x").OrDie().shape(), Shape({4}));
  EXPECT_EQ(group.OpenGroup("g").OrDie().attributes(), R"({"m":2})");
  EXPECT_EQ(group.OpenArray("nothing").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(group.OpenArray("g").status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(group.OpenGroup("a/x").status().code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(calls_, std::vector<std::string>());
  // Elements are read from the store, and from nothing else of it.
  const auto read = array.Read<uint8_t>({}).OrDie();
  EXPECT_EQ(read.data()[3], 4);
  EXPECT_EQ(calls_, std::vector<std::string>({array.stored()->CellKey({0})}));
}

TEST_P(ConsolidatedTest, IsASnapshot) {
  Array fresh = Array::Open(Place{base_, "a/x/", GetParam()}).OrDie();
  fresh.Resize({9}).OrDie();
  base_->DeleteRange(KeyRange::Prefix("g/")).Get().OrDie();
  EXPECT_EQ(Open(Consolidated::kAuto).OrDie().OpenArray("a/x").OrDie().shape(), Shape({4}));
  EXPECT_TRUE(Open(Consolidated::kAuto).OrDie().OpenGroup("g").ok());
  const Group now = Open(Consolidated::kNever).OrDie();
  EXPECT_FALSE(now.consolidated());
  EXPECT_EQ(now.OpenArray("a/x").OrDie().shape(), Shape({9}));
  EXPECT_EQ(now.OpenGroup("g").status().code(), StatusCode::kNotFound);
}

TEST_P(ConsolidatedTest, TheDefaultIsTheStore) {
  EXPECT_FALSE(Group::Open(Place{base_, "", GetParam()}).OrDie().consolidated());
}

TEST_P(ConsolidatedTest, WhatIsStillTheSameCanBeChanged) {
  const Group group = Open(Consolidated::kMust).OrDie();
  Array first = group.OpenArray("a/x").OrDie();
  Array second = group.OpenArray("a/x").OrDie();
  Array third = group.OpenArray("a/x").OrDie();
  first.Resize({5}).OrDie();
  EXPECT_EQ(Array::Open(Place{base_, "a/x/", GetParam()}).OrDie().shape(), Shape({5}));
  EXPECT_EQ(second.Resize({6}).code(), StatusCode::kAborted);
  EXPECT_EQ(third.SetAttributes(R"({"n":1})").code(), StatusCode::kAborted);
  EXPECT_EQ(Array::Open(Place{base_, "a/x/", GetParam()}).OrDie().attributes(), R"({"k":1})");
}

TEST_P(ConsolidatedTest, AttributesOfASnapshotAreChangedUnderTheirCondition) {
  const Group group = Open(Consolidated::kMust).OrDie();
  Array first = group.OpenArray("a/x").OrDie();
  Array second = group.OpenArray("a/x").OrDie();
  first.SetAttributes(R"({"n":1})").OrDie();
  EXPECT_EQ(second.SetAttributes(R"({"o":1})").code(), StatusCode::kAborted);
  EXPECT_EQ(Array::Open(Place{base_, "a/x/", GetParam()}).OrDie().attributes(), R"({"n":1})");
}

TEST_P(ConsolidatedTest, AbsentOrMalformed) {
  const bool v2 = std::string_view(GetParam()) == "zarr2";
  const Json none = v2 ? Json()
                       : Json::Parse(R"({"zarr_format": 3, "node_type": "group",
                                                  "consolidated_metadata": null})")
                             .OrDie();
  const std::string key = v2 ? ".zmetadata" : "zarr.json";
  if (v2) {
    base_->Write(key, std::nullopt).Get().OrDie();
  } else {
    Put(key, none);
  }
  EXPECT_FALSE(Open(Consolidated::kAuto).OrDie().consolidated());
  EXPECT_EQ(Open(Consolidated::kMust).status().code(), StatusCode::kNotFound);
  const auto put_node = [&](const std::string& name, const Json& node) {
    if (v2) {
      Put(key, Json::Object{{"zarr_consolidated_format", 1},
                            {"metadata", Json::Object{{name + "/.zarray", node}}}});
      return;
    }
    Put(key, Json::Object{{"zarr_format", 3},
                          {"node_type", "group"},
                          {"consolidated_metadata",
                           Json::Object{{"kind", "inline"},
                                        {"must_understand", false},
                                        {"metadata", Json::Object{{name, node}}}}}});
  };
  const Json bad(Json::Object{{"zarr_format", v2 ? 2 : 3}, {"node_type", "array"}});
  put_node("a/../x", bad);
  EXPECT_EQ(Open(Consolidated::kAuto).status().code(), StatusCode::kInvalidArgument);
  put_node("y", bad);
  const Group group = Open(Consolidated::kAuto).OrDie();
  const Status malformed = group.OpenArray("y").status();
  EXPECT_EQ(malformed.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(malformed.message().find("missing member \"shape\""), std::string::npos) << malformed;
}

}  // namespace
}  // namespace coffer
