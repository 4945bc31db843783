// Goal: a shard that several threads encode has the bytes that one thread makes; so many are used
// where there are few shards and the budget has room, and no others; errors and cancellation leave
// nothing behind.
// Method: shards written by one thread and by four, compared byte for byte, in stores that stream
// and that do not; an executor that counts; codecs and stores that fail at the n-th call; a writer
// that gets in between; budgets.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include "coffer/array/array.h"
#include "coffer/codec/codec.h"
#include "coffer/kvstore/stores.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/array/counting_executor.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::CountingExecutor;
using testing::NewStore;
using testing::RandomBytes;
using testing::ViewOf;

const Shape kShape = {100, 128, 128};  // Sticks out of its only shard.
const Shape kShard = {128, 128, 128};

const std::vector<std::byte>& Elements() {
  static const std::vector<std::byte> elements = [] {
    std::mt19937_64 random(5);
    std::vector<std::byte> made = RandomBytes(size_t{100} * 128 * 128, random);
    // Chunks of fill values, at the beginning and in the middle.
    std::fill_n(made.begin(), 3 * 32 * 128 * 128 / 4, std::byte{0});
    std::fill_n(made.begin() + 50 * 128 * 128, 20 * 128 * 128, std::byte{0});
    return made;
  }();
  return elements;
}

CreateOptions Options(const Context& context) {
  return {.shape = kShape,
          .chunk_shape = {16, 16, 16},
          .shard_shape = kShard,
          .codec = Zstd(1),
          .context = context};
}

Status WriteAll(const Array& array, const ArrayWriteOptions& options = {}) {
  return array.Write(Box::Full(array.shape()), ViewOf(Elements(), array.data_type(), array.shape()),
                     options);
}

std::string StoredShard(const KvStorePtr& store) {
  const ReadResult read = store->Read("c/0/0/0").Get().OrDie();
  return std::string(read.value.text());
}

