#include "coffer/array/group.h"

#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <utility>

#include "src/array/node.h"

namespace coffer::inline v0 {

Result<FoundNode> FindNodeAt(const Place& place, const Context& context) {
  auto& table = context.Get<DriverTable>();
  for (const ArrayDriver* driver : table.drivers()) {
    if (!place.driver.empty() && driver->name() != place.driver) continue;
    COFFER_ASSIGN_OR_RETURN(const NodeKind kind, driver->Find(place.store, place.prefix));
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
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, context));
  COFFER_ASSIGN_OR_RETURN(const FoundNode found, FindNodeAt(place, context));
  return found.kind;
}

Status DeleteNode(std::string_view place_name, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, context));
  COFFER_ASSIGN_OR_RETURN(const FoundNode found, FindNodeAt(place, context));
  if (found.kind == NodeKind::kNone) {
    return NotFoundError(place.store->Describe(place.prefix) + ": no array or group is here");
  }
  return DeleteAll(place);
}

Group::Group(const Place& place, const ArrayDriver& driver, std::string attributes, Context context)
    : store_(place.store),
      prefix_(place.prefix),
      driver_(&driver),
      attributes_(std::move(attributes)),
      context_(std::move(context)) {}

Result<Group> Group::CreateAt(const Place& place, const GroupOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const ArrayDriver* driver, DriverToCreate(place, options.context));
  COFFER_ASSIGN_OR_RETURN(StoredGroup stored,
                          driver->CreateGroup(place.store, place.prefix, options));
  return Group(place, *driver, std::move(stored.attributes), options.context);
}

Result<Group> Group::OpenAt(const Place& place, const Context& context) {
  for (const ArrayDriver* driver : context.Get<DriverTable>().drivers()) {
    if (!place.driver.empty() && driver->name() != place.driver) continue;
    Result<StoredGroup> stored = driver->OpenGroup(place.store, place.prefix);
    if (stored.ok()) return Group(place, *driver, std::move(stored->attributes), context);
    if (stored.status().code() != StatusCode::kNotFound) return stored.status();
  }
  return NotFoundError(place.store->Describe(place.prefix) + ": no group is here");
}

Result<Group> Group::Create(std::string_view place_name, const GroupOptions& options) {
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, options.context));
  return CreateAt(place, options);
}

Result<Group> Group::Create(KvStorePtr store, std::string prefix, const GroupOptions& options) {
  return CreateAt({std::move(store), std::move(prefix), ""}, options);
}

Result<Group> Group::Open(std::string_view place_name, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(place_name, context));
  return OpenAt(place, context);
}

Result<Group> Group::Open(KvStorePtr store, std::string prefix, const Context& context) {
  return OpenAt({std::move(store), std::move(prefix), ""}, context);
}

Result<std::vector<NodeEntry>> Group::List(bool recursive) const {
  std::vector<std::string> prefixes;
  if (recursive) {
    const auto add_nodes = [&](std::span<const ListEntry> page) {
      for (const ListEntry& entry : page) {
        std::optional<std::string> node = driver_->NodeOfKey(entry.key);
        if (node && node->size() > prefix_.size()) prefixes.push_back(*std::move(node));
      }
      return Status();
    };
    COFFER_RETURN_IF_ERROR(ForEachPage(*store_, {.range = KeyRange::Prefix(prefix_)}, add_nodes));
    std::sort(prefixes.begin(), prefixes.end());
  } else {
    COFFER_ASSIGN_OR_RETURN(FolderEntries below, ListFolder(*store_, prefix_));
    prefixes = std::move(below.folders);
  }
  std::vector<NodeEntry> nodes;
  for (const std::string& prefix : prefixes) {
    const std::string name = prefix.substr(prefix_.size(), prefix.size() - prefix_.size() - 1);
    if (!driver_->IsNodeName(name)) continue;
    COFFER_ASSIGN_OR_RETURN(const NodeKind kind, driver_->Find(store_, prefix));
    if (kind != NodeKind::kNone) nodes.push_back({name, kind});
  }
  return nodes;
}

Result<StrayKeys> Group::FindStrays(size_t max) const {
  // What a folder is, is looked up when a key in it shows: a node that others make meanwhile has
  // its document before its chunks.
  std::map<std::string, NodeKind, std::less<>> kinds = {{prefix_, NodeKind::kGroup}};
  const auto kind_of = [&](const std::string& folder) -> Result<NodeKind> {
    const auto known = kinds.find(folder);
    if (known != kinds.end()) return known->second;
    const std::string name = folder.substr(prefix_.size(), folder.size() - prefix_.size() - 1);
    NodeKind kind = NodeKind::kNone;
    if (driver_->IsNodeName(name)) {
      COFFER_ASSIGN_OR_RETURN(kind, driver_->Find(store_, folder));
    }
    kinds[folder] = kind;
    return kind;
  };
  const auto is_owned = [&](const std::string& key) -> Result<bool> {
    NodeKind kind = NodeKind::kGroup;
    for (size_t slash = key.find('/', prefix_.size()); slash != std::string::npos;
         slash = key.find('/', slash + 1)) {
      COFFER_ASSIGN_OR_RETURN(kind, kind_of(key.substr(0, slash + 1)));
      if (kind == NodeKind::kArray) return true;
    }
    return kind == NodeKind::kGroup && driver_->NodeOfKey(key).has_value();
  };
  StrayKeys strays;
  const auto look = [&](std::span<const ListEntry> page) -> Status {
    for (const ListEntry& entry : page) {
      COFFER_ASSIGN_OR_RETURN(const bool owned, is_owned(entry.key));
      if (owned) continue;
      ++strays.count;
      if (strays.keys.size() < max) strays.keys.push_back(store_->Describe(entry.key));
    }
    return Status();
  };
  COFFER_RETURN_IF_ERROR(ForEachPage(*store_, {.range = KeyRange::Prefix(prefix_)}, look));
  return strays;
}

Status Group::SetAttributes(std::string_view json) {
  COFFER_ASSIGN_OR_RETURN(StoredGroup stored, driver_->UpdateGroup(store_, prefix_, json));
  attributes_ = std::move(stored.attributes);
  return Status();
}

}  // namespace coffer::inline v0
