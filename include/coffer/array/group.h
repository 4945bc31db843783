// Group: a node that holds arrays and other groups; and what stands at a place.
//
//     Group group = Group::Create("/data/model", {.attributes = R"({"step": 7})"}).OrThrow();
//     Array::Create("/data/model/layer0/weight", {...});
//     for (const NodeEntry& entry : *group.List()) std::cout << entry.name << "\n";
//
// Thread safety: as Array.
#ifndef COFFER_ARRAY_GROUP_H_
#define COFFER_ARRAY_GROUP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/options.h"
#include "coffer/async/context.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

enum class NodeKind { kNone, kArray, kGroup };

struct GroupOptions {
  std::string attributes = {};  ///< JSON object text; "" for none.
  bool delete_existing = false;
  Context context = Context::Default();
};

struct NodeEntry {
  std::string name;  ///< Relative to the group: "layer0/weight" when listed recursively.
  NodeKind kind = NodeKind::kNone;
};

/// Keys below a group that no node of it owns: other files, links that listings do not follow.
struct StrayKeys {
  int64_t count = 0;
  std::vector<std::string> keys;  ///< Some of them, as the store names them.
};

class Array;
class ArrayDriver;
struct GroupSnapshot;
struct NodeSnapshot;
struct Place;

class COFFER_EXPORT Group {
 public:
  /// Errors as Array::Create.
  static Result<Group> Create(std::string_view place, const GroupOptions& options = {});
  static Result<Group> Create(KvStorePtr store, std::string prefix,
                              const GroupOptions& options = {});
  /// Errors: NotFound; FailedPrecondition if there is an array instead.
  static Result<Group> Open(std::string_view place, const Context& context = Context::Default());
  static Result<Group> Open(KvStorePtr store, std::string prefix,
                            const Context& context = Context::Default());
  static Result<Group> Open(std::string_view place, const OpenOptions& options);
  static Result<Group> Open(KvStorePtr store, std::string prefix, const OpenOptions& options);
  /// In the format that the place names.
  static Result<Group> Create(const Place& place, const GroupOptions& options = {});
  static Result<Group> Open(const Place& place, const OpenOptions& options = {});

  /// A node below, by its name relative to this group, in the group's format, with the options that
  /// the group was opened with (max_staleness, consolidated; of a created one, defaults). Errors:
  /// as the Open of each; of a snapshot, NotFound for what it does not hold. An array of a snapshot
  /// can be changed (Resize, SetAttributes) only while its document still says what the snapshot
  /// does: Aborted.
  Result<Array> OpenArray(std::string_view name) const;
  Result<Group> OpenGroup(std::string_view name) const;
  /// Whether nodes come from a snapshot.
  bool consolidated() const { return snapshot_ != nullptr; }
  std::string format() const;  ///< "zarr3", "zarr2".

  const std::string& attributes() const { return attributes_; }
  const KvStorePtr& store() const { return store_; }
  const std::string& prefix() const { return prefix_; }
  std::string url() const { return store_->Describe(prefix_); }
  /// The nodes directly below, or all below, sorted by name. Checkpoints are not known here: all
  /// below includes their arrays, and those of unfinished saves.
  Result<std::vector<NodeEntry>> List(bool recursive = false) const;
  /// What lies below the group, but neither in an array nor in the metadata of a group; at most
  /// `max` are named. Whoever goes by List() does not see them.
  Result<StrayKeys> FindStrays(size_t max = 10) const;
  /// Replaces all attributes by this JSON object.
  Status SetAttributes(std::string_view json);

 private:
  Group(const Place& place, const ArrayDriver& driver, std::string attributes,
        const OpenOptions& options);
  Result<const NodeSnapshot*> FindInSnapshot(std::string_view name, NodeKind kind) const;
  std::vector<NodeEntry> ListSnapshot(bool recursive) const;

  KvStorePtr store_;
  std::string prefix_;
  const ArrayDriver* driver_;  // Lives as long as the context.
  std::string attributes_;
  OpenOptions options_;                            // For what is opened below.
  std::shared_ptr<const GroupSnapshot> snapshot_;  // nullptr: the store decides.
};

/// What stands at a place; kNone if no known node does.
COFFER_EXPORT Result<NodeKind> FindNode(std::string_view place,
                                        const Context& context = Context::Default());
COFFER_EXPORT Result<NodeKind> FindNode(std::string_view place, const OpenOptions& options);

/// A place split into its store, the prefix in it ("" or ending with "/") and the driver its
/// adapter names ("zarr3", or "" to be detected).
struct Place {
  KvStorePtr store;
  std::string prefix;
  std::string driver;
};
COFFER_EXPORT Result<Place> OpenPlace(std::string_view url_or_json,
                                      const Context& context = Context::Default());

/// Deletes the node at a place with everything below it. NotFound if none is there.
COFFER_EXPORT Status DeleteNode(std::string_view place,
                                const Context& context = Context::Default());

}  // namespace coffer::inline v0

#endif  // COFFER_ARRAY_GROUP_H_
