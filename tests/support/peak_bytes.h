// PeakBytes: the most memory that this process has had so far.
#ifndef COFFER_TESTS_SUPPORT_PEAK_BYTES_H_
#define COFFER_TESTS_SUPPORT_PEAK_BYTES_H_

#include <cstdint>
#include <fstream>
#include <string>

namespace coffer::inline v0::testing {

// Sanitizers keep what was freed for a while, so that large bounds mean nothing under them.
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kMemoryIsAsWithoutSanitizers = false;
#else
inline constexpr bool kMemoryIsAsWithoutSanitizers = true;
#endif
#else
inline constexpr bool kMemoryIsAsWithoutSanitizers = true;
#endif

// Not getrusage, which also counts what the process was before it became this program.
inline int64_t PeakBytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_PEAK_BYTES_H_
