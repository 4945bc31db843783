// CheckRename: the rules of RenamePrefix that hold for every store.
#ifndef COFFER_SRC_KVSTORE_RENAME_H_
#define COFFER_SRC_KVSTORE_RENAME_H_

#include <string_view>

#include "coffer/base/status.h"

namespace coffer::inline v0 {

/// InvalidArgument unless both prefixes end with "/" and neither starts with the other.
Status CheckRename(std::string_view from, std::string_view to);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_KVSTORE_RENAME_H_
