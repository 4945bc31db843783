// Goal: a read that is done sooner than another thread begins runs on its caller alone; one that
// has many chunks to decode is shared, however few elements it takes of them. A write of one chunk
// whose caller waits tells the store so.
// Method: an executor that counts what it is given, around a pool of four threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "tests/unit/array/counting_executor.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/model.h"

namespace coffer {
namespace {

using testing::CountingExecutor;

class Lanes : public ::testing::TestWithParam<bool> {
 protected:
  /// 128 x 128 x 128 in chunks of 32^3 uint16, which have 64 KiB each.
  Lanes() {
    CreateOptions options{.shape = {128, 128, 128},
                          .data_type = DataType::kUint16,
                          .chunk_shape = {32, 32, 32},
                          .context = context_};
    if (GetParam()) options.shard_shape = {128, 128, 128};
    array_ = Array::Create(testing::NewStore(), "", options).OrDie();
    const std::vector<uint16_t> values(128 * 128 * 128, 7);
    array_->Write(Box::Full(options.shape), Ref(values.data(), options.shape)).OrDie();
  }

  /// What one read gives to the executor.
  int Submitted(const std::vector<Selection>& region) {
    const auto transform = IndexTransform::FromSelections(array_->shape(), region).OrDie();
    const int before = executor_->submitted;
    const OwnedArray result = array_->ReadOwned(transform).OrDie();
    EXPECT_EQ(result.bytes()[0], std::byte{7});
    return executor_->submitted - before;
  }

  const std::shared_ptr<CountingExecutor> executor_ = std::make_shared<CountingExecutor>();
  const Context context_ = Context::Create({.executor = executor_});
  std::optional<Array> array_;
};

TEST_P(Lanes, FewChunksStayWithTheCaller) {
  EXPECT_EQ(Submitted({{.dim = 0, .at = 5}, {.dim = 1, .at = 5}, {.dim = 2, .at = 5}}), 0);
  // A chunk, and four that a thin box touches: 256 KiB.
  EXPECT_EQ(Submitted({{.dim = 0, .begin = 32, .end = 64},
                       {.dim = 1, .begin = 0, .end = 32},
                       {.dim = 2, .begin = 0, .end = 32}}),
            0);
  EXPECT_EQ(Submitted({{.dim = 0, .at = 5},
                       {.dim = 1, .begin = 31, .end = 33},
                       {.dim = 2, .begin = 31, .end = 33}}),
            0);
}

TEST_P(Lanes, ManyChunksAreSharedThoughFewElementsAreTaken) {
  const std::vector<std::vector<Selection>> regions = {
      // Eight elements of eight chunks, 512 KiB to decode.
      {{.dim = 0, .begin = 31, .end = 33},
       {.dim = 1, .begin = 31, .end = 33},
       {.dim = 2, .begin = 31, .end = 33}},
      // A plane of 32 KiB in 16 chunks, and every 64th element.
      {{.dim = 2, .at = 5}},
      {{.dim = 0, .step = 64}, {.dim = 1, .step = 64}, {.dim = 2, .step = 64}},
  };
  for (const std::vector<Selection>& region : regions) {
    const int submitted = Submitted(region);
    // Chunks: one thread of four is the caller. Spans of a shard come as its index is read, and a
    // thread that found none at that moment is called again.
    EXPECT_GE(submitted, GetParam() ? 1 : 3);
    EXPECT_LE(submitted, GetParam() ? 16 : 3);
  }
}

/// A shard whose chunks lie side by side is fetched in so many parts that all threads have some.
TEST(SmallShard, IsSharedByAllThreads) {
  const Context context = Context::Create({.threads = 4});
  const Shape shape = {64, 128, 128};
  std::mt19937_64 random(3);
  std::vector<std::byte> noise(static_cast<size_t>(*NumElements(shape)));
  for (std::byte& element : noise) element = static_cast<std::byte>(random());
  const KvStorePtr store = testing::NewStore(context);
  const CreateOptions options{
      .shape = shape, .chunk_shape = {16, 16, 16}, .shard_shape = shape, .context = context};
  Array::Create(store, "", options)
      .OrDie()
      .Write(Box::Full(shape), testing::ViewOf(noise, DataType::kUint8, shape))
      .OrDie();
  const auto requests = [&](const KvStorePtr& from) {
    const Array array = Array::Open(from, "", {.context = context}).OrDie();
    const int64_t before = context.stats().read_requests;
    const OwnedArray read = array.ReadOwned(IndexTransform::Identity(shape)).OrDie();
    EXPECT_TRUE(std::equal(noise.begin(), noise.end(), read.bytes().begin()));
    return context.stats().read_requests - before;
  };
  EXPECT_GE(requests(store), 12);
  EXPECT_LE(requests(store), 40);
  // Where each request takes long, they are few.
  EXPECT_LE(requests(testing::Later(store)), 4);
}

/// Remembers whether writers said that they wait.
class AskingStore final : public testing::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    said.push_back((options.caller_waits ? "waits " : "goes on ") + key);
    return ForwardingStore::Write(std::move(key), std::move(value), std::move(options));
  }
  std::vector<std::string> said;
};

TEST(CallerWaits, IsSaidByWhoHasNothingElseToDo) {
  const Context context = Context::Create({.threads = 1});
  const auto store = std::make_shared<AskingStore>(testing::NewStore());
  const Array array =
      Array::Create(store, "", {.shape = {4}, .chunk_shape = {2}, .context = context}).OrDie();
  const std::vector<uint8_t> values = {1, 2, 3, 4};
  const Box chunk = Box::FromSize({2}, {2});
  array.Write(chunk, Ref(values.data(), {2})).OrDie();
  array.Write(Box::FromSize({3}, {1}), Ref(values.data(), {1})).OrDie();
  array.WriteAsync(chunk, Ref(values.data(), {2})).committed.Get().OrDie();
  array.Write(Box::Full({4}), Ref(values.data(), {4})).OrDie();
  EXPECT_EQ(store->said, (std::vector<std::string>{"waits zarr.json", "waits c/1", "waits c/1",
                                                   "goes on c/1", "goes on c/0", "goes on c/1"}));
}

INSTANTIATE_TEST_SUITE_P(Layouts, Lanes, ::testing::Bool(),
                         [](const auto& layout) { return layout.param ? "Sharded" : "Plain"; });

}  // namespace
}  // namespace coffer
