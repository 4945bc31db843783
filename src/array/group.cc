#include "coffer/array/group.h"

#include <utility>

#include "src/array/node.h"
#include "src/array/survey.h"

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
  COFFER_RETURN_IF_ERROR(CheckNoArrayAbove(place_name, options.context));
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
  if (recursive) {
    COFFER_ASSIGN_OR_RETURN(GroupSurvey survey,
                            SurveyGroup(*driver_, store_, prefix_, 0, nullptr, context_));
    return std::move(survey.nodes);
  }
  COFFER_ASSIGN_OR_RETURN(const FolderEntries below, ListFolder(*store_, prefix_));
  std::vector<NodeEntry> nodes;
  for (const std::string& prefix : below.folders) {
    const std::string name = prefix.substr(prefix_.size(), prefix.size() - prefix_.size() - 1);
    if (!driver_->IsNodeName(name)) continue;
    COFFER_ASSIGN_OR_RETURN(const NodeKind kind, driver_->Find(store_, prefix));
    if (kind != NodeKind::kNone) nodes.push_back({name, kind});
  }
  return nodes;
}

Result<StrayKeys> Group::FindStrays(size_t max) const {
  COFFER_ASSIGN_OR_RETURN(GroupSurvey survey,
                          SurveyGroup(*driver_, store_, prefix_, max, nullptr, context_));
  for (std::string& key : survey.strays.keys) key = store_->Describe(key);
  return std::move(survey.strays);
}

Status Group::SetAttributes(std::string_view json) {
  COFFER_ASSIGN_OR_RETURN(StoredGroup stored, driver_->UpdateGroup(store_, prefix_, json));
  attributes_ = std::move(stored.attributes);
  return Status();
}

}  // namespace coffer::inline v0
