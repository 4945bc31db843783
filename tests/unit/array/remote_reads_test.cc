// Goal: a copy of a remote sharded array, and a look at each of its chunks, take a request for many
// chunks, and have many under way; damaged chunks are told one by one all the same.
// Method: requests counted, and held, at a gate. What is copied is compared.
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/copy.h"
#include "coffer/array/driver.h"
#include "coffer/array/verify.h"
#include "coffer/kvstore/stores.h"
#include "src/codec/chain.h"
#include "src/codec/shard_layout.h"
#include "tests/unit/array/gate_store.h"

namespace coffer {
namespace {

using testing::GatePolicy;

constexpr int64_t kSide = 64;
const Shape kShape = {2 * kSide, 4 * kSide};  // Eight shards of 256 chunks.

class RemoteReads : public ::testing::Test {
 protected:
  RemoteReads() {
    std::iota(values_.begin(), values_.end(), uint16_t{1});
    local_->Write(Box::Full(kShape), view_).OrDie();
  }
  static Array Create(const KvStorePtr& store) {
    return Array::Create(store, "",
                         {.shape = kShape,
                          .data_type = DataType::kUint16,
                          .chunk_shape = {4, 4},
                          .shard_shape = {kSide, kSide}})
        .OrDie();
  }
  int Reads(const std::string& key) const {
    return gate_->Count(KvOperation::kRead, key) + gate_->Count(KvOperation::kReadInto, key);
  }

  std::vector<uint16_t> values_ = std::vector<uint16_t>(static_cast<size_t>(8 * kSide * kSide));
  const ConstView view_ = Ref(values_.data(), kShape);
  const KvStorePtr base_ = MakeMemoryStore();
  const std::shared_ptr<GatePolicy> gate_ = std::make_shared<GatePolicy>();
  const std::optional<Array> local_ = Create(base_);
  const std::optional<Array> remote_ =
      Array::Open(testing::MakeGateStore(base_, gate_), "").OrDie();
};

TEST_F(RemoteReads, ACopyTakesManyChunksByOneRequest) {
  const Array copy = Create(MakeMemoryStore());
  ASSERT_EQ(Copy(*remote_, copy), Status());
  const NdArray<uint16_t> all = copy.Read<uint16_t>({}).OrDie();
  EXPECT_EQ(std::vector<uint16_t>(all.values().begin(), all.values().end()), values_);
  EXPECT_LE(Reads("c/0/0"), 4);  // Of 256 chunks: the index, and spans.
}

TEST_F(RemoteReads, ALookAtEachChunkDoesSo) {
  const VerifyReport report = VerifyArray(*remote_, {.deep = true}).OrDie();
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(Reads("c/0/0"), 2);
}

TEST_F(RemoteReads, EachDamagedChunkIsTold) {
  std::string shard(base_->Read("c/0/1").Get().OrDie().value.text());
  shard[5] = static_cast<char>(shard[5] ^ 1);        // In the first chunk.
  shard[2000] = static_cast<char>(shard[2000] ^ 1);  // And in another.
  base_->Write("c/0/1", Bytes::Take(shard)).Get().OrDie();
  const VerifyReport here = VerifyArray(*local_, {.deep = true}).OrDie();
  const VerifyReport there = VerifyArray(*remote_, {.deep = true}).OrDie();
  ASSERT_EQ(there.findings.size(), 1u);
  EXPECT_NE(there.findings[0].reason.find("(and 1 more of this shard)"), std::string::npos)
      << there.findings[0].reason;
  EXPECT_EQ(there.findings[0].reason, here.findings[0].reason);
}

TEST_F(RemoteReads, ABadEntryHarmsNoOther) {
  const ShardLayout& layout = *local_->stored()->chain->shard_layout();
  BufferPool pool(MiB(1));
  std::string shard(base_->Read("c/0/1").Get().OrDie().value.text());
  const size_t end = shard.size() - static_cast<size_t>(layout.index_size());
  ShardIndex index =
      layout.DecodeIndex(Bytes::Copy(shard.substr(end)), CodecScratch{&pool}).OrDie();
  index[7].size = shard.size();  // Beyond the end.
  shard.resize(end);
  shard += layout.EncodeIndex(index, CodecScratch{&pool}).OrDie().text();
  base_->Write("c/0/1", Bytes::Take(shard)).Get().OrDie();
  const VerifyReport report = VerifyArray(*remote_, {.deep = true}).OrDie();
  ASSERT_EQ(report.findings.size(), 1u);
  EXPECT_NE(report.findings[0].reason.find("inner chunk [0, 7]"), std::string::npos)
      << report.findings[0].reason;
  EXPECT_EQ(report.findings[0].reason.find("more of this shard"), std::string::npos)
      << report.findings[0].reason;
}

TEST_F(RemoteReads, ACopyHasManyUnderWay) {
  const Array copy = Create(MakeMemoryStore());
  gate_->set_request_concurrency(8);
  gate_->Close("c/");
  std::thread copier([&] { EXPECT_EQ(Copy(*remote_, copy), Status()); });
  EXPECT_TRUE(gate_->WaitUntilHeld(8));
  gate_->Open();
  copier.join();
}

}  // namespace
}  // namespace coffer
