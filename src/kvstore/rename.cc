#include "src/kvstore/rename.h"

#include <string>

namespace coffer::inline v0 {

Status CheckRename(std::string_view from, std::string_view to) {
  const std::string what = "rename \"" + std::string(from) + "\" to \"" + std::string(to) + "\": ";
  if (!from.ends_with('/') || !to.ends_with('/')) {
    return InvalidArgumentError(what + "both prefixes must end with \"/\"");
  }
  if (from.starts_with(to) || to.starts_with(from)) {
    return InvalidArgumentError(what + "one prefix lies within the other");
  }
  return Status();
}

}  // namespace coffer::inline v0
