#include "drivers/zarr3/key_encoding.h"

#include <string>

#include "drivers/zarr3/extension.h"

namespace coffer::inline v0::zarr3 {

using Encoding = ChunkKeys::Encoding;

Result<ChunkKeys> ChunkKeysFromJson(const Json& json, std::string_view path) {
  COFFER_ASSIGN_OR_RETURN(Extension extension, Extension::FromJson(json, path));
  ChunkKeys keys;
  if (extension.name == "v2") {
    keys = ChunkKeys(Encoding::kV2, '.');
  } else if (extension.name != "default") {
    return extension.Unsupported(path, "chunk key encoding");
  }
  COFFER_RETURN_IF_ERROR(extension.CheckConfiguration(path, {"separator"}));
  if (const Json* separator = extension.configuration.Find("separator")) {
    if (*separator != Json("/") && *separator != Json(".")) {
      return separator->Unexpected(std::string(path) + ".configuration.separator",
                                   "\"/\" or \".\"");
    }
    keys = ChunkKeys(keys.encoding(), separator->string()[0]);
  }
  return keys;
}

Json ChunkKeysToJson(const ChunkKeys& keys) {
  return Json::Object{
      {"name", keys.encoding() == Encoding::kV2 ? "v2" : "default"},
      {"configuration", Json::Object{{"separator", std::string(1, keys.separator())}}}};
}

}  // namespace coffer::inline v0::zarr3
