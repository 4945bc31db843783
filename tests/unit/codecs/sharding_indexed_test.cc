// Goal: shards are the bytes that the format says, every legal arrangement of them is read, and
// damage is refused. Method: golden shards known from other implementations, shards assembled by
// hand, round trips through nested and transposed forms, every bit of a small shard flipped.
#include <gtest/gtest.h>

#include <algorithm>

#include "src/codec/shard_layout.h"
#include "tests/support/codecs.h"
#include "tests/support/peak_bytes.h"

namespace coffer {
namespace {

using testing::Bind;
using testing::ByteVector;
using testing::ChunkOf;
using testing::Encode;
using testing::Hex;
using testing::Iota;
using testing::PeakBytes;
using testing::Scratch;

constexpr std::string_view kLittle = R"({"name": "bytes", "configuration": {"endian": "little"}})";
constexpr std::string_view kIndex =
    R"([{"name": "bytes", "configuration": {"endian": "little"}}, "crc32c"])";

std::string Sharding(std::string_view chunk_shape, std::string_view codecs,
                     std::string_view location = "end", std::string_view index = kIndex) {
  return R"({"name": "sharding_indexed", "configuration": {"chunk_shape": )" +
         std::string(chunk_shape) + R"(, "codecs": [)" + std::string(codecs) +
         R"(], "index_codecs": )" + std::string(index) + R"(, "index_location": ")" +
         std::string(location) + "\"}}";
}
std::string List(const std::string& item) { return "[" + item + "]"; }

template <class T>
Result<std::vector<T>> Decode(const CodecChain& chain, std::span<const std::byte> stored) {
  std::vector<T> read(static_cast<size_t>(*NumElements(chain.chunk().shape)), T(0x55));
  COFFER_RETURN_IF_ERROR(chain.Decode(stored, Ref(read.data(), chain.chunk().shape), Scratch()));
  return read;
}

void Append(ByteVector& to, std::span<const std::byte> bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

TEST(Sharding, GoldenShardWithTheIndexAtTheEnd) {
  const auto chain = Bind(List(Sharding("[2, 2]", kLittle)), ChunkOf<uint16_t>({4, 4}, 99)).OrDie();
  EXPECT_EQ(chain->max_encoded_size(), 100);
  const auto values = Iota<uint16_t>(16);
  const ByteVector stored = Encode(*chain, Ref(values.data(), {4, 4}));
  EXPECT_EQ(Hex(stored),
            "0000010004000500"
            "0200030006000700"
            "080009000c000d00"
            "0a000b000e000f00"
            "00000000000000000800000000000000"
            "08000000000000000800000000000000"
            "10000000000000000800000000000000"
            "18000000000000000800000000000000"
            "99858c3c");
  EXPECT_EQ(*Decode<uint16_t>(*chain, stored), values);
}

// The same values with chunk 2 empty, data in order 3, 1, 0 and the index in front.
ByteVector ShardWithTheIndexInFront(const ShardLayout& layout) {
  const ShardIndex index = {{84, 8}, {76, 8}, {}, {68, 8}};
  ByteVector stored;
  Append(stored, layout.EncodeIndex(index, Scratch()).OrDie());
  const uint16_t data[] = {10, 11, 14, 15, 2, 3, 6, 7, 0, 1, 4, 5};
  Append(stored, std::as_bytes(std::span(data)));
  return stored;
}

TEST(Sharding, GoldenShardWithTheIndexInFront) {
  const auto chain =
      Bind(List(Sharding("[2, 2]", kLittle, "start")), ChunkOf<uint16_t>({4, 4}, 99)).OrDie();
  const ByteVector stored = ShardWithTheIndexInFront(*chain->shard_layout());
  ASSERT_EQ(stored.size(), 92U);
  EXPECT_EQ(Hex(std::span(stored).subspan(64, 4)), "075357e3");
  auto values = Iota<uint16_t>(16);
  for (size_t i : {8U, 9U, 12U, 13U}) values[i] = 99;
  EXPECT_EQ(*Decode<uint16_t>(*chain, stored), values);

  const ByteVector own = Encode(*chain, Ref(values.data(), {4, 4}));
  EXPECT_EQ(own.size(), 92U);
  EXPECT_EQ(Hex(std::span(own).first(16)), "44000000000000000800000000000000");
  EXPECT_EQ(Hex(std::span(own).subspan(68)),
            "0000010004000500"
            "0200030006000700"
            "0a000b000e000f00");
  EXPECT_EQ(*Decode<uint16_t>(*chain, own), values);
}

TEST(Sharding, LeavesOutWhatEqualsTheFillValue) {
  const auto chain = Bind(List(Sharding("[2]", kLittle)), ChunkOf<uint16_t>({6}, 7)).OrDie();
  const std::vector<uint16_t> all(6, 7);
  const ByteVector empty = Encode(*chain, Ref(all.data(), {6}));
  EXPECT_EQ(empty.size(), 52U);  // Nothing but the index.
  EXPECT_EQ(Hex(std::span(empty).first(48)), std::string(96, 'f'));
  EXPECT_EQ(*Decode<uint16_t>(*chain, empty), all);
  const std::vector<uint16_t> some = {7, 7, 7, 0, 0, 0};
  EXPECT_EQ(Encode(*chain, Ref(some.data(), {6})).size(), 60U);
  EXPECT_EQ(*Decode<uint16_t>(*chain, Encode(*chain, Ref(some.data(), {6}))), some);
}

TEST(Sharding, TellsNegativeZeroFromTheFillValue) {
  const auto chain = Bind(List(Sharding("[1]", kLittle)), ChunkOf<float>({2}, 0.0F)).OrDie();
  const std::vector<float> values = {-0.0F, 0.0F};
  const ByteVector stored = Encode(*chain, Ref(values.data(), {2}));
  EXPECT_EQ(stored.size(), 40U);
  const auto read = *Decode<float>(*chain, stored);
  EXPECT_TRUE(std::signbit(read[0]));
  EXPECT_FALSE(std::signbit(read[1]));
}

TEST(Sharding, ReadsGapsAndOverlaps) {
  const auto chain = Bind(List(Sharding("[2]", kLittle)), ChunkOf<uint16_t>({6})).OrDie();
  const uint16_t data[] = {0xeeee, 1, 2, 3, 0xeeee};
  const ShardIndex index = {{2, 4}, {4, 4}, {2, 4}};
  ByteVector stored;
  Append(stored, std::as_bytes(std::span(data)));
  Append(stored, chain->shard_layout()->EncodeIndex(index, Scratch()).OrDie());
  EXPECT_EQ(*Decode<uint16_t>(*chain, stored), (std::vector<uint16_t>{1, 2, 2, 3, 1, 2}));
}

TEST(Sharding, RoundTripsInEveryForm) {
  const std::string zstd =
      std::string(kLittle) + R"(, {"name": "zstd", "configuration": {"level": 1}}, "crc32c")";
  const std::string transposed =
      R"({"name": "transpose", "configuration": {"order": [1, 0]}}, )" + std::string(kLittle);
  const std::string big_index = R"([{"name": "bytes", "configuration": {"endian": "big"}}])";
  const std::string lists[] = {
      List(Sharding("[4, 6]", kLittle)), List(Sharding("[2, 3]", zstd)),
      List(Sharding("[1, 1]", zstd, "start")),
      List(Sharding("[2, 3]", transposed, "start", big_index)),
      List(Sharding("[2, 6]", Sharding("[1, 3]", zstd))),
      List(Sharding("[4, 3]", Sharding("[2, 3]", Sharding("[1, 1]", zstd, "start")), "start")),
      // The inner shape divides the transposed chunk, 6 x 4.
      R"([{"name": "transpose", "configuration": {"order": [1, 0]}}, )" + Sharding("[3, 2]", zstd) +
          "]",
      "[" + Sharding("[2, 3]", zstd) + R"(, {"name": "gzip", "configuration": {"level": 1}}])",
      "[" + Sharding("[2, 3]", kLittle) + ", \"crc32c\"]"};
  auto values = Iota<int32_t>(24);
  for (size_t i : {0U, 1U, 2U, 6U, 7U, 8U}) values[i] = -1;  // One inner chunk of 2 x 3 is absent.
  for (const std::string& list : lists) {
    const auto chain = Bind(list, ChunkOf<int32_t>({4, 6}, -1)).OrDie();
    const ByteVector stored = Encode(*chain, Ref(values.data(), {4, 6}));
    const auto read = Decode<int32_t>(*chain, stored);
    ASSERT_TRUE(read.ok()) << read.status() << list;
    EXPECT_EQ(*read, values) << list;
    // Into strided memory, too.
    std::vector<int32_t> columns(24);
    const View strided(reinterpret_cast<std::byte*>(columns.data()), DataType::kInt32, {4, 6},
                       Strides{4, 16});
    ASSERT_TRUE(chain->Decode(stored, strided, Scratch()).ok());
    EXPECT_EQ(columns[4], values[1]);
    EXPECT_EQ(columns[23], values[23]);
    EXPECT_EQ(Encode(*chain, strided), stored);
  }
}

TEST(Sharding, RankZero) {
  const auto chain = Bind(List(Sharding("[]", kLittle)), ChunkOf<uint16_t>({}, 1)).OrDie();
  EXPECT_EQ(chain->shard_layout()->num_entries(), 1);
  const uint16_t value = 5;
  const ByteVector stored = Encode(*chain, Ref(&value, Shape()));
  EXPECT_EQ(stored.size(), 22U);
  EXPECT_EQ((*Decode<uint16_t>(*chain, stored))[0], 5);
}

std::string BindError(const std::string& item, const ChunkSpec& chunk) {
  const auto chain = Bind(List(item), chunk);
  if (chain.ok()) return "ok";
  EXPECT_EQ(chain.status().code(), StatusCode::kInvalidArgument);
  const std::string prefix = "codecs[0] (sharding_indexed): ";
  EXPECT_TRUE(chain.status().message().starts_with(prefix)) << chain.status();
  return std::string(chain.status().message().substr(prefix.size()));
}

TEST(ShardingBind, RequiresAShapeThatDivides) {
  const ChunkSpec chunk = ChunkOf<uint8_t>({4, 6});
  EXPECT_EQ(BindError(Sharding("[3, 3]", "\"bytes\""), chunk),
            "\"chunk_shape\" [3, 3] does not divide the shard of shape [4, 6]");
  EXPECT_EQ(BindError(Sharding("[8, 6]", "\"bytes\""), chunk),
            "\"chunk_shape\" [8, 6] does not divide the shard of shape [4, 6]");
  EXPECT_EQ(BindError(Sharding("[2]", "\"bytes\""), chunk),
            "\"chunk_shape\" [2] for a shard of shape [4, 6]");
  EXPECT_EQ(BindError(Sharding("[2, 3, 1]", "\"bytes\""), chunk),
            "\"chunk_shape\" [2, 3, 1] for a shard of shape [4, 6]");
}

TEST(ShardingBind, ChecksInnerAndIndexCodecs) {
  const ChunkSpec chunk = ChunkOf<uint16_t>({4, 6});
  EXPECT_EQ(BindError(Sharding("[2, 3]", "\"bytes\""), chunk),
            "in \"codecs\": codecs[0] (bytes): \"endian\" is required for uint16");
  EXPECT_EQ(BindError(Sharding("[2, 3]", "\"crc32c\""), chunk),
            "in \"codecs\": codecs: no array -> bytes codec");
  EXPECT_EQ(BindError(Sharding("[2, 3]", kLittle, "end", R"(["bytes"])"), chunk),
            "in \"index_codecs\": codecs[0] (bytes): \"endian\" is required for uint64");
  const std::string variable =
      "in \"index_codecs\": the encoded size of the index must not depend on its values";
  const std::string gzip =
      "[" + std::string(kLittle) + R"(, {"name": "gzip", "configuration": {"level": 1}}])";
  EXPECT_EQ(BindError(Sharding("[2, 3]", kLittle, "end", gzip), chunk), variable);
  const std::string sharded = "[" + Sharding("[1, 1, 1]", kLittle) + "]";
  EXPECT_EQ(BindError(Sharding("[2, 3]", kLittle, "end", sharded), chunk), variable);
  // A nested one is checked as deep as it goes.
  EXPECT_EQ(BindError(Sharding("[2, 3]", Sharding("[2, 2]", kLittle)), chunk),
            "in \"codecs\": codecs[0] (sharding_indexed): \"chunk_shape\" [2, 2] does not divide "
            "the shard of shape [2, 3]");
}

TEST(ShardingBind, LimitsTheNumberOfInnerChunks) {
  EXPECT_EQ(BindError(Sharding("[1, 1]", "\"bytes\""), ChunkOf<uint8_t>({8192, 8192})), "ok");
  EXPECT_EQ(BindError(Sharding("[1, 1]", "\"bytes\""), ChunkOf<uint8_t>({8192, 8193})),
            "\"chunk_shape\" [1, 1] makes more than 2^26 inner chunks of the shard of shape "
            "[8192, 8193]");
}

TEST(ShardingBind, LimitsTheRank) {
  const auto ones = [](int rank) {
    std::string list = "[1";
    for (int d = 1; d < rank; ++d) list += ", 1";
    return list + "]";
  };
  EXPECT_EQ(BindError(Sharding(ones(31), "\"bytes\""), ChunkOf<uint8_t>(Shape::Filled(31, 1))),
            "ok");
  EXPECT_EQ(BindError(Sharding(ones(32), "\"bytes\""), ChunkOf<uint8_t>(Shape::Filled(32, 1))),
            "\"chunk_shape\" " + ToString(Shape::Filled(32, 1)) +
                ": at most 31 dimensions can be sharded");
}

TEST(ShardingDamage, IsNamed) {
  const auto chain = Bind(List(Sharding("[2, 2]", kLittle)), ChunkOf<uint16_t>({4, 4}, 99)).OrDie();
  const auto values = Iota<uint16_t>(16);
  const ByteVector stored = Encode(*chain, Ref(values.data(), {4, 4}));
  const auto error = [&](const ByteVector& shard) {
    return Decode<uint16_t>(*chain, shard).status();
  };
  const std::string here = "codecs[0] (sharding_indexed): ";
  EXPECT_EQ(error(ByteVector(67)),
            DataLossError(here + "a shard of 67 bytes is shorter than its index of 68"));
  EXPECT_EQ(error({}), DataLossError(here + "a shard of 0 bytes is shorter than its index of 68"));
  ByteVector altered = stored;
  altered[99] = std::byte{0x3d};
  EXPECT_EQ(error(altered), DataLossError(here + "shard index: codecs[1] (crc32c): checksum of 64 "
                                                 "bytes is 0x3c8c8599, stored is 0x3d8c8599"));
  // An inner chunk of another size than it should have.
  ByteVector cut(std::begin(stored), std::begin(stored) + 32);
  const ShardIndex index = {{0, 8}, {8, 8}, {16, 7}, {24, 8}};
  Append(cut, chain->shard_layout()->EncodeIndex(index, Scratch()).OrDie());
  EXPECT_EQ(error(cut), DataLossError(here + "inner chunk at [2, 0]: the chunk decodes to 7 bytes, "
                                             "expected 8"));
}

TEST(ShardingDamage, EveryFlippedBitIsNoticedUnderChecksums) {
  const std::string inner =
      std::string(kLittle) + R"(, {"name": "zstd", "configuration": {"level": 1}}, "crc32c")";
  for (const char* location : {"start", "end"}) {
    for (const std::string& list :
         {List(Sharding("[2, 2]", inner, location)),
          List(Sharding("[4, 2]", Sharding("[2, 2]", inner, location), location))}) {
      const auto chain = Bind(list, ChunkOf<uint16_t>({4, 4}, 99)).OrDie();
      ASSERT_TRUE(chain->has_checksum());
      auto values = Iota<uint16_t>(16);
      for (size_t i : {8U, 9U, 12U, 13U}) values[i] = 99;
      const ByteVector stored = Encode(*chain, Ref(values.data(), {4, 4}));
      for (size_t bit = 0; bit < stored.size() * 8; ++bit) {
        ByteVector altered = stored;
        altered[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
        EXPECT_EQ(Decode<uint16_t>(*chain, altered).status().code(), StatusCode::kDataLoss) << bit;
      }
      for (size_t size = 0; size < stored.size(); ++size) {
        EXPECT_EQ(Decode<uint16_t>(*chain, std::span(stored).first(size)).status().code(),
                  StatusCode::kDataLoss)
            << size;
      }
    }
  }
}

TEST(ShardingDamage, AShortShardOfManyChunksTakesNoMemoryForItsIndex) {
  // An index of 2^26 entries has a gigabyte.
  const auto chain =
      Bind(List(Sharding("[1, 1]", "\"bytes\"")), ChunkOf<uint8_t>({8192, 8192})).OrDie();
  const int64_t before = PeakBytes();
  uint8_t nothing = 0;
  const View view(reinterpret_cast<std::byte*>(&nothing), DataType::kUint8, {8192, 8192},
                  Strides{0, 0});
  EXPECT_EQ(chain->Decode(ByteVector(1000), view, Scratch()),
            DataLossError("codecs[0] (sharding_indexed): a shard of 1000 bytes is shorter than its "
                          "index of 1073741828"));
  EXPECT_LT(PeakBytes() - before, int64_t{16} << 20);
}

}  // namespace
}  // namespace coffer
