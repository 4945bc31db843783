// Goal: the pool holds exactly what it says, keeps idle exactly what it may, and large memory costs
// no more than its length.
// Method: exact counts after each step; which pages are really there is asked of the kernel by
// mincore, and what was advised by /proc/self/smaps.
#include "coffer/async/buffer.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/base/checked.h"
#include "src/base/platform_memory.h"

namespace coffer {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

size_t ResidentBytes(const std::byte* data, size_t size) {
  const size_t page = platform::PageSize();
  std::vector<unsigned char> present((size + page - 1) / page);
  if (mincore(const_cast<std::byte*>(data), size, present.data()) != 0) return 0;
  size_t pages = 0;
  for (const unsigned char flags : present) pages += flags & 1U;
  return pages * page;
}

// The line "VmFlags:" of the mapping that holds `data`.
std::string FlagsAt(const std::byte* data) {
  std::ifstream smaps("/proc/self/smaps");
  std::string line;
  bool inside = false;
  while (std::getline(smaps, line)) {
    unsigned long long begin = 0;
    unsigned long long end = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx ", &begin, &end) == 2) {
      const auto address = reinterpret_cast<uintptr_t>(data);
      inside = begin <= address && address < end;
    } else if (inside && line.rfind("VmFlags:", 0) == 0) {
      return line + " ";
    }
  }
  return "";
}

bool KernelHasHugePages() {
  return std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled").good();
}

TEST(BufferPool, NothingIsNothing) {
  BufferPool pool(MiB(1));
  const Buffer buffer = *pool.Allocate(0);
  EXPECT_EQ(buffer.data(), nullptr);
  EXPECT_EQ(buffer.size(), 0U);
  EXPECT_EQ(BufferPool::CapacityFor(0), 0);
  EXPECT_EQ(pool.held_bytes(), 0);
}

TEST(BufferPool, CapacityForSaysWhatAllocateHolds) {
  EXPECT_EQ(BufferPool::CapacityFor(1), 64);
  EXPECT_EQ(BufferPool::CapacityFor(65), 128);
  EXPECT_EQ(BufferPool::CapacityFor(KiB(64)), KiB(64));
  EXPECT_EQ(BufferPool::CapacityFor(KiB(64) + 1), KiB(72));
  EXPECT_EQ(BufferPool::CapacityFor(MiB(4)), MiB(4));
  EXPECT_EQ(BufferPool::CapacityFor(MiB(4) + 4), MiB(4) + KiB(512));
  EXPECT_EQ(BufferPool::CapacityFor(INT64_MAX), INT64_MAX);
  EXPECT_TRUE(rc::check([] {
    BufferPool pool(MiB(64));
    const auto octave = *rc::gen::inRange(0, 25);
    const auto size = *rc::gen::inRange<int64_t>(1, int64_t{1} << octave << 1);
    const Buffer buffer = *pool.Allocate(static_cast<size_t>(size));
    RC_ASSERT(static_cast<int64_t>(buffer.size()) == size);
    RC_ASSERT(static_cast<int64_t>(buffer.capacity()) == BufferPool::CapacityFor(size));
    RC_ASSERT(pool.held_bytes() == BufferPool::CapacityFor(size));
    RC_ASSERT(BufferPool::CapacityFor(size) - size < std::max<int64_t>(64, size / 8 + 1));
    RC_ASSERT(reinterpret_cast<uintptr_t>(buffer.data()) % 64 == 0);
    buffer.span().front() = buffer.span().back() = std::byte{1};
  }));
}

TEST(BufferPool, SaysWhenThereIsNoMemory) {
  BufferPool pool(MiB(64));
  const Buffer held = *pool.Allocate(1);
  const size_t too_much = size_t{1} << 60;
  EXPECT_EQ(pool.Allocate(too_much).status(),
            ResourceExhaustedError("no memory for 1152921504606846976 bytes"));
  EXPECT_EQ(pool.Allocate(SIZE_MAX).status(),
            ResourceExhaustedError("no memory for 18446744073709551615 bytes"));
  EXPECT_EQ(pool.held_bytes(), 64);
  EXPECT_EQ(AllocateResult(too_much).status(),
            ResourceExhaustedError("no memory for 1152921504606846976 bytes"));
}

TEST(BufferPool, HandsTheNewestIdleBufferOutAgain) {
  BufferPool pool(MiB(64));
  std::optional<Buffer> first = *pool.Allocate(kMiB);
  std::optional<Buffer> second = *pool.Allocate(kMiB);
  const std::byte* const newest = second->data();
  const std::byte* const older = first->data();
  first.reset();
  second.reset();
  EXPECT_EQ(pool.held_bytes(), 0);
  EXPECT_EQ(pool.idle_bytes(), MiB(2));
  const Buffer third = *pool.Allocate(kMiB - 5);
  const Buffer fourth = *pool.Allocate(kMiB);
  EXPECT_EQ(third.data(), newest);
  EXPECT_EQ(third.size(), kMiB - 5);
  EXPECT_EQ(fourth.data(), older);
  EXPECT_EQ(pool.idle_bytes(), 0);
  EXPECT_EQ(pool.held_bytes(), MiB(2));
}

