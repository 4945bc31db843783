// Spec members: the members of a store's JSON spec, checked by name.
#ifndef COFFER_SRC_KVSTORE_SPEC_H_
#define COFFER_SRC_KVSTORE_SPEC_H_

#include <chrono>
#include <initializer_list>
#include <string_view>

#include "coffer/base/result.h"
#include "src/base/json.h"

namespace coffer::inline v0 {

/// InvalidArgument if the object has a member that is neither known nor, as Unimplemented, one that
/// TensorStore documents and coffer lacks. Either error names the member.
Status CheckSpecMembers(const Json& spec, std::string_view path,
                        std::initializer_list<std::string_view> known,
                        std::initializer_list<std::string_view> lacking);

/// "1m30s" as TensorStore writes it: numbers with units, added; at most a year.
Result<std::chrono::milliseconds> ReadDuration(const Json& member, std::string_view path);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_KVSTORE_SPEC_H_
