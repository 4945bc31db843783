// Going on with a copy that was broken off: what is there must be what the copy would have made.
#ifndef COFFER_TOOLS_COFFER_RESUMING_H_
#define COFFER_TOOLS_COFFER_RESUMING_H_

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "coffer/base/result.h"

namespace coffer::inline v0::tool {

/// Creates an array, or opens the one that is there. FailedPrecondition, naming the first
/// difference, unless its metadata and attributes are those that would be created.
Result<Array> CreateOrGoOn(const Place& place, const CreateOptions& options);

/// The same of a group.
Result<Group> CreateOrGoOn(const Place& place, const GroupOptions& options);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_RESUMING_H_