TEST(ShardEncoding, GivesTheBytesOfOneThread) {
  const TempDir dir;
  // Where others may write, too, it is written on the condition that none is there yet.
  for (const auto& [fill, exclusive] : {std::pair(false, true), {true, true}, {false, false}}) {
    std::vector<std::string> shards;
    for (const int threads : {1, 2, 4, 7}) {
      const Context context = Context::Create({.threads = threads});
      const std::string folder =
          dir / (std::to_string(threads) + (fill ? "fill" : "") + (exclusive ? "exclusive" : ""));
      for (const KvStorePtr& store :
           {NewStore(context), MakeFileStore(folder, {.sync = false}, context).OrDie()}) {
        const Array array = Array::Create(store, "", Options(context)).OrDie();
        EXPECT_EQ(WriteAll(array, {.store_fill_chunks = fill, .exclusive = exclusive}), Status());
        shards.push_back(StoredShard(store));
        EXPECT_EQ(context.budget().held_bytes(), 0);
        EXPECT_EQ(context.buffers().held_bytes(), 0);
      }
    }
    for (const std::string& shard : shards) EXPECT_TRUE(shard == shards.front());
    EXPECT_GT(shards.front().size(), 100'000u);
  }
}

TEST(ShardEncoding, AShardOfFillValuesIsNotThere) {
  const Context context = Context::Create({.threads = 4});
  const KvStorePtr store = NewStore(context);
  const Array array = Array::Create(store, "", Options(context)).OrDie();
  EXPECT_EQ(WriteAll(array, {.exclusive = true}), Status());
  const std::vector<std::byte> zeros(Elements().size());
  EXPECT_EQ(
      array.Write(Box::Full(kShape), ViewOf(zeros, array.data_type(), kShape), {.exclusive = true}),
      Status());
  EXPECT_EQ(store->Read("c/0/0/0").Get()->state, ReadResult::State::kMissing);
}

TEST(ShardEncoding, APartOfANewShardIsThatPart) {
  const Context context = Context::Create({.threads = 4});
  const Array array = Array::Create(NewStore(context), "", Options(context)).OrDie();
  const Box part{{3, 0, 0}, {97, 128, 128}};
  const std::vector<std::byte> elements(Elements().begin() + 3 * 128 * 128, Elements().end());
  EXPECT_EQ(array.Write(part, ViewOf(elements, DataType::kUint8, part.shape)), Status());
  const OwnedArray all = array.ReadOwned(IndexTransform::Identity(kShape)).OrDie();
  EXPECT_TRUE(std::all_of(all.bytes().begin(), all.bytes().begin() + 3 * 128 * 128,
                          [](std::byte byte) { return byte == std::byte{0}; }));
  EXPECT_TRUE(std::equal(elements.begin(), elements.end(), all.bytes().begin() + 3 * 128 * 128));
}

class Threads : public ::testing::Test {
 protected:
  /// What a write of so many shards gives to the executor of four threads.
  int Submitted(int64_t shards, int64_t budget_bytes, int64_t rows_less = 0) {
    const auto executor = std::make_shared<CountingExecutor>();
    const Context context = Context::Create({.budget_bytes = budget_bytes, .executor = executor});
    CreateOptions options = Options(context);
    options.shape = {32 * shards - rows_less, 128, 128};
    options.shard_shape = {32, 128, 128};
    const Array array = Array::Create(NewStore(context), "", options).OrDie();
    std::mt19937_64 random(5);
    const auto elements = RandomBytes(static_cast<size_t>(*NumElements(options.shape)), random);
    const int before = executor->submitted;
    EXPECT_EQ(
        array.Write(Box::Full(options.shape), ViewOf(elements, array.data_type(), options.shape)),
        Status());
    EXPECT_LE(context.budget().held_bytes_peak(),
              std::max(budget_bytes, array.largest_task_bytes()));
    EXPECT_LE(context.buffers().held_bytes_peak(),
              std::max(budget_bytes, array.largest_task_bytes()));
    return executor->submitted - before;
  }
};

TEST_F(Threads, ShareOneShard) { EXPECT_GE(Submitted(1, MiB(64)), 1); }
TEST_F(Threads, ShareOneThatSticksOut) {  // One begins when it is looked at what is there.
  EXPECT_GE(Submitted(1, MiB(64), 5), 2);
}
TEST_F(Threads, ShareWhereSomeWouldBeIdleAtTheEnd) { EXPECT_GE(Submitted(5, MiB(64)), 3); }
TEST_F(Threads, HaveAShardEachWhereThereAreMany) { EXPECT_EQ(Submitted(8, MiB(64)), 3); }
TEST_F(Threads, AreOneWhereTheBudgetHasNoRoomForMore) { EXPECT_EQ(Submitted(1, MiB(3)), 0); }

/// Fails at the n-th call of those that write.
class FailingStore final : public testing::ForwardingStore {
 public:
  FailingStore(KvStorePtr base, int after)
      : ForwardingStore(base), base_(std::move(base)), left_(after) {}
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    if (key != "zarr.json" && left_-- == 0) {
      return Future<WriteResult>::Ready(UnavailableError("no write"));
    }
    return ForwardingStore::Write(std::move(key), std::move(value), std::move(options));
  }
  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override {
    COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvWriter> writer,
                            base_->OpenWriter(std::move(key), std::move(options)));
    return std::make_unique<FailingWriter>(*this, std::move(writer));
  }

 private:
  class FailingWriter final : public KvWriter {
   public:
    FailingWriter(FailingStore& store, std::unique_ptr<KvWriter> writer)
        : store_(store), writer_(std::move(writer)) {}
    Status Append(std::span<const std::byte> bytes) override {
      return store_.left_-- == 0 ? UnavailableError("no append") : writer_->Append(bytes);
    }
    Future<WriteResult> Commit() override { return writer_->Commit(); }

   private:
    FailingStore& store_;
    const std::unique_ptr<KvWriter> writer_;
  };
  const KvStorePtr base_;
  std::atomic<int> left_;
};

class ShardEncodingFails : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Exclusive, ShardEncodingFails, ::testing::Bool());

TEST_P(ShardEncodingFails, AnErrorOfTheStoreEndsItAll) {
  const TempDir dir;
  int failures = 0;
  for (int after = 0; after < 30; ++after) {
    const Context context = Context::Create({.threads = 4});
    const KvStorePtr files =
        MakeFileStore(dir / std::to_string(after), {.sync = false}, context).OrDie();
    const KvStorePtr store = std::make_shared<FailingStore>(files, after);
    const Array array = Array::Create(store, "", Options(context)).OrDie();
    const Status status = WriteAll(array, {.exclusive = GetParam()});
    if (!status.ok()) {
      ++failures;
      EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status.ToString();
      EXPECT_EQ(files->Read("c/0/0/0").Get()->state, ReadResult::State::kMissing);
    }
    EXPECT_EQ(context.budget().held_bytes(), 0);
    EXPECT_EQ(context.buffers().held_bytes(), 0);
  }
  EXPECT_GE(failures, 4);
  EXPECT_LT(failures, 30);
}

