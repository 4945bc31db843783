// Goal: every compressor gives back what it was given, at its every setting, within its bound, and
// refuses what it cannot hold. Method: random and regular blocks of many sizes; headers written by
// hand for blosc.
#include <blosc.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/codecs.h"

namespace coffer {
namespace {

using testing::ByteVector;
using testing::Codecs;

std::vector<CodecPtr> EverySetting() {
  std::vector<CodecPtr> codecs;
  const auto add = [&](const char* name, const std::string& configuration) {
    codecs.push_back(Codecs().Make(name, configuration).OrDie());
  };
  for (int level : {0, 1, 5, 9}) add("gzip", "{\"level\": " + std::to_string(level) + "}");
  for (int level : {-131072, 0, 1, 3, 12}) {
    for (const char* checksum : {"true", "false"}) {
      add("zstd", "{\"level\": " + std::to_string(level) + ", \"checksum\": " + checksum + "}");
    }
  }
  for (const char* cname : {"blosclz", "lz4", "lz4hc", "zlib", "zstd", "snappy"}) {
    if (blosc_compname_to_compcode(cname) < 0) continue;  // Not in this build of c-blosc.
    for (const char* shuffle : {"noshuffle", "shuffle", "bitshuffle"}) {
      for (int clevel : {0, 1, 5}) {
        for (int typesize : {1, 2, 7, 300}) {
          add("blosc", std::string(R"({"cname": ")") + cname + R"(", "clevel": )" +
                           std::to_string(clevel) + R"(, "shuffle": ")" + shuffle +
                           R"(", "typesize": )" + std::to_string(typesize) +
                           (typesize == 2 ? R"(, "blocksize": 512})" : "}"));
        }
      }
    }
  }
  return codecs;
}

std::vector<ByteVector> Blocks() {
  std::vector<ByteVector> blocks;
  uint64_t seed = 1;
  for (size_t size :
       {size_t{1}, size_t{2}, size_t{15}, size_t{16}, size_t{127}, size_t{5000}, size_t{70001}}) {
    for (unsigned mask : {0U, 7U, 255U}) {
      ByteVector block(size);
      for (std::byte& byte : block) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        byte = static_cast<std::byte>((seed >> 33) & mask);
      }
      blocks.push_back(std::move(block));
    }
  }
  return blocks;
}

TEST(Compressors, RoundTripWithinTheBound) {
  for (const CodecPtr& codec : EverySetting()) {
    for (const ByteVector& block : Blocks()) {
      const auto bound = codec->BindBytesToBytes(static_cast<int64_t>(block.size())).OrDie();
      const auto size_max = static_cast<size_t>(bound->max_encoded_size());
      ByteVector stored(size_max + 16, std::byte{0xa5});
      const auto size = bound->Encode(block, std::span(stored).first(size_max));
      ASSERT_TRUE(size.ok()) << codec->name() << codec->configuration() << size.status();
      for (size_t i = size_max; i < stored.size(); ++i) ASSERT_EQ(stored[i], std::byte{0xa5});
      ByteVector read(block.size());
      const auto read_size = bound->Decode(std::span(stored).first(*size), read);
      ASSERT_TRUE(read_size.ok()) << codec->name() << codec->configuration() << read_size.status();
      EXPECT_EQ(*read_size, block.size());
      EXPECT_EQ(read, block) << codec->name() << codec->configuration();
    }
  }
}

// c-blosc makes more of noise than its bound if it may.
TEST(Compressors, StayWithinTheBoundWhereThereIsMoreRoom) {
  uint64_t seed = 1;
  ByteVector noise(100000);
  for (std::byte& byte : noise) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(seed >> 56);
  }
  for (const CodecPtr& codec : EverySetting()) {
    const auto bound = codec->BindBytesToBytes(static_cast<int64_t>(noise.size())).OrDie();
    ByteVector stored(2 * noise.size());
    const auto size = bound->Encode(noise, stored);
    ASSERT_TRUE(size.ok()) << size.status();
    EXPECT_LE(static_cast<int64_t>(*size), bound->max_encoded_size())
        << codec->name() << codec->configuration();
  }
}

