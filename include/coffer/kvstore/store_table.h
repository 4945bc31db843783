// StoreTable: which stores a context can open, by URL scheme and by driver name.
//
// A URL may lead through stores: in "file:///x/a.zip|zip:b/" the last part names a driver that
// opens a store made of what stands before it, and there may be more such parts.
//
// Every context has a table of its own, on top of the process's, which begins with the stores that
// are built in. A program adds its own kinds before it opens them, to one context:
//
//     context.Get<StoreTable>().Add({
//         .name = "tape", .schemes = {"tape"},
//         .open_url = [](std::string_view url, const Context&) { return OpenTape(url); }});
//     KvStorePtr store = OpenKvStore("tape://robot/17", context).OrThrow();
//
// or for all contexts, of now and later, by StoreTable::Process().Add(...). See also AddPlugin in
// coffer/registry/plugin.h.
//
// What is registered may throw: opening, or the operation of an opened store, then fails with an
// Internal error that names the URL or key, the driver and the operation (bad_alloc: with
// ResourceExhausted), as it does where a null is returned for a store, future, writer or listing.
// For that, stores of drivers that are not built in are handed out behind a guard: OpenKvStore
// gives another object than the driver did, with all methods passed on. What a store throws on a
// thread of its own, nobody can catch.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_KVSTORE_STORE_TABLE_H_
#define COFFER_KVSTORE_STORE_TABLE_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/async/context.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// One kind of store. A function left empty means that the store cannot be opened that way. What
/// the functions capture must not hold a handle of the context: its table holds them, for ever.
struct COFFER_EXPORT StoreDriver {
  std::string name = {};                  ///< The value of "driver" in a JSON spec.
  std::vector<std::string> schemes = {};  ///< What stands before "://" in a URL; lower case.
  /// Opens a URL with one of the schemes, given whole.
  std::function<Result<KvStorePtr>(std::string_view url, const Context& context)> open_url =
      nullptr;
  /// Opens a JSON spec, given whole: an object whose "driver" is the name.
  std::function<Result<KvStorePtr>(std::string_view json, const Context& context)> open_json =
      nullptr;
  /// Opens a plain path, which may have any characters. One driver of a table has this.
  std::function<Result<KvStorePtr>(std::string_view path, const Context& context)> open_path =
      nullptr;
  /// Opens "BASE|name:PATH" with the driver's name: a store that is made of what the URL, path or
  /// spec before the bar names, a key (OpenKvStoreKey) or a store. `path` is percent-decoded.
  std::function<Result<KvStorePtr>(std::string_view base, std::string_view path,
                                   const Context& context)>
      open_adapter = nullptr;
};

class COFFER_EXPORT StoreTable {
 public:
  /// On top of Process().
  StoreTable() : StoreTable(&Process()) {}
  /// An empty table that knows what `below` knows, too, now and later. nullptr: nothing.
  explicit StoreTable(const StoreTable* below);
  ~StoreTable();
  StoreTable(const StoreTable&) = delete;
  StoreTable& operator=(const StoreTable&) = delete;

  /// What every context knows: the built-in stores, and what was added for all.
  static StoreTable& Process();

  /// Errors: AlreadyExists if the name, a scheme or the plain paths are taken; InvalidArgument for
  /// an empty name, or a scheme that no URL has.
  Status Add(StoreDriver driver);

  /// Errors: InvalidArgument for an unknown scheme, which lists the known ones; the driver's own.
  Result<KvStorePtr> OpenUrl(std::string_view url, const Context& context) const;
  /// Errors: InvalidArgument for text that is no JSON object, or an unknown driver, by name; the
  /// driver's own.
  Result<KvStorePtr> OpenJson(std::string_view json, const Context& context) const;

  /// Errors: InvalidArgument if no driver opens plain paths; the driver's own.
  Result<KvStorePtr> OpenPath(std::string_view path, const Context& context) const;

  /// Whether the text is "BASE|NAME:PATH" (or "BASE|NAME") with the name of a driver here that has
  /// open_adapter. Such a text is no plain path, whatever files there are.
  bool IsAdapted(std::string_view text) const;
  /// Errors: InvalidArgument if it is none, or for a bad percent escape; the driver's own.
  Result<KvStorePtr> OpenAdapted(std::string_view text, const Context& context) const;

  /// Any of the four; see OpenKvStore.
  Result<KvStorePtr> Open(std::string_view url_or_json, const Context& context) const;
  /// The key that such a text names; see OpenKvStoreKey.
  Result<KvStoreKey> OpenKey(std::string_view url_or_json, const Context& context) const;

  /// The schemes that OpenUrl knows, sorted.
  std::vector<std::string> schemes() const;

 private:
  struct State;
  struct NamedKey {
    std::string store;  ///< The text that opens it.
    std::string key;
  };
  Result<NamedKey> CutKey(std::string_view text) const;
  Result<NamedKey> CutKeyOfSpec(std::string_view text) const;

  std::unique_ptr<State> state_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_STORE_TABLE_H_
