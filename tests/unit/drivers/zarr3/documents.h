// A good array document, and variations of it.
#ifndef COFFER_TESTS_UNIT_DRIVERS_ZARR3_DOCUMENTS_H_
#define COFFER_TESTS_UNIT_DRIVERS_ZARR3_DOCUMENTS_H_

#include <string_view>

#include "src/base/json.h"

namespace coffer::zarr3 {

inline constexpr std::string_view kGoodArray = R"({
  "zarr_format": 3,
  "node_type": "array",
  "shape": [4, 6],
  "data_type": "uint16",
  "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3]}},
  "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
  "fill_value": 7,
  "codecs": [
    {"name": "bytes", "configuration": {"endian": "little"}},
    {"name": "zstd", "configuration": {"level": 3, "checksum": false}},
    {"name": "crc32c"}
  ],
  "attributes": {"b": 1, "a": [null]}
})";

/// `document` with the members of `patch` set; the value "absent" removes one.
inline Json Patched(std::string_view document, std::string_view patch) {
  Json patched = Json::Parse(document).value();
  const Json members = Json::Parse(patch).value();
  for (const auto& [name, value] : members.object()) {
    if (value == Json("absent")) {
      std::erase_if(patched.object(), [&](const Json::Member& m) { return m.first == name; });
    } else {
      patched.Set(name, value);
    }
  }
  return patched;
}

}  // namespace coffer::zarr3

#endif  // COFFER_TESTS_UNIT_DRIVERS_ZARR3_DOCUMENTS_H_