TEST(BufferPool, KeepsNoSmallBuffers) {
  BufferPool pool(MiB(64));
  {
    const Buffer small = *pool.Allocate(1000);
  }
  EXPECT_EQ(pool.idle_bytes(), 0);
}

TEST(BufferPool, WhileOperationsRunKeepsIdleUpToItsLimit) {
  BufferPool pool(MiB(32));
  std::optional<BufferPool::OperationScope> scope(pool);
  {
    std::vector<Buffer> buffers;
    for (int i = 0; i < 40; ++i) buffers.push_back(*pool.Allocate(kMiB));
    EXPECT_EQ(pool.held_bytes(), MiB(40));  // The budget bounds this, not the pool.
  }
  EXPECT_EQ(pool.idle_bytes(), MiB(32));
  {
    const BufferPool::OperationScope inner(pool);
  }
  EXPECT_EQ(pool.idle_bytes(), MiB(32));
  scope.reset();
  EXPECT_EQ(pool.idle_bytes(), MiB(16));
}

TEST(BufferPool, AMovedScopeEndsOnce) {
  BufferPool pool(MiB(32));
  std::optional<BufferPool::OperationScope> scope(pool);
  std::optional<BufferPool::OperationScope> moved(std::move(*scope));
  scope.reset();
  {
    const Buffer buffer = *pool.Allocate(20 * kMiB);
  }
  EXPECT_EQ(pool.idle_bytes(), MiB(20));
  moved.reset();
  EXPECT_EQ(pool.idle_bytes(), 0);
}

TEST(BufferPool, AtRestKeepsSixteenMiB) {
  BufferPool pool(MiB(64));
  {
    std::vector<Buffer> buffers;
    for (int i = 0; i < 20; ++i) buffers.push_back(*pool.Allocate(kMiB));
  }
  EXPECT_EQ(pool.idle_bytes(), MiB(16));
}

TEST(BufferPool, GivesTheOldestIdleMemoryBackBeforeItTakesNew) {
  BufferPool pool(MiB(10));
  const BufferPool::OperationScope scope(pool);
  {
    const Buffer old = *pool.Allocate(4 * kMiB);
  }
  {
    const Buffer newer = *pool.Allocate(3 * kMiB);
  }
  EXPECT_EQ(pool.idle_bytes(), MiB(7));
  const Buffer next = *pool.Allocate(5 * kMiB);  // 5 + 7 would pass 10; 5 + 3 does not.
  EXPECT_EQ(pool.idle_bytes(), MiB(3));
  EXPECT_EQ(pool.held_bytes(), MiB(5));
}

TEST(BufferPool, MayEndBeforeItsBuffers) {
  std::optional<BufferPool> pool(std::in_place, MiB(64));
  Buffer buffer = *pool->Allocate(kMiB);
  std::optional<BufferPool::OperationScope> scope(*pool);
  const Bytes bytes = std::move(*pool->Allocate(100)).ToBytes(100);
  pool.reset();
  buffer.span()[5] = std::byte{5};
  EXPECT_EQ(bytes.size(), 100U);
}

TEST(Buffer, BecomesBytesThatReturnToThePool) {
  BufferPool pool(MiB(64));
  Buffer buffer = *pool.Allocate(kMiB);
  std::memcpy(buffer.data(), "abcdef", 6);
  {
    const Bytes bytes = std::move(buffer).ToBytes(6);
    const Bytes slice = bytes.Slice(2, 3);
    EXPECT_EQ(bytes.text(), "abcdef");
    EXPECT_EQ(slice.text(), "cde");
    EXPECT_EQ(pool.held_bytes(), MiB(1));
  }
  EXPECT_EQ(pool.held_bytes(), 0);
  EXPECT_EQ(pool.idle_bytes(), MiB(1));
}

TEST(Buffer, MovesAndReturnsOnce) {
  BufferPool pool(MiB(64));
  Buffer first = *pool.Allocate(kMiB);
  Buffer second = std::move(first);
  EXPECT_EQ(first.data(), nullptr);
  first = *pool.Allocate(2 * kMiB);
  EXPECT_EQ(pool.held_bytes(), MiB(3));
  second = Buffer();
  EXPECT_EQ(pool.held_bytes(), MiB(2));
  first = Buffer();
  EXPECT_EQ(pool.held_bytes(), 0);
}

