#include "tools/coffer/nodes.h"

#include <algorithm>
#include <charconv>

#include "coffer/checkpoint/checkpoint.h"
#include "src/array/node.h"
#include "src/base/shown.h"
#include "src/checkpoint/place.h"
#include "src/checkpoint/unfinished.h"
#include "tools/coffer/command_line.h"

namespace coffer::inline v0::tool {

std::string_view KindName(Kind kind) {
  switch (kind) {
    case Kind::kArray:
      return "array";
    case Kind::kGroup:
      return "group";
    case Kind::kCheckpoint:
      return "checkpoint";
    case Kind::kNothing:
      break;
  }
  return "nothing";
}

Result<Kind> KindOf(std::string_view place, const Context& context) {
  // A checkpoint's arrays stand in groups, so it is looked for first.
  if (MayNameCheckpoint(place, context)) {
    COFFER_ASSIGN_OR_RETURN(bool is_checkpoint, checkpoint::IsCheckpoint(place, context));
    if (is_checkpoint) return Kind::kCheckpoint;
  }
  COFFER_ASSIGN_OR_RETURN(NodeKind node, FindNode(place, context));
  if (node == NodeKind::kArray) return Kind::kArray;
  return node == NodeKind::kGroup ? Kind::kGroup : Kind::kNothing;
}

Result<Kind> RequireKind(std::string_view place, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(Kind kind, KindOf(place, context));
  if (kind != Kind::kNothing) return kind;
  return NotFoundError(ShownPlace(place) + ": no array, group or checkpoint is there");
}

std::string OpenGroup::PrefixOf(const std::string& name) const {
  return group.prefix() + (name.empty() ? "" : name + "/");
}

Result<Array> OpenGroup::OpenArray(const std::string& name) const { return group.OpenArray(name); }

Result<std::vector<NodeEntry>> OpenGroup::NodesBelow() const {
  COFFER_ASSIGN_OR_RETURN(GroupSurvey survey, Survey(0));
  return std::move(survey.nodes);
}

Result<GroupSurvey> OpenGroup::Survey(size_t strays_max) const {
  if (group.consolidated()) {
    GroupSurvey survey;
    COFFER_ASSIGN_OR_RETURN(survey.nodes, group.List(true));
    return survey;
  }
  COFFER_ASSIGN_OR_RETURN(
      const FoundNode found,
      FindNodeAt({group.store(), group.prefix(), group.format()}, {.context = context}));
  if (found.driver == nullptr) return NotFoundError(group.url() + ": no group is here any more");
  return SurveyGroup(*found.driver, group.store(), group.prefix(),
                     {.probe = CheckpointProbe(group.store()), .strays_max = strays_max}, context);
}

Result<std::vector<std::string>> OpenGroup::CheckpointsDirectlyBelow(
    const std::vector<NodeEntry>& nodes) const {
  if (group.consolidated()) return std::vector<std::string>();
  COFFER_ASSIGN_OR_RETURN(const FolderEntries below, ListFolder(*group.store(), group.prefix()));
  const PlaceProbe probe = CheckpointProbe(group.store());
  std::vector<std::string> checkpoints;
  for (const std::string& folder : below.folders) {
    const std::string name = FolderName(group.prefix(), folder);
    if (std::any_of(nodes.begin(), nodes.end(),
                    [&](const NodeEntry& node) { return node.name == name; })) {
      continue;
    }
    COFFER_ASSIGN_OR_RETURN(const PlaceKind there, probe(folder));
    if (there == PlaceKind::kWhole) checkpoints.push_back(folder);
  }
  return checkpoints;
}

Result<OpenGroup> OpenGroupAt(std::string_view place, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Place opened, OpenPlace(place, context));
  const bool lists = opened.store->capabilities().listable;
  COFFER_ASSIGN_OR_RETURN(
      Group group,
      Group::Open(opened, {.context = context,
                           .consolidated = lists ? Consolidated::kNever : Consolidated::kAuto}));
  return OpenGroup{std::move(group), context};
}

std::string JoinedName(const TreePath& path) {
  std::string name;
  for (const TreePath::Step& step : path.steps()) {
    if (&step != &path.steps().front()) name += ".";
    name += std::holds_alternative<std::string>(step) ? std::get<std::string>(step)
                                                      : std::to_string(std::get<int64_t>(step));
  }
  return name;
}

