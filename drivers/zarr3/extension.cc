#include "drivers/zarr3/extension.h"

#include <utility>

#include "drivers/zarr/layout.h"

namespace coffer::inline v0::zarr3 {

Result<Extension> Extension::FromJson(const Json& json, std::string_view path) {
  const std::string at(path);
  Extension extension;
  if (json.is_string()) {
    extension.name = json.string();
    return extension;
  }
  if (!json.is_object()) return json.Unexpected(path, "a name or an object");
  COFFER_RETURN_IF_ERROR(json.CheckMembers(path, {"name", "configuration", "must_understand"}));
  COFFER_ASSIGN_OR_RETURN(const Json* name, zarr::Required(json, path, "name"));
  COFFER_ASSIGN_OR_RETURN(extension.name, name->AsString(at + ".name"));
  if (const Json* must_understand = json.Find("must_understand")) {
    COFFER_ASSIGN_OR_RETURN(bool must, must_understand->AsBool(at + ".must_understand"));
    if (!must) {
      return InvalidArgumentError("at " + at + ".must_understand: false is not allowed here");
    }
  }
  if (const Json* configuration = json.Find("configuration")) {
    COFFER_RETURN_IF_ERROR(configuration->AsObject(at + ".configuration"));
    extension.configuration = *configuration;
  }
  return extension;
}

Status Extension::CheckConfiguration(std::string_view path,
                                     std::initializer_list<std::string_view> known) const {
  return configuration.CheckMembers(std::string(path) + ".configuration", known);
}

Status Extension::Unsupported(std::string_view path, std::string_view what) const {
  return UnimplementedError("at " + std::string(path) + ": " + std::string(what) + " " +
                            Json(name).Dump() + " is not supported");
}

}  // namespace coffer::inline v0::zarr3
