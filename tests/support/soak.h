// Soaked: how often a repeated test repeats. `make soak` sets COFFER_SOAK to a factor.
//
//     for (uint64_t seed = 1; seed <= Soaked(100); ++seed) ...
#ifndef COFFER_TESTS_SUPPORT_SOAK_H_
#define COFFER_TESTS_SUPPORT_SOAK_H_

#include <cstdint>
#include <cstdlib>

namespace coffer::inline v0 {

inline uint64_t Soaked(uint64_t modest) {
  const char* const factor = std::getenv("COFFER_SOAK");
  return factor != nullptr ? modest * std::strtoull(factor, nullptr, 10) : modest;
}

}  // namespace coffer::inline v0

#endif  // COFFER_TESTS_SUPPORT_SOAK_H_
