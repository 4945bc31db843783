// Adding a driver checks its names; opening finds it, and calls its function, which is a user's:
//  1. What it throws and a null become Internal errors that name it.
//  2. A store of a driver that is not built in is handed out behind a guard.
// A key is named by the text of its store and itself: the text is cut behind the last "/" of its
// path (percent-encoded in a URL, a member in a spec, maybe that of its base), and what is left is
// opened.
#include "coffer/kvstore/store_table.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "coffer/async/future.h"
#include "src/base/growing_list.h"
#include "src/base/json.h"
#include "src/base/made_before_fork.h"
#include "src/base/mutex.h"
#include "src/base/shown.h"
#include "src/kvstore/builtin_stores.h"
#include "src/kvstore/guarded_store.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {

// A table sees its own drivers first, then those of the table below it. If both come to have a name
// (the lower one later), the upper one's is found.
struct StoreTable::State {
  struct Entry : StoreDriver {
    bool built_in = false;
  };
  template <class Matches>
  const Entry* Find(Matches matches) const {
    const Entry* const own = drivers.Find(matches);
    return own != nullptr || below == nullptr ? own : below->Find(matches);
  }
  const Entry* ByName(std::string_view name) const {
    return Find([&](const StoreDriver& driver) { return driver.name == name; });
  }
  const Entry* ByScheme(std::string_view scheme) const {
    return Find([&](const StoreDriver& driver) {
      return std::find(driver.schemes.begin(), driver.schemes.end(), scheme) !=
             driver.schemes.end();
    });
  }
  const Entry* OfPaths() const {
    return Find([](const StoreDriver& driver) { return driver.open_path != nullptr; });
  }
  /// What `names_of` gives for each driver, sorted.
  template <class NamesOf>
  std::vector<std::string> Names(NamesOf names_of) const {
    std::set<std::string> names;
    Find([&](const StoreDriver& driver) {
      for (const std::string& name : names_of(driver)) names.insert(name);
      return false;
    });
    return {names.begin(), names.end()};
  }
  std::vector<std::string> Schemes() const {
    return Names([](const StoreDriver& driver) { return driver.schemes; });
  }

  const State* below = nullptr;
  Mutex mutex;            // Guards adding to `drivers`, not reading it.
  bool built_in = false;  // Of what is added now.
  GrowingList<Entry> drivers;
};

namespace {

/// Opens what `text` says: a URL or path, or else (`what` is empty) a spec.
template <class Entry, class Open>
Result<KvStorePtr> OpenGuarded(const Entry& entry, const Open& open, std::string_view what,
                               std::string_view text, const Context& context) {
  Status status;
  try {
    Result<KvStorePtr> store = open(text, context);
    if (!store.ok() || entry.built_in) return store;
    if (*store != nullptr) return GuardStore(*std::move(store), entry.name);
    status = InternalError("opened no store");
  } catch (...) {
    status = internal::StatusOfException();
  }
  status = status.Annotate("store driver \"" + entry.name + "\"");
  return what.empty() ? status.Annotate("at $")
                      : status.Annotate(std::string(what) + " \"" + ShownPlace(text) + "\"");
}

constexpr std::string_view kBlanks = " \t\r\n";
constexpr const char* kHere = ".";

bool IsSpec(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  return first != std::string_view::npos && text[first] == '{';
}

/// Where the path begins in a URL, or in its last adapter, or in a plain path.
size_t PathBegin(std::string_view text, bool adapted) {
  if (adapted) return text.size() - UrlAdapter::Find(text)->path.size();
  const std::string scheme = UrlScheme(text);
  return scheme.empty() ? 0 : std::min(text.find('/', scheme.size() + 3), text.size());
}

Status NoKey(const std::string& where) {
  return InvalidArgumentError(where +
                              ": expected the name of a value, behind the last \"/\" of a path");
}

constexpr int kAdaptersMax = 16;  // Each opens what stands before it: so deep does it go.

std::string Joined(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ", ") + name;
  return joined;
}

}  // namespace

StoreTable::StoreTable(const StoreTable* below) : state_(std::make_unique<State>()) {
  if (below != nullptr) state_->below = below->state_.get();
}
StoreTable::~StoreTable() = default;

