// Goal: what array.h promises beyond right elements: errors that name things, missing chunks, fill
// chunks, atomic shards, concurrent writers of one chunk, cancellation, progress, the memory bound,
// damage that is noticed. Method: one small array per promise, on stores that fail, answer later or
// are changed behind the array's back.
#include "coffer/array/array.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <latch>
#include <thread>

#include "coffer/array/group.h"
#include "coffer/array/verify.h"
#include "coffer/kvstore/adapters.h"
#include "src/array/read.h"
#include "src/array/write.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::Later;
using testing::NewStore;
using testing::RandomBytes;
using testing::ViewOf;

CreateOptions Small() {
  return {.shape = {8, 8},
          .data_type = DataType::kUint16,
          .chunk_shape = {2, 2},
          .shard_shape = {4, 4}};
}

std::vector<uint16_t> Counting(size_t count) {
  std::vector<uint16_t> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<uint16_t>(i + 1);
  return values;
}

Array FullArray(const KvStorePtr& store, const CreateOptions& options,
                const std::string& prefix = "") {
  Array array = Array::Create(store, prefix, options).OrDie();
  const std::vector<uint16_t> values = Counting(64);
  array.Write(Box::Full({8, 8}), Ref(values.data(), {8, 8})).OrDie();
  return array;
}

TEST(ArrayTest, ReadsBackWhatWasWritten) {
  const Array array = FullArray(NewStore(), Small());
  const NdArray<uint16_t> row = array.Read<uint16_t>({{.dim = 0, .at = 3}}).OrDie();
  ASSERT_EQ(row.shape(), Shape({8}));
  EXPECT_EQ(row(0), 25);
  EXPECT_EQ(row(7), 32);
}

TEST(ArrayTest, OneChunkAfterTheOtherIsReadIntoTheSameMemory) {
  const Context context = Context::Create({.threads = 1});
  const Array array =
      Array::Create(NewStore(context), "",
                    {.shape = {8 << 20}, .chunk_shape = {4 << 20}, .context = context})
          .OrDie();
  const IndexTransform first = *IndexTransform::FromBox(array.shape(), {{0}, {4 << 20}});
  const std::byte* const data = array.ReadOwned(first).OrDie().view().data;
  const int64_t idle = context.buffers().idle_bytes();
  const OwnedArray second = array.ReadOwned(first).OrDie();
  EXPECT_EQ(second.view().data, data);
  EXPECT_EQ(context.buffers().idle_bytes(), idle - MiB(4));
  EXPECT_EQ(context.buffers().held_bytes(), 0);
}

