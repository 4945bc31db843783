// Goal: where a store cannot list its keys, what needs no list works: everything goes by what the
// document names, damage and loss are found, and nothing is said of what else may be there. Method:
// checkpoints behind a store that lists nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/checkpoint/repair.h"
#include "coffer/kvstore/adapters.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/checkpoint/checkpoints.h"
#include "tests/unit/checkpoint/stores.h"

namespace coffer {
namespace {

using coffer::testing::ActingAfter;
using coffer::testing::ExpectStored;
using coffer::testing::KeyEndingWith;
using coffer::testing::KeysOf;
using coffer::testing::Remove;
using coffer::testing::Sample;
using coffer::testing::SetValue;
using coffer::testing::Small;
using coffer::testing::UnlistedStore;
using coffer::testing::ValueOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class Unlisted : public ::testing::Test {
 protected:
  Unlisted() {
    tree_.Set("w", Sample(DataType::kUint8, {7, 3})).Set("empty", Sample(DataType::kInt16, {0}));
    tree_.Set("list", Tree::List().Append(Tree("x")).Append(Sample(DataType::kInt16, {})));
    checkpoint::Save(base_, "c/", tree_, {.chunk_bytes = 4, .shard_bytes = 6}).OrDie();
    checkpoint::Save(base_, "plain/", tree_, {.chunk_bytes = 4, .shard_bytes = 0}).OrDie();
  }
  VerifyReport Verified(const std::string& prefix, bool deep) {
    return checkpoint::Verify(store_, prefix, {.deep = deep}).OrDie();
  }

  Tree tree_ = Tree::Dict();
  const KvStorePtr base_ = MakeMemoryStore();
  const KvStorePtr store_ = std::make_shared<UnlistedStore>(base_);
};

TEST_F(Unlisted, InfoKnowsNoSizes) {
  const checkpoint::CheckpointInfo info = checkpoint::Info(store_, "c/").OrDie();
  EXPECT_EQ(info.array_bytes, 23);
  EXPECT_EQ(info.stored_bytes, -1);
  ASSERT_EQ(info.leaves.size(), 4U);
  EXPECT_EQ(info.leaves[0].stored_bytes, -1);
  EXPECT_EQ(info.leaves[2].stored_bytes, 0);  // No array.
  EXPECT_EQ(info.leaves[3].stored_bytes, -1);
}

TEST_F(Unlisted, IsCopiedByWhatTheDocumentNames) {
  for (const std::string prefix : {"c/", "plain/"}) {
    int64_t done = 0;
    int64_t all = 0;
    checkpoint::CopyOptions options;
    options.on_progress = [&](int64_t now, int64_t of) {
      std::tie(done, all) = std::pair(now, of);
    };
    const KvStorePtr destination = MakeMemoryStore();
    const Result<int64_t> bytes = checkpoint::Copy(store_, prefix, destination, "d/", options);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    ExpectStored(destination, "d/", tree_);
    EXPECT_EQ(KeysOf(*destination).size(), KeysOf(*base_, prefix).size());
    EXPECT_EQ(checkpoint::Copy(base_, prefix, MakeMemoryStore(), "d/").OrDie(), *bytes);
    EXPECT_EQ(all, 23);
    EXPECT_EQ(done, all);
  }
}

TEST_F(Unlisted, ACopyMissesNothingSilently) {
  const std::string lost = KeyEndingWith(*base_, "arrays/0/c.3.0");
  Remove(*base_, lost);
  const KvStorePtr destination = MakeMemoryStore();
  EXPECT_EQ(
      checkpoint::Copy(store_, "c/", destination, "d/").status(),
      DataLossError(base_->Describe(lost) + ": missing, but the checkpoint says it is there"));
  EXPECT_EQ(KeysOf(*destination).size(), 0U);
}

TEST_F(Unlisted, ReplacedWhileItIsCopiedItIsNoLoss) {
  for (const std::string end : {"checkpoint.json", "arrays/0/zarr.json"}) {
    const KvStorePtr acting = ActingAfter(base_, KvOperation::kRead, end, [&] {
      checkpoint::Save(base_, "c/", Small(3), {.overwrite = true}).OrDie();
    });
    EXPECT_EQ(
        checkpoint::Copy(std::make_shared<UnlistedStore>(acting), "c/", MakeMemoryStore(), "")
            .status(),
        AbortedError(base_->Describe("c/commit") + ": replaced or deleted while it was copied"));
    checkpoint::Save(base_, "c/", tree_, {.overwrite = true}).OrDie();
  }
}

TEST_F(Unlisted, IsVerifiedByWhatTheDocumentNames) {
  SetValue(*base_, "c/stray", "x");
  for (const std::string prefix : {"c/", "plain/"}) {
    for (const bool deep : {false, true}) {
      const VerifyReport report = Verified(prefix, deep);
      EXPECT_EQ(report.num_findings, 0) << prefix;
      EXPECT_TRUE(report.unlisted);
      EXPECT_EQ(report.chunks_checked, deep ? 8 : 0);
    }
    EXPECT_FALSE(checkpoint::Verify(base_, prefix).OrDie().unlisted);
  }
}

TEST_F(Unlisted, VerifyFindsDamageAndLoss) {
  for (const std::string prefix : {"c/", "plain/"}) {
    std::string damaged, lost;
    for (const std::string& key : KeysOf(*base_, prefix)) {
      if (key.ends_with("arrays/0/c.1.0")) damaged = key;
      if (key.ends_with("arrays/0/c.3.0")) lost = key;
    }
    std::string value = ValueOf(*base_, damaged);
    value[0] = static_cast<char>(value[0] ^ 1);
    SetValue(*base_, damaged, value);
    Remove(*base_, lost);
    const VerifyReport report = Verified(prefix, true);
    ASSERT_EQ(report.num_findings, 2) << prefix;
    EXPECT_EQ(report.findings[0].kind, FindingKind::kMissing);
    EXPECT_THAT(report.findings[0].reason,
                EndsWith(prefix == "c/" ? "at w: 3 of 4 chunks are stored"
                                        : "at w: 6 of 7 chunks are stored"));
    EXPECT_EQ(report.findings[1].kind, FindingKind::kDamaged);
    EXPECT_EQ(report.findings[1].key, base_->Describe(damaged));
  }
}

TEST_F(Unlisted, IsNotRepaired) {
  EXPECT_EQ(checkpoint::Repair(store_, "c/").status().code(), StatusCode::kUnimplemented);
}

TEST_F(Unlisted, LargeArraysAreRestoredAndClaimsAreNot) {
  const Tree large = Tree::Dict().Set("w", Sample(DataType::kUint8, {65 << 20}));
  checkpoint::Save(base_, "large/", large, {.codec = Uncompressed(), .shard_bytes = 0}).OrDie();
  EXPECT_TRUE(checkpoint::Restore(store_, "large/").ok());
  Remove(*base_, KeyEndingWith(*base_, "arrays/0/c.64"));
  const Status status = checkpoint::Restore(store_, "large/").status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("c.64: the last chunk is not stored"));
}

}  // namespace
}  // namespace coffer
