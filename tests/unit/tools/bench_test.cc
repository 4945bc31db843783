// Goal: what bench stores is a function of the position, a difference is found where it is, and
// what it plans and computes is exact.
// Method: parts of a volume against the whole, element by element, of every kind of type; one
// altered byte at a time; tables of plans; percentiles of known times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tools/coffer/bench/meter.h"
#include "tools/coffer/bench/plan.h"
#include "tools/coffer/bench/volume.h"

namespace coffer::inline v0::tool {
namespace {

using ::testing::HasSubstr;

std::vector<std::byte> Filled(const SyntheticVolume& volume, const Lattice& lattice) {
  std::vector<std::byte> bytes(
      static_cast<size_t>(*NumElements(lattice.shape) * volume.data_type().size()));
  volume.Fill(lattice, bytes);
  return bytes;
}

const Lattice kPart = {{1, 2, 3}, {2, 2, 3}, {3, 2, 4}};

TEST(SyntheticVolumeTest, PartsAreThoseOfTheWhole) {
  const Shape shape = {6, 7, 13};
  for (const char* name : {"bool", "int8", "uint8", "int16", "uint64", "float16", "bfloat16",
                           "float32", "float64", "complex64", "complex128", "r24", "r128"}) {
    SCOPED_TRACE(name);
    const DataType type = DataType::Parse(name).OrDie();
    const SyntheticVolume volume(shape, type);
    const std::vector<std::byte> whole = Filled(volume, Lattice::Of(Box::Full(shape)));
    const std::vector<std::byte> part = Filled(volume, kPart);
    const auto size = static_cast<size_t>(type.size());
    const std::byte* at = part.data();
    for (int64_t i : {1, 4}) {
      for (int64_t j : {2, 4}) {
        for (int64_t k : {3, 7, 11}) {
          const auto number = static_cast<size_t>((i * 7 + j) * 13 + k);
          EXPECT_EQ(std::memcmp(at, &whole[number * size], size), 0) << i << j << k;
          at += size;
        }
      }
    }
    EXPECT_EQ(volume.FindDifference(kPart, part), std::nullopt);
  }
}

TEST(SyntheticVolumeTest, ElementsAreSmoothWithFourBitsOfNoise) {
  const SyntheticVolume volume({1, 1, 4096}, DataType::kUint16);
  const std::vector<std::byte> bytes = Filled(volume, Lattice::Of(Box::Full(volume.shape())));
  std::vector<uint16_t> values(4096);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  std::vector<int> seen(16);
  for (size_t k = 0; k < values.size(); ++k) {
    const int64_t wave = std::abs(static_cast<int64_t>(k) % 1536 - 768) * 2 + 2 * 1024 + 2 * 896;
    ASSERT_GE(values[k], wave);
    ASSERT_LT(values[k], wave + 16);
    ++seen[static_cast<size_t>(values[k] - wave)];
  }
  for (int count : seen) EXPECT_GT(count, 128);
}

TEST(SyntheticVolumeTest, ADifferenceIsFoundWhereItIs) {
  const SyntheticVolume volume({6, 7, 13}, DataType::kUint16);
  std::vector<std::byte> part = Filled(volume, kPart);
  for (size_t byte = 0; byte < part.size(); ++byte) {
    part[byte] ^= std::byte{16};
    const auto n = static_cast<int64_t>(byte / 2);
    const Index expected = {1 + n / 6 * 3, 2 + n / 3 % 2 * 2, 3 + n % 3 * 4};
    EXPECT_EQ(volume.FindDifference(kPart, part), expected);
    part[byte] ^= std::byte{16};
  }
}

TEST(SyntheticVolumeTest, APatchIsOfItsOwnVolume) {
  const SyntheticVolume volume({6, 7, 13}, DataType::kUint16);
  const SyntheticVolume other({6, 7, 13}, DataType::kUint16, 1);
  const Box box = Box::FromSize({1, 1, 2}, {4, 5, 9});
  const SyntheticVolume::Patch patch{other, Box::FromSize({2, 3, 4}, {2, 2, 5})};
  std::vector<std::byte> bytes = Filled(volume, Lattice::Of(box));
  EXPECT_EQ(volume.FindDifference(Lattice::Of(box), bytes), std::nullopt);
  // Noise of 4 bits may be the same: the first that is not.
  const std::optional<Index> first = volume.FindDifference(Lattice::Of(box), bytes, &patch);
  ASSERT_TRUE(first);
  EXPECT_TRUE(patch.box.Contains(Box::FromSize(*first, {1, 1, 1})));
  for (int64_t i = 2; i < 4; ++i) {
    for (int64_t j = 3; j < 5; ++j) {
      const Box row = Box::FromSize({i, j, 4}, {1, 1, 5});
      const std::vector<std::byte> values = Filled(other, Lattice::Of(row));
      const int64_t at = ((i - 1) * 5 + j - 1) * 9 + 2;
      std::memcpy(&bytes[static_cast<size_t>(at * 2)], values.data(), values.size());
    }
  }
  EXPECT_EQ(volume.FindDifference(Lattice::Of(box), bytes, &patch), std::nullopt);
  bytes[0] ^= std::byte{16};
  EXPECT_EQ(volume.FindDifference(Lattice::Of(box), bytes, &patch), (Index{1, 1, 2}));
}

TEST(BenchPlanTest, NearTheSizeAndACube) {
  const struct {
    int64_t size;
    DataType type;
    std::optional<Shape> chunk, shard;
    Shape shape, expected_chunk;
  } cases[] = {
      {MiB(256), DataType::kUint16, {}, {}, {512, 512, 512}, {64, 64, 128}},
      {MiB(1), DataType::kUint16, {}, Shape(), {64, 64, 128}, {32, 32, 64}},
      {MiB(256), DataType::kFloat64, {}, {}, {320, 320, 320}, {32, 64, 64}},
      {KiB(64), DataType::kUint16, Shape{16, 16, 16}, {}, {32, 32, 32}, {16, 16, 16}},
      {KiB(64) - 1, DataType::kUint16, Shape{16, 16, 16}, {}, {16, 32, 48}, {16, 16, 16}},
      {MiB(64), DataType::kUint8, {}, Shape{96, 96, 96}, {384, 384, 384}, {32, 32, 32}},
      {MiB(1), DataType::kUint8, Shape{1, 64, 64}, Shape{1, 256, 256}, {16, 256, 256}, {1, 64, 64}},
      {1, DataType::kUint8, {}, {}, {1, 1, 1}, {1, 1, 1}},
  };
  for (const auto& one : cases) {
    const BenchPlan plan = MakeBenchPlan(one.size, one.type, one.chunk, one.shard).OrDie();
    EXPECT_EQ(plan.shape, one.shape);
    EXPECT_EQ(plan.chunk_shape, one.expected_chunk);
    EXPECT_EQ(plan.shard_shape, one.shard.value_or(Shape()));
  }
}

TEST(BenchPlanTest, Refusals) {
  const auto refusal = [](int64_t size, std::optional<Shape> chunk, std::optional<Shape> shard) {
    return MakeBenchPlan(size, DataType::kUint16, chunk, shard).status().ToString();
  };
  EXPECT_EQ(refusal(16383, Shape{8, 16, 64}, {}),
            "InvalidArgument: --size 16 KiB: less than one chunk of shape [8, 16, 64] and type "
            "uint16");
  EXPECT_EQ(refusal(MiB(1), {}, Shape{128, 128, 128}),
            "InvalidArgument: --size 1 MiB: less than one shard of shape [128, 128, 128] and type "
            "uint16");
  EXPECT_THAT(refusal(MiB(1), Shape{1LL << 40, 1LL << 40, 1LL << 40}, {}),
              HasSubstr("less than one chunk"));
  EXPECT_EQ(refusal(MiB(1), Shape{4, 4}, {}),
            "InvalidArgument: --chunk-shape [4, 4]: the array has 3 dimensions");
  EXPECT_EQ(refusal(0, {}, {}),
            "InvalidArgument: --size 0 B: less than one chunk of shape [1, 1, 1] and type uint16");
}

TEST(MeasurementTest, PercentilesAreOfCallsThatTheyKeepWithin) {
  Measurement measurement("x", true);
  for (int n = 100; n >= 1; --n) measurement.AddCall(3, n);
  EXPECT_EQ(measurement.calls(), 100);
  EXPECT_EQ(measurement.bytes(), 300);
  EXPECT_EQ(measurement.seconds(), 5050);
  EXPECT_EQ(measurement.Percentile(0.5), 50);
  EXPECT_EQ(measurement.Percentile(0.99), 99);
  EXPECT_EQ(measurement.Percentile(1), 100);
  Measurement one("y", true);
  one.AddCall(0, 7);
  EXPECT_EQ(one.Percentile(0.5), 7);
  EXPECT_EQ(one.Percentile(0.99), 7);
}

}  // namespace
}  // namespace coffer::inline v0::tool
