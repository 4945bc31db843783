// How many cores this process may use.
#ifndef COFFER_SRC_BASE_PLATFORM_CPUS_H_
#define COFFER_SRC_BASE_PLATFORM_CPUS_H_

namespace coffer::inline v0::platform {

/// The least of: the CPUs of the affinity mask (plain POSIX: the online ones), and what this
/// process's cgroup and each cgroup above it allows. At least 1.
int CpuCount();

}  // namespace coffer::inline v0::platform

#endif  // COFFER_SRC_BASE_PLATFORM_CPUS_H_
