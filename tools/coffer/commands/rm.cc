// coffer rm URL: deletes an array, or with -r whatever is below a place.
#include <memory>

#include "tools/coffer/commands/commands.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

// A checkpoint loses its commit marker (of all keys directly below it) before its data, so that no
// reader takes what is left for one.
Status RemoveCheckpoint(Session& session, const std::string& url) {
  COFFER_ASSIGN_OR_RETURN(Place place, OpenPlace(url, session.context()));
  COFFER_ASSIGN_OR_RETURN(std::vector<ListEntry> keys,
                          ListAll(*place.store, {.range = KeyRange::Prefix(place.prefix)}));
  for (const ListEntry& entry : keys) {
    if (entry.key.find('/', place.prefix.size()) != std::string::npos) continue;
    COFFER_RETURN_IF_ERROR(place.store->Write(entry.key, std::nullopt).Get());
  }
  return place.store->DeleteRange(KeyRange::Prefix(place.prefix)).Get();
}

}  // namespace

void AddRm(const CommandLine& line) {
  Session& session = line.session();
  auto url = std::make_shared<std::string>();
  auto recursive = std::make_shared<bool>(false);
  CommandLine command = line.Command(
      "rm", "Delete an array, or with -r a group or checkpoint",
      [&session, url, recursive]() -> Result<int> {
        COFFER_ASSIGN_OR_RETURN(Kind kind, RequireKind(*url, session.context()));
        if (kind != Kind::kArray && !*recursive) {
          return FailedPreconditionError(*url + ": a " + std::string(KindName(kind)) +
                                         "; -r deletes it with everything below");
        }
        COFFER_RETURN_IF_ERROR(kind == Kind::kCheckpoint ? RemoveCheckpoint(session, *url)
                                                         : DeleteNode(*url, session.context()));
        return kDone;
      });
  command.Text("URL", url.get(), "what to delete");
  command.Flag("-r,--recursive", recursive.get(), "groups and checkpoints, too");
}

}  // namespace coffer::inline v0::tool
