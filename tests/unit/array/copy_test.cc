// Goal: a copy is equal to its source whatever the two layouts, holds no more than the budget or
// its largest task, tells what does not fit, and stops when asked. Method: random pairs of layouts
// with printed seeds, on local and slow stores; a source that counts; damage in the source.
#include "coffer/array/copy.h"

#include <gtest/gtest.h>

#include "tests/support/soak.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/model.h"
#include "tests/unit/array/ones.h"

namespace coffer {
namespace {

using testing::ForwardingStore;
using testing::Later;
using testing::NewStore;
using testing::Ones;
using testing::RandomBytes;
using testing::RandomTransform;
using testing::ViewOf;

CreateOptions RandomLayout(const Shape& shape, std::mt19937_64& random) {
  CreateOptions options{.shape = shape, .data_type = DataType::kUint16};
  for (size_t d = 0; d < shape.size(); ++d) {
    options.chunk_shape.push_back(1 + static_cast<int64_t>(random() % 7));
  }
  if (shape.rank() > 0 && random() % 2 == 0) {
    for (int64_t extent : options.chunk_shape) {
      options.shard_shape.push_back(extent * static_cast<int64_t>(1 + random() % 4));
    }
  }
  options.codec = random() % 2 == 0 ? Zstd(1) : Uncompressed();
  return options;
}

void CopyAtRandom(uint64_t seed, bool later) {
  SCOPED_TRACE("seed=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  Shape shape;
  for (uint64_t d = random() % 4; d > 0; --d) {
    shape.push_back(1 + static_cast<int64_t>(random() % 20));
  }
  KvStorePtr store = NewStore();
  if (later) store = Later(store);
  const Array source = Array::Create(store, "a/", RandomLayout(shape, random)).OrDie();
  const size_t size = static_cast<size_t>(2 * *NumElements(shape));
  const std::vector<std::byte> bytes = RandomBytes(size, random);
  source.Write(Box::Full(shape), ViewOf(bytes, DataType::kUint16, shape)).OrDie();

  const IndexTransform part = RandomTransform(shape, random);
  Shape larger;
  Index at;
  for (int64_t extent : part.view_shape()) {
    at.push_back(static_cast<int64_t>(random() % 5));
    larger.push_back(extent + at.back() + static_cast<int64_t>(random() % 5));
  }
  const Array destination = Array::Create(store, "b/", RandomLayout(larger, random)).OrDie();
  CopyInto(*MakeBlockSource(source, part), destination, at).OrDie();
  const OwnedArray expected = source.ReadOwned(part).OrDie();
  const IndexTransform box = IndexTransform::FromBox(larger, Box{at, part.view_shape()}).OrDie();
  const OwnedArray copied = destination.ReadOwned(box).OrDie();
  ASSERT_TRUE(std::equal(expected.bytes().begin(), expected.bytes().end(), copied.bytes().begin()));
  // Around it nothing was written.
  int64_t elsewhere = 0;
  const OwnedArray all = destination.ReadOwned(IndexTransform::Identity(larger)).OrDie();
  for (std::byte byte : all.bytes()) elsewhere += byte != std::byte{0};
  for (std::byte byte : expected.bytes()) elsewhere -= byte != std::byte{0};
  EXPECT_EQ(elsewhere, 0);
}

TEST(CopyTest, AnyLayoutToAnyLayout) {
  for (uint64_t seed = 1; seed <= Soaked(120); ++seed)
    ASSERT_NO_FATAL_FAILURE(CopyAtRandom(seed, false));
}

TEST(CopyTest, StoreThatAnswersLater) {
  for (uint64_t seed = 1; seed <= Soaked(25); ++seed)
    ASSERT_NO_FATAL_FAILURE(CopyAtRandom(seed, true));
}

TEST(CopyTest, AShardLargerThanTheBudgetIsCopiedInBlocksOfThePart) {
  const Context context = Context::Create({.threads = 1, .budget_bytes = MiB(1)});
  // A store in memory holds whole shards; what the copy itself takes is what counts here.
  const Array destination = Array::Create(NewStore(context), "",
                                          {.shape = {256, 256, 256},
                                           .chunk_shape = {16, 16, 16},
                                           .shard_shape = {256, 256, 256},
                                           .context = context})
                                .OrDie();
  Ones source({256, 256, 256});
  CopyInto(source, destination, {0, 0, 0}).OrDie();
  EXPECT_EQ(source.elements, 256 * 256 * 256);
  EXPECT_LE(source.largest, KiB(256));
  EXPECT_EQ(context.budget().held_bytes(), 0);
}

TEST(CopyTest, TakesNoMoreFromThePoolThanItReserved) {
  for (const Shape& shard : {Shape{64, 64}, Shape{}}) {
    const Context context = Context::Create({.threads = 1});
    const KvStorePtr store = NewStore(context);
    CreateOptions options{.shape = {128, 128}, .chunk_shape = {8, 8}, .shard_shape = {64, 64}};
    options.context = context;
    const Array source = Array::Create(store, "a/", options).OrDie();
    Ones ones({128, 128});
    CopyInto(ones, source, {0, 0}).OrDie();
    options.chunk_shape = {32, 32};
    options.shard_shape = shard;
    const Array destination = Array::Create(store, "b/", options).OrDie();
    Copy(source, destination).OrDie();
    EXPECT_LE(context.buffers().held_bytes_peak(), context.budget().held_bytes_peak());
  }
}

TEST(CopyTest, WhatDoesNotFitIsSaid) {
  const Array destination = Array::Create(NewStore(), "", {.shape = {4, 4}}).OrDie();
  Ones larger({4, 5});
  EXPECT_EQ(CopyInto(larger, destination, {0, 0}).code(), StatusCode::kOutOfRange);
  Ones fits({4, 4});
  EXPECT_EQ(CopyInto(fits, destination, {0, 1}).code(), StatusCode::kOutOfRange);
  EXPECT_EQ(CopyInto(fits, destination, {0}).code(), StatusCode::kInvalidArgument);
  const Array other =
      Array::Create(NewStore(), "", {.shape = {4, 4}, .data_type = DataType::kInt8}).OrDie();
  const Status type = CopyInto(fits, other, {0, 0});
  EXPECT_EQ(type.code(), StatusCode::kInvalidArgument);
  EXPECT_NE(type.message().find("data type int8, the source has uint8"), std::string::npos) << type;
  EXPECT_EQ(Copy(destination, Array::Create(NewStore(), "", {.shape = {4, 5}}).OrDie()).code(),
            StatusCode::kInvalidArgument);
}

TEST(CopyTest, DamageInTheSourceIsAnErrorThatNamesTheChunk) {
  const KvStorePtr store = NewStore();
  const Array source = Array::Create(store, "", {.shape = {8}, .chunk_shape = {2}}).OrDie();
  const std::vector<uint8_t> values(8, 1);
  source.Write(Box::Full({8}), Ref(values.data(), {8})).OrDie();
  store->Write("c/2", Bytes::Copy("bad")).Get().OrThrow();
  const Array destination = Array::Create(NewStore(), "", {.shape = {8}}).OrDie();
  const Status status = Copy(source, destination);
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("c/2"), std::string::npos) << status;
}

TEST(CopyTest, StopsWhenCancelledAndReportsProgress) {
  const Array destination =
      Array::Create(NewStore(), "", {.shape = {64}, .chunk_shape = {1}}).OrDie();
  const CancelSource cancel;
  Ones source({64});
  int64_t last = 0;
  const Status status = CopyInto(source, destination, {0},
                                 {.on_progress =
                                      [&](int64_t done, int64_t all) {
                                        EXPECT_EQ(all, 64);
                                        EXPECT_EQ(done, ++last);
                                        if (done == 8) cancel.Cancel();
                                      },
                                  .cancel = cancel.token()});
  EXPECT_EQ(status.code(), StatusCode::kCancelled);
  EXPECT_LT(source.elements, 64);
}

/// Cancels as soon as a chunk is read, and answers only because it is told.
class SilentStore : public ForwardingStore {
 public:
  SilentStore(KvStorePtr base, CancelSource cancel)
      : ForwardingStore(std::move(base)), cancel_(std::move(cancel)) {}
  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    if (key.find("/c/") == std::string::npos) {
      return ForwardingStore::Read(std::move(key), std::move(options));
    }
    cancel_.Cancel();
    return Future<ReadResult>::Ready(options.cancel.cancelled()
                                         ? CancelledError("told so")
                                         : InternalError("this would have waited for ever"));
  }
  Capabilities capabilities() const override {
    Capabilities capabilities = ForwardingStore::capabilities();
    capabilities.local = false;
    return capabilities;
  }

