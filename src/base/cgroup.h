// What the cgroup (version 2) of this process allows, read from its files. Where there is none,
// there is no limit.
#ifndef COFFER_SRC_BASE_CGROUP_H_
#define COFFER_SRC_BASE_CGROUP_H_

#include <optional>
#include <string>
#include <string_view>

namespace coffer::inline v0 {

/// What the text of a cpu.max file allows ("150000 100000" is 1.5 cores, rounded up to 2); nullopt
/// for "max ...", and for what is no such text.
std::optional<int> CpusOfQuota(std::string_view cpu_max);

/// The least quota from `root` + `path` up to `root`; nullopt if there is none.
std::optional<int> CpusOfCgroup(const std::string& root, std::string path);

/// That of the line "0::/path" of /proc/self/cgroup.
std::optional<int> CpusOfOwnCgroup();

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_CGROUP_H_
