// Goal: the pool returns what suits, never holds more than its limits, and loses nothing.
// Method: items that count themselves.
#include "src/base/idle_pool.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace coffer {
namespace {

struct Item {
  explicit Item(size_t size, int tag_in = 0) : bytes(size), tag(tag_in) { ++alive; }
  ~Item() { --alive; }
  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;

  size_t bytes;
  int tag;
  static inline std::atomic<int> alive = 0;
};

constexpr auto kAny = [](const Item&) { return true; };

class IdlePoolTest : public ::testing::Test {
 protected:
  void TearDown() override {
    while (pool_.Take(kAny) != nullptr) {
    }
    EXPECT_EQ(Item::alive, 0);
    EXPECT_EQ(pool_.idle_bytes(), 0U);
  }
  IdlePool<Item> pool_{100, 250};
};

TEST_F(IdlePoolTest, GivesBackWhatWasPut) {
  EXPECT_EQ(pool_.Take(kAny), nullptr);
  pool_.Put(std::make_unique<Item>(10, 7));
  EXPECT_EQ(pool_.idle_bytes(), 10U);
  const auto item = pool_.Take(kAny);
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(item->tag, 7);
  EXPECT_EQ(pool_.idle_bytes(), 0U);
}

TEST_F(IdlePoolTest, TakesOnlyWhatSuits) {
  pool_.Put(std::make_unique<Item>(10, 1));
  pool_.Put(std::make_unique<Item>(10, 2));
  EXPECT_EQ(pool_.Take([](const Item& item) { return item.tag == 3; }), nullptr);
  EXPECT_EQ(pool_.idle_bytes(), 20U);
  const auto item = pool_.Take([](const Item& idle) { return idle.tag == 2; });
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(item->tag, 2);
}

TEST_F(IdlePoolTest, KeepsNoItemAboveTheLimitOfOne) {
  pool_.Put(std::make_unique<Item>(101));
  EXPECT_EQ(Item::alive, 0);
  pool_.Put(std::make_unique<Item>(100));
  EXPECT_EQ(Item::alive, 1);
}

TEST_F(IdlePoolTest, HoldsNoMoreBytesThanAllowed) {
  for (int tag = 0; tag < 10; ++tag) {
    pool_.Put(std::make_unique<Item>(100, tag));
    EXPECT_LE(pool_.idle_bytes(), 250U);
    EXPECT_EQ(pool_.idle_bytes(), static_cast<size_t>(Item::alive) * 100);
  }
  EXPECT_EQ(Item::alive, 2);
}

TEST_F(IdlePoolTest, ReplacesWhenEverySlotIsTaken) {
  for (int tag = 0; tag < 40; ++tag) pool_.Put(std::make_unique<Item>(1, tag));
  EXPECT_EQ(Item::alive, 16);
  EXPECT_EQ(pool_.idle_bytes(), 16U);
  EXPECT_NE(pool_.Take([](const Item& item) { return item.tag == 39; }), nullptr);
}

TEST_F(IdlePoolTest, ThreadsShareIt) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 2000; ++i) {
        auto item = pool_.Take(kAny);
        if (item == nullptr) item = std::make_unique<Item>(30);
        pool_.Put(std::move(item));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool_.idle_bytes(), static_cast<size_t>(Item::alive) * 30);
}

}  // namespace
}  // namespace coffer