 private:
  const CancelSource cancel_;
};

TEST(CopyTest, ACancelledCopyDoesNotWaitForASilentSource) {
  // A chunk, a chunk of a shard, a part of a chunk.
  for (const CreateOptions& layout :
       std::vector<CreateOptions>{{.shape = {8}, .chunk_shape = {8}},
                                  {.shape = {8}, .chunk_shape = {2}, .shard_shape = {8}},
                                  {.shape = {9}, .chunk_shape = {9}}}) {
    const CancelSource cancel;
    const KvStorePtr store = NewStore();
    const Array stored = Array::Create(store, "a/", {.shape = {8}, .chunk_shape = {8}}).OrDie();
    const std::vector<uint8_t> values(8, 1);
    stored.Write(Box::Full({8}), Ref(values.data(), {8})).OrDie();
    const Array source = Array::Open(std::make_shared<SilentStore>(store, cancel), "a/").OrDie();
    const Array destination = Array::Create(NewStore(), "", layout).OrDie();
    const Status status = CopyInto(*MakeBlockSource(source, IndexTransform::Identity({8})),
                                   destination, {0}, {.cancel = cancel.token()});
    EXPECT_EQ(status.code(), StatusCode::kCancelled) << status;
  }
}

}  // namespace
}  // namespace coffer
