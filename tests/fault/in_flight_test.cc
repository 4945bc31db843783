// Goal: stores, arrays and contexts may be given up with ten thousand operations in flight: each of
// them still ends, with its right result, and nothing is left behind.
// Method: the operations are started, held back by a closed gate, a latency or a full queue, and
// every handle is dropped before any is waited for. (The leak checker of the sanitizer build looks
// at the rest.)
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "kvstore/file/file.h"
#include "tests/support/file_ops.h"
#include "tests/support/simulated_disk.h"
#include "tests/support/temp_dir.h"

namespace coffer {
namespace {

constexpr int kOperations = 10'000;

/// Syncs wait at a gate, but for those of the thread that made it; none is made.
class GatedOps final : public SystemFileOps {
 public:
  Gate gate;
  int Sync(int) override {
    if (std::this_thread::get_id() != maker_) gate.Pass();
    return 0;
  }

 private:
  const std::thread::id maker_ = std::this_thread::get_id();
};

std::string Key(int i) { return "d" + std::to_string(i % 100) + "/k" + std::to_string(i); }

std::vector<Future<WriteResult>> StartWrites(KvStore& store) {
  std::vector<Future<WriteResult>> writes;
  for (int i = 0; i < kOperations; ++i) {
    writes.push_back(store.Write(Key(i), BytesChain(Bytes::Copy(std::to_string(i)))));
  }
  return writes;
}

void ExpectWritten(const std::vector<Future<WriteResult>>& writes) {
  for (const Future<WriteResult>& write : writes) {
    const Result<WriteResult> result = write.Get();
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->state, WriteResult::State::kWritten);
  }
}

TEST(InFlight, WritesAndReadsOfASlowStoreOutliveStoreAndContext) {
  std::vector<Future<WriteResult>> writes;
  std::vector<Future<ReadResult>> reads;
  {
    const Context context = Context::Create({.threads = 2});
    const KvStorePtr slow =
        MakeLatencyStore(MakeMemoryStore(context), {.per_request = std::chrono::milliseconds(20)});
    writes = StartWrites(*slow);
    EXPECT_FALSE(writes.back().ready());
    for (int i = 0; i < kOperations; ++i) reads.push_back(slow->Read("none"));
  }
  ExpectWritten(writes);
  for (const Future<ReadResult>& read : reads) {
    const Result<ReadResult> result = read.Get();
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(result->state, ReadResult::State::kMissing);
  }
}

/// Commits wait at the gate, a few of them at a time; the rest of the writes are done by then.
TEST(InFlight, CommitsOfAFileStoreOutliveStoreAndContext) {
  const TempDir dir;
  static GatedOps& ops = *new GatedOps();  // Outlives the context.
  std::vector<Future<WriteResult>> writes;
  ops.gate.Close();
  {
    const Context context = Context::Create({.threads = 2});
    const KvStorePtr store = MakeFileStore(dir / "root", {}, context, ops).OrDie();
    writes = StartWrites(*store);
    EXPECT_FALSE(writes.front().ready());
    ops.gate.Open();
  }
  ExpectWritten(writes);
  EXPECT_EQ(ListAll(*MakeFileStore(dir / "root").OrDie()).OrDie().size(), size_t{kOperations});
}

/// All writers of one key queue up behind the first.
TEST(InFlight, WritersOfOneKeyOutliveStoreAndContext) {
  const SimulatedDisk::Ptr disk = SimulatedDisk::Make();
  std::vector<Future<WriteResult>> writes;
  {
    const Context context = Context::Create({.threads = 2});
    const KvStorePtr store = MakeFileStore("/root", {}, context, *disk).OrDie();
    for (int i = 0; i < kOperations; ++i) {
      writes.push_back(store->Write("k", BytesChain(Bytes::Copy(std::to_string(i)))));
    }
  }
  ExpectWritten(writes);
  const KvStorePtr store = MakeFileStore("/root", {}, Context::Create(), *disk).OrDie();
  EXPECT_EQ(store->Read("k").Get().OrDie().value.text(), std::to_string(kOperations - 1));
}

TEST(InFlight, WritesOfAnArrayOutliveArrayStoreAndContext) {
  const SimulatedDisk::Ptr disk = SimulatedDisk::Make();
  std::vector<uint8_t> elements(kOperations);
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<uint8_t>(i % 251 + 1);
  std::vector<Future<void>> writes;
  {
    const Context context = Context::Create({.threads = 2});
    const Array array = Array::Create(MakeFileStore("/root", {}, context, *disk).OrDie(), "",
                                      {.shape = {kOperations},
                                       .chunk_shape = {10},
                                       .shard_shape = {1000},
                                       .context = context})
                            .OrDie();
    for (int64_t i = 0; i < kOperations; ++i) {
      writes.push_back(
          array.WriteAsync(Box::FromSize({i}, {1}), Ref(elements.data() + i, {1})).committed);
    }
  }
  for (const Future<void>& write : writes) ASSERT_TRUE(write.Get().ok());
  const Context context = Context::Create();
  const Array array =
      Array::Open(MakeFileStore("/root", {}, context, *disk).OrDie(), "", {.context = context})
          .OrDie();
  std::vector<uint8_t> found(elements.size());
  array.Read(Box::Full(array.shape()), Ref(found.data(), array.shape())).OrDie();
  EXPECT_EQ(found, elements);
}

}  // namespace
}  // namespace coffer
