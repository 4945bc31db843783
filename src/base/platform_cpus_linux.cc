#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "src/base/cgroup.h"
#include "src/base/platform_cpus.h"

namespace coffer::inline v0::platform {

int CpuCount() {
  cpu_set_t set;
  // Fails on machines of more than 1024 processors.
  const int allowed = sched_getaffinity(0, sizeof(set), &set) == 0
                          ? CPU_COUNT(&set)
                          : static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  return std::max(1, std::min(allowed, CpusOfOwnCgroup().value_or(allowed)));
}

}  // namespace coffer::inline v0::platform
