#include <sys/mman.h>
#include <unistd.h>

#include "src/base/platform_memory.h"

namespace coffer::inline v0::platform {

size_t PageSize() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

bool AdvisesHugePages() { return false; }

std::byte* MapMemory(size_t size) {
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return data == MAP_FAILED ? nullptr : static_cast<std::byte*>(data);
}

void UnmapMemory(std::byte* data, size_t size) { munmap(data, size); }

}  // namespace coffer::inline v0::platform