TEST(ArrayTest, ErrorsNameArrayAndArgument) {
  const Array array = FullArray(NewStore(), Small());
  std::vector<uint16_t> values(64);
  const Status outside = array.Read(Box::FromSize({4, 4}, {8, 8}), Ref(values.data(), {8, 8}));
  EXPECT_EQ(outside.code(), StatusCode::kOutOfRange);
  EXPECT_NE(outside.message().find("memory://array_test"), std::string::npos) << outside;
  EXPECT_NE(outside.message().find("[8, 8]"), std::string::npos) << outside;
  const Status shape = array.Read(Box::Full({8, 8}), Ref(values.data(), {4, 16}));
  EXPECT_EQ(shape.code(), StatusCode::kInvalidArgument);
  std::vector<float> floats(64);
  const Status type = array.Write(Box::Full({8, 8}), Ref(floats.data(), {8, 8}));
  EXPECT_EQ(type.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(type.message().find("data type uint16, the memory given has float32"),
            std::string::npos)
      << type;
  EXPECT_EQ(array.Read<float>({}).status().code(), StatusCode::kInvalidArgument);
}

TEST(ArrayTest, MissingChunksAreFillOrError) {
  CreateOptions options = Small();
  options.format.fill_value = "7";
  for (const Shape& shard : {Shape{4, 4}, Shape{}}) {
    options.shard_shape = shard;
    const Array array = Array::Create(NewStore(), "", options).OrDie();
    const std::vector<uint16_t> four = {1, 2, 3, 4};
    array.Write(Box::FromSize({0, 0}, {2, 2}), Ref(four.data(), {2, 2})).OrDie();
    const NdArray<uint16_t> all = array.Read<uint16_t>({}).OrDie();
    EXPECT_EQ(all(1, 1), 4);
    EXPECT_EQ(all(2, 2), 7);  // Absent inner chunk (or chunk).
    EXPECT_EQ(all(7, 7), 7);  // Absent shard.
    const ArrayReadOptions strict = {.missing = ArrayReadOptions::Missing::kError};
    EXPECT_TRUE(array.Read<uint16_t>({{.dim = 0, .end = 2}, {.dim = 1, .end = 2}}, strict).ok());
    const Status missing =
        array.Read<uint16_t>({{.dim = 0, .end = 4}, {.dim = 1, .end = 4}}, strict).status();
    EXPECT_EQ(missing.code(), StatusCode::kNotFound);
    EXPECT_NE(missing.message().find("never written"), std::string::npos) << missing;
    EXPECT_EQ(array.Read<uint16_t>({}, strict).status().code(), StatusCode::kNotFound);
  }
}

TEST(ArrayTest, ChunksOfFillValuesAreDeletedUnlessAskedFor) {
  for (const Shape& shard : {Shape{4, 4}, Shape{}}) {
    CreateOptions options = Small();
    options.shard_shape = shard;
    const KvStorePtr store = NewStore();
    const Array array = FullArray(store, options);
    const std::vector<uint16_t> zeros(64);
    array.Write(Box::Full({8, 8}), Ref(zeros.data(), {8, 8})).OrDie();
    EXPECT_EQ(array.CountStored().OrDie().count, 0);
    EXPECT_EQ(ListAll(*store).OrDie().size(), 1u);  // zarr.json
    array.Write(Box::Full({8, 8}), Ref(zeros.data(), {8, 8}), {.store_fill_chunks = true}).OrDie();
    const StoredChunks stored = array.CountStored().OrDie();
    EXPECT_EQ(stored.count, stored.possible);
    // A partial write that makes the rest of a stored cell zero deletes it, too.
    array.Write(Box::FromSize({0, 0}, {1, 1}), Ref(zeros.data(), {1, 1})).OrDie();
    EXPECT_EQ(array.CountStored().OrDie().count, stored.possible - (shard.empty() ? 1 : 0));
  }
}

TEST(ArrayTest, PartialShardWriteKeepsTheOtherChunks) {
  const KvStorePtr store = NewStore();
  const Array array = FullArray(store, Small());
  const std::vector<uint16_t> one = {999};
  array.Write(Box::FromSize({5, 5}, {1, 1}), Ref(one.data(), {1, 1})).OrDie();
  std::vector<uint16_t> expected = Counting(64);
  expected[5 * 8 + 5] = 999;
  const NdArray<uint16_t> all = array.Read<uint16_t>({}).OrDie();
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), all.values().begin()));
}

TEST(ArrayTest, CoveredChunkIsWrittenOverADamagedOne) {
  const KvStorePtr store = NewStore();
  CreateOptions options = Small();
  options.shard_shape = {};
  const Array array = FullArray(store, options);
  store->Write("c/0/0", Bytes::Copy("damaged")).Get().OrThrow();
  EXPECT_EQ(array.Read<uint16_t>({}).status().code(), StatusCode::kDataLoss);
  const std::vector<uint16_t> one = {1};
  EXPECT_EQ(array.Write(Box::FromSize({0, 0}, {1, 1}), Ref(one.data(), {1, 1})).code(),
            StatusCode::kDataLoss);
  const std::vector<uint16_t> four = {1, 2, 3, 4};
  EXPECT_TRUE(array.Write(Box::FromSize({0, 0}, {2, 2}), Ref(four.data(), {2, 2})).ok());
  EXPECT_TRUE(array.Read<uint16_t>({}).ok());
}

TEST(ArrayTest, EdgeChunksStoreFillBeyondTheShape) {
  CreateOptions options{
      .shape = {5}, .data_type = DataType::kUint8, .chunk_shape = {4}, .codec = Uncompressed()};
  options.format.fill_value = "9";
  options.format.checksum = false;
  const KvStorePtr store = NewStore();
  const Array array = Array::Create(store, "", options).OrDie();
  const std::vector<uint8_t> values = {1, 2, 3, 4, 5};
  for (const bool exclusive : {true, false}) {
    array.Write(Box::Full({5}), Ref(values.data(), {5}), {.exclusive = exclusive}).OrDie();
    EXPECT_EQ(store->Read("c/1").Get().OrThrow().value.text(), "\x05\x09\x09\x09");
    store->Write("c/1", std::nullopt).Get().OrDie();
  }
}