TEST(Compressors, AreNoChecksumsAndNotInPlace) {
  for (const CodecPtr& codec : EverySetting()) {
    const auto bound = codec->BindBytesToBytes(100).OrDie();
    EXPECT_FALSE(bound->is_checksum());
    EXPECT_FALSE(bound->fixed_size());
    EXPECT_FALSE(bound->DecodeInPlace({}).has_value());
    EXPECT_EQ(bound->EncodeInPlace({}, 0).status().code(), StatusCode::kInternal);
  }
}

TEST(Compressors, SayWhatTheyHold) {
  const auto scratch = [](const char* name, const char* configuration, int64_t size) {
    const auto bound = Codecs().Make(name, configuration).OrDie()->BindBytesToBytes(size).OrDie();
    return std::pair(bound->encode_scratch_bytes(), bound->decode_scratch_bytes());
  };
  const auto [gzip_encode, gzip_decode] = scratch("gzip", R"({"level": 6})", 1 << 20);
  EXPECT_GE(gzip_encode, 668304);
  EXPECT_GE(gzip_decode, 11568);
  const auto [zstd_encode, zstd_decode] = scratch("zstd", R"({"level": 22})", 64 << 20);
  EXPECT_GT(zstd_encode, int64_t{600} << 20);
  EXPECT_GT(zstd_decode, 90000);
  // Measured peaks of c-blosc for 8 MiB of float32: see blosc.cc.
  const char* lz4 = R"({"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4})";
  const auto [lz4_encode, lz4_decode] = scratch("blosc", lz4, 8 << 20);
  EXPECT_GE(lz4_encode, 2097176);
  EXPECT_GE(lz4_decode, 2 * (4 << 20));
  EXPECT_LE(lz4_decode, 9 << 20);
  const char* zstd = R"({"cname": "zstd", "clevel": 9, "shuffle": "shuffle", "typesize": 4})";
  EXPECT_GE(scratch("blosc", zstd, 8 << 20).first, 20179856);
  const char* large =
      R"({"cname": "zstd", "clevel": 5, "shuffle": "noshuffle", "blocksize": 8388608})";
  EXPECT_GE(scratch("blosc", large, 8 << 20).first, 29871952);
  EXPECT_GE(scratch("blosc", large, 8 << 20).second, 16873232);
}

class BloscHeader : public ::testing::Test {
 protected:
  static constexpr int64_t kSize = 4096;
  void SetUp() override {
    const char* configuration =
        R"({"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2})";
    codec_ = Codecs().Make("blosc", configuration).OrDie()->BindBytesToBytes(kSize).OrDie();
    stored_.resize(static_cast<size_t>(codec_->max_encoded_size()));
    stored_.resize(codec_->Encode(ByteVector(kSize), stored_).OrDie());
  }
  // Sets the little-endian word at `offset`: 4 nbytes, 8 blocksize, 12 cbytes.
  void Set(size_t offset, uint32_t value) { std::memcpy(&stored_[offset], &value, 4); }
  Status Decode() {
    ByteVector out(kSize);
    return codec_->Decode(stored_, out).status();
  }

  std::unique_ptr<BoundBytesToBytes> codec_;
  ByteVector stored_;
};

TEST_F(BloscHeader, IsValid) { EXPECT_TRUE(Decode().ok()); }

TEST_F(BloscHeader, WithAnotherStoredSize) {
  const size_t size = stored_.size();
  stored_.push_back(std::byte{0});
  EXPECT_EQ(Decode(), DataLossError("damaged blosc data: no header of a buffer of " +
                                    std::to_string(size + 1) + " bytes"));
  stored_.resize(15);
  EXPECT_EQ(Decode(), DataLossError("damaged blosc data: no header of a buffer of 15 bytes"));
  stored_.clear();
  EXPECT_EQ(Decode(), DataLossError("damaged blosc data: no header of a buffer of 0 bytes"));
}

TEST_F(BloscHeader, WithMoreDecodedBytes) {
  Set(4, 4097);
  EXPECT_EQ(Decode(),
            DataLossError("blosc data decodes to 4097 bytes, more than the 4096 expected"));
}

TEST_F(BloscHeader, WithHugeBlocks) {
  Set(8, (4U << 20) + 1);
  EXPECT_EQ(Decode(), DataLossError("blosc data in blocks of 4194305 bytes, expected at most "
                                    "4194304"));
}

TEST_F(BloscHeader, WithBlocksOfNothing) {
  Set(8, 0);
  EXPECT_EQ(Decode(), DataLossError("damaged blosc data: c-blosc says -1"));
}

}  // namespace
}  // namespace coffer
