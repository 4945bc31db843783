// A plugin that says it was built against a later coffer.
#include "coffer/registry/plugin.h"

const coffer::Plugin* coffer_register_v0() {
  static const coffer::Plugin plugin{
      .api_version = 99, .coffer_version = "3.0.0", .name = "future", .make = nullptr};
  return &plugin;
}
