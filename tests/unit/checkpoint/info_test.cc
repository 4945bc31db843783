// Goal: Info tells what is stored without reading arrays; Verify finds whatever Restore would trip
// over, and what belongs to nobody.
// Method: a checkpoint of known layout, then one damage at a time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "tests/unit/checkpoint/stores.h"
#include "tests/unit/checkpoint/trees.h"

namespace coffer {
namespace {

using coffer::testing::KeyEndingWith;
using coffer::testing::KeysOf;
using coffer::testing::Remove;
using coffer::testing::Sample;
using coffer::testing::SetValue;
using coffer::testing::ValueOf;
using ::testing::HasSubstr;

class Checkpoint : public ::testing::Test {
 protected:
  Checkpoint() {
    Tree tree = Tree::Dict();
    tree.Set("step", Tree(7)).Set("w", Sample(DataType::kUint8, {4, 3}));
    tree.Set("list", Tree::List().Append(Tree("x")).Append(Sample(DataType::kInt16, {2})));
    checkpoint::Save(store_, "c/", tree, {.chunk_bytes = 4, .shard_bytes = 6}).OrDie();
  }
  VerifyReport Verified(bool deep) {
    return checkpoint::Verify(store_, "c/", {.deep = deep}).OrDie();
  }

  const KvStorePtr store_ = MakeMemoryStore();
};

TEST_F(Checkpoint, InfoTellsLeavesAndSizes) {
  const checkpoint::CheckpointInfo info = checkpoint::Info(store_, "c/").OrDie();
  EXPECT_EQ(info.format, "coffer-first-slice");
  ASSERT_EQ(info.created_at.size(), 20U);
  EXPECT_EQ(info.created_at.substr(0, 2), "20");
  EXPECT_EQ(info.created_at.back(), 'Z');
  EXPECT_EQ(info.array_bytes, 16);
  ASSERT_EQ(info.leaves.size(), 4U);
  EXPECT_EQ(info.leaves[0].path.ToString(), "step");
  EXPECT_EQ(info.leaves[0].kind, Tree::Kind::kInt);
  EXPECT_EQ(info.leaves[0].value, "7");
  EXPECT_EQ(info.leaves[1].kind, Tree::Kind::kArray);
  EXPECT_EQ(info.leaves[1].data_type, DataType::kUint8);
  EXPECT_EQ(info.leaves[1].shape, (Shape{4, 3}));
  EXPECT_EQ(info.leaves[1].chunk_shape, (Shape{1, 3}));
  EXPECT_EQ(info.leaves[1].shard_shape, (Shape{2, 3}));
  EXPECT_EQ(info.leaves[2].value, "\"x\"");
  EXPECT_EQ(info.leaves[3].path, TreePath().Key("list").Index(1));
  int64_t all = 0, first = 0, second = 0;
  for (const std::string& key : KeysOf(*store_)) {
    const auto size = static_cast<int64_t>(ValueOf(*store_, key).size());
    all += size;
    if (key.find("/arrays/0/") != key.npos) first += size;
    if (key.find("/arrays/1/") != key.npos) second += size;
  }
  EXPECT_EQ(info.stored_bytes, all);
  EXPECT_EQ(info.leaves[1].stored_bytes, first);
  EXPECT_EQ(info.leaves[3].stored_bytes, second);
  EXPECT_EQ(info.leaves[0].stored_bytes, 0);
}

TEST_F(Checkpoint, InfoWithoutSizesReadsTwoKeys) {
  int operations = 0;
  const KvStorePtr traced = MakeTraceStore(store_, [&](const TraceEvent&) { ++operations; });
  const checkpoint::CheckpointInfo info = checkpoint::Info(traced, "c/", false).OrDie();
  EXPECT_EQ(operations, 2);
  EXPECT_EQ(info.stored_bytes, 0);
  EXPECT_EQ(info.leaves.size(), 4U);
}

TEST_F(Checkpoint, VerifyOfAWholeOneFindsNothing) {
  EXPECT_EQ(Verified(false).num_findings, 0);
  const VerifyReport deep = Verified(true);
  EXPECT_EQ(deep.num_findings, 0);
  EXPECT_EQ(deep.chunks_checked, 5);
  EXPECT_EQ(deep.chunks_unchecked, 0);
}

TEST_F(Checkpoint, VerifyOfNothingIsNotFound) {
  EXPECT_EQ(checkpoint::Verify(store_, "d/").status().code(), StatusCode::kNotFound);
}

TEST_F(Checkpoint, VerifyFindsOrphans) {
  SetValue(*store_, "c/readme", "x");
  const std::string number = KeyEndingWith(*store_, "arrays/0/zarr.json");
  // What a killed save has left counts as one.
  SetValue(*store_, "c/data-0123456789abcdef/checkpoint.json", "x");
  SetValue(*store_, "c/data-0123456789abcdef/arrays/0/zarr.json", "x");
  SetValue(*store_, number.substr(0, number.size() - 11) + "2/zarr.json", "x");
  SetValue(*store_, number.substr(0, number.size() - 11) + "01/zarr.json", "x");
  SetValue(*store_, number.substr(0, number.size() - 9) + "junk", "x");
  const VerifyReport report = Verified(false);
  ASSERT_EQ(report.num_findings, 5);
  ASSERT_EQ(report.findings.size(), 5U);
  int left_by_saves = 0;
  for (const VerifyReport::Finding& finding : report.findings) {
    EXPECT_THAT(finding.reason, HasSubstr("orphan: "));
    if (finding.key != store_->Describe("c/data-0123456789abcdef/")) continue;
    EXPECT_EQ(finding.reason, "orphan: 2 keys of an unfinished save");
    ++left_by_saves;
  }
  EXPECT_EQ(left_by_saves, 1);
}

TEST_F(Checkpoint, VerifyFindsDamageInTheMetadata) {
  const std::string document = KeyEndingWith(*store_, "/checkpoint.json");
  const std::string text = ValueOf(*store_, document);
  SetValue(*store_, document, text + " ");
  VerifyReport report = Verified(false);
  ASSERT_EQ(report.num_findings, 1);
  EXPECT_THAT(report.findings[0].reason, HasSubstr("DataLoss: " + store_->Describe(document)));
  SetValue(*store_, document, text);
  SetValue(*store_, "c/commit", "x");
  report = Verified(false);
  ASSERT_EQ(report.num_findings, 1);
  EXPECT_THAT(report.findings[0].reason, HasSubstr("not a commit marker"));
}

TEST_F(Checkpoint, VerifyFindsDamagedArrays) {
  const std::string metadata = KeyEndingWith(*store_, "arrays/0/zarr.json");
  const std::string text = ValueOf(*store_, metadata);
  SetValue(*store_, metadata, text + " ");
  VerifyReport report = Verified(false);
  ASSERT_EQ(report.num_findings, 1);
  EXPECT_THAT(report.findings[0].reason, HasSubstr("DataLoss: at w: "));
  SetValue(*store_, metadata, text);

  const std::string chunk = KeyEndingWith(*store_, "arrays/1/c.0");
  std::string bytes = ValueOf(*store_, chunk);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  SetValue(*store_, chunk, bytes);
  EXPECT_EQ(Verified(false).num_findings, 0);
  report = Verified(true);
  ASSERT_EQ(report.num_findings, 1);
  EXPECT_EQ(report.findings[0].key, store_->Describe(chunk));
  EXPECT_THAT(report.findings[0].reason, HasSubstr("DataLoss: "));
  EXPECT_THAT(report.findings[0].reason, HasSubstr("(at list/1)"));

  Remove(*store_, chunk);
  report = Verified(false);
  ASSERT_EQ(report.num_findings, 1);
  EXPECT_EQ(report.findings[0].reason, "DataLoss: at list/1: 0 of 1 chunks are stored");
}

TEST_F(Checkpoint, VerifyPassesOnWhatTheStoreFailsAt) {
  const auto faulty = MakeFaultStore(store_);
  faulty->Inject({.operation = KvOperation::kRead, .key_prefix = "c/data", .times = -1});
  EXPECT_EQ(checkpoint::Verify(faulty, "c/").status().code(), StatusCode::kUnavailable);
}

}  // namespace
}  // namespace coffer