TEST_P(ShardEncodingFails, CancellationAtAnyTimeLeavesNothing) {
  for (int chunks = 0; chunks < 12; ++chunks) {
    const Context context = Context::Create({.threads = 4});
    const KvStorePtr store = NewStore(context);
    const Array array = Array::Create(store, "", Options(context)).OrDie();
    CancelSource cancel;
    ArrayWriteOptions options{.exclusive = GetParam()};
    options.cancel = cancel.token();
    std::thread canceller([&] {
      while (context.stats().chunks_encoded < chunks * 30) std::this_thread::yield();
      cancel.Cancel();
    });
    const Status status = WriteAll(array, options);
    canceller.join();
    if (!status.ok()) {
      EXPECT_EQ(status.code(), StatusCode::kCancelled) << status.ToString();
    }
    EXPECT_EQ(context.budget().held_bytes(), 0);
    EXPECT_EQ(context.buffers().held_bytes(), 0);
  }
}

void Spend(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

/// Between the look at a shard and its first write somebody else does something.
class MeanwhileStore final : public testing::ForwardingStore {
 public:
  MeanwhileStore(KvStorePtr base, std::function<void()> meanwhile)
      : ForwardingStore(std::move(base)), meanwhile_(std::move(meanwhile)) {}
  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    const bool shard = key == "c/0/0/0";
    Future<ReadResult> read = ForwardingStore::Read(std::move(key), std::move(options));
    if (shard && read.Get().ok() && looks++ == 0) meanwhile_();
    return read;
  }
  std::atomic<int> looks = 0;

 private:
  const std::function<void()> meanwhile_;
};

TEST(ShardEncoding, LooksOnceAtWhatIsThere) {
  const Context context = Context::Create({.threads = 4});
  const auto store = std::make_shared<MeanwhileStore>(NewStore(context), [] {});
  const Array array = Array::Create(store, "", Options(context)).OrDie();
  EXPECT_EQ(WriteAll(array), Status());
  EXPECT_EQ(store->looks, 1);
}

TEST(ShardEncoding, WritesForAllThatHaveGathered) {
  const Context context = Context::Create({.threads = 4});
  const Box row{{7, 0, 0}, {1, 128, 128}};
  const std::vector<std::byte> ones(size_t{128} * 128, std::byte{1});
  WriteFutures all, one;
  std::optional<Array> array;
  // While the first holds the key, one that writes all and one that writes a row wait for it.
  const auto store = std::make_shared<MeanwhileStore>(NewStore(context), [&] {
    all = array->WriteAsync(Box::Full(kShape), ViewOf(Elements(), DataType::kUint8, kShape));
    Spend(std::chrono::milliseconds(30));
    one = array->WriteAsync(row, ViewOf(ones, DataType::kUint8, row.shape));
    Spend(std::chrono::milliseconds(30));
  });
  array = Array::Create(store, "", Options(context)).OrDie();
  const std::vector<std::byte> fill(ones.size());
  EXPECT_EQ(array->Write(row, ViewOf(fill, DataType::kUint8, row.shape)), Status());
  EXPECT_EQ(all.committed.Get(), Status());
  EXPECT_EQ(one.committed.Get(), Status());
  std::vector<std::byte> wanted = Elements();
  std::copy(ones.begin(), ones.end(), wanted.begin() + 7 * 128 * 128);
  const OwnedArray read = array->ReadOwned(IndexTransform::Identity(kShape)).OrDie();
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), read.bytes().begin()));
}

TEST(ShardEncoding, KeepsWhatSomebodyWroteBehindTheShapeMeanwhile) {
  const TempDir dir;
  const Context context = Context::Create({.threads = 4});
  const Context other = Context::Create({.threads = 1});
  const KvStorePtr files = MakeFileStore(dir / "store", {.sync = false}, context).OrDie();
  const std::vector<std::byte> behind(size_t{28} * 128 * 128, std::byte{77});
  const Box rows{{100, 0, 0}, {28, 128, 128}};
  const auto store = std::make_shared<MeanwhileStore>(files, [&] {
    Array larger = Array::Open(MakeFileStore(dir / "store", {.sync = false}, other).OrDie(), "",
                               {.context = other})
                       .OrDie();
    larger.Resize(kShard).OrDie();
    larger = Array::Open(MakeFileStore(dir / "store", {.sync = false}, other).OrDie(), "",
                         {.context = other})
                 .OrDie();
    larger.Write(rows, ViewOf(behind, DataType::kUint8, rows.shape)).OrDie();
  });
  const Array array = Array::Create(store, "", Options(context)).OrDie();
  EXPECT_EQ(WriteAll(array), Status());
  const Array reopened = Array::Open(files, "", {.context = other}).OrDie();
  const OwnedArray all = reopened.ReadOwned(IndexTransform::Identity(kShard)).OrDie();
  EXPECT_TRUE(std::equal(Elements().begin(), Elements().end(), all.bytes().begin()));
  EXPECT_TRUE(std::equal(behind.begin(), behind.end(), all.bytes().end() - std::ssize(behind)));
}

