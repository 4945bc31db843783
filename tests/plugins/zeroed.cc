// A plugin as a C programmer may leave it: its description is all zeros.
#include "coffer/registry/plugin.h"

const coffer::Plugin* coffer_register_v0() {
  static const coffer::Plugin description = {
      .api_version = 0, .coffer_version = nullptr, .name = nullptr, .make = nullptr};
  return &description;
}
