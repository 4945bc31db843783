// 1. Map 2 MiB more than asked for, so that an aligned start lies inside.
// 2. Unmap what stands before the start and after the last page: nothing but the length stays.
// 3. Advise the whole 2 MiB extents huge, and the rest not huge: a kernel set to "always" would
//    otherwise join it with a neighbour's mapping and fault in a huge page for a few bytes.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "src/base/platform_memory.h"

namespace coffer::inline v0::platform {
namespace {

constexpr size_t RoundUp(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }

void* Map(size_t size) {
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return data == MAP_FAILED ? nullptr : data;
}

}  // namespace

size_t PageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

bool AdvisesHugePages() { return true; }

std::byte* MapMemory(size_t size) {
  if (size > SIZE_MAX - 2 * kHugePage) return nullptr;
  const size_t length = RoundUp(size, PageSize());
  const size_t slack = size < kHugePage ? 0 : kHugePage - PageSize();
  auto* mapped = static_cast<std::byte*>(Map(length + slack));
  if (mapped == nullptr) return nullptr;
  size_t before = 0;
  if (slack > 0) {
    const auto address = reinterpret_cast<uintptr_t>(mapped);
    before = RoundUp(address, kHugePage) - address;
  }
  std::byte* data = mapped + before;
  if (before > 0) munmap(mapped, before);
  if (slack > before) munmap(data + length, slack - before);

  const size_t huge = size / kHugePage * kHugePage;
  if (huge > 0) madvise(data, huge, MADV_HUGEPAGE);
  if (huge < length) madvise(data + huge, length - huge, MADV_NOHUGEPAGE);
  return data;
}

void UnmapMemory(std::byte* data, size_t size) { munmap(data, RoundUp(size, PageSize())); }

}  // namespace coffer::inline v0::platform
