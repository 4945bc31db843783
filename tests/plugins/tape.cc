// A plugin that works: the store "tape", a memory store for each URL.
#include <map>
#include <mutex>
#include <string>

#include "coffer/kvstore/stores.h"
#include "coffer/registry/plugin.h"

namespace {

coffer::Result<coffer::KvStorePtr> OpenTape(std::string_view url, const coffer::Context&) {
  static std::mutex mutex;  // Guards the next.
  static auto& tapes = *new std::map<std::string, coffer::KvStorePtr>();
  const std::lock_guard lock(mutex);
  coffer::KvStorePtr& tape = tapes[std::string(url)];
  if (tape == nullptr) {
    tape = coffer::MakeMemoryStore();
    COFFER_RETURN_IF_ERROR(tape->Write("label", coffer::Bytes::Copy("tape 17")).Get());
  }
  return tape;
}

coffer::Status MakeParts(coffer::PluginParts& parts) {
  parts.stores.push_back({.name = "tape", .schemes = {"tape"}, .open_url = OpenTape});
  return {};
}

}  // namespace

const coffer::Plugin* coffer_register_v0() {
  static const coffer::Plugin plugin{.name = "tape", .make = MakeParts};
  return &plugin;
}
