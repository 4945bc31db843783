// coffer attrs URL [KEY[=JSON]]...: shows or sets the attributes of an array or group.
#include <algorithm>
#include <memory>
#include <vector>

#include "src/base/shown.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

struct Arguments {
  std::string url;
  std::vector<std::string> entries;
  std::vector<std::string> removed;
};

Result<Json> ParseAttributes(const std::string& text) {
  return text.empty() ? Result<Json>(Json(Json::Object())) : Json::ParseNonFinite(text);
}

// Applies KEY=JSON and --delete; whether anything was to be changed.
Result<bool> Change(const Arguments& arguments, Json* attributes) {
  bool changed = false;
  for (const std::string& entry : arguments.entries) {
    size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    Result<Json> value = Json::ParseNonFinite(std::string_view(entry).substr(equals + 1));
    if (!value.ok()) {
      return value.status()
          .Annotate("value of \"" + entry.substr(0, equals) + "\"")
          .Annotate(ShownPlace(arguments.url));
    }
    attributes->Set(entry.substr(0, equals), *std::move(value));
    changed = true;
  }
  for (const std::string& key : arguments.removed) {
    if (std::erase_if(attributes->object(),
                      [&](const auto& member) { return member.first == key; }) == 0) {
      return NotFoundError(ShownPlace(arguments.url) + ": no attribute \"" + key + "\"");
    }
    changed = true;
  }
  return changed;
}

Status Show(Session& session, const Arguments& arguments, const Json& attributes) {
  bool asked = false;
  for (const std::string& key : arguments.entries) {
    if (key.find('=') != std::string::npos) continue;
    asked = true;
    const Json* value = attributes.Find(key);
    if (value == nullptr) {
      return NotFoundError(ShownPlace(arguments.url) + ": no attribute \"" + key + "\"");
    }
    session.PrintJson(*value);
  }
  if (!asked) session.Print(attributes.Dump(session.options().json ? -1 : 2) + "\n");
  return Status();
}

// `node` is an Array or a Group.
template <class Node>
Status Attrs(Session& session, const Arguments& arguments, Node node) {
  COFFER_ASSIGN_OR_RETURN(Json attributes, ParseAttributes(std::string(node.attributes())));
  COFFER_ASSIGN_OR_RETURN(bool changed, Change(arguments, &attributes));
  if (changed) return node.SetAttributes(attributes.Dump());
  return Show(session, arguments, attributes);
}

}  // namespace

void AddAttrs(const CommandLine& line) {
  Session& session = line.session();
  auto arguments = std::make_shared<Arguments>();
  CommandLine command = line.Command(
      "attrs", "Show or set attributes of an array or group",
      [&session, arguments]() -> Result<int> {
        COFFER_ASSIGN_OR_RETURN(NodeKind kind, FindNode(arguments->url, session.context()));
        if (kind == NodeKind::kGroup) {
          COFFER_ASSIGN_OR_RETURN(Group group, Group::Open(arguments->url, session.context()));
          COFFER_RETURN_IF_ERROR(Attrs(session, *arguments, std::move(group)));
        } else {
          COFFER_ASSIGN_OR_RETURN(Array array,
                                  Array::Open(arguments->url, {.context = session.context()}));
          COFFER_RETURN_IF_ERROR(Attrs(session, *arguments, std::move(array)));
        }
        return kDone;
      });
  command.Text("URL", &arguments->url, "an array or a group");
  command.Texts("KEY[=JSON]", &arguments->entries, "show one attribute, or set it");
  command.Texts("--delete", &arguments->removed, "remove an attribute");
}

}  // namespace coffer::inline v0::tool
