#include <unistd.h>

#include <algorithm>

#include "src/base/cgroup.h"
#include "src/base/platform_cpus.h"

namespace coffer::inline v0::platform {

int CpuCount() {
  const int online = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  return std::max(1, std::min(online, CpusOfOwnCgroup().value_or(online)));
}

}  // namespace coffer::inline v0::platform
