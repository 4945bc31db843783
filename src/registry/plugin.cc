// Adding a plugin:
//  1. Its api_version is compared before anything else of it is read.
//  2. It makes its parts; an exception becomes a Status.
//  3. All parts are added to empty tables that stand on the real ones, so whatever would be refused
//     there shows here.
//  4. They are added to the real ones.
#include "coffer/registry/plugin.h"

#include <exception>
#include <string>
#include <string_view>

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

std::string NameOf(const Plugin& plugin) {
  return "plugin \"" + std::string(plugin.name != nullptr ? plugin.name : "") + "\"";
}

// "0.1" of "0.1.7".
std::string_view Series(std::string_view version) {
  return version.substr(0, version.find('.', version.find('.') + 1));
}

// Until 1.0 a new minor version breaks the ABI, whether or not somebody thought of the number.
Status CheckVersion(const Plugin& plugin) {
  if (plugin.api_version == kPluginApiVersion &&
      Series(plugin.coffer_version) == Series(kVersion)) {
    return Status();
  }
  return FailedPreconditionError(
      "the plugin was built against coffer " + std::string(plugin.coffer_version) +
      ", plugin API " + std::to_string(plugin.api_version) + "; this is coffer " +
      std::string(kVersion) + ", plugin API " + std::to_string(kPluginApiVersion));
}

Status MakeParts(const Plugin& plugin, PluginParts& parts) {
  try {
    return plugin.make(parts);
  } catch (const std::exception& error) {
    return InternalError("exception: " + std::string(error.what()));
  } catch (...) {
    return InternalError("exception of no standard type");
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
