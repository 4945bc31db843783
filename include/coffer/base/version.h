// The version of coffer, as compiled against and as linked.
//
// A program compares the two when it wants to be sure that the headers it was compiled with belong
// to the shared library that it runs with:
//
//     if (coffer::Version() != coffer::kVersion) Fail("rebuild against the installed coffer");
//
// There is no promise of a stable ABI before 1.0. Thread safety: everything here is constant.
#ifndef COFFER_BASE_VERSION_H_
#define COFFER_BASE_VERSION_H_

#include <string_view>

#include "coffer/base/export.h"

namespace coffer::inline v0 {

/// The version of these headers, "major.minor.patch". The build takes its own version from here.
inline constexpr std::string_view kVersion = "0.1.0";

/// The version of the library that the program is linked with. Never fails, never allocates.
COFFER_EXPORT std::string_view Version() noexcept;

}  // namespace coffer::inline v0

#endif  // COFFER_BASE_VERSION_H_
