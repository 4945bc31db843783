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

std::string JoinedName(const TreePath& path) {
  std::string name;
  for (const TreePath::Step& step : path.steps()) {
    if (&step != &path.steps().front()) name += ".";
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

// Where a page of keys is all of one folder (a checkpoint may have millions), the rest of that
// folder is left out by listing what is on either side of it: the order of a list is the store's
// own.
Result<std::set<std::string>> FoldersBelow(KvStore& store, const std::string& prefix) {
  std::set<std::string> names;
  std::vector<KeyRange> ranges = {KeyRange::Prefix(prefix)};
  while (!ranges.empty()) {
    KeyRange range = std::move(ranges.back());
    ranges.pop_back();
    COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvListing> listing, store.List({.range = range}));
    for (;;) {
      COFFER_ASSIGN_OR_RETURN(std::vector<ListEntry> page, listing->Next().Get());
      if (page.empty()) break;
      std::set<std::string> folders;
      bool all_in_folders = true;
      for (const ListEntry& entry : page) {
        size_t slash = entry.key.find('/', prefix.size());
        all_in_folders = all_in_folders && slash != std::string::npos;
        if (slash != std::string::npos) folders.insert(entry.key.substr(0, slash));
      }
      for (const std::string& folder : folders) names.insert(folder.substr(prefix.size()));
      if (!all_in_folders || folders.size() > 1) continue;
      KeyRange folder = KeyRange::Prefix(*folders.begin() + "/");
      if (range.begin < folder.begin) ranges.push_back({range.begin, folder.begin});
      if (range.end.empty() || folder.end < range.end) ranges.push_back({folder.end, range.end});
      break;
    }
  }
  return names;
}

namespace {

// Whether a checkpoint is there, be it a damaged one: whoever reads it says what is wrong.
Result<bool> HasCheckpoint(std::string_view place, const Context& context) {
  Result<bool> there = checkpoint::IsCheckpoint(place, context);
  if (there.status().code() == StatusCode::kDataLoss) return true;
  return there;
}

// Names that are integers, in the integers' order.
Result<std::vector<std::pair<int64_t, std::string>>> StepNamesBelow(std::string_view place,
                                                                    const Context& context) {
  COFFER_ASSIGN_OR_RETURN(Place opened, OpenPlace(place, context));
  COFFER_ASSIGN_OR_RETURN(std::set<std::string> names, FoldersBelow(*opened.store, opened.prefix));
  std::vector<std::pair<int64_t, std::string>> steps;
  for (const std::string& name : names) {
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
    COFFER_ASSIGN_OR_RETURN(std::string child, ChildPlace(place, name));
    COFFER_ASSIGN_OR_RETURN(bool is_checkpoint, HasCheckpoint(child, context));
    if (is_checkpoint) steps.emplace_back(step, child);
  }
  return steps;
}

Result<std::string> FindCheckpoint(const std::string& place, std::optional<int64_t> step,
                                   const Context& context) {
  std::string first = place;
  if (step) {
    COFFER_ASSIGN_OR_RETURN(first, ChildPlace(place, std::to_string(*step)));
  }
  COFFER_ASSIGN_OR_RETURN(bool is_there, HasCheckpoint(first, context));
  if (is_there) return first;
  COFFER_ASSIGN_OR_RETURN(auto names, StepNamesBelow(place, context));
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (step && name->first != *step) continue;
    COFFER_ASSIGN_OR_RETURN(std::string child, ChildPlace(place, name->second));
    COFFER_ASSIGN_OR_RETURN(bool is_checkpoint, HasCheckpoint(child, context));
    if (is_checkpoint) return child;
  }
  if (step) return NotFoundError(place + ": no checkpoint of step " + std::to_string(*step));
  return NotFoundError(place + ": no complete checkpoint is there, nor one of a step below it");
}

}  // namespace coffer::inline v0::tool
