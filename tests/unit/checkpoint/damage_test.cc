// Goal: stored bytes that are not what was written give an error that says where, never wrong data,
// a crash or an allocation by what they claim.
// Method: every bit of every file of a small checkpoint flipped, every file cut at every length and
// removed; checkpoints forged with right digests and wrong contents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/stores.h"
#include "src/checkpoint/document.h"
#include "tests/unit/checkpoint/stores.h"
#include "tests/unit/checkpoint/trees.h"

namespace coffer {
namespace {

using coffer::testing::Difference;
using coffer::testing::KeyEndingWith;
using coffer::testing::KeysOf;
using coffer::testing::Remove;
using coffer::testing::Sample;
using coffer::testing::SetValue;
using coffer::testing::ValueOf;
using ::testing::HasSubstr;

class Damage : public ::testing::Test {
 protected:
  Damage() {
    tree_ = Tree::Dict();
    tree_.Set("w", Sample(DataType::kUint8, {2, 3})).Set("s", Tree("text")).Set("n", Tree(-5));
    // Four chunks in one shard.
    tree_.Set("sharded", Sample(DataType::kUint8, {4, 3}));
    checkpoint::Save(store_, "c/", tree_, {.chunk_bytes = 4, .shard_bytes = 12}).OrDie();
  }

  /// An error, or the right data; how many errors.
  bool RestoreFails(const std::string& what) {
    const Result<Tree> restored = checkpoint::Restore(store_, "c/");
    if (restored.ok()) {
      EXPECT_EQ(Difference(tree_, *restored), "") << what;
      return false;
    }
    const StatusCode code = restored.status().code();
    EXPECT_TRUE(code == StatusCode::kDataLoss || code == StatusCode::kUnimplemented)
        << what << ": " << restored.status();
    const Result<VerifyReport> verified = checkpoint::Verify(store_, "c/", {.deep = true});
    EXPECT_GT(verified.ok() ? verified->num_findings : 0, 0) << what << ": " << verified.status();
    return true;
  }

  /// Replaces the document by `text`, with a marker that vouches for it.
  void Forge(const std::string& text) {
    const std::string key = KeyEndingWith(*store_, "/checkpoint.json");
    SetValue(*store_, key, text);
    const std::string data = key.substr(2, key.rfind('/') - 2);
    SetValue(*store_, "c/commit", Marker{data, Digest::Of(text)}.Dump());
  }
  std::string DocumentWith(const std::string& from, const std::string& to) {
    std::string text = ValueOf(*store_, KeyEndingWith(*store_, "/checkpoint.json"));
    EXPECT_NE(text.find(from), text.npos) << from;
    return text.replace(text.find(from), from.size(), to);
  }

