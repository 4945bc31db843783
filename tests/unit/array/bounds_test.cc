// Goal: no operation holds more than it reserved, and none waits for ever: not for the budget while
// it holds a key, not for workers that all wait for it, not for a callback of the user's.
// Method: small budgets, one context an operation, so that the pool's peak is that operation's;
// workers that are all busy; callbacks that read; two copies and writers of one cell.
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "coffer/array/array.h"
#include "coffer/array/chunks.h"
#include "coffer/array/copy.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/array/model.h"
#include "tests/unit/array/ones.h"

namespace coffer {
namespace {

using testing::Later;
using testing::NewStore;
using testing::Ones;
using testing::RandomBytes;
using testing::ViewOf;

std::vector<std::byte> Noise(int64_t size) {
  std::mt19937_64 random(7);
  return RandomBytes(static_cast<size_t>(size), random);
}

Array NewArray(const KvStorePtr& store, CreateOptions options, const Context& context) {
  options.context = context;
  return Array::Create(store, "", options).OrDie();
}

void Fill(const Array& array, const std::vector<std::byte>& bytes) {
  array.Write(Box::Full(array.shape()), ViewOf(bytes, array.data_type(), array.shape())).OrDie();
}

TEST(ArrayBounds, ThePoolStaysWithinTheBudget) {
  const int64_t budget = KiB(256);
  const std::vector<std::byte> bytes = Noise(KiB(512));
  for (const Shape& shard : {Shape{128, 128}, Shape{}}) {
    const Context context = Context::Create({.threads = 4, .budget_bytes = budget});
    const Array array = NewArray(Later(NewStore(context)),
                                 {.shape = {512, 512},
                                  .data_type = DataType::kUint16,
                                  .chunk_shape = {32, 32},
                                  .shard_shape = shard},
                                 context);
    Fill(array, bytes);
    EXPECT_TRUE(array.Read<uint16_t>({}).ok());
    const int64_t bound = std::max(budget, array.largest_task_bytes());
    EXPECT_LE(context.budget().held_bytes_peak(), bound);
    EXPECT_LE(context.buffers().held_bytes_peak(), bound) << ToString(shard);
    EXPECT_EQ(context.budget().held_bytes(), 0);
    EXPECT_EQ(context.buffers().held_bytes(), 0);
  }
}

TEST(ArrayBounds, TasksReserveAtLeastWhatTheyTakeFromThePool) {
  const std::vector<std::byte> bytes = Noise(130 * 130 * 4);
  for (const Shape& shard : {Shape{64, 64}, Shape{}}) {
    for (const CodecSpec& codec : {Uncompressed(), Zstd(1), Gzip(1), Blosc()}) {
      for (const Box& box : {Box::Full({130, 130}), Box::FromSize({3, 3}, {70, 70})}) {
        for (const bool writes : {true, false}) {
          const Context setup = Context::Create({.threads = 1});
          const KvStorePtr store = NewStore(setup);
          Fill(NewArray(store,
                        {.shape = {130, 130},
                         .data_type = DataType::kUint32,
                         .chunk_shape = {32, 32},
                         .shard_shape = shard,
                         .codec = codec},
                        setup),
               bytes);
          // One lane, so that the pool's peak is one task's.
          const Context context = Context::Create({.threads = 1});
          const Array array = Array::Open(store, "", {.context = context}).OrDie();
          std::vector<uint32_t> out(130 * 130);
          const View view = Ref(out.data(), {130, 130}).Subview(Box::Full(box.shape));
          (writes ? array.Write(box, view) : array.Read(box, view)).OrDie();
          EXPECT_LE(context.buffers().held_bytes_peak(), context.budget().held_bytes_peak())
              << codec.name << " " << ToString(shard) << " " << ToString(box) << " " << writes;
          EXPECT_LE(context.budget().held_bytes_peak(), array.largest_task_bytes());
        }
      }
    }
  }
}

// Values that wait behind others for their key stay reserved until the store has taken them.
TEST(ArrayBounds, WritesThatQueueForOneKeyStayReserved) {
  const int64_t budget = MiB(4);
  const Context context = Context::Create({.threads = 2, .budget_bytes = budget});
  const TempDir directory;
  const Array array =
      NewArray(OpenKvStore(directory / "store", context).OrDie(),
               {.shape = {1 << 20}, .chunk_shape = {1 << 20}, .codec = Uncompressed()}, context);
  const std::vector<std::byte> bytes = Noise(1 << 20);
  std::vector<Future<void>> writes;
  for (int i = 0; i < 40; ++i) {
    writes.push_back(
        array.WriteAsync(Box::Full(array.shape()), ViewOf(bytes, DataType::kUint8, array.shape()))
            .committed);
  }
  for (const Future<void>& write : writes) write.Get().OrDie();
  EXPECT_LE(context.buffers().held_bytes_peak(), std::max(budget, array.largest_task_bytes()));
  EXPECT_EQ(context.budget().held_bytes(), 0);
}

TEST(ArrayBounds, APartOfALargeShardIsCopiedChunkByChunk) {
  const int64_t budget = MiB(1);
  const Context context = Context::Create({.threads = 1, .budget_bytes = budget});
  const TempDir directory;
  const Array array = NewArray(OpenKvStore(directory / "store", context).OrDie(),
                               {.shape = {256, 256, 256},
                                .chunk_shape = {16, 16, 16},
                                .shard_shape = {256, 256, 256},
                                .codec = Uncompressed()},
                               context);
  Ones ones({255, 256, 256});
  CopyInto(ones, array, {1, 0, 0}).OrDie();
  EXPECT_LE(context.buffers().held_bytes_peak(), context.budget().held_bytes_peak());
  EXPECT_EQ(context.budget().held_bytes_peak(), array.largest_task_bytes());  // It ran alone.
  EXPECT_EQ(array.Read<uint8_t>({{.dim = 0, .at = 0}}).OrDie()(5, 5), 0);
  EXPECT_EQ(array.Read<uint8_t>({{.dim = 0, .at = 255}}).OrDie()(5, 5), 1);
}

TEST(ArrayBounds, ACopyAndAWriterOfOneCellBothFinish) {
  const Context context = Context::Create({.threads = 2, .budget_bytes = KiB(64)});
  const Array array =
      NewArray(Later(NewStore(context)), {.shape = {128, 128}, .chunk_shape = {128, 128}}, context);
  std::thread copier([&] {
    for (int round = 0; round < 10; ++round) {
      Ones half({64, 128});
      EXPECT_EQ(CopyInto(half, array, {0, 0}), Status());
    }
  });
  const std::vector<uint8_t> twos(64 * 128, 2);
  for (int round = 0; round < 10; ++round) {
    EXPECT_EQ(array.Write(Box::FromSize({64, 0}, {64, 128}), Ref(twos.data(), {64, 128})),
              Status());
  }
  copier.join();
  const NdArray<uint8_t> all = array.Read<uint8_t>({}).OrDie();
  EXPECT_EQ(all(63, 127), 1);
  EXPECT_EQ(all(64, 0), 2);
}

TEST(ArrayBounds, CopiesOnEveryWorkerFinish) {
  const Context context = Context::Create({.threads = 2});
  const KvStorePtr store = Later(NewStore(context));  // Lanes resume on the executor.
  CreateOptions options{.shape = {512, 512}, .chunk_shape = {128, 128}};
  options.context = context;
  const Array source = Array::Create(store, "from/", options).OrDie();
  const std::vector<std::byte> bytes = Noise(512 * 512);
  Fill(source, bytes);
  std::vector<Future<void>> copies;
  std::latch both(2);
  for (int i = 0; i < 2; ++i) {
    const Array to = Array::Create(store, "to" + std::to_string(i) + "/", options).OrDie();
    copies.push_back(Spawn(context.shared_executor(), [&both, source, to] {
      both.arrive_and_wait();
      return Copy(source, to);
    }));
  }
  for (const Future<void>& copy : copies) EXPECT_EQ(copy.Get(), Status());
}

TEST(ArrayBounds, ABlockingReadDoesNotWaitForBusyWorkers) {
  const Context context = Context::Create({.threads = 2});
  const Array array =
      NewArray(NewStore(context), {.shape = {1024, 1024}, .chunk_shape = {128, 128}}, context);
  Fill(array, Noise(1024 * 1024));
  std::latch busy(2);
  std::latch go_on(1);
  std::vector<Future<void>> tasks;
  for (int i = 0; i < 2; ++i) {
    tasks.push_back(Spawn(context.shared_executor(), [&] {
      busy.count_down();
      go_on.wait();
    }));
  }
  busy.wait();
  EXPECT_TRUE(array.Read<uint8_t>({}).ok());  // Would wait for ever.
  go_on.count_down();
  for (const Future<void>& task : tasks) task.Get().OrDie();
}

TEST(ArrayBounds, AProgressCallbackMayRead) {
  const Context context = Context::Create({.threads = 2, .budget_bytes = KiB(64)});
  const Array array =
      NewArray(Later(NewStore(context)), {.shape = {256, 256}, .chunk_shape = {128, 256}}, context);
  Fill(array, Noise(256 * 256));
  std::vector<uint8_t> out(256 * 256);
  int64_t told = 0;
  const ProgressFunction read_again = [&](int64_t done, int64_t all) {
    EXPECT_GT(done, told);
    EXPECT_EQ(all, 256 * 256);
    told = done;
    EXPECT_TRUE(array.Read<uint8_t>({}).ok());
  };
  const Box full = Box::Full({256, 256});
  EXPECT_EQ(array.Read(full, Ref(out.data(), {256, 256}), {.on_progress = read_again}), Status());
  EXPECT_EQ(told, 256 * 256);
  told = 0;
  Ones ones({256, 256});
  EXPECT_EQ(CopyInto(ones, array, {0, 0}, {.on_progress = read_again}), Status());
  EXPECT_EQ(told, 256 * 256);
}

TEST(ArrayBounds, WhatACallbackThrowsIsAStatus) {
  const Context context = Context::Create({.threads = 2});
  const Array array =
      NewArray(NewStore(context), {.shape = {64, 64}, .chunk_shape = {16, 16}}, context);
  const std::vector<uint8_t> values(64 * 64, 1);
  const Status thrown = array.Write(Box::Full({64, 64}), Ref(values.data(), {64, 64}),
                                    {.on_progress = [](int64_t, int64_t) { throw 5; }});
  EXPECT_EQ(thrown.code(), StatusCode::kInternal);
  EXPECT_NE(thrown.message().find("array.write of memory://array_test"), std::string::npos)
      << thrown;
  Ones ones({64, 64});
  EXPECT_EQ(CopyInto(ones, array, {0, 0},
                     {.on_progress = [](int64_t, int64_t) { throw std::bad_alloc(); }})
                .code(),
            StatusCode::kResourceExhausted);
  const auto page = [](std::span<const ChunkCoverage>) -> Status { throw 5; };
  EXPECT_EQ(ListCoverage(array, page).code(), StatusCode::kInternal);
  const auto progress = [](int64_t, int64_t) { throw 5; };
  EXPECT_EQ(CountCoverage(array, {.on_progress = progress}).status().code(), StatusCode::kInternal);
}

}  // namespace
}  // namespace coffer
