// Plugins: stores, codecs and array formats that somebody else built, added as one.
//
// A plugin is a shared library that exports one function, which describes it:
//
//     Status AddParts(PluginParts& parts) {
//       parts.stores.push_back({.name = "tape", .schemes = {"tape"}, .open_url = OpenTape});
//       return Status();
//     }
//     const Plugin* coffer_register_v0() {
//       static const Plugin plugin{.name = "tape", .make = AddParts};
//       return &plugin;
//     }
//
// `coffer --plugin tape.so ls tape://robot/17` loads it; so does a program with dlopen, dlsym and
// AddPlugin. It is compiled against coffer's headers and linked with nothing of coffer (CMake:
// coffer::plugin): its symbols are those of the program that loads it. A program that links the
// parts in calls AddPlugin, or the tables (StoreTable, CodecTable, DriverTable), directly.
//
// What a plugin throws, or returns as null, becomes an Internal error that names its part:
// store_table.h, codec.h and driver.h say where.
//
// The tables hold the plugin's code for ever: the library must never be unloaded. docs/plugins.md
// is the whole story.
//
// Thread safety: all functions from any thread.
#ifndef COFFER_REGISTRY_PLUGIN_H_
#define COFFER_REGISTRY_PLUGIN_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "coffer/array/driver.h"
#include "coffer/async/context.h"
#include "coffer/base/export.h"
#include "coffer/base/status.h"
#include "coffer/base/version.h"
#include "coffer/codec/codec.h"
#include "coffer/kvstore/store_table.h"

namespace coffer::inline v0 {

/// Raised with every change of a public header after which code that was compiled before cannot
/// be used. A plugin of another number, or of another minor version of coffer, is refused before
/// any of its C++ objects is touched.
inline constexpr uint32_t kPluginApiVersion = 5;

/// What a plugin adds.
struct PluginParts {
  std::vector<StoreDriver> stores = {};
  std::vector<CodecDriver> codecs = {};
  std::vector<std::shared_ptr<const ArrayDriver>> drivers = {};
};

/// What a plugin says of itself. The first two members stay where they are in all versions, and
/// keep their initialisers: they tell what the plugin was compiled against.
struct Plugin {
  uint32_t api_version = kPluginApiVersion;
  const char* coffer_version = kVersion.data();  ///< Of the same minor version. Null is another.
  const char* name = nullptr;                    ///< For messages.
  /// Fills `parts`, which come empty. Called once for each AddPlugin; may fail, or throw.
  Status (*make)(PluginParts& parts) = nullptr;
};

/// Adds all that a plugin offers to one context, or nothing. (Nothing, too, if a name is taken; but
/// if another thread takes it at this very moment, some parts may have been added.) Errors, each of
/// which names the plugin: FailedPrecondition for another version; InvalidArgument for what is
/// incomplete, or offers nothing; AlreadyExists for a name that is taken; Internal for an
/// exception; the plugin's own.
COFFER_EXPORT Status AddPlugin(const Plugin& plugin, const Context& context);
/// The same for all contexts, of now and later: to the process's tables.
COFFER_EXPORT Status AddPlugin(const Plugin& plugin);

/// The name of the function that a plugin exports, and its type.
inline constexpr const char* kPluginEntry = "coffer_register_v0";
using PluginEntry = const Plugin*();

}  // namespace coffer::inline v0

extern "C" {
/// Defined by a plugin, and by no one else; nullptr is refused.
COFFER_EXPORT const coffer::Plugin* coffer_register_v0();
}

#endif  // COFFER_REGISTRY_PLUGIN_H_
