// Goal: a shard index is decoded and encoded as the format says, and one that lies is refused with
// what is wrong. Method: layouts taken from bound sharding codecs, and indexes written by hand.
#include "src/codec/shard_layout.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/codecs.h"

namespace coffer {
namespace {

using testing::Bind;
using testing::ByteVector;
using testing::ChunkOf;
using testing::Hex;
using testing::Pool;
using testing::Scratch;

constexpr uint64_t kAbsent = ~uint64_t{0};

// A shard of 4 x 6 uint16 with inner chunks of 2 x 3.
std::shared_ptr<const CodecChain> Shard(std::string_view location = "end",
                                        std::string_view index_codecs =
                                            R"([{"name": "bytes", "configuration":
                                                {"endian": "little"}}, "crc32c"])") {
  const std::string list =
      R"([{"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 3], "codecs":
      [{"name": "bytes", "configuration": {"endian": "little"}}], "index_codecs": )" +
      std::string(index_codecs) + R"(, "index_location": ")" + std::string(location) + "\"}}]";
  return Bind(list, ChunkOf<uint16_t>({4, 6})).OrDie();
}

ByteVector EncodeIndex(const ShardLayout& layout, const ShardIndex& index) {
  const Bytes encoded = layout.EncodeIndex(index, Scratch()).OrDie();
  return {encoded.span().begin(), encoded.span().end()};
}

TEST(ShardLayout, Describes) {
  const auto chain = Shard();
  const ShardLayout& layout = *chain->shard_layout();
  EXPECT_EQ(layout.inner_grid_shape(), Shape({2, 2}));
  EXPECT_EQ(layout.inner_chunk_shape(), Shape({2, 3}));
  EXPECT_EQ(layout.num_entries(), 4);
  EXPECT_EQ(layout.index_size(), 68);
  EXPECT_EQ(layout.index_location(), ShardLayout::IndexLocation::kEnd);
  EXPECT_EQ(Shard("start")->shard_layout()->index_location(), ShardLayout::IndexLocation::kStart);
  EXPECT_EQ(layout.inner().max_encoded_size(), 12);
  EXPECT_EQ(layout.InnerBox(0), Box::FromSize({0, 0}, {2, 3}));
  EXPECT_EQ(layout.InnerBox(1), Box::FromSize({0, 3}, {2, 3}));
  EXPECT_EQ(layout.InnerBox(2), Box::FromSize({2, 0}, {2, 3}));
  EXPECT_FALSE(layout.has_checksum());  // The index has one, the inner chunks have none.
}

TEST(ShardLayout, IsExposedByAChainOfShardingAlone) {
  constexpr std::string_view kSharding =
      R"({"name": "sharding_indexed", "configuration": {"chunk_shape": [2, 3],
          "codecs": ["bytes", "crc32c"], "index_codecs": [
          {"name": "bytes", "configuration": {"endian": "little"}}, "crc32c"]}})";
  const ChunkSpec chunk = ChunkOf<uint8_t>({4, 6});
  const std::string sharding(kSharding);
  EXPECT_NE(Bind("[" + sharding + "]", chunk).OrDie()->shard_layout(), nullptr);
  EXPECT_TRUE(Bind("[" + sharding + "]", chunk).OrDie()->has_checksum());
  EXPECT_EQ(Bind("[" + sharding + ", \"crc32c\"]", chunk).OrDie()->shard_layout(), nullptr);
  EXPECT_EQ(Bind(R"(["bytes"])", chunk).OrDie()->shard_layout(), nullptr);
}

TEST(ShardIndex, RoundTripsInEveryForm) {
  const ShardIndex index = {{0, 12}, {kAbsent, kAbsent}, {40, 0}, {12, 28}};
  const std::string little =
      "00000000000000000c00000000000000ffffffffffffffffffffffffffffffff"
      "280000000000000000000000000000000c000000000000001c00000000000000";
  const std::string big =
      "0000000000000000000000000000000cffffffffffffffffffffffffffffffff"
      "00000000000000280000000000000000000000000000000c000000000000001c";
  const std::pair<const char*, std::string> forms[] = {
      {R"([{"name": "bytes", "configuration": {"endian": "little"}}])", little},
      {R"([{"name": "bytes", "configuration": {"endian": "big"}}])", big},
      {R"([{"name": "transpose", "configuration": {"order": [2, 0, 1]}},
           {"name": "bytes", "configuration": {"endian": "little"}}])",
       "0000000000000000ffffffffffffffff28000000000000000c00000000000000"
       "0c00000000000000ffffffffffffffff00000000000000001c00000000000000"}};
  for (const auto& [codecs, hex] : forms) {
    const auto chain = Shard("end", codecs);
    const ByteVector encoded = EncodeIndex(*chain->shard_layout(), index);
    EXPECT_EQ(Hex(encoded), hex);
    EXPECT_EQ(*chain->shard_layout()->ParseIndex(encoded, 104, Scratch()), index);
  }
}

TEST(ShardIndex, HasTheKnownChecksums) {
  const auto four = Shard();
  const ByteVector empty = EncodeIndex(*four->shard_layout(), ShardIndex(4));
  EXPECT_EQ(Hex(empty).substr(128), "664ecd2f");
  const auto one = Bind(R"([{"name": "sharding_indexed", "configuration": {"chunk_shape": [2],
      "codecs": ["bytes"], "index_codecs": [
      {"name": "bytes", "configuration": {"endian": "little"}}, "crc32c"]}}])",
                        ChunkOf<uint8_t>({2}))
                       .OrDie();
  EXPECT_EQ(Hex(EncodeIndex(*one->shard_layout(), ShardIndex(1))).substr(32), "104c2fef");
}