/// Copies bytes; does something before it encodes.
class Hooked final : public Codec {
 public:
  using Hook = std::function<void(std::span<const std::byte>)>;
  explicit Hooked(Hook hook) : hook_(std::move(hook)) {}
  Kind kind() const override { return Kind::kBytesToBytes; }
  std::string name() const override { return "test.hooked"; }
  std::string configuration() const override { return ""; }
  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(int64_t size) const override {
    return std::make_unique<Bound>(size, hook_);
  }

 private:
  class Bound final : public BoundBytesToBytes {
   public:
    Bound(int64_t size, Hook hook) : size_(size), hook_(std::move(hook)) {}
    int64_t max_encoded_size() const override { return size_; }
    Result<size_t> Encode(std::span<const std::byte> decoded,
                          std::span<std::byte> destination) const override {
      hook_(decoded);
      std::copy(decoded.begin(), decoded.end(), destination.begin());
      return decoded.size();
    }
    Result<size_t> Decode(std::span<const std::byte> encoded,
                          std::span<std::byte> destination) const override {
      std::copy(encoded.begin(), encoded.end(), destination.begin());
      return encoded.size();
    }

   private:
    const int64_t size_;
    const Hook hook_;
  };
  const Hook hook_;
};

/// One shard of 16 MiB of inner chunks of 64 KiB.
Array OneHookedShard(const KvStorePtr& store, const Context& context, const Hooked::Hook& hook) {
  context.Get<CodecTable>()
      .Add({"test.hooked",
            [hook](std::string_view, const CodecTable&) -> Result<CodecPtr> {
              return std::make_shared<Hooked>(hook);
            }})
      .OrDie();
  CreateOptions options{.shape = {16 << 20}, .context = context};
  options.format.codecs = R"([{"name": "sharding_indexed", "configuration": {
      "chunk_shape": [65536], "codecs": ["bytes", "test.hooked"],
      "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]}}])";
  options.chunk_shape = options.shape;  // With a list of codecs: the shard's.
  return Array::Create(store, "", options).OrDie();
}

TEST(ShardEncoding, NoThreadGetsFurtherAheadThanWasReserved) {
  const TempDir dir;
  const Context context = Context::Create({.threads = 4});
  const KvStorePtr store = MakeFileStore(dir / "store", {.sync = false}, context).OrDie();
  const Array array = OneHookedShard(store, context, [](std::span<const std::byte> decoded) {
    if (decoded[0] != std::byte{255}) return;
    Spend(std::chrono::milliseconds(50));
  });
  std::vector<std::byte> elements(16 << 20, std::byte{3});
  elements[0] = std::byte{255};  // So the first chunk takes long.
  EXPECT_EQ(
      array.Write(Box::Full(array.shape()), ViewOf(elements, DataType::kUint8, array.shape())),
      Status());
  EXPECT_LE(context.buffers().held_bytes_peak(), context.budget().held_bytes_peak());
  EXPECT_LT(context.budget().held_bytes_peak(), MiB(8));
  const OwnedArray read = array.ReadOwned(IndexTransform::Identity(array.shape())).OrDie();
  EXPECT_TRUE(std::equal(read.bytes().begin(), read.bytes().end(), elements.begin()));
}

TEST(ShardEncoding, AThrowingCodecEndsItAll) {
  const TempDir dir;
  const std::vector<std::byte> elements(16 << 20, std::byte{3});
  for (const int bad : {0, 1, 7, 100, 255}) {
    const Context context = Context::Create({.threads = 4});
    const KvStorePtr store =
        MakeFileStore(dir / std::to_string(bad), {.sync = false}, context).OrDie();
    std::atomic<int> calls = 0;
    const Array array = OneHookedShard(store, context, [&](std::span<const std::byte>) {
      if (calls++ == bad) throw std::runtime_error("no such chunk");
    });
    const Status status =
        array.Write(Box::Full(array.shape()), ViewOf(elements, DataType::kUint8, array.shape()));
    EXPECT_NE(status.ToString().find("no such chunk"), std::string::npos) << status.ToString();
    EXPECT_EQ(store->Read("c/0").Get()->state, ReadResult::State::kMissing);
    EXPECT_EQ(context.budget().held_bytes(), 0);
    EXPECT_EQ(context.buffers().held_bytes(), 0);
  }
}

