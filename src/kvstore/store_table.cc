#include "coffer/kvstore/store_table.h"

#include <algorithm>
#include <map>
#include <utility>

#include "src/base/json.h"
#include "src/base/mutex.h"
#include "src/kvstore/builtin_stores.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {

namespace {

template <class Map>
std::string JoinedKeys(const Map& map) {
  std::string joined;
  for (const auto& [key, value] : map) joined += (joined.empty() ? "" : ", ") + key;
  return joined;
}

}  // namespace

struct StoreTable::State {
  mutable Mutex mutex;
  std::map<std::string, std::shared_ptr<const StoreDriver>> by_name COFFER_GUARDED_BY(mutex);
  std::map<std::string, std::shared_ptr<const StoreDriver>> by_scheme COFFER_GUARDED_BY(mutex);
  std::shared_ptr<const StoreDriver> of_paths COFFER_GUARDED_BY(mutex);
};

StoreTable::StoreTable() : state_(std::make_unique<State>()) { AddBuiltinStores(*this); }
StoreTable::~StoreTable() = default;

Status StoreTable::Add(StoreDriver driver) {
  if (driver.name.empty()) return InvalidArgumentError("a store driver needs a name");
  for (const std::string& scheme : driver.schemes) {
    if (scheme.empty() || UrlScheme(scheme + "://") != scheme) {
      return InvalidArgumentError("store driver \"" + driver.name + "\": \"" + scheme +
                                  "\" is no URL scheme in lower case");
    }
  }
  auto shared = std::make_shared<const StoreDriver>(std::move(driver));
  MutexLock lock(state_->mutex);
  if (state_->by_name.contains(shared->name)) {
    return AlreadyExistsError("a store driver named \"" + shared->name + "\" is there already");
  }
  for (const std::string& scheme : shared->schemes) {
    if (auto it = state_->by_scheme.find(scheme); it != state_->by_scheme.end()) {
      return AlreadyExistsError("URL scheme \"" + scheme + "\" belongs to store driver \"" +
                                it->second->name + "\" already");
    }
  }
  if (shared->open_path) {
    if (state_->of_paths) {
      return AlreadyExistsError("plain paths belong to store driver \"" + state_->of_paths->name +
                                "\" already");
    }
    state_->of_paths = shared;
  }
  for (const std::string& scheme : shared->schemes) state_->by_scheme.emplace(scheme, shared);
  state_->by_name.emplace(shared->name, shared);
  return Status();
}

Result<KvStorePtr> StoreTable::OpenUrl(std::string_view url, const Context& context) const {
  const std::string scheme = UrlScheme(url);
  std::shared_ptr<const StoreDriver> driver;
  {
    MutexLock lock(state_->mutex);
    auto it = state_->by_scheme.find(scheme);
    if (it == state_->by_scheme.end() || !it->second->open_url) {
      return InvalidArgumentError("URL \"" + std::string(url) + "\": unknown scheme \"" + scheme +
                                  "\" (known: " + JoinedKeys(state_->by_scheme) + ")");
    }
    driver = it->second;
  }
  return driver->open_url(url, context);
}

Result<KvStorePtr> StoreTable::OpenJson(std::string_view json, const Context& context) const {
  COFFER_ASSIGN_OR_RETURN(const Json spec, Json::Parse(json));
  if (!spec.is_object()) return spec.Unexpected("$", "an object (a store's spec)");
  const Json* name = spec.Find("driver");
  if (name == nullptr) {
    return InvalidArgumentError("at $: a store's spec needs the member \"driver\"");
  }
  COFFER_ASSIGN_OR_RETURN(const std::string driver_name, name->AsString("$.driver"));
  std::shared_ptr<const StoreDriver> driver;
  {
    MutexLock lock(state_->mutex);
    auto it = state_->by_name.find(driver_name);
    if (it == state_->by_name.end() || !it->second->open_json) {
      return InvalidArgumentError("at $.driver: unknown store driver \"" + driver_name +
                                  "\" (known: " + JoinedKeys(state_->by_name) + ")");
    }
    driver = it->second;
  }
  return driver->open_json(json, context);
}

Result<KvStorePtr> StoreTable::OpenPath(std::string_view path, const Context& context) const {
  std::shared_ptr<const StoreDriver> driver;
  {
    MutexLock lock(state_->mutex);
    driver = state_->of_paths;
  }
  if (!driver) {
    return InvalidArgumentError("path \"" + std::string(path) + "\": no store opens plain paths");
  }
  return driver->open_path(path, context);
}

std::vector<std::string> StoreTable::schemes() const {
  MutexLock lock(state_->mutex);
  std::vector<std::string> names;
  for (const auto& [scheme, driver] : state_->by_scheme) names.push_back(scheme);
  return names;
}

Result<KvStorePtr> OpenKvStore(std::string_view url_or_json, const Context& context) {
  const StoreTable& table = context.Get<StoreTable>();
  const size_t first = url_or_json.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    return InvalidArgumentError("expected a store's URL, path or JSON spec, got nothing");
  }
  if (url_or_json[first] == '{') return table.OpenJson(url_or_json, context);
  if (!UrlScheme(url_or_json).empty()) return table.OpenUrl(url_or_json, context);
  return table.OpenPath(url_or_json, context);
}

}  // namespace coffer::inline v0
