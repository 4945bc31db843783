// A plugin, as if made in C, of the right API number that names no version of coffer.
#include <cstdint>

namespace {
struct Description {
  uint32_t api_version;
  const char* coffer_version;
  const char* name;
  const void* make;
};
}  // namespace

extern "C" const void* coffer_register_v0() {
  static const Description description = {1, nullptr, "no_version", nullptr};
  return &description;
}
