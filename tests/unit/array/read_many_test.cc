// Goal: ReadMany gives every box what a read of its own gives, and fetches and decodes each chunk
// once; errors, progress, cancellation, memory. Method: random boxes on random layouts against
// single reads (seeds in the failure); counted requests; a small budget.
#include <gtest/gtest.h>

#include <random>

#include "coffer/array/chunks.h"
#include "tests/support/peak_bytes.h"
#include "tests/support/soak.h"
#include "tests/unit/array/traced.h"

namespace coffer {
namespace {

using testing::Later;
using testing::NewStore;
using testing::RandomBytes;
using testing::Traced;

int64_t Pick(std::mt19937_64& random, int64_t below) {
  return below <= 0 ? 0 : static_cast<int64_t>(random() % static_cast<uint64_t>(below));
}

Box RandomBox(const Shape& shape, std::mt19937_64& random) {
  Box box = Box::Full(shape);
  for (int d = 0; d < shape.rank(); ++d) {
    box.origin[d] = Pick(random, shape[d]);
    box.shape[d] = Pick(random, shape[d] - box.origin[d] + 1);
  }
  return box;
}

CreateOptions RandomLayout(std::mt19937_64& random, const Context& context) {
  CreateOptions options{.data_type = random() % 2 == 0 ? DataType::kUint8 : DataType::kUint32};
  options.context = context;
  const int rank = static_cast<int>(random() % 4);
  const bool sharded = rank > 0 && random() % 2 == 0;
  for (int d = 0; d < rank; ++d) {
    options.shape.push_back(1 + Pick(random, 12));
    options.chunk_shape.push_back(1 + Pick(random, 4));
    if (sharded) options.shard_shape.push_back(options.chunk_shape[d] * (1 + Pick(random, 3)));
  }
  if (random() % 3 == 0) options.codec = CodecSpec();
  return options;
}

/// Some of it written, so that chunks and shards are missing.
void WriteParts(const Array& array, std::mt19937_64& random) {
  for (int n = 0; n < 2; ++n) {
    const Box box = RandomBox(array.shape(), random);
    const std::vector<std::byte> bytes = RandomBytes(
        static_cast<size_t>(*NumElements(box.shape) * array.data_type().size()), random);
    array.Write(box, ConstView(bytes.data(), array.data_type(), box.shape)).OrDie();
  }
}

TEST(ReadMany, RandomBoxesAreWhatSingleReadsGive) {
  for (uint64_t seed = 1; seed <= Soaked(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const Context context = Context::Create({.threads = 1 + static_cast<int>(seed % 3),
                                             .chunk_cache_bytes = seed % 4 == 0 ? KiB(4) : 0});
    KvStorePtr store = NewStore();
    if (seed % 8 == 0) store = Later(store);
    const Array array = Array::Create(store, "", RandomLayout(random, context)).OrDie();
    WriteParts(array, random);
    std::vector<BoxRead> reads;
    std::vector<std::vector<std::byte>> got;
    for (int64_t n = Pick(random, 12); n >= 0; --n) {
      const Box box = RandomBox(array.shape(), random);
      got.emplace_back(static_cast<size_t>(*NumElements(box.shape) * array.data_type().size()),
                       std::byte{0xee});
      reads.push_back({box, View(got.back().data(), array.data_type(), box.shape)});
    }
    const Status status =
        seed % 2 == 0 ? ReadMany(array, reads) : ReadManyAsync(array, reads).Get();
    ASSERT_TRUE(status.ok()) << status;
    for (size_t n = 0; n < reads.size(); ++n) {
      std::vector<std::byte> alone(got[n].size());
      array.Read(reads[n].box, View(alone.data(), array.data_type(), reads[n].box.shape)).OrDie();
      ASSERT_EQ(got[n], alone) << "box " << n << ": " << ToString(reads[n].box);
    }
  }
}

/// 64 x 64 numbers; chunks of 8 x 8.
Array Numbers(const KvStorePtr& store, bool sharded, const Context& context) {
  CreateOptions options{.shape = {64, 64}, .data_type = DataType::kUint16, .chunk_shape = {8, 8}};
  if (sharded) options.shard_shape = {32, 32};
  options.context = context;
  Array array = Array::Create(store, "", options).OrDie();
  std::vector<uint16_t> values(64 * 64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i + 1);
  array.Write(Box::Full({64, 64}), Ref(values.data(), {64, 64})).OrDie();
  return array;
}

TEST(ReadMany, EveryChunkIsFetchedAndDecodedOnce) {
  for (const bool sharded : {false, true}) {
    const Traced traced;
    const Context context = Context::Create({.threads = 3});
    const Array array = Numbers(traced.store, sharded, context);
    // 1,000 points of one chunk, all rows of another, and a box over four.
    std::vector<std::vector<uint16_t>> memory;
    std::vector<BoxRead> reads;
    const auto want = [&](const Box& box) {
      memory.emplace_back(static_cast<size_t>(*NumElements(box.shape)));
      reads.push_back({box, Ref(memory.back().data(), box.shape)});
    };
    for (int64_t n = 0; n < 1000; ++n) want({{n % 8, n / 8 % 8}, {1, 1}});
    for (int64_t row = 16; row < 24; ++row) want({{row, 8}, {1, 8}});
    want({{12, 12}, {8, 8}});
    traced.Take();
    const int64_t decoded = context.stats().chunks_decoded;
    ReadMany(array, reads).OrDie();
    EXPECT_EQ(context.stats().chunks_decoded - decoded, 1 + 4);  // [16, 24) x [8, 16) is in both.
    const std::vector<std::string> asked = traced.Take();
    if (!sharded) {
      EXPECT_EQ(asked.size(), 5u);
    } else {  // The index of the only shard, and at most a span a chunk.
      EXPECT_EQ(std::count(asked.begin(), asked.end(), "Read c/0/0 260"), 1);
      EXPECT_LE(asked.size(), 6u);
    }
    EXPECT_EQ(memory[0][0], 1);
    EXPECT_EQ(memory[1], std::vector<uint16_t>{65});
    EXPECT_EQ(memory[1001][7], 17 * 64 + 15 + 1);
    EXPECT_EQ(memory.back()[63], 19 * 64 + 19 + 1);
  }
}

TEST(ReadMany, NothingToReadAsksNothing) {
  const Traced traced;
  const Array array = Numbers(traced.store, true, Context::Create({.threads = 1}));
  traced.Take();
  ReadMany(array, {}).OrDie();
  ReadMany(array, {{{{3, 3}, {0, 5}}, Ref(static_cast<uint16_t*>(nullptr), {0, 5})}}).OrDie();
  EXPECT_TRUE(traced.Take().empty());
}

TEST(ReadMany, WhatIsWrongIsNamedByItsNumberAndNothingIsRead) {
  const Traced traced;
  const Array array = Numbers(traced.store, false, Context::Create({.threads = 1}));
  std::vector<uint16_t> values(4, 42);
  const BoxRead good{{{0, 0}, {2, 2}}, Ref(values.data(), {2, 2})};
  traced.Take();
  const Status outside = ReadMany(array, {good, {{{63, 63}, {2, 2}}, good.destination}});
  EXPECT_EQ(outside.code(), StatusCode::kOutOfRange);
  EXPECT_NE(outside.message().find("box 1 of the reads"), std::string::npos) << outside;
  const Status shape = ReadMany(array, {{{{0, 0}, {4, 1}}, good.destination}, good});
  EXPECT_EQ(shape.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(shape.message().find("box 0 of the reads has shape [4, 1], the memory given [2, 2]"),
            std::string::npos)
      << shape;
  std::vector<float> floats(4);
  const Status type = ReadMany(array, {good, good, {good.box, Ref(floats.data(), {2, 2})}});
  EXPECT_NE(type.message().find("box 2 of the reads: the array has data type uint16, the memory "
                                "given has float32"),
            std::string::npos)
      << type;
  EXPECT_EQ(values, std::vector<uint16_t>(4, 42));
  EXPECT_TRUE(traced.Take().empty());
}

TEST(ReadMany, MissingChunksMayBeAnError) {
  for (const Shape& shard : {Shape{}, Shape{4, 4}}) {
    CreateOptions options{.shape = {8, 8}, .data_type = DataType::kUint16, .chunk_shape = {2, 2}};
    options.shard_shape = shard;
    const Array array = Array::Create(NewStore(), "", options).OrDie();
    const std::vector<uint16_t> four(4, 4);
    array.Write({{0, 0}, {2, 2}}, Ref(four.data(), {2, 2})).OrDie();
    std::vector<uint16_t> a(4), b(4), c(4);
    const BoxRead stored{{{0, 0}, {2, 2}}, Ref(a.data(), {2, 2})};
    const ArrayReadOptions strict{.missing = ArrayReadOptions::Missing::kError};
    EXPECT_TRUE(ReadMany(array, {stored}, strict).ok());
    for (const Index& absent : {Index{2, 2}, Index{6, 6}}) {
      const std::vector<BoxRead> reads = {stored,
                                          {{absent, {2, 2}}, Ref(b.data(), {2, 2})},
                                          {{absent, {2, 2}}, Ref(c.data(), {2, 2})}};
      EXPECT_EQ(ReadMany(array, reads, strict).code(), StatusCode::kNotFound);
      b = c = {1, 1, 1, 1};
      ReadMany(array, reads).OrDie();
      EXPECT_EQ(b, std::vector<uint16_t>(4));
      EXPECT_EQ(c, b);
    }
  }
}

TEST(ReadMany, ProgressCountsAllDestinations) {
  for (const bool sharded : {false, true}) {
    const Array array = Numbers(NewStore(), sharded, Context::Create({.threads = 2}));
    std::vector<uint16_t> a(100), b(64 * 64);
    std::vector<int64_t> seen;
    ReadMany(array,
             {{{{3, 3}, {10, 10}}, Ref(a.data(), {10, 10})},
              {Box::Full({64, 64}), Ref(b.data(), {64, 64})}},
             {.on_progress =
                  [&](int64_t done, int64_t all) {
                    EXPECT_EQ(all, 2 * (100 + 64 * 64));
                    seen.push_back(done);
                  }})
        .OrDie();
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    ASSERT_FALSE(seen.empty());
    EXPECT_EQ(seen.back(), 2 * (100 + 64 * 64));
  }
}

TEST(ReadMany, CancelledStops) {
  const Array array = Numbers(Later(NewStore()), true, Context::Create({.threads = 1}));
  const CancelSource cancel;
  std::vector<uint16_t> all(64 * 64);
  const Status status = ReadMany(
      array, {{Box::Full({64, 64}), Ref(all.data(), {64, 64})}},
      {.on_progress = [&](int64_t, int64_t) { cancel.Cancel(); }, .cancel = cancel.token()});
  EXPECT_EQ(status.code(), StatusCode::kCancelled);
}

TEST(ReadMany, StaysWithinTheBudget) {
  for (const bool sharded : {false, true}) {
    const Context context = Context::Create({.threads = 4, .budget_bytes = KiB(64)});
    const Array array = Numbers(NewStore(), sharded, context);
    const int64_t before = context.buffers().held_bytes_peak();
    std::vector<uint16_t> a(64 * 64), b(62 * 62);
    ReadMany(array, {{Box::Full({64, 64}), Ref(a.data(), {64, 64})},
                     {{{1, 1}, {62, 62}}, Ref(b.data(), {62, 62})}})
        .OrDie();
    EXPECT_LE(context.buffers().held_bytes_peak(),
              std::max({before, KiB(64), array.largest_task_bytes()}));
    EXPECT_EQ(context.budget().held_bytes(), 0);
  }
}

// As many boxes as inner chunks, each of one element: were each box looked at for each chunk, this
// would take minutes.
TEST(ReadMany, ManySmallBoxesOfOneShard) {
  constexpr int64_t kBoxes = 30'000;
  const Array array = Array::Create(NewStore(), "",
                                    {.shape = {kBoxes},
                                     .chunk_shape = {1},
                                     .shard_shape = {kBoxes},
                                     .codec = Uncompressed(),
                                     .format = {.checksum = false}})
                          .OrDie();
  std::vector<uint8_t> values(kBoxes);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(i * 31 / 7);
  array.Write(Box::Full({kBoxes}), Ref(values.data(), {kBoxes})).OrDie();
  std::vector<uint8_t> out(kBoxes);
  std::vector<BoxRead> reads;
  for (int64_t at = 0; at < kBoxes; ++at) {
    reads.push_back({Box::FromSize({at}, {1}), Ref(&out[static_cast<size_t>(at)], {1})});
  }
  ReadMany(array, std::move(reads)).OrDie();
  EXPECT_EQ(out, values);
}

// Each of 65,536 inner chunks is wanted by 24 boxes: what is held for them grows
// with the one and with the other, not with their product.
TEST(ReadMany, ManyBoxesOfOneLargeShardHoldLittle) {
  const Context context = Context::Create({.threads = 2, .budget_bytes = MiB(16)});
  const Array array = Array::Create(NewStore(context), "",
                                    {.shape = {256, 256},
                                     .chunk_shape = {1, 1},
                                     .shard_shape = {256, 256},
                                     .codec = Uncompressed(),
                                     .format = {.checksum = false},
                                     .context = context})
                          .OrDie();
  std::vector<uint8_t> values(256 * 256);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>(i * 31 / 7);
  array.Write(Box::Full({256, 256}), Ref(values.data(), {256, 256})).OrDie();
  std::vector<std::vector<uint8_t>> outs(24, std::vector<uint8_t>(256 * 256));
  std::vector<BoxRead> reads;
  for (size_t n = 0; n < outs.size(); ++n) {
    const Shape shape = {256, 256 - static_cast<int64_t>(n % 3)};
    reads.push_back({Box::FromSize({0, 0}, shape), Ref(outs[n].data(), shape)});
  }
  const int64_t before = testing::PeakBytes();
  ReadMany(array, std::move(reads)).OrDie();
  if (testing::kMemoryIsAsWithoutSanitizers) {
    EXPECT_LT(testing::PeakBytes() - before, MiB(16));
  }
  EXPECT_EQ(outs[0], values);
  EXPECT_EQ(outs[2][254], values[256]);  // Its rows have 254 elements.
}

}  // namespace
}  // namespace coffer