StoreTable& StoreTable::Process() {
  static StoreTable& table = *[] {
    auto* const made = new StoreTable(nullptr);
    made->state_->built_in = true;
    AddBuiltinStores(*made);
    made->state_->built_in = false;
    return made;
  }();
  return table;
}
namespace {
const MadeBeforeFork kProcessTable([] { StoreTable::Process(); });
}  // namespace

Status StoreTable::Add(StoreDriver driver) {
  if (driver.name.empty()) return InvalidArgumentError("a store driver needs a name");
  for (const std::string& scheme : driver.schemes) {
    if (scheme.empty() || UrlScheme(scheme + "://") != scheme) {
      return InvalidArgumentError("store driver \"" + driver.name + "\": \"" + scheme +
                                  "\" is no URL scheme in lower case");
    }
  }
  MutexLock lock(state_->mutex);
  if (state_->ByName(driver.name) != nullptr) {
    return AlreadyExistsError("a store driver named \"" + driver.name + "\" is there already");
  }
  for (const std::string& scheme : driver.schemes) {
    if (const StoreDriver* const owner = state_->ByScheme(scheme); owner != nullptr) {
      return AlreadyExistsError("URL scheme \"" + scheme + "\" belongs to store driver \"" +
                                owner->name + "\" already");
    }
  }
  if (const StoreDriver* const owner = state_->OfPaths(); owner != nullptr && driver.open_path) {
    return AlreadyExistsError("plain paths belong to store driver \"" + owner->name + "\" already");
  }
  state_->drivers.Append({std::move(driver), state_->built_in});
  return Status();
}

Result<KvStorePtr> StoreTable::OpenUrl(std::string_view url, const Context& context) const {
  const std::string scheme = UrlScheme(url);
  const State::Entry* const driver = state_->ByScheme(scheme);
  if (driver == nullptr || !driver->open_url) {
    return InvalidArgumentError("URL \"" + ShownPlace(url) + "\": unknown scheme \"" + scheme +
                                "\" (known: " + Joined(schemes()) + ")");
  }
  return OpenGuarded(*driver, driver->open_url, "URL", url, context);
}

Result<KvStorePtr> StoreTable::OpenJson(std::string_view json, const Context& context) const {
  COFFER_ASSIGN_OR_RETURN(const Json spec, Json::Parse(json));
  if (!spec.is_object()) return spec.Unexpected("$", "an object (a store's spec)");
  const Json* name = spec.Find("driver");
  if (name == nullptr) {
    return InvalidArgumentError("at $: a store's spec needs the member \"driver\"");
  }
  COFFER_ASSIGN_OR_RETURN(const std::string driver_name, name->AsString("$.driver"));
  const State::Entry* const driver = state_->ByName(driver_name);
  if (driver == nullptr || !driver->open_json) {
    const auto name_of = [](const StoreDriver& known) { return std::vector{known.name}; };
    return InvalidArgumentError("at $.driver: unknown store driver \"" + driver_name +
                                "\" (known: " + Joined(state_->Names(name_of)) + ")");
  }
  return OpenGuarded(*driver, driver->open_json, "", json, context);
}

Result<KvStorePtr> StoreTable::OpenPath(std::string_view path, const Context& context) const {
  const State::Entry* const driver = state_->OfPaths();
  if (driver == nullptr) {
    return InvalidArgumentError("path \"" + ShownPlace(path) + "\": no store opens plain paths");
  }
  return OpenGuarded(*driver, driver->open_path, "path", path, context);
}

bool StoreTable::IsAdapted(std::string_view text) const {
  const std::optional<UrlAdapter> adapter = UrlAdapter::Find(text);
  if (!adapter) return false;
  const State::Entry* const driver = state_->ByName(adapter->name);
  return driver != nullptr && driver->open_adapter != nullptr;
}

