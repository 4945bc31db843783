// coffer ls URL: the nodes of a group or checkpoint, or the keys below any other place.
#include <algorithm>
#include <memory>
#include <span>

#include "coffer/checkpoint/checkpoint.h"
#include "src/array/findings.h"
#include "src/array/node.h"
#include "src/base/shown.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

struct Arguments {
  std::string url;
  bool details = false;
  bool recursive = false;
};

// One line of the listing, and its JSON.
struct Entry {
  std::string name;
  std::string kind;     // "array", "group", "checkpoint", "key", "prefix", "leaf".
  Json shape = Json();  // Arrays.
  std::string data_type;
  int64_t size = -1;       // Stored bytes; -1 if not known, or not asked for.
  std::string error = {};  // Why nothing is known of it.
  bool damaged = false;    // Else it is not supported.
};

void Show(Session& session, const Arguments& arguments, const std::vector<Entry>& entries) {
  Table table("lrlll");
  for (const Entry& entry : entries) {
    if (session.options().json) {
      Json line{Json::Object{{"name", entry.name}, {"kind", entry.kind}}};
      if (!entry.shape.is_null()) {
        line.Set("shape", entry.shape);
        line.Set("data_type", entry.data_type);
      }
      if (entry.size >= 0) line.Set("stored_bytes", entry.size);
      if (!entry.error.empty()) line.Set("error", entry.error);
      session.PrintJson(line);
      continue;
    }
    bool folder = entry.kind == "group" || entry.kind == "prefix" || entry.kind == "checkpoint";
    std::string name = Printable(entry.name) + (folder ? "/" : "");
    if (!arguments.details) {
      session.Print(name + "\n");
    } else {
      std::string shape = entry.shape.is_null() ? "" : entry.shape.Dump();
      table.Add({entry.damaged             ? "damaged"
                 : !entry.error.empty()    ? "unsupported"
                 : entry.data_type.empty() ? entry.kind
                                           : entry.data_type,
                 entry.size >= 0 ? FormatBytes(entry.size) : "", shape, name,
                 Printable(entry.error)});
    }
  }
  if (arguments.details) session.Print(table.ToString());
}

// What `ls -l` says of an array; one that cannot be read hides no other.
Status Describe(const OpenGroup& group, Entry& entry) {
  const Result<Array> array = group.OpenArray(entry.name);
  if (!array.ok()) {
    if (!IsUnreadable(array.status())) return array.status();
    entry.error = array.status().ToString();
    entry.damaged = IsDamage(array.status());
    return Status();
  }
  entry.shape = ToJson(array->shape());
  entry.data_type = array->data_type().name();
  if (!group.group.store()->capabilities().listable) return Status();
  COFFER_ASSIGN_OR_RETURN(const StoredChunks stored, array->CountStored());
  entry.size = stored.bytes;
  return Status();
}

