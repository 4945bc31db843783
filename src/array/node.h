// Which driver a node belongs to.
#ifndef COFFER_SRC_ARRAY_NODE_H_
#define COFFER_SRC_ARRAY_NODE_H_

#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/driver.h"

namespace coffer::inline v0 {

struct FoundNode {
  NodeKind kind = NodeKind::kNone;
  const ArrayDriver* driver = nullptr;  // nullptr if kNone.
};

/// Asks the driver that the place names, or all in their order.
Result<FoundNode> FindNodeAt(const Place& place, const OpenOptions& options);

/// The driver that the place names, or the standard one.
Result<const ArrayDriver*> DriverToCreate(const Place& place, const Context& context);

/// AlreadyExists if a node of another format than the driver's stands there: one place never holds
/// two.
Status CheckNoOtherFormat(const Place& place, const ArrayDriver& driver, const Context& context);

/// The places above a path or URL, nearest first; none above a JSON spec. Links and ".." of local
/// paths are resolved.
std::vector<std::string> PlacesAbove(std::string_view place);
/// Whether an error of looking at a place tells nothing of it: the look was cancelled, or nobody
/// answered. Other errors are what a place is like in which nobody can look (no permission, say).
bool WasNotAnswered(const Status& status);
/// FailedPrecondition if an array stands above a path or URL: everything below its prefix is its
/// own. Where nobody can look, there is none; an error if looking was not answered.
Status CheckNoArrayAbove(std::string_view place, const Context& context);

/// Deletes whatever stands below the place's prefix.
Status DeleteAll(const Place& place);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_NODE_H_
