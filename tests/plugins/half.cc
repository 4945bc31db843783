// A plugin that makes a store and then fails.
#include "coffer/registry/plugin.h"

namespace {

coffer::Status MakeParts(coffer::PluginParts& parts) {
  parts.stores.push_back({.name = "half", .schemes = {"half"}});
  return coffer::UnavailableError("the robot does not answer");
}

}  // namespace

const coffer::Plugin* coffer_register_v0() {
  static const coffer::Plugin plugin{.name = "half", .make = MakeParts};
  return &plugin;
}
