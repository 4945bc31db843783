#include "coffer/array/group.h"

#include <utility>

#include "coffer/array/array.h"
#include "coffer/array/driver.h"
#include "src/array/array_caches.h"
#include "src/array/guarded_driver.h"
#include "src/array/metadata_cache.h"
#include "src/array/node.h"
#include "src/array/survey.h"

namespace coffer::inline v0 {

Result<FoundNode> FindNodeAt(const Place& place, const OpenOptions& options) {
  auto& table = options.context.Get<DriverTable>();
  const KvStorePtr view = ViewOfDocuments(place, options);
  for (const ArrayDriver* driver : table.drivers()) {
    if (!place.driver.empty() && driver->name() != place.driver) continue;
    COFFER_ASSIGN_OR_RETURN(const NodeKind kind, GuardedDriver(*driver).Find(view, place.prefix));
    if (kind != NodeKind::kNone) return FoundNode{kind, driver};
  }
  return FoundNode();
}

Result<const ArrayDriver*> DriverToCreate(const Place& place, const Context& context) {
  auto& table = context.Get<DriverTable>();
  if (place.driver.empty()) return &table.standard();
  return table.Find(place.driver);
}

Status DeleteAll(const Place& place) {
  return place.store->DeleteRange(KeyRange::Prefix(place.prefix)).Get();
}

Result<NodeKind> FindNode(std::string_view place_name, const Context& context) {
  return FindNode(place_name, OpenOptions{.context = context});
}

Result<NodeKind> FindNode(std::string_view place_name, const OpenOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, options.context));
  COFFER_ASSIGN_OR_RETURN(const FoundNode found, FindNodeAt(place, options));
  return found.kind;
}

Status DeleteNode(std::string_view place_name, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, context));
  COFFER_ASSIGN_OR_RETURN(const FoundNode found, FindNodeAt(place, {.context = context}));
  if (found.kind == NodeKind::kNone) {
    return NotFoundError(place.store->Describe(place.prefix) + ": no array or group is here");
  }
  const NodeWriteMark mark(context, *place.store, place.prefix, true);
  return DeleteAll(place);
}

Group::Group(const Place& place, const ArrayDriver& driver, std::string attributes,
             const OpenOptions& options)
    : store_(place.store),
      prefix_(place.prefix),
      driver_(&driver),
      attributes_(std::move(attributes)),
      options_(options) {}

Status CheckNoOtherFormat(const Place& place, const ArrayDriver& driver, const Context& context) {
  for (const ArrayDriver* other : context.Get<DriverTable>().drivers()) {
    if (other == &driver) continue;
    COFFER_ASSIGN_OR_RETURN(const NodeKind kind,
                            GuardedDriver(*other).Find(place.store, place.prefix));
    if (kind == NodeKind::kNone) continue;
    return AlreadyExistsError(place.store->Describe(place.prefix) + ": a node of format " +
                              std::string(other->name()) + " is already here");
  }
  return Status();
}

Result<Group> Group::Create(const Place& place, const GroupOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const ArrayDriver* driver, DriverToCreate(place, options.context));
  COFFER_RETURN_IF_ERROR(CheckNoOtherFormat(place, *driver, options.context));
  const NodeWriteMark mark(options.context, *place.store, place.prefix, options.delete_existing);
  COFFER_ASSIGN_OR_RETURN(StoredGroup stored,
                          GuardedDriver(*driver).CreateGroup(place.store, place.prefix, options));
  return Group(place, *driver, std::move(stored.attributes), {.context = options.context});
}

Result<Group> Group::Open(const Place& place, const OpenOptions& options) {
  const KvStorePtr view = ViewOfDocuments(place, options);
  for (const ArrayDriver* driver : options.context.Get<DriverTable>().drivers()) {
    if (!place.driver.empty() && driver->name() != place.driver) continue;
    Result<StoredGroup> stored = GuardedDriver(*driver).OpenGroup(view, place.prefix);
    if (stored.status().code() == StatusCode::kNotFound) continue;
    COFFER_RETURN_IF_ERROR(stored);
    Group group(place, *driver, std::move(stored->attributes), options);
    if (options.consolidated == Consolidated::kNever) return group;
    COFFER_ASSIGN_OR_RETURN(group.snapshot_,
                            GuardedDriver(*driver).ReadSnapshot(view, place.prefix));
    if (group.snapshot_ == nullptr && options.consolidated == Consolidated::kMust) {
      return NotFoundError(group.url() + ": the group has no consolidated metadata");
    }
    return group;
  }
  return NotFoundError(place.store->Describe(place.prefix) + ": no group is here");
}

Result<Group> Group::Create(std::string_view place_name, const GroupOptions& options) {
  COFFER_RETURN_IF_ERROR(CheckNoArrayAbove(place_name, options.context));
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, options.context));
  return Create(place, options);
}

Result<Group> Group::Create(KvStorePtr store, std::string prefix, const GroupOptions& options) {
  return Create(Place{std::move(store), std::move(prefix), ""}, options);
}