Result<KvStorePtr> StoreTable::OpenAdapted(std::string_view text, const Context& context) const {
  if (!IsAdapted(text)) {
    return InvalidArgumentError("\"" + ShownPlace(text) + "\": not of the form BASE|ADAPTER:PATH");
  }
  if (std::count(text.begin(), text.end(), '|') > kAdaptersMax) {
    return InvalidArgumentError("URL \"" + ShownPlace(text) + "\": more than " +
                                std::to_string(kAdaptersMax) + " adapters (\"|\")");
  }
  const UrlAdapter adapter = *UrlAdapter::Find(text);
  const State::Entry& driver = *state_->ByName(adapter.name);
  COFFER_ASSIGN_OR_RETURN(const std::string path, DecodeUrlPath(text, adapter.path));
  const auto open = [&](std::string_view, const Context& in) {
    return driver.open_adapter(adapter.base, path, in);
  };
  return OpenGuarded(driver, open, "URL", text, context);
}

Result<StoreTable::NamedKey> StoreTable::CutKeyOfSpec(std::string_view text) const {
  COFFER_ASSIGN_OR_RETURN(Json spec, Json::Parse(text));
  NamedKey cut;
  const Json* const base = spec.Find("base");
  if (const Json* const path = spec.Find("path")) {
    COFFER_ASSIGN_OR_RETURN(const std::string whole, path->AsString("$.path"));
    const size_t begin = whole.rfind('/') + 1;
    cut.key = whole.substr(begin);
    if (cut.key.empty()) return NoKey("at $");  // A spec is not shown: it may have secrets.
    std::string parent = whole.substr(0, begin);
    const Json* const name = spec.Find("driver");
    if (parent.empty() && name != nullptr && name->is_string()) {
      const State::Entry* const driver = state_->ByName(name->string());
      if (driver != nullptr && driver->open_path) parent = kHere;
    }
    spec.Set("path", Json(std::move(parent)));
  } else if (base != nullptr && (base->is_string() || base->is_object())) {
    COFFER_ASSIGN_OR_RETURN(NamedKey below,
                            CutKey(base->is_string() ? base->string() : base->Dump()));
    cut.key = std::move(below.key);
    spec.Set("base", Json(std::move(below.store)));
  } else {
    return NoKey("at $");
  }
  cut.store = spec.Dump();
  return cut;
}

Result<StoreTable::NamedKey> StoreTable::CutKey(std::string_view text) const {
  if (IsSpec(text)) return CutKeyOfSpec(text);
  const bool adapted = IsAdapted(text);
  const bool is_path = !adapted && UrlScheme(text).empty();
  std::string_view path = text.substr(PathBegin(text, adapted));
  const size_t query = adapted || is_path ? path.size() : std::min(path.find('?'), path.size());
  const std::string of_store(path.substr(query));
  path = path.substr(0, query);
  const std::string_view key = path.substr(path.rfind('/') + 1);
  if (key.empty()) return NoKey("\"" + ShownPlace(text) + "\"");
  const size_t before = text.size() - of_store.size() - key.size();
  NamedKey cut = {std::string(text.substr(0, before)) + of_store, std::string(key)};
  if (cut.store.empty()) cut.store = kHere;
  if (!is_path) {
    COFFER_ASSIGN_OR_RETURN(cut.key, DecodeUrlPath(text, key));
  }
  return cut;
}

Result<KvStoreKey> StoreTable::OpenKey(std::string_view url_or_json, const Context& context) const {
  COFFER_ASSIGN_OR_RETURN(NamedKey cut, CutKey(url_or_json));
  COFFER_ASSIGN_OR_RETURN(KvStorePtr store, Open(cut.store, context));
  return KvStoreKey{std::move(store), std::move(cut.key)};
}

std::vector<std::string> StoreTable::schemes() const { return state_->Schemes(); }

Result<KvStorePtr> StoreTable::Open(std::string_view text, const Context& context) const {
  if (text.find_first_not_of(kBlanks) == std::string_view::npos) {
    return InvalidArgumentError("expected a store's URL, path or JSON spec, got nothing");
  }
  if (IsSpec(text)) return OpenJson(text, context);
  if (IsAdapted(text)) return OpenAdapted(text, context);
  if (!UrlScheme(text).empty()) return OpenUrl(text, context);
  return OpenPath(text, context);
}

Result<KvStorePtr> OpenKvStore(std::string_view url_or_json, const Context& context) {
  return context.Get<StoreTable>().Open(url_or_json, context);
}

Result<KvStoreKey> OpenKvStoreKey(std::string_view url_or_json, const Context& context) {
  return context.Get<StoreTable>().OpenKey(url_or_json, context);
}

}  // namespace coffer::inline v0
