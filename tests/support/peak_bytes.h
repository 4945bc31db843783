// PeakBytes: the most memory that this process has had so far.
#ifndef COFFER_TESTS_SUPPORT_PEAK_BYTES_H_
#define COFFER_TESTS_SUPPORT_PEAK_BYTES_H_

#include <sys/resource.h>

#include <cstdint>

namespace coffer::testing {

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

inline int64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace coffer::testing

#endif  // COFFER_TESTS_SUPPORT_PEAK_BYTES_H_
