// Memory straight from the kernel, huge pages where whole ones fit.
#ifndef COFFER_SRC_BASE_PLATFORM_MEMORY_H_
#define COFFER_SRC_BASE_PLATFORM_MEMORY_H_

#include <cstddef>

namespace coffer::inline v0::platform {

inline constexpr size_t kHugePage = size_t{2} << 20;

size_t PageSize();
/// Whether this platform has the advice below: false in the plain POSIX twin.
bool AdvisesHugePages();

/// `size` bytes (> 0), zeroed, on page bounds; nullptr if the kernel refuses. On Linux memory of 2
/// MiB and more is aligned to 2 MiB, and its whole 2 MiB extents, and only these, are advised huge.
std::byte* MapMemory(size_t size);
/// Gives it back. `size` as it was mapped.
void UnmapMemory(std::byte* data, size_t size);

}  // namespace coffer::inline v0::platform

#endif  // COFFER_SRC_BASE_PLATFORM_MEMORY_H_
