#include "tools/coffer/nodes.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "coffer/checkpoint/checkpoint.h"
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
  // A checkpoint's arrays stand in groups, so it is looked for first. Specs and places with an
  // adapter name nodes.
  if (place.find('|') == std::string_view::npos && !place.starts_with('{')) {
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
  return NotFoundError(std::string(place) + ": no array, group or checkpoint is there");
}

std::string OpenGroup::PrefixOf(const std::string& name) const {
  return group.prefix() + (name.empty() ? "" : name + "/");
}

Result<Array> OpenGroup::OpenArray(const std::string& name) const {
  return Array::Open(group.store(), PrefixOf(name), {.context = context});
}

Result<OpenGroup> OpenGroupAt(std::string_view place, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(Group group, Group::Open(place, context));
  return OpenGroup{std::move(group), context};
}

Result<std::vector<std::pair<std::string, Array>>> ArraysAt(std::string_view place,
                                                            const Context& context) {
  COFFER_ASSIGN_OR_RETURN(Kind kind, RequireKind(place, context));
  std::vector<std::pair<std::string, Array>> arrays;
  if (kind == Kind::kArray) {
    COFFER_ASSIGN_OR_RETURN(Array array, Array::Open(place, {.context = context}));
    arrays.emplace_back("", std::move(array));
    return arrays;
  }
  if (kind == Kind::kCheckpoint) {
    return FailedPreconditionError(std::string(place) + ": a checkpoint, not an array or a group");
  }
  COFFER_ASSIGN_OR_RETURN(OpenGroup opened, OpenGroupAt(place, context));
  COFFER_ASSIGN_OR_RETURN(std::vector<NodeEntry> nodes, opened.group.List(true));
  for (const NodeEntry& node : nodes) {
    if (node.kind != NodeKind::kArray) continue;
    COFFER_ASSIGN_OR_RETURN(Array array, opened.OpenArray(node.name));
    arrays.emplace_back(node.name, std::move(array));
  }
  return arrays;
}

std::string JoinedName(const TreePath& path) {
  std::string name;
  for (const TreePath::Step& step : path.steps()) {
    if (!name.empty()) name += ".";
    name += std::holds_alternative<std::string>(step) ? std::get<std::string>(step)
                                                      : std::to_string(std::get<int64_t>(step));
  }
  return name;
}

Result<std::string> ChildPlace(std::string_view place, std::string_view name) {
  if (place.starts_with('{') || place.find('|') != std::string_view::npos) {
    return InvalidArgumentError(std::string(place) +
                                ": a step can only be named below a path or a plain URL");
  }
  std::string child(place);
  if (!child.ends_with('/')) child += '/';
  return child.append(name);
}

Result<std::optional<int64_t>> ParseStep(const std::string& text) {
  COFFER_ASSIGN_OR_RETURN(int64_t step, CommandLine::ParseInteger(text, 0));
  return std::optional(step);
}

Result<std::vector<std::pair<int64_t, std::string>>> StepsBelow(std::string_view place,
                                                                const Context& context) {
  COFFER_ASSIGN_OR_RETURN(Place opened, OpenPlace(place, context));
  COFFER_ASSIGN_OR_RETURN(std::vector<ListEntry> entries,
                          ListAll(*opened.store, {.range = KeyRange::Prefix(opened.prefix)}));
  std::set<std::pair<int64_t, std::string>> candidates;
  for (const ListEntry& entry : entries) {
    std::string_view rest = std::string_view(entry.key).substr(opened.prefix.size());
    std::string_view name = rest.substr(0, rest.find('/'));
    int64_t step = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), step);
    bool is_step = error == std::errc() && end == name.data() + name.size();
    if (is_step && name.size() < rest.size()) candidates.emplace(step, name);
  }
  std::vector<std::pair<int64_t, std::string>> steps;
  for (const auto& [step, name] : candidates) {
    COFFER_ASSIGN_OR_RETURN(std::string child, ChildPlace(place, name));
    COFFER_ASSIGN_OR_RETURN(bool is_checkpoint, checkpoint::IsCheckpoint(child, context));
    if (is_checkpoint) steps.emplace_back(step, child);
  }
  return steps;
}

Result<std::string> FindCheckpoint(const std::string& place, std::optional<int64_t> step,
                                   const Context& context) {
  if (!step) {
    COFFER_ASSIGN_OR_RETURN(bool is_checkpoint, checkpoint::IsCheckpoint(place, context));
    if (is_checkpoint) return place;
  }
  COFFER_ASSIGN_OR_RETURN(auto steps, StepsBelow(place, context));
  if (!step && !steps.empty()) return steps.back().second;
  for (const auto& [number, child] : steps) {
    if (number == step) return child;
  }
  if (step) return NotFoundError(place + ": no checkpoint of step " + std::to_string(*step));
  return NotFoundError(place + ": no complete checkpoint is there, nor one of a step below it");
}

}  // namespace coffer::inline v0::tool
