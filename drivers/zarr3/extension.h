// Extension: an extension point of Zarr v3 metadata, that is a name with a configuration.
//
// Read from the short form, a bare name, and from {"name", "configuration"?, "must_understand"?}.
#ifndef COFFER_DRIVERS_ZARR3_EXTENSION_H_
#define COFFER_DRIVERS_ZARR3_EXTENSION_H_

#include <initializer_list>
#include <string>
#include <string_view>

#include "coffer/base/result.h"
#include "src/base/json.h"

namespace coffer::inline v0::zarr3 {

struct Extension {
  std::string name;
  Json configuration = Json(Json::Object());  ///< An object.

  /// What stands at `path`, where it must be understood: "must_understand": false is refused, as
  /// the specification does for data type, chunk grid and chunk key encoding.
  static Result<Extension> FromJson(const Json& json, std::string_view path);

  /// Errors: InvalidArgument if the configuration has other members than these.
  Status CheckConfiguration(std::string_view path,
                            std::initializer_list<std::string_view> known) const;
  /// Unimplemented: 'at $.chunk_grid: chunk grid "hexagonal" is not supported'.
  Status Unsupported(std::string_view path, std::string_view what) const;
};

}  // namespace coffer::inline v0::zarr3

#endif  // COFFER_DRIVERS_ZARR3_EXTENSION_H_
