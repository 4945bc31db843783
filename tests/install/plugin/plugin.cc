// The whole of a plugin: its parts stand in parts.h.
#include "parts.h"

const coffer::Plugin* coffer_register_v0() {
  static const coffer::Plugin plugin{.name = "outside", .make = AddAllParts};
  return &plugin;
}
