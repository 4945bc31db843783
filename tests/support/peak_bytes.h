// PeakBytes: the most memory that this process has had so far.
#ifndef COFFER_TESTS_SUPPORT_PEAK_BYTES_H_
#define COFFER_TESTS_SUPPORT_PEAK_BYTES_H_

#include <sys/resource.h>

#include <cstdint>

namespace coffer::testing {

inline int64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace coffer::testing

#endif  // COFFER_TESTS_SUPPORT_PEAK_BYTES_H_
