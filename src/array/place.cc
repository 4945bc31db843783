// A place is a URL ("file:///data/x", "/data/x|zarr3:", "/data/x.zip|zip:a/|zarr3:") or a JSON spec
// in TensorStore's form ({"driver": "zarr3", "kvstore": ..., "path": "..."}).
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "coffer/array/driver.h"
#include "coffer/array/group.h"
#include "coffer/kvstore/store_table.h"
#include "src/array/array_caches.h"
#include "src/array/node.h"
#include "src/base/json.h"
#include "src/base/shown.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {
namespace {

/// Members of TensorStore's array specs that coffer does not act on.
constexpr std::string_view kUnsupportedMembers[] = {"context",
                                                    "dtype",
                                                    "field",
                                                    "rank",
                                                    "transform",
                                                    "schema",
                                                    "open",
                                                    "create",
                                                    "delete_existing",
                                                    "assume_metadata",
                                                    "assume_cached_metadata",
                                                    "metadata",
                                                    "recheck_cached_metadata",
                                                    "recheck_cached_data",
                                                    "fill_missing_data_reads",
                                                    "store_data_equal_to_fill_value",
                                                    "metadata_cache_pool",
                                                    "cache_pool",
                                                    "data_copy_concurrency"};

/// What was opened by the same text is the same store to the caches.
Result<KvStorePtr> OpenNamedStore(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(KvStorePtr store, OpenKvStore(text, context));
  context.Get<ArrayCaches>().NameStore(store, text);
  return store;
}

Result<Place> OpenJsonPlace(std::string_view text, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Json spec, Json::Parse(text));
  COFFER_ASSIGN_OR_RETURN(const Json::Object* members, spec.AsObject("$"));
  for (const Json::Member& member : *members) {
    for (std::string_view unsupported : kUnsupportedMembers) {
      if (member.first == unsupported) {
        return UnimplementedError("at $: member \"" + member.first +
                                  "\" of array specs is not supported");
      }
    }
  }
  const Json* kvstore = spec.Find("kvstore");
  if (kvstore == nullptr) {  // A spec of a store.
    COFFER_ASSIGN_OR_RETURN(KvStorePtr store, OpenNamedStore(text, context));
    return Place{std::move(store), "", ""};
  }
  COFFER_RETURN_IF_ERROR(spec.CheckMembers("$", {"driver", "kvstore", "path"}));
  Place place;
  if (const Json* driver = spec.Find("driver"); driver != nullptr) {
    COFFER_ASSIGN_OR_RETURN(place.driver, driver->AsString("$.driver"));
    if (place.driver == "auto") place.driver.clear();
    if (!place.driver.empty()) {
      COFFER_ASSIGN_OR_RETURN(const ArrayDriver* found,
                              context.Get<DriverTable>().Find(place.driver));
      place.driver = found->name();
    }
  }
  if (const Json* path = spec.Find("path"); path != nullptr) {
    COFFER_ASSIGN_OR_RETURN(place.prefix, path->AsString("$.path"));
  }
  if (!place.prefix.empty() && place.prefix.back() != '/') place.prefix += '/';
  const std::string store_spec = kvstore->is_string() ? kvstore->string() : kvstore->Dump();
  COFFER_ASSIGN_OR_RETURN(place.store, OpenNamedStore(store_spec, context));
  return place;
}

/// The part of "base|adapter:" after the bar, without the colon.
Result<std::string> AdapterName(std::string_view url, std::string_view adapter) {
  const size_t colon = adapter.find(':');
  if (colon != std::string_view::npos && colon + 1 != adapter.size()) {
    return UnimplementedError(ShownPlace(url) + ": a path after the adapter \"" +
                              std::string(adapter.substr(0, colon)) + ":\" is not supported");
  }
  return std::string(adapter.substr(0, colon));
}

}  // namespace

std::vector<std::string> PlacesAbove(std::string_view place) {
  if (place.starts_with('{')) return {};
  std::string base(place.substr(0, place.rfind('|')));
  const std::string scheme = UrlScheme(base);
  size_t root = 0;  // Where the path begins.
  if (scheme.empty() || scheme == "file") {
    if (!scheme.empty()) {
      Result<Url> url = Url::Parse(base);
      if (!url.ok()) return {};
      base = std::move(url->path);
    }
    std::error_code error;
    base = std::filesystem::weakly_canonical(std::filesystem::absolute(base, error), error);
    if (error) return {};
  } else {
    root = base.find("://") + 3;
  }
  std::vector<std::string> above;
  while (base.size() > root && base.back() == '/') base.pop_back();
  for (size_t slash = base.rfind('/'); slash != std::string::npos && slash > root;
       slash = base.rfind('/')) {
    base.resize(slash);
    above.push_back(base);
  }
  return above;
}

bool WasNotAnswered(const Status& status) {
  return status.code() == StatusCode::kCancelled || status.code() == StatusCode::kUnavailable ||
         status.code() == StatusCode::kDeadlineExceeded;
}

Status CheckNoArrayAbove(std::string_view place, const Context& context) {
  for (const std::string& above : PlacesAbove(place)) {
    const Result<KvStorePtr> store = OpenKvStore(above, context);
    if (!store.ok()) continue;
    const Result<FoundNode> found = FindNodeAt({*store, "", ""}, {.context = context});
    if (WasNotAnswered(found.status())) return found.status();
    if (!found.ok() || found->kind != NodeKind::kArray) continue;
    return FailedPreconditionError(ShownPlace(place) + ": inside the array at " +
                                   (*store)->Describe("") + ", where nothing else can stand");
  }
  return Status();
}

Result<Place> OpenPlace(std::string_view url_or_json, const Context& context) {
  if (url_or_json.starts_with('{')) return OpenJsonPlace(url_or_json, context);
  size_t bar = url_or_json.rfind('|');
  if (context.Get<StoreTable>().IsAdapted(url_or_json)) bar = std::string_view::npos;
  Place place;
  if (bar != std::string_view::npos) {
    COFFER_ASSIGN_OR_RETURN(place.driver, AdapterName(url_or_json, url_or_json.substr(bar + 1)));
    COFFER_ASSIGN_OR_RETURN(const ArrayDriver* driver,
                            context.Get<DriverTable>().Find(place.driver));
    place.driver = driver->name();  // Not an alias of it.
  }
  COFFER_ASSIGN_OR_RETURN(place.store, OpenNamedStore(url_or_json.substr(0, bar), context));
  return place;
}

}  // namespace coffer::inline v0