// Nodes, and what is none of the group's format but stands there all the same, each as one.
Result<std::vector<Entry>> NodesOf(const OpenGroup& group, bool recursive) {
  std::vector<NodeEntry> nodes;
  std::vector<std::string> others;
  if (recursive) {
    COFFER_ASSIGN_OR_RETURN(GroupSurvey survey, group.Survey(0));
    nodes = std::move(survey.nodes);
    others = std::move(survey.others);
  } else {
    COFFER_ASSIGN_OR_RETURN(nodes, group.group.List());
    COFFER_ASSIGN_OR_RETURN(others, group.CheckpointsDirectlyBelow(nodes));
  }
  std::vector<Entry> entries;
  for (const NodeEntry& node : nodes) {
    entries.push_back({.name = node.name,
                       .kind = node.kind == NodeKind::kArray ? "array" : "group",
                       .data_type = {}});
  }
  for (const std::string& prefix : others) {
    COFFER_ASSIGN_OR_RETURN(const FoundNode node, FindNodeAt({group.group.store(), prefix, ""},
                                                             {.context = group.context}));
    entries.push_back({.name = FolderName(group.group.prefix(), prefix),
                       .kind = node.kind == NodeKind::kArray   ? "array"
                               : node.kind == NodeKind::kGroup ? "group"
                                                               : "checkpoint",
                       .data_type = {}});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

Result<std::vector<Entry>> GroupEntries(Session& session, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(OpenGroup opened, OpenGroupAt(arguments.url, session.context()));
  COFFER_ASSIGN_OR_RETURN(std::vector<Entry> entries, NodesOf(opened, arguments.recursive));
  if (!arguments.details) return entries;
  for (Entry& entry : entries) {
    if (entry.kind == "array") COFFER_RETURN_IF_ERROR(Describe(opened, entry));
  }
  return entries;
}

Result<std::vector<Entry>> CheckpointEntries(Session& session, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(checkpoint::CheckpointInfo info,
                          checkpoint::Info(arguments.url, arguments.details, session.context()));
  std::vector<Entry> entries;
  for (const checkpoint::LeafInfo& leaf : info.leaves) {
    Entry entry{.name = JoinedName(leaf.path), .kind = "leaf", .data_type = {}};
    if (leaf.kind == Tree::Kind::kArray) {
      entry.kind = "array";
      entry.shape = ToJson(leaf.shape);
      entry.data_type = leaf.data_type.name();
      if (arguments.details) entry.size = leaf.stored_bytes;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<int64_t> BytesBelow(KvStore& store, const std::string& prefix) {
  int64_t bytes = 0;
  auto add = [&](std::span<const ListEntry> page) {
    for (const ListEntry& entry : page) bytes += std::max<int64_t>(entry.size, 0);
    return Status();
  };
  COFFER_RETURN_IF_ERROR(ForEachPage(store, {.range = KeyRange::Prefix(prefix)}, add));
  return bytes;
}

Result<std::vector<Entry>> KeyEntries(Session& session, const Arguments& arguments) {
  COFFER_ASSIGN_OR_RETURN(Place place, OpenPlace(arguments.url, session.context()));
  FolderEntries below;
  if (arguments.recursive) {
    COFFER_ASSIGN_OR_RETURN(below.keys,
                            ListAll(*place.store, {.range = KeyRange::Prefix(place.prefix)}));
  } else {
    COFFER_ASSIGN_OR_RETURN(below, ListFolder(*place.store, place.prefix));
  }
  std::vector<Entry> entries;
  for (const ListEntry& key : below.keys) {
    entries.push_back({.name = key.key.substr(place.prefix.size()),
                       .kind = "key",
                       .data_type = {},
                       .size = key.size});
  }
  for (const std::string& folder : below.folders) {
    Entry entry{.name = FolderName(place.prefix, folder), .kind = "prefix", .data_type = {}};
    if (arguments.details) {
      COFFER_ASSIGN_OR_RETURN(entry.size, BytesBelow(*place.store, folder));
    }
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return NotFoundError(ShownPlace(arguments.url) + ": nothing is there");
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

}  // namespace

void AddLs(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command = line.Command(
      "ls", "List the nodes of a group or checkpoint, else the keys",
      [&session, arguments]() -> Result<int> {
        COFFER_ASSIGN_OR_RETURN(Kind kind, KindOf(arguments->url, session.context()));
        auto list = kind == Kind::kGroup        ? GroupEntries
                    : kind == Kind::kCheckpoint ? CheckpointEntries
                                                : KeyEntries;
        COFFER_ASSIGN_OR_RETURN(std::vector<Entry> entries, list(session, *arguments));
        Show(session, *arguments, entries);
        const int64_t damaged = std::count_if(entries.begin(), entries.end(),
                                              [](const Entry& entry) { return entry.damaged; });
        if (damaged == 0) return kDone;
        return DataLossError(ShownPlace(arguments->url) + ": " + FormatCount(damaged, "node") +
                             (damaged == 1 ? " is" : " are") + " damaged");
      });
  command.Text("URL", &arguments->url, "a group, a checkpoint or any place");
  command.Flag("-l,--long", &arguments->details, "also types, shapes and stored sizes");
  command.Flag("-r,--recursive", &arguments->recursive, "everything below");
}

}  // namespace coffer::inline v0::tool