Result<std::string> ChildPlace(std::string_view place, std::string_view name,
                               const Context& context) {
  if (!MayNameCheckpoint(place, context)) {
    return InvalidArgumentError(ShownPlace(place) +
                                ": a step can only be named below a place in a store");
  }
  const auto below = [&](std::string path) {
    if (!path.empty() && !path.ends_with('/')) path += '/';
    return path.append(name);
  };
  if (place.starts_with('{')) {
    COFFER_ASSIGN_OR_RETURN(Json spec, Json::Parse(place));
    const Json* const path = spec.Find("path");
    std::string whole;
    if (path != nullptr) {
      COFFER_ASSIGN_OR_RETURN(whole, path->AsString("$.path"));
    }
    spec.Set("path", Json(below(std::move(whole))));
    return spec.Dump();
  }
  const size_t bar = place.rfind('|');
  if (bar == std::string_view::npos) return below(std::string(place));
  const size_t colon = place.find(':', bar);
  if (colon == std::string_view::npos) return std::string(place) + ":" + std::string(name);
  return std::string(place.substr(0, colon + 1)) + below(std::string(place.substr(colon + 1)));
}

std::string FolderName(const std::string& prefix, const std::string& folder) {
  return folder.substr(prefix.size(), folder.size() - prefix.size() - 1);
}

Result<std::optional<int64_t>> ParseStep(const std::string& text) {
  COFFER_ASSIGN_OR_RETURN(int64_t step, CommandLine::ParseInteger(text, 0));
  return std::optional(step);
}

namespace {

// Whether a checkpoint is there, be it a damaged one: whoever reads it says what is wrong.
Result<bool> HasCheckpoint(std::string_view place, const Context& context) {
  Result<bool> there = checkpoint::IsCheckpoint(place, context);
  if (IsUnreadableMarker(there.status())) return true;
  return there;
}

// Names that are integers, in the integers' order.
Result<std::vector<std::pair<int64_t, std::string>>> StepNamesBelow(std::string_view place,
                                                                    const Context& context) {
  COFFER_ASSIGN_OR_RETURN(Place opened, OpenPlace(place, context));
  COFFER_ASSIGN_OR_RETURN(FolderEntries below, ListFolder(*opened.store, opened.prefix));
  std::vector<std::pair<int64_t, std::string>> steps;
  for (const std::string& folder : below.folders) {
    std::string name = FolderName(opened.prefix, folder);
    int64_t step = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
    if (error == std::errc() && end == name.data() + name.size()) steps.emplace_back(step, name);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

}  // namespace

Result<std::vector<std::pair<int64_t, std::string>>> StepsBelow(std::string_view place,
                                                                const Context& context) {
  COFFER_ASSIGN_OR_RETURN(auto names, StepNamesBelow(place, context));
  std::vector<std::pair<int64_t, std::string>> steps;
  for (const auto& [step, name] : names) {
    COFFER_ASSIGN_OR_RETURN(std::string child, ChildPlace(place, name, context));
    COFFER_ASSIGN_OR_RETURN(bool is_checkpoint, HasCheckpoint(child, context));
    if (is_checkpoint) steps.emplace_back(step, child);
  }
  return steps;
}

Result<std::string> FindCheckpoint(const std::string& place, std::optional<int64_t> step,
                                   const Context& context) {
  std::string first = place;
  if (step) {
    COFFER_ASSIGN_OR_RETURN(first, ChildPlace(place, std::to_string(*step), context));
  }
  COFFER_ASSIGN_OR_RETURN(bool is_there, HasCheckpoint(first, context));
  if (is_there) return first;
  COFFER_ASSIGN_OR_RETURN(const Place opened, OpenPlace(place, context));
  if (!opened.store->capabilities().listable) {
    return NotFoundError(ShownPlace(first) + ": no complete checkpoint is there" +
                         (step ? "" : ", and the store cannot list the steps below it (--step)"));
  }
  COFFER_ASSIGN_OR_RETURN(auto names, StepNamesBelow(place, context));
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (step && name->first != *step) continue;
    COFFER_ASSIGN_OR_RETURN(std::string child, ChildPlace(place, name->second, context));
    COFFER_ASSIGN_OR_RETURN(bool is_checkpoint, HasCheckpoint(child, context));
    if (is_checkpoint) return child;
  }
  if (step)
    return NotFoundError(ShownPlace(place) + ": no checkpoint of step " + std::to_string(*step));
  return NotFoundError(ShownPlace(place) +
                       ": no complete checkpoint is there, nor one of a step below it");
}

}  // namespace coffer::inline v0::tool
