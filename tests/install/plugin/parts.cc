#include "parts.h"

#include <map>
#include <mutex>

coffer::StoreDriver NamedStores(const std::string& name, coffer::KvStorePtr (*make)()) {
  const auto open = [make](std::string_view text,
                           const coffer::Context&) -> coffer::Result<coffer::KvStorePtr> {
    static std::mutex mutex;  // Guards the next.
    static auto& stores = *new std::map<std::string, coffer::KvStorePtr>();
    std::lock_guard lock(mutex);  // A spec is named by its text.
    coffer::KvStorePtr& store = stores[std::string(text)];
    if (!store) store = make();
    return store;
  };
  return {.name = name, .schemes = {name}, .open_url = open, .open_json = open};
}

coffer::Status AddAllParts(coffer::PluginParts& parts) {
  parts.stores = {ShelfDriver(), RemoteDriver()};
  parts.codecs = {MaskDriver()};
  parts.drivers = {MakeTileDriver()};
  return {};
}
