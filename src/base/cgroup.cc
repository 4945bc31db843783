#include "src/base/cgroup.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>

namespace coffer::inline v0 {
namespace {

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::optional<int64_t> TakeNumber(std::string_view& text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value <= 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

}  // namespace

std::optional<int> CpusOfQuota(std::string_view cpu_max) {
  const std::optional<int64_t> quota = TakeNumber(cpu_max);
  if (!quota || cpu_max.empty() || cpu_max[0] != ' ') return std::nullopt;
  cpu_max.remove_prefix(1);
  const std::optional<int64_t> period = TakeNumber(cpu_max);
  if (!period) return std::nullopt;
  const int64_t cpus = *quota / *period + (*quota % *period != 0 ? 1 : 0);
  return static_cast<int>(std::min<int64_t>(cpus, 1 << 16));
}

std::optional<int> CpusOfCgroup(const std::string& root, std::string path) {
  std::optional<int> least;
  while (true) {
    const std::optional<int> here = CpusOfQuota(ReadText(root + path + "/cpu.max"));
    if (here && (!least || *here < *least)) least = here;
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos) return least;
    path.resize(slash);
  }
}

std::optional<int> CpusOfOwnCgroup() {
  const std::string text = ReadText("/proc/self/cgroup");
  const size_t at = text.rfind("0::/", 0) == 0 ? 0 : text.find("\n0::/");
  if (at == std::string::npos) return std::nullopt;
  const size_t begin = text.find('/', at);
  return CpusOfCgroup("/sys/fs/cgroup", text.substr(begin, text.find('\n', begin) - begin));
}

}  // namespace coffer::inline v0