Result<Group> Group::Open(std::string_view place_name, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, context));
  return Open(place, OpenOptions{.context = context});
}

Result<Group> Group::Open(KvStorePtr store, std::string prefix, const Context& context) {
  return Open(Place{std::move(store), std::move(prefix), ""}, OpenOptions{.context = context});
}

Result<Group> Group::Open(std::string_view place_name, const OpenOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, options.context));
  return Open(place, options);
}

Result<Group> Group::Open(KvStorePtr store, std::string prefix, const OpenOptions& options) {
  return Open(Place{std::move(store), std::move(prefix), ""}, options);
}

std::string Group::format() const { return std::string(driver_->name()); }

Result<const NodeSnapshot*> Group::FindInSnapshot(std::string_view name, NodeKind kind) const {
  const std::string where = store_->Describe(prefix_ + std::string(name));
  const auto found = snapshot_->nodes.find(name);
  if (found == snapshot_->nodes.end()) {
    return NotFoundError(where + ": not in the group's consolidated metadata");
  }
  if (found->second.kind == kind) return &found->second;
  return FailedPreconditionError(where + (kind == NodeKind::kArray
                                              ? ": here is a group, not an array"
                                              : ": here is an array, not a group"));
}

Result<Array> Group::OpenArray(std::string_view name) const {
  const std::string prefix = prefix_ + std::string(name) + "/";
  if (snapshot_ == nullptr) {
    return Array::Open(Place{store_, prefix, format()}, options_);
  }
  COFFER_ASSIGN_OR_RETURN(const NodeSnapshot* node, FindInSnapshot(name, NodeKind::kArray));
  COFFER_ASSIGN_OR_RETURN(StoredArrayPtr stored, GuardedDriver(*driver_).OpenSnapshot(
                                                     store_, prefix, *node, options_.context));
  return Array(std::move(stored), options_.context);
}

Result<Group> Group::OpenGroup(std::string_view name) const {
  const std::string prefix = prefix_ + std::string(name) + "/";
  if (snapshot_ == nullptr) {
    return Open(Place{store_, prefix, format()}, options_);
  }
  COFFER_ASSIGN_OR_RETURN(const NodeSnapshot* node, FindInSnapshot(name, NodeKind::kGroup));
  Group group(Place{store_, prefix, format()}, *driver_, node->attributes, options_);
  auto below = std::make_shared<GroupSnapshot>();
  const std::string start = std::string(name) + "/";
  for (auto entry = snapshot_->nodes.lower_bound(start);
       entry != snapshot_->nodes.end() && entry->first.starts_with(start); ++entry) {
    below->nodes.emplace(entry->first.substr(start.size()), entry->second);
  }
  group.snapshot_ = std::move(below);
  return group;
}

std::vector<NodeEntry> Group::ListSnapshot(bool recursive) const {
  std::vector<NodeEntry> nodes;
  for (const auto& [name, node] : snapshot_->nodes) {
    if (recursive || name.find('/') == std::string::npos) nodes.push_back({name, node.kind});
  }
  return nodes;
}

Result<std::vector<NodeEntry>> Group::List(bool recursive) const {
  if (snapshot_ != nullptr) return ListSnapshot(recursive);
  if (recursive) {
    COFFER_ASSIGN_OR_RETURN(GroupSurvey survey,
                            SurveyGroup(*driver_, store_, prefix_, {}, options_.context));
    return std::move(survey.nodes);
  }
  COFFER_ASSIGN_OR_RETURN(const FolderEntries below, ListFolder(*store_, prefix_));
  std::vector<NodeEntry> nodes;
  for (const std::string& prefix : below.folders) {
    const std::string name = prefix.substr(prefix_.size(), prefix.size() - prefix_.size() - 1);
    const GuardedDriver driver(*driver_);
    COFFER_ASSIGN_OR_RETURN(const bool is_name, driver.IsNodeName(store_, prefix_, name));
    if (!is_name) continue;
    COFFER_ASSIGN_OR_RETURN(const NodeKind kind, driver.Find(store_, prefix));
    if (kind != NodeKind::kNone) nodes.push_back({name, kind});
  }
  return nodes;
}

Result<StrayKeys> Group::FindStrays(size_t max) const {
  COFFER_ASSIGN_OR_RETURN(GroupSurvey survey, SurveyGroup(*driver_, store_, prefix_,
                                                          {.strays_max = max}, options_.context));
  for (std::string& key : survey.strays.keys) key = store_->Describe(key);
  return std::move(survey.strays);
}

Status Group::SetAttributes(std::string_view json) {
  const WriteMark mark(options_.context, *store_, prefix_);
  COFFER_ASSIGN_OR_RETURN(StoredGroup stored,
                          GuardedDriver(*driver_).UpdateGroup(store_, prefix_, json));
  attributes_ = std::move(stored.attributes);
  return Status();
}

}  // namespace coffer::inline v0
