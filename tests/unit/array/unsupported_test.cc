// Goal: a chunk that this program cannot read, though another might, is no damage: it is told
// apart, and no option of a repair touches it or what it stands in. Method: a codec that refuses
// chunks which begin with an "R", in arrays with and without shards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "coffer/codec/codec.h"
#include "tests/unit/array/damage.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::AllValues;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::NewStore;
using testing::SetAt;
using testing::Texts;

class Picky final : public BoundBytesToBytes {
 public:
  explicit Picky(int64_t size_max) : size_max_(size_max) {}
  int64_t max_encoded_size() const override { return size_max_; }
  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    std::copy(decoded.begin(), decoded.end(), destination.begin());
    return decoded.size();
  }
  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    if (!encoded.empty() && encoded[0] == std::byte{'R'}) return UnimplementedError("an R");
    std::copy(encoded.begin(), encoded.end(), destination.begin());
    return encoded.size();
  }

 private:
  const int64_t size_max_;
};

class PickyCodec final : public Codec {
 public:
  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "picky"; }
  std::string configuration() const override { return ""; }
  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(int64_t size_max) const override {
    return std::make_unique<Picky>(size_max);
  }
};

const char kChunk[] = R"("bytes", "picky")";
const char kShard[] = R"({"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 2],
    "codecs": ["bytes", "picky"],
    "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, "crc32c"]}})";

/// {4, 2} bytes, all 7 but the first, in chunks of {2, 2}, each written by itself or in one shard.
Array Refused(const KvStorePtr& store, const std::string& codecs) {
  const Context context = Context::Create();
  context.Get<CodecTable>()
      .Add({"picky",
            [](std::string_view, const CodecTable&) -> Result<CodecPtr> {
              return std::make_shared<PickyCodec>();
            }})
      .OrDie();
  CreateOptions options;
  options.shape = {4, 2};
  options.chunk_shape = codecs == kShard ? Shape{4, 2} : Shape{2, 2};
  options.format.codecs = "[" + codecs + "]";
  options.context = context;
  Array array = Array::Create(store, "", options).OrDie();
  const std::vector<uint8_t> values = {'R', 7, 7, 7, 7, 7, 7, 7};
  array.Write(Box::Full({4, 2}), Ref(values.data(), {4, 2})).OrDie();
  return array;
}

void ExpectLeftAlone(const KvStorePtr& store, const Array& array, const std::string& key,
                     const std::string& reason) {
  const auto values = AllValues(*store);
  const VerifyReport found = VerifyArray(array, {.deep = true}).OrDie();
  EXPECT_EQ(found.num_unsupported, 1);
  EXPECT_THAT(found.unsupported,
              ElementsAre(VerifyReport::Finding{FindingKind::kUnsupported, store->Describe(key),
                                                "Unimplemented: " + reason}));
  EXPECT_EQ(found.chunks_checked, 1);
  const RepairReport repaired =
      RepairArray(array, {.drop_damaged = true, .drop_foreign = true}).OrDie();
  EXPECT_EQ(repaired.unsupported, found.unsupported);
  EXPECT_EQ(repaired.num_unsupported, 1);
  EXPECT_EQ(repaired.num_done + repaired.num_planned, 0);
  EXPECT_EQ(AllValues(*store), values);
}

TEST(Unsupported, AChunk) {
  const KvStorePtr store = NewStore();
  const Array array = Refused(store, kChunk);
  ExpectLeftAlone(store, array, "c/0/0", "codecs[1] (picky): an R");
  EXPECT_THAT(Texts(VerifyArray(array, {.deep = true}).OrDie(), *store), IsEmpty());
  EXPECT_THAT(Texts(RepairArray(array, {.drop_damaged = true}).OrDie(), *store), IsEmpty());
}

TEST(Unsupported, AnInnerChunkAndTheShardItIsIn) {
  const KvStorePtr store = NewStore();
  const Array array = Refused(store, kShard);
  const std::string reason = "inner chunk 0: codecs[1] (picky): an R";
  ExpectLeftAlone(store, array, "c/0/0", reason);
  EXPECT_THAT(Texts(VerifyArray(array, {.deep = true}).OrDie(), *store), IsEmpty());
  // Bytes of no chunk: moving the chunks as they are would be allowed, but is not worth a risk.
  std::string shard = testing::ValueAt(*store, "c/0/0");
  SetAt(*store, "c/0/0", shard.insert(8, "garbage"));
  ExpectLeftAlone(store, array, "c/0/0", reason);
  EXPECT_THAT(Texts(RepairArray(array, {.drop_damaged = true}).OrDie(), *store),
              ElementsAre("left (not all of it can be read here) shard-shape c/0/0"));
}

}  // namespace
}  // namespace coffer
