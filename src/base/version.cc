#include "coffer/base/version.h"

namespace coffer::inline v0 {

std::string_view Version() noexcept { return kVersion; }

}  // namespace coffer::inline v0
