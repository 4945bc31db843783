// coffer rm URL: deletes an array below which nothing else is, or with -r whatever is below a
// place.
#include <filesystem>
#include <memory>
#include <system_error>

#include "src/array/findings.h"
#include "src/array/inspect.h"
#include "src/base/shown.h"
#include "src/checkpoint/document.h"
#include "tools/coffer/commands/commands.h"
#include "tools/coffer/nodes.h"
#include "tools/coffer/text.h"

namespace coffer::inline v0::tool {
namespace {

// Everything below a place, node or not. A checkpoint loses its commit marker first, so that no
// reader takes what is left for one.
Status RemoveAll(const Place& place) {
  COFFER_RETURN_IF_ERROR(
      place.store->Write(place.prefix + std::string(kMarkerName), std::nullopt).Get().status());
  return place.store->DeleteRange(KeyRange::Prefix(place.prefix)).Get();
}

Result<bool> HasKeys(const Place& place) {
  COFFER_ASSIGN_OR_RETURN(
      std::unique_ptr<KvListing> listing,
      place.store->List({.range = KeyRange::Prefix(place.prefix), .page_size = 1}));
  COFFER_ASSIGN_OR_RETURN(std::vector<ListEntry> page, listing->Next().Get());
  return !page.empty();
}

// A link leads to what somebody else may own, so it is not followed to be emptied.
Status RefuseLink(const std::string& url) {
  std::string path = url.starts_with("file://") ? url.substr(7) : url;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  std::error_code none;
  if (!std::filesystem::is_symlink(path, none)) return Status();
  return FailedPreconditionError(ShownPlace(url) +
                                 ": a symbolic link; name what it leads to, or delete it by rm");
}

// Deleting an array deletes whatever is below its prefix.
Status RefuseStrangers(const std::string& url, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(url, context));
  if (!place.store->capabilities().writable) return Status();  // Deleting says so.
  const Result<Array> array = Array::Open(place, {.context = context});
  if (!array.ok() && !IsUnreadable(array.status())) return array.status();
  COFFER_ASSIGN_OR_RETURN(const std::string stranger,
                          FirstStranger(place, array.ok() ? &*array : nullptr, context));
  if (stranger.empty()) return Status();
  std::string why = ShownPlace(url) + ": " + place.store->Describe(stranger);
  why += array.ok() ? " is not the array's own"
                    : " may not be the array's own, whose metadata cannot be read (" +
                          array.status().ToString() + ")";
  return FailedPreconditionError(why + "; -r deletes everything below");
}

Status Remove(Session& session, const std::string& url, bool recursive) {
  COFFER_RETURN_IF_ERROR(RefuseLink(url));
  Result<Kind> kind = KindOf(url, session.context());
  // Only a commit marker is looked into here: a damaged checkpoint can be deleted, too.
  if (kind.status().code() == StatusCode::kDataLoss) kind = Kind::kCheckpoint;
  COFFER_RETURN_IF_ERROR(kind.status());
  if (*kind == Kind::kArray) {
    if (!recursive) COFFER_RETURN_IF_ERROR(RefuseStrangers(url, session.context()));
    return DeleteNode(url, session.context());
  }
  COFFER_ASSIGN_OR_RETURN(Place place, OpenPlace(url, session.context()));
  if (*kind == Kind::kNothing) {
    COFFER_ASSIGN_OR_RETURN(bool has_keys, HasKeys(place));
    if (!has_keys) return NotFoundError(ShownPlace(url) + ": nothing is there");
  }
  if (recursive) return RemoveAll(place);
  return FailedPreconditionError(
      ShownPlace(url) + ": " +
      (*kind == Kind::kNothing ? "no node" : "a " + std::string(KindName(*kind))) +
      "; -r deletes it with everything below");
}

}  // namespace

void AddRm(const CommandLine& line) {
  Session& session = line.session();
  auto url = std::make_shared<std::string>();
  auto recursive = std::make_shared<bool>(false);
  CommandLine command = line.Command("rm", "Delete an array, or with -r a group or checkpoint",
                                     [&session, url, recursive]() -> Result<int> {
                                       COFFER_RETURN_IF_ERROR(Remove(session, *url, *recursive));
                                       return kDone;
                                     });
  command.Text("URL", url.get(), "what to delete");
  command.Flag("-r,--recursive", recursive.get(),
               "whatever is below: groups, checkpoints, what is left of them");
}

}  // namespace coffer::inline v0::tool
