// Goal: a SharedMutex is shared by many or had by one, and who waits to have it alone is not
// starved. Method: threads that meet inside; what must not happen is seen in counters.
#include "src/base/mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace coffer {
namespace {

TEST(SharedMutex, ManyShareItAtOnce) {
  SharedMutex mutex;
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const SharedLock lock(mutex);
      ++inside;
      while (inside < 4) std::this_thread::yield();  // Hangs if they come one by one.
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(SharedMutex, WhoHasItAloneIsAlone) {
  SharedMutex mutex;
  int value = 0;  // Not atomic: TSan looks, too.
  std::atomic<int> odd{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 2'000; ++round) {
        if (i % 2 == 0) {
          const ExclusiveLock lock(mutex);
          ++value;
          ++value;
        } else {
          const SharedLock lock(mutex);
          if (value % 2 != 0) ++odd;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(value, 8'000);
  EXPECT_EQ(odd, 0);
}

TEST(SharedMutex, SharersWithoutEndDoNotStarveOne) {
  SharedMutex mutex;
  std::atomic<bool> done{false};
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        const SharedLock lock(mutex);
        ++inside;
        // Leaves when another has come, so that it is never free; or when it is over.
        for (int turns = 0; turns < 1'000 && inside < 2 && !done; ++turns) {
          std::this_thread::yield();
        }
        --inside;
      }
    });
  }
  {
    const ExclusiveLock lock(mutex);  // Would hang.
    done = true;
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace coffer