TEST(ArrayTest, ShrinkingAndGrowingDoesNotResurrect) {
  for (const Shape& shard : {Shape{4, 4}, Shape{}}) {
    CreateOptions options = Small();
    options.shard_shape = shard;
    const KvStorePtr store = NewStore();
    Array array = FullArray(store, options);
    array.Resize({3, 5}).OrDie();
    array.Resize({8, 8}).OrDie();
    const NdArray<uint16_t> all = array.Read<uint16_t>({}).OrDie();
    for (int64_t i = 0; i < 8; ++i) {
      for (int64_t j = 0; j < 8; ++j) {
        EXPECT_EQ(all(i, j), i < 3 && j < 5 ? i * 8 + j + 1 : 0) << i << " " << j;
      }
    }
  }
}

TEST(ArrayTest, ResizeOfAnotherStateIsAborted) {
  const KvStorePtr store = NewStore();
  Array first = FullArray(store, Small());
  Array second = Array::Open(store, "").OrDie();
  first.Resize({9, 8}).OrDie();
  EXPECT_EQ(second.Resize({10, 8}).code(), StatusCode::kAborted);
  EXPECT_EQ(Array::Open(store, "").OrDie().shape(), Shape({9, 8}));
}

TEST(ArrayTest, AResizeThatCannotDeleteSaysSo) {
  const auto store = MakeFaultStore(NewStore());
  Array array = FullArray(store, Small());
  store->Inject({.operation = KvOperation::kDelete, .key_prefix = "c/1/0"});
  const Status status = array.Resize({4, 8});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("the shape is [4, 8] now, but not all outside it is deleted"),
            std::string::npos)
      << status;
  EXPECT_EQ(store->injected(), 1);
  EXPECT_EQ(ListAll(*store).OrDie().size(), 4u);  // The one that failed did not stop the other.
  const StoredChunks stored = array.CountStored().OrDie();
  EXPECT_EQ(stored.count, 2);  // An orphan is none of the array's.
  EXPECT_EQ(stored.possible, 2);
}

TEST(ArrayTest, AVerificationThatCannotReadFails) {
  for (const Shape& shard : {Shape(), Shape{4, 4}}) {
    const auto store = MakeFaultStore(NewStore());
    CreateOptions options = Small();
    options.shard_shape = shard;
    const Array array = FullArray(store, options);
    for (const KvOperation operation : {KvOperation::kRead, KvOperation::kReadInto}) {
      store->Inject({.operation = operation, .key_prefix = "c/0/1"});
      const bool reads = operation == KvOperation::kRead || !shard.empty();
      EXPECT_EQ(VerifyArray(array, {.deep = true}).status().code(),
                reads ? StatusCode::kUnavailable : StatusCode::kOk);
      store->Clear();
    }
  }
}

TEST(ArrayTest, AResizeThatCannotClearTheNewEdgeSaysSo) {
  const KvStorePtr store = NewStore();
  Array array = FullArray(store, Small());
  store->Write("c/0/0", Bytes::Copy("damaged")).Get().OrDie();
  const Status status = array.Resize({3, 8});
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("the shape is [3, 8] now, but not all outside it is deleted"),
            std::string::npos)
      << status;
  EXPECT_EQ(array.shape(), Shape({3, 8}));  // As it is stored: the next change is not Aborted.
  EXPECT_EQ(array.Resize({4, 8}), Status());
  EXPECT_EQ(Array::Open(store, "").OrDie().shape(), Shape({4, 8}));
  EXPECT_EQ(ListAll(*store).OrDie().size(), 3u);  // zarr.json and the first row of shards.
}

