#include "parts.h"

#include <coffer/kvstore/stores.h>

#include <map>
#include <mutex>
#include <utility>

namespace {

/// The folder of "shelf:///data" or {"driver": "shelf", "path": "/data"}; "" of "shelf://name".
std::string FolderOf(std::string_view text) {
  const size_t url = text.find(":///");
  const size_t spec = text.find("\"/");
  if (url == text.npos && spec == text.npos) return "";
  const size_t begin = url != text.npos ? url + 3 : spec + 1;
  return std::string(text.substr(begin, text.find('"', begin) - begin));
}

/// Puts the files of a folder into a store, which lives no longer than its process.
coffer::Status Fill(coffer::KvStore& store, const std::string& folder,
                    const coffer::Context& context) {
  COFFER_ASSIGN_OR_RETURN(const auto files, coffer::MakeFileStore(folder, {}, context));
  return ForEachPage(*files, {}, [&](std::span<const coffer::ListEntry> page) -> coffer::Status {
    for (const coffer::ListEntry& entry : page) {
      COFFER_ASSIGN_OR_RETURN(const coffer::ReadResult read, files->Read(entry.key).Get());
      COFFER_RETURN_IF_ERROR(store.Write(entry.key, read.value).Get());
    }
    return {};
  });
}

}  // namespace

coffer::StoreDriver NamedStores(const std::string& name, coffer::KvStorePtr (*make)()) {
  const auto open = [make](std::string_view text,
                           const coffer::Context& context) -> coffer::Result<coffer::KvStorePtr> {
    static std::mutex mutex;  // Guards the next.
    static auto& stores = *new std::map<std::string, coffer::KvStorePtr>();
    std::lock_guard lock(mutex);  // A spec is named by its text.
    coffer::KvStorePtr& store = stores[std::string(text)];
    if (store) return store;
    coffer::KvStorePtr made = make();
    const std::string folder = FolderOf(text);
    if (!folder.empty()) COFFER_RETURN_IF_ERROR(Fill(*made, folder, context));
    store = std::move(made);
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