TEST(ShardEncoding, NoChunkIsEncodedOnceItIsCancelled) {
  const Context context = Context::Create({.threads = 4});
  std::atomic<int> calls = 0;
  CancelSource cancel;
  const Array array = OneHookedShard(NewStore(context), context, [&](std::span<const std::byte>) {
    if (calls++ == 10) cancel.Cancel();
  });
  const std::vector<std::byte> elements(16 << 20, std::byte{3});
  ArrayWriteOptions options;
  options.cancel = cancel.token();
  EXPECT_EQ(array
                .Write(Box::Full(array.shape()), ViewOf(elements, DataType::kUint8, array.shape()),
                       options)
                .code(),
            StatusCode::kCancelled);
  EXPECT_LE(calls, 11 + 4);  // What the other threads had begun.
}

/// Appends when nobody gets any further without that, and then fails.
class LateStore final : public testing::ForwardingStore {
 public:
  LateStore(KvStorePtr base, const std::atomic<int>& calls, bool throws)
      : ForwardingStore(base), base_(std::move(base)), calls_(calls), throws_(throws) {}
  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override {
    COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvWriter> writer,
                            base_->OpenWriter(std::move(key), std::move(options)));
    return std::make_unique<Late>(*this, std::move(writer));
  }

 private:
  class Late final : public KvWriter {
   public:
    Late(const LateStore& store, std::unique_ptr<KvWriter> writer)
        : store_(store), writer_(std::move(writer)) {}
    Status Append(std::span<const std::byte>) override {
      for (int before = -1; before != store_.calls_;) {
        before = store_.calls_;
        Spend(std::chrono::milliseconds(40));
      }
      if (store_.throws_) throw std::runtime_error("late");
      return UnavailableError("late");
    }
    Future<WriteResult> Commit() override { return writer_->Commit(); }

   private:
    const LateStore& store_;
    const std::unique_ptr<KvWriter> writer_;
  };
  const KvStorePtr base_;
  const std::atomic<int>& calls_;
  const bool throws_;
};

TEST(ShardEncoding, WhoWaitsForAnotherThreadHearsOfItsError) {
  const TempDir dir;
  const std::vector<std::byte> elements(16 << 20, std::byte{3});
  for (const bool throws : {false, true}) {
    const Context context = Context::Create({.threads = 3});
    std::atomic<int> calls = 0;
    const KvStorePtr files =
        MakeFileStore(dir / (throws ? "throws" : "fails"), {.sync = false}, context).OrDie();
    const Array array = OneHookedShard(std::make_shared<LateStore>(files, calls, throws), context,
                                       [&](std::span<const std::byte>) { ++calls; });
    const Status status =
        array.Write(Box::Full(array.shape()), ViewOf(elements, DataType::kUint8, array.shape()));
    EXPECT_NE(status.ToString().find("late"), std::string::npos) << status.ToString();
    EXPECT_LT(calls, 256);
    EXPECT_EQ(context.budget().held_bytes(), 0);
    EXPECT_EQ(context.buffers().held_bytes(), 0);
  }
}

/// Many at once: their threads wait in each other's queues.
TEST(ShardEncoding, ManyShardsOfManyArraysAtOnce) {
  const Context context = Context::Create({.threads = 2, .budget_bytes = MiB(16)});
  std::vector<Array> arrays;
  std::vector<WriteFutures> writes;
  for (int i = 0; i < 12; ++i) {
    arrays.push_back(Array::Create(NewStore(context), "", Options(context)).OrDie());
    writes.push_back(arrays.back().WriteAsync(Box::Full(kShape),
                                              ViewOf(Elements(), DataType::kUint8, kShape),
                                              {.exclusive = i % 2 == 0}));
  }
  for (const WriteFutures& write : writes) EXPECT_EQ(write.committed.Get(), Status());
  for (const Array& array : arrays) {
    const OwnedArray read = array.ReadOwned(IndexTransform::Identity(kShape)).OrDie();
    EXPECT_TRUE(std::equal(read.bytes().begin(), read.bytes().end(), Elements().begin()));
  }
  EXPECT_LE(context.budget().held_bytes_peak(), MiB(16));
}

}  // namespace
}  // namespace coffer