TEST(ArrayTest, AttributesThatCouldNotBeReadBackAreRefused) {
  const KvStorePtr store = NewStore();
  Array array = FullArray(store, Small());
  const std::string large = R"({"a": ")" + std::string(size_t{16} << 20, 'x') + R"("})";
  EXPECT_EQ(array.SetAttributes(large).code(), StatusCode::kInvalidArgument);
  // This is small enough by itself, but not with the rest of the document.
  const std::string edge = large.substr(0, large.size() - 20) + R"("})";
  EXPECT_EQ(array.SetAttributes(edge).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(Array::Open(store, "").ok());
  Group group = Group::Create(NewStore(), "").OrDie();
  EXPECT_EQ(group.SetAttributes(edge).code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(Group::Open(group.store(), "").ok());
}

TEST(ArrayTest, ConcurrentWritersOfOneShardLoseNothing) {
  for (const bool later : {false, true}) {
    KvStorePtr store = NewStore();
    if (later) store = Later(store);
    const Array array = Array::Create(store, "", Small()).OrDie();
    std::latch start(4);
    std::vector<std::thread> writers;
    for (int64_t w = 0; w < 4; ++w) {
      writers.emplace_back([&, w] {
        start.arrive_and_wait();
        for (int64_t round = 0; round < 8; ++round) {
          const auto value = static_cast<uint16_t>(100 * (w + 1) + round);
          array.Write(Box::FromSize({w, round}, {1, 1}), Ref(&value, {1, 1})).OrDie();
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    const NdArray<uint16_t> all = array.Read<uint16_t>({}).OrDie();
    for (int64_t w = 0; w < 4; ++w) {
      for (int64_t round = 0; round < 8; ++round) EXPECT_EQ(all(w, round), 100 * (w + 1) + round);
    }
  }
}

// Method: another context writes at the moment between a partial write's reading and its writing.
TEST(ArrayTest, AWriteThatLosesIsDoneAgain) {
  for (const Shape& shard : {Shape{4, 4}, Shape{}}) {
    CreateOptions options = Small();
    options.shard_shape = shard;
    const KvStorePtr base = NewStore();
    FullArray(base, options);
    const Array other = Array::Open(base, "", {.context = Context::Create()}).OrDie();
    std::atomic<bool> armed = false;
    const KvStorePtr store = MakeTraceStore(base, [&](const TraceEvent& event) {
      if (event.key != "c/0/0" || !armed.exchange(false)) return;
      const uint16_t theirs = 111;
      other.Write(Box::FromSize({0, 0}, {1, 1}), Ref(&theirs, {1, 1})).OrDie();
    });
    const Array array = Array::Open(store, "").OrDie();
    armed = true;
    const uint16_t ours = 222;
    array.Write(Box::FromSize({1, 1}, {1, 1}), Ref(&ours, {1, 1})).OrDie();
    EXPECT_FALSE(armed);
    const NdArray<uint16_t> all = array.Read<uint16_t>({}).OrDie();
    EXPECT_EQ(all(0, 0), 111) << ToString(shard);
    EXPECT_EQ(all(1, 1), 222) << ToString(shard);
  }
}

TEST(ArrayTest, OtherContextsWritingTheSameShardLoseNothing) {
  // Two contexts share no key locks: only the conditional write keeps them apart, as it does
  // between processes.
  const KvStorePtr store = NewStore();
  Array::Create(store, "", Small()).OrDie();
  std::latch start(3);
  std::vector<std::thread> writers;
  for (int64_t w = 0; w < 3; ++w) {
    writers.emplace_back([&, w] {
      const Context context = Context::Create({.threads = 1});
      const Array array = Array::Open(store, "", {.context = context}).OrDie();
      start.arrive_and_wait();
      for (int64_t round = 0; round < 200; ++round) {
        const auto value = static_cast<uint16_t>(1000 * (w + 1) + round);
        const Box mine = Box::FromSize({w, round % 4}, {1, 1});
        array.Write(mine, Ref(&value, {1, 1})).OrDie();
        uint16_t read = 0;
        array.Read(mine, Ref(&read, {1, 1})).OrDie();
        ASSERT_EQ(read, value) << "somebody has written the old shard over it";
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
}

TEST(ArrayTest, ReaderNeverSeesAShardHalfOldAndHalfNew) {
  // One shard of 16 inner chunks is rewritten with another constant again and again, while a
  // reader with tiny spans reads all of it: every read must see one constant.
  const KvStorePtr store = NewStore();
  CreateOptions options{.shape = {64, 64},
                        .data_type = DataType::kUint16,
                        .chunk_shape = {16, 16},
                        .shard_shape = {64, 64},
                        .codec = Uncompressed()};
  const Array array = Array::Create(store, "", options).OrDie();
  auto write = [&](uint16_t value) {
    const std::vector<uint16_t> values(64 * 64, value);
    array.Write(Box::Full({64, 64}), Ref(values.data(), {64, 64})).OrDie();
  };
  write(1);
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (uint16_t value = 2; !stop; ++value) write(std::max<uint16_t>(value, 1));
  });
  const Array reader =
      Array::Open(store, "", {.context = Context::Create({.threads = 2, .budget_bytes = KiB(64)})})
          .OrDie();
  for (int i = 0; i < 200; ++i) {
    const Result<NdArray<uint16_t>> read = reader.Read<uint16_t>({});
    if (!read.ok()) {
      EXPECT_EQ(read.status().code(), StatusCode::kAborted) << read.status();
      continue;
    }
    for (uint16_t value : read->values()) ASSERT_EQ(value, (*read)(0, 0));
  }
  stop = true;
  writer.join();
}

TEST(ArrayTest, ACachedIndexDoesNotHideWhatWasWrittenSince) {
  const Array array = Array::Create(NewStore(), "", Small()).OrDie();
  const std::vector<uint16_t> four = {1, 2, 3, 4};
  const ArrayReadOptions strict = {.missing = ArrayReadOptions::Missing::kError};
  const auto read = [&](int64_t at) {
    std::vector<uint16_t> out(4);
    array.Read(Box::FromSize({at, at}, {2, 2}), Ref(out.data(), {2, 2}), strict).OrDie();
    return out;
  };
  for (const int64_t at : {0, 2}) {
    array.Write(Box::FromSize({at, at}, {2, 2}), Ref(four.data(), {2, 2})).OrDie();
    EXPECT_EQ(read(at), four);  // The index is cached now: without the chunk at (2, 2).
  }
}

TEST(ArrayTest, CachedIndexIsNotUsedForAReplacedShard) {
  const KvStorePtr store = NewStore();
  const Array reader = FullArray(store, Small());
  EXPECT_EQ(reader.Read<uint16_t>({}).OrDie()(0, 0), 1);
  const Array writer = Array::Open(store, "", {.context = Context::Create({.threads = 1})}).OrDie();
  std::vector<uint16_t> values(64, 5);
  for (const size_t i : {0, 1, 8, 9}) values[i] = 0;  // Absent: the others stand elsewhere now.
  writer.Write(Box::Full({8, 8}), Ref(values.data(), {8, 8})).OrDie();
  const NdArray<uint16_t> replaced = reader.Read<uint16_t>({}).OrDie();
  EXPECT_TRUE(std::equal(values.begin(), values.end(), replaced.values().begin()));
  store->Write("c/0/0", std::nullopt).Get().OrThrow();
  EXPECT_EQ(reader.Read<uint16_t>({}).OrDie()(0, 0), 0);
}

TEST(ArrayTest, ProgressReachesAllBytesAndIsOrdered) {
  const Array array = FullArray(NewStore(), Small());
  for (const bool reading : {true, false}) {
    std::vector<int64_t> seen;
    auto progress = [&](int64_t done, int64_t all) {
      EXPECT_EQ(all, 128);
      seen.push_back(done);
    };
    std::vector<uint16_t> values = Counting(64);
    const Status status =
        reading
            ? array.Read(Box::Full({8, 8}), Ref(values.data(), {8, 8}), {.on_progress = progress})
            : array.Write(Box::Full({8, 8}), Ref(values.data(), {8, 8}), {.on_progress = progress});
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    ASSERT_FALSE(seen.empty());
    EXPECT_EQ(seen.back(), 128);
  }
}

TEST(ArrayTest, CancelledBeforeItBegins) {
  const Array array = FullArray(NewStore(), Small());
  const CancelSource cancel;
  cancel.Cancel();
  std::vector<uint16_t> values(64);
  EXPECT_EQ(
      array.Read(Box::Full({8, 8}), Ref(values.data(), {8, 8}), {.cancel = cancel.token()}).code(),
      StatusCode::kCancelled);
  EXPECT_EQ(
      array.Write(Box::Full({8, 8}), Ref(values.data(), {8, 8}), {.cancel = cancel.token()}).code(),
      StatusCode::kCancelled);
}

TEST(ArrayTest, CancelledWhileItWaitsForTheBudget) {
  const Context context = Context::Create({.threads = 2, .budget_bytes = KiB(64)});
  const KvStorePtr store = NewStore(context);
  CreateOptions options = Small();
  options.context = context;
  const Array array = Array::Create(store, "", options).OrDie();
  Result<Reservation> all = context.budget().Acquire(KiB(64));
  std::vector<uint16_t> values(64);
  const Future<void> reading =
      array.WriteAsync(Box::Full({8, 8}), Ref(values.data(), {8, 8})).committed;
  reading.Cancel();
  EXPECT_EQ(reading.Get().code(), StatusCode::kCancelled);
  EXPECT_EQ(context.budget().held_bytes(), KiB(64));
}

TEST(ArrayTest, FlippedBitsAreNoticedOrHarmless) {
  for (const Shape& shard : {Shape{4, 4}, Shape{}}) {
    CreateOptions options{.shape = {4, 4},
                          .data_type = DataType::kUint16,
                          .chunk_shape = {2, 4},
                          .shard_shape = shard};
    const KvStorePtr store = NewStore();
    const Array array = Array::Create(store, "", options).OrDie();
    const std::vector<uint16_t> values = Counting(16);
    array.Write(Box::Full({4, 4}), Ref(values.data(), {4, 4})).OrDie();
    int noticed = 0;
    for (const ListEntry& entry : ListAll(*store).OrDie()) {
      if (entry.key == "zarr.json") continue;
      const std::string good(store->Read(entry.key).Get().OrThrow().value.text());
      for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
        std::string bad = good;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
        store->Write(entry.key, Bytes::Take(bad)).Get().OrThrow();
        const Result<NdArray<uint16_t>> read = array.Read<uint16_t>({});
        if (read.ok()) {
          EXPECT_TRUE(std::equal(values.begin(), values.end(), read->values().begin())) << bit;
        } else {
          EXPECT_EQ(read.status().code(), StatusCode::kDataLoss) << read.status();
          EXPECT_NE(read.status().message().find(entry.key), std::string::npos) << read.status();
          ++noticed;
        }
      }
      store->Write(entry.key, Bytes::Take(good)).Get().OrThrow();
    }
    EXPECT_GT(noticed, 400);
  }
}

TEST(ArrayTest, TruncatedAndOverlongValuesAreDataLoss) {
  for (const Shape& shard : {Shape{4, 4}, Shape{}}) {
    for (const bool checksum : {true, false}) {
      CreateOptions options = Small();
      options.shard_shape = shard;
      options.format.checksum = checksum;
      options.codec = checksum ? Zstd(1) : Uncompressed();
      const KvStorePtr store = NewStore();
      const Array array = FullArray(store, options);
      const std::string good(store->Read("c/0/0").Get().OrThrow().value.text());
      for (size_t size = 0; size < good.size(); ++size) {
        store->Write("c/0/0", Bytes::Copy(good.substr(0, size))).Get().OrThrow();
        const Status status = array.Read<uint16_t>({}).status();
        ASSERT_EQ(status.code(), StatusCode::kDataLoss) << size << " " << status;
      }
      if (shard.empty()) {
        store->Write("c/0/0", Bytes::Copy(good + "x")).Get().OrThrow();
        EXPECT_EQ(array.Read<uint16_t>({}).status().code(), StatusCode::kDataLoss);
      }
    }
  }
}

TEST(ArrayTest, VerifyFindsDamageAndOrphans) {
  const KvStorePtr store = NewStore();
  const Array array = FullArray(store, Small());
  VerifyReport report = VerifyArray(array, {.deep = true}).OrDie();
  EXPECT_EQ(report.num_findings, 0);
  EXPECT_EQ(report.chunks_checked, 16);
  EXPECT_EQ(report.chunks_unchecked, 0);
  EXPECT_EQ(report.bytes_checked, 128);
  std::string bad(store->Read("c/1/1").Get().OrThrow().value.text());
  bad[0] = static_cast<char>(bad[0] ^ 1);
  store->Write("c/1/1", Bytes::Take(bad)).Get().OrThrow();
  store->Write("c/2/0", Bytes::Copy("x")).Get().OrThrow();
  store->Write("note", Bytes::Copy("x")).Get().OrThrow();
  report = VerifyArray(array, {.deep = true}).OrDie();
  ASSERT_EQ(report.findings.size(), 3u);
  EXPECT_NE(report.findings[0].key.find("c/1/1"), std::string::npos);
  EXPECT_NE(report.findings[0].reason.find("DataLoss"), std::string::npos);
  EXPECT_EQ(report.findings[1].reason, "orphan: a chunk outside the array's shape");
  EXPECT_EQ(report.findings[2].reason, "orphan: no key of this array's");
  report = VerifyArray(array).OrDie();
  EXPECT_EQ(report.num_findings, 2);  // The flipped bit is in no index.
}

TEST(ArrayTest, VerifyFindsWhatIsNoFile) {
  const TempDir dir;
  for (const Shape& shard : {Shape(), Shape{4, 4}}) {
    CreateOptions options = Small();
    options.shard_shape = shard;
    const std::string root = dir / (shard.empty() ? "plain" : "sharded");
    const KvStorePtr store = OpenKvStore("file://" + root).OrDie();
    const Array array = FullArray(store, options);
    EXPECT_EQ(VerifyArray(array, {.deep = true}).OrDie().num_findings, 0);
    std::filesystem::remove(root + "/c/0/1");
    ASSERT_EQ(mkfifo((root + "/c/0/1").c_str(), 0600), 0);
    std::filesystem::remove(root + "/c/1/0");
    std::filesystem::create_symlink("../../../elsewhere", root + "/c/1/0");
    const VerifyReport report = VerifyArray(array, {.deep = true}).OrDie();
    ASSERT_EQ(report.findings.size(), 2u);
    EXPECT_EQ(report.findings[0].reason,
              "FailedPrecondition: " + store->Describe("c/0/1") + ": opening: not a regular file");
    EXPECT_EQ(
        report.findings[1].reason,
        "FailedPrecondition: " + store->Describe("c/1/0") +
            ": opening: a symbolic link leads out of the store's root, or in a circle, or cannot "
            "be followed here");
  }
}

TEST(ArrayTest, OpenOrCreate) {
  const std::string url = "memory://open_or_create/x";
  Array::OpenOrCreate(url, Small()).OrDie();
  EXPECT_TRUE(Array::OpenOrCreate(url, Small()).ok());
  CreateOptions other = Small();
  other.shape = {8, 9};
  const Status status = Array::OpenOrCreate(url, other).status();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("shape [8, 8], wanted [8, 9]"), std::string::npos) << status;
  EXPECT_EQ(Array::Create(url, Small()).status().code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(Array::Open("memory://open_or_create/y").status().code(), StatusCode::kNotFound);
}

TEST(PlaceTest, SpecsAndAdapters) {
  Array::Create("memory://places/x|zarr3:", Small()).OrDie();
  EXPECT_TRUE(Array::Open(R"({"driver": "zarr3", "kvstore": "memory://places/x"})").ok());
  EXPECT_TRUE(
      Array::Open(R"({"driver": "zarr3", "kvstore": "memory://places", "path": "x"})").ok());
  const Status schema =
      Array::Open(R"({"driver": "zarr3", "kvstore": "memory://places/x", "schema": {}})").status();
  EXPECT_EQ(schema.code(), StatusCode::kUnimplemented);
  EXPECT_NE(schema.message().find("\"schema\""), std::string::npos) << schema;
  const Status unknown =
      Array::Open(R"({"driver": "zarr3", "kvstore": "memory://places/x", "flavour": 1})").status();
  EXPECT_EQ(unknown.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(unknown.message().find("\"flavour\""), std::string::npos) << unknown;
  EXPECT_EQ(Array::Open("memory://places/x|zarr9:").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Array::Open(R"({"driver": "zarr9", "kvstore": "memory://places/x"})").status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(FindNode("memory://places/x").OrDie(), NodeKind::kArray);
  EXPECT_EQ(FindNode("memory://places/none").OrDie(), NodeKind::kNone);
}

TEST(GroupTest, DeleteExistingDeletesOnlyANodeAndOnlyForAValidOne) {
  const KvStorePtr store = NewStore();
  store->Write("precious/data", Bytes::Copy("x")).Get().OrDie();
  EXPECT_EQ(
      Group::Create(store, "", {.attributes = "not json", .delete_existing = true}).status().code(),
      StatusCode::kInvalidArgument);
  Group::Create(store, "precious/", {.delete_existing = true}).OrDie();
  EXPECT_EQ(store->Read("precious/data").Get().OrDie().value.text(), "x");  // It was no node's.
  Array::Create(store, "g/a/", Small()).OrDie();
  Group::Create(store, "g/", {.delete_existing = true}).OrDie();
  EXPECT_EQ(Group::Open(store, "g/").OrDie().List().OrDie().size(), 0u);
}

TEST(GroupTest, AnArrayMadeWhileStraysAreSoughtIsNone) {
  const KvStorePtr store = NewStore();
  Group::Create(store, "g/").OrDie();
  std::atomic<bool> made = false;
  const KvStorePtr late = MakeTraceStore(store, [&](const TraceEvent& event) {
    if (event.operation == KvOperation::kList && !made.exchange(true)) {
      FullArray(store, Small(), "g/x/");
    }
  });
  EXPECT_EQ(Group::Open(late, "g/").OrDie().FindStrays().OrDie().count, 0);
  EXPECT_TRUE(made);
}

TEST(GroupTest, StraysAreWhatNoNodeOwns) {
  const KvStorePtr store = NewStore();
  const Group group = Group::Create(store, "g/").OrDie();
  FullArray(store, Small(), "g/x/");
  Group::Create(store, "g/sub/").OrDie();
  FullArray(store, Small(), "g/sub/y/");
  EXPECT_EQ(group.FindStrays().OrDie().count, 0);
  for (const char* key :
       {"g/note", "g/sub/note", "g/x/c/9/9", "g/xx/c/0/0", "g/__z/zarr.json", "beside/note"}) {
    store->Write(key, Bytes::Copy("x")).Get().OrDie();
  }
  const StrayKeys strays = group.FindStrays(2).OrDie();
  EXPECT_EQ(strays.count, 4);  // An array's own orphans are the array's to verify.
  EXPECT_EQ(strays.keys.size(), 2u);
  const StrayKeys all = group.FindStrays().OrDie();
  for (const char* key : {"g/note", "g/sub/note", "g/xx/c/0/0", "g/__z/zarr.json"}) {
    EXPECT_EQ(std::count(all.keys.begin(), all.keys.end(), store->Describe(key)), 1) << key;
  }
}

TEST(GroupTest, ListsNodesAndDeletes) {
  const Group group = Group::Create("memory://group/g", {.attributes = R"({"a": 1})"}).OrDie();
  EXPECT_EQ(Group::Open("memory://group/g").OrDie().attributes(), group.attributes());
  Array::Create(group.store(), group.prefix() + "x/", Small()).OrDie();
  Array::Create(group.store(), group.prefix() + "sub/y/", Small()).OrDie();
  std::vector<std::string> names;
  for (const NodeEntry& entry : group.List(true).OrDie()) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"sub", "sub/y", "x"}));
  for (const char* key : {"__reserved/zarr.json", "folder/file", "file"}) {
    group.store()->Write(group.prefix() + key, Bytes::Copy("{}")).Get().OrDie();
  }
  names.clear();
  for (const NodeEntry& entry : group.List().OrDie()) names.push_back(entry.name);
  EXPECT_EQ(names, (std::vector<std::string>{"sub", "x"}));
  EXPECT_EQ(group.List(true).OrDie().size(), 3u);
  EXPECT_EQ(Group::Open("memory://group/g/x").status().code(), StatusCode::kFailedPrecondition);
  DeleteNode("memory://group/g/x").OrDie();
  EXPECT_EQ(FindNode("memory://group/g/x").OrDie(), NodeKind::kNone);
  EXPECT_EQ(DeleteNode("memory://group/g/x").code(), StatusCode::kNotFound);
}

}  // namespace
}  // namespace coffer
