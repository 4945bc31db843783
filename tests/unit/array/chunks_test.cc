// Goal: ForEachChunk calls once for each chunk with the right elements, in storage order, holding
// nothing of the budget, and stops on errors and cancellation; ListCoverage says of every chunk
// what is stored. Method: random layouts against a read and against what the test wrote (seeds in
// the failure); callbacks that read, fail, throw and cancel; damaged and replaced shards.
#include "coffer/array/chunks.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>

#include "src/array/array_caches.h"
#include "src/nd/copy.h"
#include "tests/support/soak.h"
#include "tests/unit/array/traced.h"

namespace coffer {
namespace {

using testing::Later;
using testing::NewStore;
using testing::RandomBytes;
using testing::RandomTransform;
using testing::Traced;
using Missing = ForEachChunkOptions::Missing;

int64_t Pick(std::mt19937_64& random, int64_t below) {
  return below <= 0 ? 0 : static_cast<int64_t>(random() % static_cast<uint64_t>(below));
}

CreateOptions RandomLayout(std::mt19937_64& random, const Context& context) {
  CreateOptions options{.data_type = DataType::kUint16};
  options.context = context;
  options.format.fill_value = "5";
  const int rank = static_cast<int>(random() % 4);
  const bool sharded = rank > 0 && random() % 2 == 0;
  for (int d = 0; d < rank; ++d) {
    options.shape.push_back(1 + Pick(random, 12));
    options.chunk_shape.push_back(1 + Pick(random, 4));
    if (sharded) options.shard_shape.push_back(options.chunk_shape[d] * (1 + Pick(random, 3)));
  }
  return options;
}

void WritePart(const Array& array, std::mt19937_64& random) {
  Box box = Box::Full(array.shape());
  for (int d = 0; d < box.rank(); ++d) {
    box.origin[d] = Pick(random, box.shape[d]);
    box.shape[d] = 1 + Pick(random, array.shape()[d] - box.origin[d]);
  }
  const std::vector<std::byte> bytes =
      RandomBytes(static_cast<size_t>(*NumElements(box.shape) * 2), random);
  array.Write(box, ConstView(bytes.data(), array.data_type(), box.shape)).OrDie();
}

TEST(ForEachChunk, RandomRegionsAreWhatAReadGives) {
  for (uint64_t seed = 1; seed <= Soaked(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const Context context = Context::Create({.threads = 1 + static_cast<int>(seed % 3),
                                             .chunk_cache_bytes = seed % 4 == 0 ? KiB(4) : 0});
    KvStorePtr store = NewStore();
    if (seed % 8 == 0) store = Later(store);
    const Array array = Array::Create(store, "", RandomLayout(random, context)).OrDie();
    WritePart(array, random);
    const IndexTransform region = RandomTransform(array.shape(), random);
    const auto size = static_cast<size_t>(*NumElements(region.view_shape()) * 2);
    std::vector<std::byte> expected(size), got(size, std::byte{0xee});
    array.Read(region, View(expected.data(), array.data_type(), region.view_shape())).OrDie();
    const View all(got.data(), array.data_type(), region.view_shape());
    std::mutex mutex;
    int64_t elements = 0;
    const auto copy = [&](const ChunkData& chunk) {
      const std::lock_guard lock(mutex);
      EXPECT_TRUE(Box::Full(array.shape()).Contains(chunk.chunk));
      CopyView(chunk.elements, all.Subview(chunk.part));
      elements += *NumElements(chunk.part.shape);
      return Status();
    };
    const ForEachChunkOptions options{.missing = Missing::kFill,
                                      .parallelism = static_cast<int>(seed % 5)};
    const Status status = seed % 2 == 0 ? ForEachChunk(array, region, copy, options)
                                        : ForEachChunkAsync(array, region, copy, options).Get();
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(got, expected);
    ASSERT_EQ(elements * 2, static_cast<int64_t>(size));  // Each once.
  }
}

/// 64 x 64 numbers from 1 on; chunks of 8 x 8, shards of 32 x 32.
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

TEST(ForEachChunk, ComesInStorageOrder) {
  for (const bool sharded : {false, true}) {
    const Array array = Numbers(NewStore(), sharded, Context::Create({.threads = 3}));
    std::vector<Index> seen;
    ForEachChunk(array,
                 [&](const ChunkData& chunk) {
                   EXPECT_EQ(chunk.chunk, chunk.part);
                   seen.push_back(chunk.chunk.origin);
                   return Status();
                 },
                 {.parallelism = 1})
        .OrDie();
    std::vector<Index> expected;
    if (!sharded) {
      for (int64_t n = 0; n < 64; ++n) expected.push_back({n / 8 * 8, n % 8 * 8});
    } else {
      for (int64_t shard = 0; shard < 4; ++shard) {
        for (int64_t n = 0; n < 16; ++n) {
          expected.push_back({shard / 2 * 32 + n / 4 * 8, shard % 2 * 32 + n % 4 * 8});
        }
      }
    }
    EXPECT_EQ(seen, expected);
  }
}

TEST(ForEachChunk, FetchesAndDecodesEachChunkOnceAndMergesSpans) {
  const Traced traced;
  const Context context = Context::Create({.threads = 2});
  const Array array = Numbers(traced.store, true, context);
  traced.Take();
  const int64_t decoded = context.stats().chunks_decoded;
  std::atomic<int> calls = 0;
  ForEachChunk(array, [&](const ChunkData&) {
    ++calls;
    return Status();
  }).OrDie();
  EXPECT_EQ(calls, 64);
  EXPECT_EQ(context.stats().chunks_decoded - decoded, 64);
  EXPECT_EQ(traced.Take().size(), 4u + 4u);  // An index and a span for each shard.
}

TEST(ForEachChunk, MissingChunksAreSkippedFilledOrErrors) {
  for (const Shape& shard : {Shape{}, Shape{4, 4}}) {
    CreateOptions options{.shape = {7, 7}, .data_type = DataType::kUint16, .chunk_shape = {2, 2}};
    options.shard_shape = shard;
    options.format.fill_value = "9";
    const Array array = Array::Create(NewStore(), "", options).OrDie();
    const std::vector<uint16_t> four(4, 4);
    array.Write({{0, 0}, {2, 2}}, Ref(four.data(), {2, 2})).OrDie();
    for (const Missing missing : {Missing::kSkip, Missing::kFill}) {
      int stored = 0;
      int absent = 0;
      int64_t elements = 0;
      ForEachChunk(array,
                   [&](const ChunkData& chunk) {
                     ++(chunk.stored ? stored : absent);
                     elements += *NumElements(chunk.elements.shape);
                     uint16_t last = 0;
                     const Index& shape = chunk.elements.shape;
                     std::memcpy(&last,
                                 chunk.elements.data + (shape[0] - 1) * chunk.elements.strides[0] +
                                     (shape[1] - 1) * chunk.elements.strides[1],
                                 2);
                     EXPECT_EQ(last, chunk.stored ? 4 : 9);
                     return Status();
                   },
                   {.missing = missing, .parallelism = 1})
          .OrDie();
      EXPECT_EQ(stored, 1);
      EXPECT_EQ(absent, missing == Missing::kSkip ? 0 : 15);
      EXPECT_EQ(elements, missing == Missing::kSkip ? 4 : 49);
    }
    const Status strict = ForEachChunk(array, [](const ChunkData&) { return Status(); },
                                       {.missing = Missing::kError});
    EXPECT_EQ(strict.code(), StatusCode::kNotFound);
    EXPECT_NE(strict.message().find("never written"), std::string::npos) << strict;
  }
}

TEST(ForEachChunk, CallbacksHoldNothingOfTheBudgetAndMayRead) {
  for (const bool sharded : {false, true}) {
    // A budget that one task fills: callbacks that held any of it would wait for each other.
    const Context context = Context::Create({.threads = 4, .budget_bytes = KiB(1)});
    const Array array = Numbers(NewStore(), sharded, context);
    std::atomic<int64_t> sum = 0;
    ForEachChunk(array, [&](const ChunkData& chunk) -> Status {
      std::vector<uint16_t> again(64);
      COFFER_RETURN_IF_ERROR(array.Read(chunk.chunk, Ref(again.data(), {8, 8})));
      EXPECT_EQ(std::memcmp(again.data(), chunk.elements.data, 16), 0);
      for (const uint16_t value : again) sum += value;
      return Status();
    }).OrDie();
    EXPECT_EQ(sum, 4096 * 4097 / 2);
    EXPECT_EQ(context.budget().held_bytes(), 0);
  }
}

TEST(ForEachChunk, HoldsTheBudgetAndWhatCallbacksLookAt) {
  const Context context = Context::Create({.threads = 4, .budget_bytes = KiB(4)});
  const Array array = Numbers(NewStore(), false, context);
  const int64_t before = context.buffers().held_bytes_peak();
  ForEachChunk(array, [&](const ChunkData&) { return Status(); }, {.parallelism = 2}).OrDie();
  EXPECT_LE(context.buffers().held_bytes_peak(),
            std::max(before, std::max(KiB(4), array.largest_task_bytes()) +
                                 2 * BufferPool::CapacityFor(128)));
  EXPECT_EQ(context.buffers().held_bytes(), 0);
}

TEST(ForEachChunk, ErrorsAndExceptionsOfCallbacksEndIt) {
  for (const bool sharded : {false, true}) {
    const Array array = Numbers(NewStore(), sharded, Context::Create({.threads = 1}));
    int calls = 0;
    const Status failed = ForEachChunk(
        array, [&](const ChunkData&) { return ++calls < 3 ? Status() : AbortedError("enough"); });
    EXPECT_EQ(failed, AbortedError("enough"));
    EXPECT_EQ(calls, 3);
    const Status thrown = ForEachChunk(array, [&](const ChunkData&) -> Status {
      throw std::runtime_error("thrown by a callback");
    });
    EXPECT_EQ(thrown.code(), StatusCode::kInternal);
    EXPECT_NE(thrown.message().find("thrown by a callback"), std::string::npos) << thrown;
  }
}

TEST(ForEachChunk, CancelledStopsBetweenCallbacks) {
  for (const bool sharded : {false, true}) {
    const Array array = Numbers(NewStore(), sharded, Context::Create({.threads = 1}));
    const CancelSource cancel;
    int calls = 0;
    const Status status = ForEachChunk(array,
                                       [&](const ChunkData&) {
                                         if (++calls == 2) cancel.Cancel();
                                         return Status();
                                       },
                                       {.cancel = cancel.token()});
    EXPECT_EQ(status.code(), StatusCode::kCancelled);
    EXPECT_EQ(calls, 2);
  }
}

TEST(ForEachChunk, ProgressCountsTheRegion) {
  for (const bool sharded : {false, true}) {
    const Array array = Numbers(NewStore(), sharded, Context::Create({.threads = 2}));
    int64_t last = 0;
    ForEachChunk(array, IndexTransform::Parse({64, 64}, "3:9,:").OrDie(),
                 [](const ChunkData&) { return Status(); },
                 {.on_progress =
                      [&](int64_t done, int64_t all) {
                        EXPECT_EQ(all, 6 * 64 * 2);
                        EXPECT_GT(done, last);
                        last = done;
                      }})
        .OrDie();
    EXPECT_EQ(last, 6 * 64 * 2);
  }
}

TEST(ForEachChunk, RegionsBeyondTheArrayAreErrors) {
  const Array array = Numbers(NewStore(), false, Context::Create({.threads = 1}));
  const auto none = [](const ChunkData&) { return AbortedError("called"); };
  EXPECT_EQ(ForEachChunk(array, IndexTransform::Identity({65, 64}), none).code(),
            StatusCode::kOutOfRange);
  EXPECT_EQ(ForEachChunk(array, IndexTransform::Identity({64}), none).code(),
            StatusCode::kInvalidArgument);
  EXPECT_TRUE(ForEachChunk(array, IndexTransform::Identity({0, 64}), none).ok());
}

TEST(ForEachChunk, AShardReplacedMeanwhileGivesEachChunkOnce) {
  const KvStorePtr store = NewStore();
  CreateOptions options{.shape = {4096, 64},
                        .data_type = DataType::kUint32,
                        .chunk_shape = {64, 64},
                        .shard_shape = {4096, 64}};
  options.codec = CodecSpec();
  options.context = Context::Create({.threads = 1, .budget_bytes = KiB(256)});
  const Array array = Array::Create(store, "", options).OrDie();
  const Array theirs = Array::Open(store, "", {.context = Context::Create()}).OrDie();
  std::vector<uint32_t> values(4096 * 64, 1);
  array.Write(Box::Full({4096, 64}), Ref(values.data(), {4096, 64})).OrDie();
  std::map<int64_t, uint32_t> seen;
  ForEachChunk(array, [&](const ChunkData& chunk) {
    uint32_t value = 0;
    std::memcpy(&value, chunk.elements.data, 4);
    EXPECT_TRUE(seen.emplace(chunk.chunk.origin[0], value).second) << chunk.chunk.origin[0];
    if (seen.size() == 3) {
      std::fill(values.begin(), values.end(), 2);
      theirs.Write(Box::Full({4096, 64}), Ref(values.data(), {4096, 64})).OrDie();
    }
    return Status();
  }).OrDie();
  EXPECT_EQ(seen.size(), 64u);
  EXPECT_EQ(seen.begin()->second, 1u);
  EXPECT_EQ(seen.rbegin()->second, 2u);
}

TEST(ForEachChunk, SeesCachedChunksWhereTheyAre) {
  for (const bool sharded : {false, true}) {
    const Traced traced;
    const Context context = Context::Create({.threads = 2, .chunk_cache_bytes = MiB(1)});
    const Array array = Numbers(traced.store, sharded, context);
    std::atomic<int64_t> sum = 0;
    const auto add = [&](const ChunkData& chunk) {
      uint16_t first = 0;
      std::memcpy(&first, chunk.elements.data, 2);
      sum += first;
      return Status();
    };
    ForEachChunk(array, add).OrDie();
    const int64_t once = sum.exchange(0);
    traced.Take();
    ForEachChunk(array, add, {.max_staleness = std::chrono::hours(1)}).OrDie();
    EXPECT_EQ(sum, once);
    EXPECT_TRUE(traced.Take().empty());
  }
}

struct Listed {
  std::map<std::string, std::pair<Coverage, int64_t>> cells, inner;  // By box.
  size_t largest_page = 0;
};

Result<Listed> List(const Array& array, const CoverageOptions& options) {
  Listed listed;
  COFFER_RETURN_IF_ERROR(ListCoverage(
      array,
      [&](std::span<const ChunkCoverage> page) {
        listed.largest_page = std::max(listed.largest_page, page.size());
        for (const ChunkCoverage& chunk : page) {
          const bool added = (chunk.inner ? listed.inner : listed.cells)
                                 .emplace(ToString(chunk.box), std::pair(chunk.state, chunk.bytes))
                                 .second;
          EXPECT_TRUE(added) << ToString(chunk.box);
        }
        return Status();
      },
      options));
  return listed;
}

TEST(Coverage, TellsNeverWrittenFillAndPresent) {
  for (const Shape& shard : {Shape{}, Shape{4, 4}}) {
    CreateOptions options{.shape = {7, 7}, .data_type = DataType::kUint16, .chunk_shape = {2, 2}};
    options.shard_shape = shard;
    options.format.fill_value = "3";
    options.context = Context::Create({.threads = 2});
    const Array array = Array::Create(NewStore(), "", options).OrDie();
    const std::vector<uint16_t> threes(4, 3), fours(4, 4);
    array.Write({{0, 0}, {2, 2}}, Ref(fours.data(), {2, 2})).OrDie();
    array.Write({{0, 2}, {2, 2}}, Ref(threes.data(), {2, 2}), {.store_fill_chunks = true}).OrDie();
    array.Write({{6, 6}, {1, 1}}, Ref(threes.data(), {1, 1}), {.store_fill_chunks = true}).OrDie();
    const Listed plain = List(array, {}).OrDie();
    const Listed deep = List(array, {.inner = true, .find_fill = true}).OrDie();
    EXPECT_TRUE(plain.inner.empty());
    const auto state = [](const auto& map, const std::string& box) { return map.at(box).first; };
    if (shard.empty()) {
      EXPECT_EQ(plain.cells.size(), 16u);
      EXPECT_EQ(state(plain.cells, "[0, 2) x [2, 4)"), Coverage::kPresent);
      EXPECT_EQ(state(deep.cells, "[0, 2) x [0, 2)"), Coverage::kPresent);
      EXPECT_EQ(state(deep.cells, "[0, 2) x [2, 4)"), Coverage::kFill);
      EXPECT_EQ(state(deep.cells, "[6, 7) x [6, 7)"), Coverage::kFill);
      EXPECT_EQ(state(deep.cells, "[4, 6) x [6, 7)"), Coverage::kNeverWritten);
      EXPECT_EQ(deep.cells.at("[4, 6) x [6, 7)").second, 0);
      EXPECT_GT(deep.cells.at("[0, 2) x [2, 4)").second, 0);
      EXPECT_TRUE(deep.inner.empty());
    } else {
      EXPECT_EQ(plain.cells.size(), 4u);
      EXPECT_EQ(state(deep.cells, "[0, 4) x [0, 4)"), Coverage::kPresent);
      EXPECT_EQ(state(deep.cells, "[4, 7) x [4, 7)"), Coverage::kFill);
      EXPECT_EQ(state(deep.cells, "[0, 4) x [4, 7)"), Coverage::kNeverWritten);
      EXPECT_EQ(deep.inner.size(), 8u);  // Of the two stored shards.
      EXPECT_EQ(state(deep.inner, "[0, 2) x [0, 2)"), Coverage::kPresent);
      EXPECT_EQ(state(deep.inner, "[0, 2) x [2, 4)"), Coverage::kFill);
      EXPECT_EQ(state(deep.inner, "[2, 4) x [2, 4)"), Coverage::kNeverWritten);
      EXPECT_EQ(state(deep.inner, "[6, 7) x [6, 7)"), Coverage::kFill);
      EXPECT_GT(deep.inner.at("[0, 2) x [2, 4)").second, 0);
    }
    const CoverageCounts counts = CountCoverage(array, {.inner = true, .find_fill = true}).OrDie();
    EXPECT_EQ(counts.write_chunks.present, 1);
    EXPECT_EQ(counts.write_chunks.fill, shard.empty() ? 2 : 1);
    EXPECT_EQ(counts.write_chunks.never_written, shard.empty() ? 13 : 2);
    EXPECT_EQ(counts.inner_chunks.never_written, shard.empty() ? 0 : 5);
    EXPECT_EQ(counts.bytes, array.CountStored().OrDie().bytes);
  }
}

TEST(Coverage, RandomArraysAreListedWhole) {
  for (uint64_t seed = 1; seed <= Soaked(100); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const Context context = Context::Create({.threads = 1 + static_cast<int>(seed % 3)});
    const KvStorePtr store = NewStore();
    const Array array = Array::Create(store, "", RandomLayout(random, context)).OrDie();
    WritePart(array, random);
    store->Write("c/99999/0", Bytes::Copy("no cell")).Get().OrDie();
    const Listed listed = List(array, {.inner = true, .find_fill = true}).OrDie();
    const StoredChunks stored = array.CountStored().OrDie();
    int64_t there = 0;
    for (const auto& [box, coverage] : listed.cells) {
      there += coverage.first != Coverage::kNeverWritten;
    }
    ASSERT_EQ(there, stored.count);
    ASSERT_EQ(std::ssize(listed.cells), stored.possible);
    // What is never written or fill reads as fill, anything else does not.
    ForEachChunk(array,
                 [&](const ChunkData& chunk) {
                   const auto& map = listed.inner.empty() ? listed.cells : listed.inner;
                   const auto found = map.find(ToString(chunk.chunk));
                   const bool fill = AllEqual(chunk.elements, array.fill_value());
                   EXPECT_EQ(found == map.end() || found->second.first != Coverage::kPresent, fill)
                       << ToString(chunk.chunk);
                   return Status();
                 },
                 {.missing = Missing::kFill, .parallelism = 1})
        .OrDie();
  }
}

TEST(Coverage, PagesAreBounded) {
  CreateOptions options{.shape = {5000}, .data_type = DataType::kUint8, .chunk_shape = {1}};
  options.context = Context::Create({.threads = 2});
  const Array array = Array::Create(NewStore(), "", options).OrDie();
  const std::vector<uint8_t> ones(2000, 1);
  array.Write({{1000}, {2000}}, Ref(ones.data(), {2000})).OrDie();
  const Listed listed = List(array, {}).OrDie();
  EXPECT_EQ(listed.cells.size(), 5000u);
  EXPECT_EQ(listed.largest_page, 1024u);
  const Listed stored = List(array, {.never_written = false}).OrDie();
  EXPECT_EQ(stored.cells.size(), 2000u);
}

TEST(Coverage, DamageIsAnErrorThatNamesTheKey) {
  for (const bool sharded : {false, true}) {
    const KvStorePtr store = NewStore();
    const Array array = Numbers(store, sharded, Context::Create({.threads = 1}));
    store->Write("c/1/1", Bytes::Copy("damaged")).Get().OrDie();
    EXPECT_TRUE(List(array, {}).ok());
    const Status status = List(array, {.inner = true, .find_fill = true}).status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss);
    EXPECT_NE(status.message().find("c/1/1"), std::string::npos) << status;
  }
}

TEST(Coverage, ErrorsOfThePageFunctionCancellationAndProgress) {
  for (const bool sharded : {false, true}) {
    const Array array = Numbers(NewStore(), sharded, Context::Create({.threads = 1}));
    const auto fail = [](std::span<const ChunkCoverage>) { return AbortedError("enough"); };
    EXPECT_EQ(ListCoverage(array, fail, {.inner = true}), AbortedError("enough"));
    const CancelSource cancel;
    cancel.Cancel();
    EXPECT_EQ(List(array, {.find_fill = true, .cancel = cancel.token()}).status().code(),
              StatusCode::kCancelled);
    int64_t last = 0;
    CoverageOptions options{.inner = true};
    options.on_progress = [&](int64_t done, int64_t all) {
      EXPECT_EQ(all, sharded ? 4 : 64);
      last = done;
    };
    EXPECT_TRUE(List(array, options).ok());
    EXPECT_EQ(last, sharded ? 4 : 64);
  }
}

}  // namespace
}  // namespace coffer