// What ParseIndex says of an index with this entry second, in a shard of `size` bytes.
std::string Verdict(ShardEntry entry, int64_t size, std::string_view location = "end") {
  const auto chain = Shard(location);
  const ShardLayout& layout = *chain->shard_layout();
  const ByteVector encoded = EncodeIndex(layout, {{}, entry, {}, {}});
  const auto parsed = layout.ParseIndex(encoded, size, Scratch());
  if (parsed.ok()) {
    EXPECT_EQ((*parsed)[1], entry);
    return "ok";
  }
  EXPECT_EQ(parsed.status().code(), StatusCode::kDataLoss);
  const std::string prefix = "shard index: inner chunk [0, 1] at offset " +
                             std::to_string(entry.offset) + ", size " + std::to_string(entry.size) +
                             ": ";
  const std::string message(parsed.status().message());
  EXPECT_TRUE(message.starts_with(prefix)) << message;
  return message.substr(std::min(prefix.size(), message.size()));
}

TEST(ShardIndex, AcceptsWhatLiesInside) {
  EXPECT_EQ(Verdict({0, 12}, 80), "ok");
  EXPECT_EQ(Verdict({12, 0}, 80), "ok");
  EXPECT_EQ(Verdict({5, 7}, 80), "ok");
  EXPECT_EQ(Verdict({68, 12}, 80, "start"), "ok");
  EXPECT_EQ(Verdict({80, 0}, 80, "start"), "ok");
  EXPECT_EQ(Verdict({1000, 12}, -1), "ok");  // The size of the shard is unknown.
}

TEST(ShardIndex, RefusesWhatLies) {
  const std::string half = "only one of them says that the chunk is absent";
  EXPECT_EQ(Verdict({kAbsent, 0}, 80), half);
  EXPECT_EQ(Verdict({0, kAbsent}, 80), half);
  EXPECT_EQ(Verdict({0, kAbsent}, -1), half);
  const std::string overflow = "their sum overflows";
  EXPECT_EQ(Verdict({kAbsent - 1, 2}, 80), overflow);
  EXPECT_EQ(Verdict({2, kAbsent - 1}, -1), overflow);
  EXPECT_EQ(Verdict({uint64_t{1} << 63, uint64_t{1} << 63}, 80), overflow);
  EXPECT_EQ(Verdict({uint64_t{1} << 62, uint64_t{1} << 62}, -1), overflow);  // Above int64.
  EXPECT_EQ(Verdict({0, 81}, 80), "beyond the shard of 80 bytes");
  EXPECT_EQ(Verdict({81, 0}, 80), "beyond the shard of 80 bytes");
  EXPECT_EQ(Verdict({0, 13}, 80), "inside the index of 68 bytes at the end");
  EXPECT_EQ(Verdict({13, 0}, 80), "inside the index of 68 bytes at the end");
  EXPECT_EQ(Verdict({67, 12}, 80, "start"), "inside the index of 68 bytes at the start");
  EXPECT_EQ(Verdict({67, 12}, -1, "start"), "inside the index of 68 bytes at the start");
  EXPECT_EQ(Verdict({69, 12}, 80, "start"), "beyond the shard of 80 bytes");
}

TEST(ShardIndex, ChecksSizesBeforeAnythingElse) {
  const auto chain = Shard();
  const ShardLayout& layout = *chain->shard_layout();
  EXPECT_EQ(layout.ParseIndex(ByteVector(67), 200, Scratch()).status(),
            DataLossError("a shard index of 67 bytes, expected 68"));
  EXPECT_EQ(layout.ParseIndex(ByteVector(69), -1, Scratch()).status(),
            DataLossError("a shard index of 69 bytes, expected 68"));
  EXPECT_EQ(layout.ParseIndex(ByteVector(10), 10, Scratch()).status(),
            DataLossError("a shard of 10 bytes is shorter than its index of 68"));
}

TEST(ShardIndex, EveryFlippedBitIsNoticed) {
  const auto chain = Shard();
  const ShardLayout& layout = *chain->shard_layout();
  const ByteVector encoded = EncodeIndex(layout, {{0, 12}, {12, 12}, {}, {24, 12}});
  for (size_t bit = 0; bit < encoded.size() * 8; ++bit) {
    ByteVector altered = encoded;
    altered[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    const Status status = layout.ParseIndex(altered, 104, Scratch()).status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << bit;
    EXPECT_TRUE(status.message().starts_with("shard index: codecs[1] (crc32c): checksum of 64"))
        << status;
  }
}

TEST(ShardIndex, EncodesIntoCallerMemory) {
  const auto chain = Shard();
  const ShardLayout& layout = *chain->shard_layout();
  const ShardIndex index = {{0, 12}, {}, {}, {}};
  ByteVector encoded(68);
  ASSERT_TRUE(layout.EncodeIndexInto(index, encoded, Scratch()).ok());
  EXPECT_EQ(encoded, EncodeIndex(layout, index));
  EXPECT_EQ(layout.index_encode_bytes(), BufferPool::CapacityFor(68));
  EXPECT_EQ(layout.index_decode_bytes(), 64);
  EXPECT_EQ(Pool().held_bytes(), 0);
}

}  // namespace
}  // namespace coffer
