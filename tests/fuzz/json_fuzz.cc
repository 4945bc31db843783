// Fuzzes the JSON reader: any bytes are refused with InvalidArgument, or give a value that Dump and
// Parse keep, in one line and indented, and that is no deeper than allowed; with the bare words of
// numbers that are not finite, too.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "src/base/json.h"

namespace {

int Depth(const coffer::Json& value) {
  int below = -1;
  if (value.is_array()) {
    below = 0;
    for (const coffer::Json& item : value.array()) below = std::max(below, Depth(item));
  } else if (value.is_object()) {
    below = 0;
    for (const auto& [key, member] : value.object()) below = std::max(below, Depth(member));
  }
  return below + 1;
}

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const coffer::Result<coffer::Json> loose = coffer::Json::ParseNonFinite(text);
  if (loose.ok()) {
    const std::string dumped = loose->Dump();
    Require(coffer::Json::ParseNonFinite(dumped).value().Dump() == dumped);
  }
  const coffer::Result<coffer::Json> parsed = coffer::Json::Parse(text);
  Require(loose.ok() || !parsed.ok());
  if (!parsed.ok()) {
    Require(parsed.status().code() == coffer::StatusCode::kInvalidArgument);
    Require(parsed.status().message().size() < 1000);
    return 0;
  }
  Require(Depth(*parsed) <= 64);
  for (int indent : {-1, 2}) {
    const coffer::Result<coffer::Json> again = coffer::Json::Parse(parsed->Dump(indent));
    Require(again.ok() && *again == *parsed);
  }
  return 0;
}