  const KvStorePtr store_ = MakeMemoryStore();
  Tree tree_;
};

TEST_F(Damage, EveryBitOfEveryFile) {
  ASSERT_FALSE(RestoreFails("untouched"));
  int64_t bits = 0, errors = 0;
  for (const std::string& key : KeysOf(*store_)) {
    const std::string right = ValueOf(*store_, key);
    for (size_t bit = 0; bit < right.size() * 8; ++bit) {
      std::string wrong = right;
      wrong[bit / 8] = static_cast<char>(wrong[bit / 8] ^ (1 << bit % 8));
      SetValue(*store_, key, wrong);
      ++bits;
      errors += RestoreFails(key + " bit " + std::to_string(bit)) ? 1 : 0;
    }
    SetValue(*store_, key, right);
  }
  EXPECT_GT(bits, 10000);
  EXPECT_GT(errors, bits * 9 / 10);
  EXPECT_FALSE(RestoreFails("mended"));
}

TEST_F(Damage, EveryFileCutShortLengthenedOrRemoved) {
  for (const std::string& key : KeysOf(*store_)) {
    const std::string right = ValueOf(*store_, key);
    for (size_t size = 0; size < right.size(); ++size) {
      SetValue(*store_, key, right.substr(0, size));
      EXPECT_TRUE(RestoreFails(key + " cut to " + std::to_string(size))) << key << " " << size;
    }
    SetValue(*store_, key, right + "\n");
    RestoreFails(key + " lengthened");
    Remove(*store_, key);
    if (key == "c/commit") {
      EXPECT_EQ(checkpoint::Restore(store_, "c/").status().code(), StatusCode::kNotFound);
    } else {
      EXPECT_TRUE(RestoreFails(key + " removed"));
    }
    SetValue(*store_, key, right);
  }
  EXPECT_FALSE(RestoreFails("mended"));
}

TEST_F(Damage, ErrorsNameTheFileAndWhatWasExpected) {
  const std::string document = KeyEndingWith(*store_, "/checkpoint.json");
  const std::string text = ValueOf(*store_, document);
  SetValue(*store_, document, text + " ");
  const Digest wrong = Digest::Of(text + " ");
  EXPECT_EQ(checkpoint::Restore(store_, "c/").status(),
            DataLossError(store_->Describe(document) + ": has " + wrong.ToString() + ", expected " +
                          Digest::Of(text).ToString()));
  Remove(*store_, document);
  EXPECT_EQ(
      checkpoint::Restore(store_, "c/").status(),
      DataLossError(store_->Describe(document) + ": missing, but the checkpoint says it is there"));
  SetValue(*store_, "c/commit", "{}");
  const Status marker = checkpoint::Restore(store_, "c/").status();
  EXPECT_EQ(marker.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(marker.message()),
              HasSubstr(store_->Describe("c/commit") + ": not a commit marker: "));
  EXPECT_EQ(checkpoint::IsCheckpoint(store_, "c/").status().code(), StatusCode::kDataLoss);
  SetValue(*store_, "c/commit", std::string(1 << 20, ' '));
  EXPECT_EQ(checkpoint::Restore(store_, "c/").status(),
            DataLossError(store_->Describe("c/commit") + ": not a commit marker: too large"));
}

TEST_F(Damage, ValidMetadataOfAnotherArrayIsDataLoss) {
  // Array 1 is the sharded one: its zarr.json is valid, but not that of array 0.
  const std::string first = KeyEndingWith(*store_, "arrays/0/zarr.json");
  SetValue(*store_, first, ValueOf(*store_, KeyEndingWith(*store_, "arrays/1/zarr.json")));
  const Status status = checkpoint::Restore(store_, "c/").status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), ::testing::StartsWith("at w: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("its metadata has "));
}

TEST_F(Damage, MetadataThatIsUnsupportedByAFlippedBitIsDataLoss) {
  const std::string key = KeyEndingWith(*store_, "arrays/0/zarr.json");
  std::string text = ValueOf(*store_, key);
  const Digest right = Digest::Of(text);
  text.replace(text.find("uint8"), 5, "uint9");
  SetValue(*store_, key, text);
  const Status expected =
      DataLossError("at w: " + store_->Describe(key) + ": has " + Digest::Of(text).ToString() +
                    ", expected " + right.ToString());
  EXPECT_EQ(checkpoint::Restore(store_, "c/").status(), expected);
  const VerifyReport report = checkpoint::Verify(store_, "c/").OrDie();
  ASSERT_EQ(report.findings.size(), 1);
  EXPECT_EQ(report.findings[0].reason, expected.ToString());
}

TEST_F(Damage, AMarkerOfAnotherVersionIsAFinding) {
  std::string text = ValueOf(*store_, "c/commit");
  text.replace(text.find("\"version\":1") + 10, 1, "3");
  SetValue(*store_, "c/commit", text);
  const Status restored = checkpoint::Restore(store_, "c/").status();
  EXPECT_EQ(restored.code(), StatusCode::kUnimplemented);
  const VerifyReport report = checkpoint::Verify(store_, "c/").OrDie();
  ASSERT_EQ(report.findings.size(), 1);
  EXPECT_EQ(
      report.findings[0],
      (VerifyReport::Finding{FindingKind::kMetadata, store_->Describe("c/"), restored.ToString()}));
  EXPECT_EQ(report.num_unsupported, 0);
}

TEST_F(Damage, ForgedShapesDoNotMatchTheArray) {
  Forge(DocumentWith("\"shape\":[2,3]", "\"shape\":[3,2]"));
  const Status status = checkpoint::Restore(store_, "c/").status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("is [2, 3] of uint8, but checkpoint.json says [3, 2] of uint8"));
}

TEST_F(Damage, ForgedDocumentsAreRefused) {
  Forge(DocumentWith("\"created_at\"", "\"extra\":0,\"created_at\""));
  const Status status = checkpoint::Restore(store_, "c/").status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("checkpoint.json: at $: unknown member"));
}

TEST_F(Damage, AClaimOfTwoToTheFiftyElementsFailsBeforeItAllocates) {
  const std::string key = KeyEndingWith(*store_, "arrays/0/zarr.json");
  std::string metadata = ValueOf(*store_, key);
  const std::string shape = ValueOf(*store_, key);
  const size_t at = metadata.find("\"shape\"");
  const size_t open = metadata.find('[', at), close = metadata.find(']', at);
  metadata.replace(open, close - open + 1, "[1125899906842624, 3]");
  SetValue(*store_, key, metadata);
  std::string text = DocumentWith("\"shape\":[2,3]", "\"shape\":[1125899906842624,3]");
  const std::string old_digest = "\"metadata\":{";
  const size_t digest = text.find(old_digest);
  const size_t end = text.find('}', digest);
  const std::string right = Digest::Of(metadata).ToString();  // "N bytes with crc32c XXXXXXXX"
  text.replace(digest, end - digest + 1,
               "\"metadata\":{\"size\":" + std::to_string(metadata.size()) + ",\"crc32c\":\"" +
                   right.substr(right.size() - 8) + "\"}");
  Forge(text);
  const Status status = checkpoint::Restore(store_, "c/").status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("at w: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("1 of 562949953421312 chunks are stored"));
}

}  // namespace
}  // namespace coffer
