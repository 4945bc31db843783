// Goal: while a remote store takes its time over one cell, only that cell's encoded bytes are held,
// so that the next is encoded meanwhile, within the budget.
// Method: a store whose writes are held at a gate, and a budget with room for one cell and little
// more: the write of the next comes to the gate all the same. By a write and by a copy. What is at
// the gate is counted: with values that no codec makes smaller, the budget says so.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/copy.h"
#include "coffer/kvstore/stores.h"
#include "tests/unit/array/gate_store.h"

namespace coffer {
namespace {

using testing::GatePolicy;

constexpr int64_t kSide = 1024;  // A cell has 4 MiB, and a few KiB when it is encoded.
const Shape kShape = {4 * kSide, kSide};

class Sending : public ::testing::TestWithParam<bool> {
 protected:
  Array Create(const KvStorePtr& store, const Context& context) {
    CreateOptions options{.shape = kShape,
                          .data_type = DataType::kInt32,
                          .chunk_shape = GetParam() ? Shape{64, kSide} : Shape{kSide, kSide},
                          .shard_shape = GetParam() ? Shape{kSide, kSide} : Shape{}};
    options.context = context;
    return Array::Create(store, "", options).OrDie();
  }
  /// Two of the four cells are at the gate at once.
  void ExpectTwoAtTheGate(int64_t budget_bytes, const std::function<Status(const Array&)>& write) {
    const Context context = Context::Create({.threads = 2, .budget_bytes = budget_bytes});
    const auto gate = std::make_shared<GatePolicy>();
    const KvStorePtr base = MakeMemoryStore();
    const Array array = Create(testing::MakeGateStore(base, gate), context);
    gate->Close("c/");
    std::thread writer([&] { EXPECT_EQ(write(array), Status()); });
    EXPECT_TRUE(gate->WaitUntilHeld(2));
    gate->Open();
    writer.join();
    EXPECT_LE(context.budget().held_bytes_peak(), budget_bytes);
    EXPECT_LE(context.buffers().held_bytes_peak(), budget_bytes);
    EXPECT_EQ(context.budget().held_bytes(), 0);
    const NdArray<int32_t> all = Array::Open(base, "").OrDie().Read<int32_t>({}).OrDie();
    EXPECT_EQ(std::vector<int32_t>(all.values().begin(), all.values().end()), ones_);
  }

  const std::vector<int32_t> ones_ =
      std::vector<int32_t>(static_cast<size_t>(4 * kSide * kSide), 1);
};
INSTANTIATE_TEST_SUITE_P(Shards, Sending, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Sharded" : "Plain"; });

TEST_P(Sending, AWriteEncodesTheNextMeanwhile) {
  ExpectTwoAtTheGate(GetParam() ? MiB(10) : MiB(20), [&](const Array& array) {
    return array.Write(Box::Full(kShape), Ref(ones_.data(), kShape));
  });
}

TEST_P(Sending, ACopyEncodesTheNextMeanwhile) {
  const Array source = Create(MakeMemoryStore(), Context::Default());
  source.Write(Box::Full(kShape), Ref(ones_.data(), kShape)).OrDie();
  ExpectTwoAtTheGate(GetParam() ? MiB(10) : MiB(40),
                     [&](const Array& array) { return Copy(source, array); });
}

/// Values that no codec makes smaller, of one cell.
std::vector<int32_t> Noise() {
  std::mt19937 random(7);
  std::vector<int32_t> noise(static_cast<size_t>(kSide * kSide));
  for (int32_t& value : noise) value = static_cast<int32_t>(random());
  return noise;
}

/// One cell is at the gate: of all that was reserved for it, its encoded bytes stay.
void ExpectHeldAtTheGate(const Context& context, const std::shared_ptr<GatePolicy>& gate) {
  constexpr int64_t kEncoded = kSide * kSide * 4;
  ASSERT_TRUE(gate->WaitUntilHeld(1));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (context.budget().held_bytes() > kEncoded * 3 / 2) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << context.budget().held_bytes();
    std::this_thread::yield();
  }
  EXPECT_GE(context.budget().held_bytes(), context.buffers().held_bytes());
  EXPECT_GE(context.buffers().held_bytes(), kEncoded) << "sent from memory that malloc keeps";
}

TEST_P(Sending, WhatAWriteSendsIsHeld) {
  const std::vector<int32_t> noise = Noise();
  const Shape cell = {kSide, kSide};
  for (const int threads : {1, 2}) {  // With two, both encode the one shard.
    const Context context = Context::Create({.threads = threads});
    const auto gate = std::make_shared<GatePolicy>();
    const Array array = Create(testing::MakeGateStore(MakeMemoryStore(), gate), context);
    gate->Close("c/");
    const Future<void> write = array.WriteAsync(Box::Full(cell), Ref(noise.data(), cell)).committed;
    ExpectHeldAtTheGate(context, gate);
    gate->Open();
    EXPECT_TRUE(write.Get().ok());
    EXPECT_GE(context.budget().held_bytes_peak(), context.buffers().held_bytes_peak());
  }
}

TEST_P(Sending, NoMoreIsTakenThanWasReserved) {
  const std::vector<int32_t> noise = Noise();
  std::vector<int32_t> values;
  for (int cell = 0; cell < 4; ++cell) values.insert(values.end(), noise.begin(), noise.end());
  // Of shards there is room for one, which two threads encode.
  const Context context =
      Context::Create({.threads = 2, .budget_bytes = GetParam() ? MiB(10) : MiB(20)});
  const auto gate = std::make_shared<GatePolicy>();
  const Array array = Create(testing::MakeGateStore(MakeMemoryStore(), gate), context);
  ASSERT_EQ(array.Write(Box::Full(kShape), Ref(values.data(), kShape)), Status());
  EXPECT_GE(context.budget().held_bytes_peak(), context.buffers().held_bytes_peak());
}

TEST_P(Sending, WhatACopySendsIsHeld) {
  const Context context = Context::Create({.threads = 1});
  const auto gate = std::make_shared<GatePolicy>();
  const std::vector<int32_t> noise = Noise();
  const Shape cell = {kSide, kSide};
  const Array source = Create(MakeMemoryStore(), Context::Default());
  source.Write(Box::Full(cell), Ref(noise.data(), cell)).OrDie();
  const auto first =
      MakeBlockSource(source, IndexTransform::FromBox(source.shape(), Box::Full(cell)).OrDie());
  const Array array = Create(testing::MakeGateStore(MakeMemoryStore(), gate), context);
  gate->Close("c/");
  std::thread copy([&] { EXPECT_EQ(CopyInto(*first, array, {0, 0}), Status()); });
  ExpectHeldAtTheGate(context, gate);
  gate->Open();
  copy.join();
}

}  // namespace
}  // namespace coffer
