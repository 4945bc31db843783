#include "src/kvstore/spec.h"

#include <algorithm>
#include <string>

namespace coffer::inline v0 {

Status CheckSpecMembers(const Json& spec, std::string_view path,
                        std::initializer_list<std::string_view> known,
                        std::initializer_list<std::string_view> lacking) {
  if (!spec.is_object()) return spec.Unexpected(path, "an object");
  for (const auto& [member, value] : spec.object()) {
    if (std::find(lacking.begin(), lacking.end(), member) != lacking.end()) {
      return UnimplementedError("at " + std::string(path) + ": member \"" + member +
                                "\" of TensorStore is not supported");
    }
  }
  return spec.CheckMembers(path, known);
}

}  // namespace coffer::inline v0