TEST(BufferPool, CountsRightUnderThreads) {
  BufferPool pool(MiB(2));
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&pool, t] {
      for (size_t i = 0; i < 300; ++i) {
        const BufferPool::OperationScope scope(pool);
        const Buffer buffer = *pool.Allocate((t + i % 7 + 1) * size_t{70'000});
        buffer.span().front() = std::byte{1};
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool.held_bytes(), 0);
  EXPECT_LE(pool.idle_bytes(), MiB(2));
}

// For each page from the end of [data, data + size) to the end of its 2 MiB: is it there?
std::vector<bool> PagesBehind(const std::byte* data, size_t size) {
  const size_t page = platform::PageSize();
  std::vector<bool> there;
  for (size_t at = (size + page - 1) / page * page; at % platform::kHugePage != 0; at += page) {
    there.push_back(ResidentBytes(data + at, page) > 0);
  }
  return there;
}

// 5 MiB and perhaps a bit: two whole huge extents, and a tail that must not become a third.
void ExpectNoMoreThanItsLength(std::byte* data, size_t size) {
  const std::vector<bool> behind = PagesBehind(data, size);
  EXPECT_EQ(ResidentBytes(data, size), 0U);
  std::memset(data, 1, size);
  EXPECT_GE(ResidentBytes(data, size), size);
  EXPECT_EQ(PagesBehind(data, size), behind);
  if (!platform::AdvisesHugePages()) return;
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % platform::kHugePage, 0U);
  if (!KernelHasHugePages()) return;
  EXPECT_NE(FlagsAt(data).find(" hg "), std::string::npos);
  EXPECT_NE(FlagsAt(data + 4 * kMiB - 1).find(" hg "), std::string::npos);
  EXPECT_EQ(FlagsAt(data + 4 * kMiB).find(" hg "), std::string::npos);
  EXPECT_NE(FlagsAt(data + size - 1).find(" nh "), std::string::npos);
}

TEST(BufferPool, LargeBuffersAreHugeInWholeExtentsOnly) {
  BufferPool pool(MiB(64));
  const Buffer buffer = *pool.Allocate(5 * kMiB);
  ExpectNoMoreThanItsLength(buffer.data(), buffer.capacity());
}

TEST(BufferPool, IdleMemoryThatIsGivenBackIsGone) {
  BufferPool pool(MiB(1));
  std::byte* data = nullptr;
  {
    const Buffer buffer = *pool.Allocate(4 * kMiB);
    data = buffer.data();
  }
  EXPECT_EQ(pool.idle_bytes(), 0);
  EXPECT_EQ(ResidentBytes(data, 4 * kMiB), 0U);
}

TEST(BufferPool, ResultsOfSomeMebibytesComeBackAndAreNotHeld) {
  std::shared_ptr<std::byte> outlives;
  {
    BufferPool pool(MiB(64));
    std::shared_ptr<std::byte> result = *pool.AllocateResult(4 * kMiB);
    const std::byte* const data = result.get();
    const std::shared_ptr<std::byte> beside = *pool.AllocateResult(4 * kMiB);
    EXPECT_NE(beside.get(), data);
    EXPECT_EQ(pool.held_bytes(), 0);
    EXPECT_EQ(pool.held_bytes_peak(), 0);
    EXPECT_EQ(pool.idle_bytes(), 0);
    result.reset();
    EXPECT_EQ(pool.idle_bytes(), MiB(4));
    result = *pool.AllocateResult(4 * kMiB - 7);
    EXPECT_EQ(result.get(), data);
    EXPECT_EQ(pool.idle_bytes(), 0);
    result.reset();
    const Buffer scratch = *pool.Allocate(4 * kMiB);
    EXPECT_EQ(scratch.data(), data);
    EXPECT_EQ(pool.held_bytes(), MiB(4));
    outlives = *pool.AllocateResult(3 * kMiB);
  }
  const std::byte* const data = outlives.get();
  std::memset(outlives.get(), 1, 3 * kMiB);
  outlives.reset();
  EXPECT_EQ(ResidentBytes(data, 3 * kMiB), 0U);
}

TEST(BufferPool, ResultsAreKeptAsLittleAsOtherBuffers) {
  BufferPool pool(MiB(64));
  std::vector<std::shared_ptr<std::byte>> results;
  for (int i = 0; i < 8; ++i) results.push_back(*pool.AllocateResult(4 * kMiB));
  results.clear();
  EXPECT_EQ(pool.idle_bytes(), MiB(16));
  for (const size_t size : {size_t{1}, kMiB, 8 * kMiB + 1, 32 * kMiB}) {
    const std::byte* const data = pool.AllocateResult(size)->get();
    EXPECT_EQ(pool.idle_bytes(), MiB(16)) << size;
    if (size > 2 * kMiB) {
      EXPECT_EQ(ResidentBytes(data, size), 0U);
    }
  }
  EXPECT_EQ(pool.AllocateResult(size_t{1} << 60).status(),
            ResourceExhaustedError("no memory for 1152921504606846976 bytes"));
}

TEST(AllocateResult, IsHugeInWholeExtentsOnlyAndFreedWithItsOwner) {
  std::shared_ptr<std::byte> result = *AllocateResult(5 * kMiB + 100);
  ExpectNoMoreThanItsLength(result.get(), 5 * kMiB + 100);
  const std::byte* const data = result.get();
  result.reset();
  EXPECT_EQ(ResidentBytes(data, 4 * kMiB), 0U);
}

TEST(AllocateResult, OfAnySizeIsMemory) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4097}, kMiB, 2 * kMiB, 2 * kMiB + 1}) {
    const std::shared_ptr<std::byte> result = *AllocateResult(size);
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(result.get()) % 64, 0U);
    std::memset(result.get(), 1, size);
  }
}

}  // namespace
}  // namespace coffer
