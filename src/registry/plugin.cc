// Adding a plugin:
//  1. Its versions are compared before anything else of it is read. It may be the work of another
//     language or of a mistake: any pointer in it may be null.
//  2. It makes its parts; an exception becomes a Status.
//  3. All parts are added to empty tables that stand on the real ones, so whatever would be refused
//     there shows here.
//  4. They are added to the real ones.
#include "coffer/registry/plugin.h"

#include <string>
#include <string_view>

#include "coffer/async/future.h"
#include "src/base/made_before_fork.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {
namespace {

struct Tables {
  StoreTable& stores;
  CodecTable& codecs;
  DriverTable& drivers;
};

// Serialises plugins, so that of two that offer one name the second finds it taken in step 3.
Mutex& PluginMutex() {
  static Mutex& mutex = *new Mutex();  // Guards steps 3 and 4.
  return mutex;
}
const MadeBeforeFork kPluginMutex([] { PluginMutex(); });

std::string NameOf(const Plugin& plugin) {
  return "plugin \"" + std::string(plugin.name != nullptr ? plugin.name : "") + "\"";
}

// "0.1" of "0.1.7".
std::string_view Series(std::string_view version) {
  return version.substr(0, version.find('.', version.find('.') + 1));
}

// Until 1.0 a new minor version breaks the ABI, whether or not somebody thought of the number.
Status CheckVersion(const Plugin& plugin) {
  const bool names_version = plugin.coffer_version != nullptr;
  if (names_version && plugin.api_version == kPluginApiVersion &&
      Series(plugin.coffer_version) == Series(kVersion)) {
    return Status();
  }
  return FailedPreconditionError(
      (names_version ? "the plugin was built against coffer " + std::string(plugin.coffer_version)
                     : "the plugin does not say against which coffer it was built") +
      ", plugin API " + std::to_string(plugin.api_version) + "; this is coffer " +
      std::string(kVersion) + ", plugin API " + std::to_string(kPluginApiVersion));
}

Status MakeParts(const Plugin& plugin, PluginParts& parts) {
  try {
    return plugin.make(parts);
  } catch (...) {
    return internal::StatusOfException();
  }
}

Status AddParts(const PluginParts& parts, const Tables& tables) {
  for (const StoreDriver& store : parts.stores) {
    COFFER_RETURN_IF_ERROR(tables.stores.Add(store));
  }
  for (const CodecDriver& codec : parts.codecs) {
    COFFER_RETURN_IF_ERROR(tables.codecs.Add(codec));
  }
  for (const auto& driver : parts.drivers) COFFER_RETURN_IF_ERROR(tables.drivers.Add(driver));
  return Status();
}

Status AddTo(const Tables& tables, const Plugin& plugin) {
  COFFER_RETURN_IF_ERROR(CheckVersion(plugin));
  if (plugin.name == nullptr || plugin.make == nullptr) {
    return InvalidArgumentError(NameOf(plugin) + ": expected a name and a function `make`");
  }
  PluginParts parts;
  const Status made = MakeParts(plugin, parts);
  if (!made.ok()) return made.Annotate(NameOf(plugin));
  if (parts.stores.empty() && parts.codecs.empty() && parts.drivers.empty()) {
    return InvalidArgumentError(NameOf(plugin) + ": offers no store, codec or array driver");
  }
  MutexLock lock(PluginMutex());
  StoreTable stores(&tables.stores);
  CodecTable codecs(&tables.codecs);
  DriverTable drivers(&tables.drivers);
  const Status fits = AddParts(parts, {stores, codecs, drivers});
  if (!fits.ok()) return fits.Annotate(NameOf(plugin));
  return AddParts(parts, tables).Annotate(NameOf(plugin));
}

}  // namespace

Status AddPlugin(const Plugin& plugin, const Context& context) {
  return AddTo({context.Get<StoreTable>(), context.Get<CodecTable>(), context.Get<DriverTable>()},
               plugin);
}

Status AddPlugin(const Plugin& plugin) {
  return AddTo({StoreTable::Process(), CodecTable::Process(), DriverTable::Process()}, plugin);
}

}  // namespace coffer::inline v0
