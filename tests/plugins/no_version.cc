// A plugin of the right API number that names no version of coffer.
#include "coffer/registry/plugin.h"

const coffer::Plugin* coffer_register_v0() {
  static const coffer::Plugin description = {
      .coffer_version = nullptr, .name = "no_version", .make = nullptr};
  return &description;
}
