// Whatever stands at a place is checked:
//
//  1. A checkpoint is looked for first (its arrays are nodes of their own), then a node; then what
//     unfinished saves of a checkpoint left.
//  2. A group is surveyed by one listing (where there is none, its consolidated metadata names the
//     nodes, and nothing else is known): its nodes, the checkpoints below it, what unfinished
//     saves left. Each of these is then dealt with once, by its own means; a node that cannot be
//     opened is one finding. Keys of nobody are dealt with page by page.
//  3. What dead writers left is looked for once, below the whole place.
#include <utility>

#include "coffer/array/group.h"
#include "coffer/checkpoint/checkpoint.h"
#include "src/array/findings.h"
#include "src/array/guarded_driver.h"
#include "src/array/node.h"
#include "src/array/survey.h"
#include "src/base/shown.h"
#include "src/checkpoint/check.h"
#include "src/checkpoint/unfinished.h"

namespace coffer::inline v0 {
namespace {

/// Tells of a node that cannot be opened; the error itself if it is the store's.
Status TellUnreadable(const Place& place, const Status& opened, std::string_view why_left,
                      Checker& checker) {
  if (!IsUnreadable(opened)) return opened;
  return checker.Tell(UnreadableNode(place.store->Describe(place.prefix), opened), why_left);
}

Status CheckArray(const Place& place, bool debris, const Context& context, Checker& checker) {
  const Result<Array> array = Array::Open(place, {.context = context});
  if (!array.ok()) return TellUnreadable(place, array.status(), kLost, checker);
  return checker.OneArray(*array, {.probe = CheckpointProbe(place.store), .debris = debris}, "");
}

Status CheckGroupDocuments(const Place& place, const ArrayDriver& driver, Checker& checker) {
  const GuardedDriver guarded(driver);
  const Status opened = guarded.OpenGroup(place.store, place.prefix).status();
  if (!opened.ok()) return TellUnreadable(place, opened, kLost, checker);
  const Status snapshot = guarded.ReadSnapshot(place.store, place.prefix).status();
  if (snapshot.ok()) return Status();
  return TellUnreadable(place, snapshot, "consolidate the metadata of the group anew", checker);
}

Status CheckOther(const KvStorePtr& store, const std::string& prefix, const Context& context,
                  Checker& checker);

/// How checking one of a group's places ended. What is wrong with it, or done to it by others, is
/// one finding, and no obstacle to the rest; one that is gone by now is none.
Status EndOfOne(const Status& status, const KvStore& store, const std::string& prefix,
                Checker& checker) {
  switch (status.code()) {
    case StatusCode::kNotFound:
      return Status();
    case StatusCode::kAborted:
    case StatusCode::kFailedPrecondition:
    case StatusCode::kDataLoss:
    case StatusCode::kInvalidArgument:
    case StatusCode::kOutOfRange:
    case StatusCode::kPermissionDenied:
    case StatusCode::kUnimplemented:
      return checker.Tell(UnreadableNode(store.Describe(prefix), status),
                          "an error ended this one; begin anew with it alone");
    default:
      return status;
  }
}

Status CheckNodes(const Place& place, const ArrayDriver& driver,
                  const std::vector<NodeEntry>& nodes, const Context& context, Checker& checker) {
  for (const NodeEntry& node : nodes) {
    const Place below{place.store, place.prefix + node.name + "/", std::string(driver.name())};
    const Status ended = node.kind == NodeKind::kArray
                             ? CheckArray(below, false, context, checker)
                             : CheckGroupDocuments(below, driver, checker);
    COFFER_RETURN_IF_ERROR(EndOfOne(ended, *place.store, below.prefix, checker));
  }
  return Status();
}

/// Of a group whose store cannot list: what its consolidated metadata names.
Status CheckNamedNodes(const Place& place, const ArrayDriver& driver, const Context& context,
                       Checker& checker) {
  COFFER_ASSIGN_OR_RETURN(
      const Group group,
      Group::Open(place, {.context = context, .consolidated = Consolidated::kAuto}));
  COFFER_ASSIGN_OR_RETURN(const std::vector<NodeEntry> nodes, group.List(true));
  return CheckNodes(place, driver, nodes, context, checker);
}

/// All but debris.
Status CheckGroup(const Place& place, const ArrayDriver& driver, const Context& context,
                  Checker& checker) {
  COFFER_RETURN_IF_ERROR(CheckGroupDocuments(place, driver, checker));
  if (!place.store->capabilities().listable && checker.GoesOnUnlisted()) {
    return CheckNamedNodes(place, driver, context, checker);
  }
  SurveyOptions options;
  options.probe = CheckpointProbe(place.store);
  options.skip_denied = true;
  options.on_strays = [&](const std::vector<std::string>& keys) {
    const auto judge = [&](const std::vector<std::string>& judged) {
      return JudgeStrays(driver, place.store, place.prefix, options.probe, judged, context);
    };
    return checker.Foreign(*place.store, keys, "orphan: of no array or group", judge);
  };
  COFFER_ASSIGN_OR_RETURN(const GroupSurvey survey,
                          SurveyGroup(driver, place.store, place.prefix, options, context));
  for (const auto& [prefix, error] : survey.denied) {
    COFFER_RETURN_IF_ERROR(EndOfOne(error, *place.store, prefix, checker));
  }
  for (const auto& [prefix, keys] : survey.unfinished) {
    COFFER_RETURN_IF_ERROR(
        EndOfOne(checker.Unfinished(place.store, prefix, keys, ""), *place.store, prefix, checker));
  }
  COFFER_RETURN_IF_ERROR(CheckNodes(place, driver, survey.nodes, context, checker));
  for (const std::string& prefix : survey.others) {
    const Status ended = CheckOther(place.store, prefix, context, checker);
    COFFER_RETURN_IF_ERROR(EndOfOne(ended, *place.store, prefix, checker));
  }
  return Status();
}

/// A checkpoint below a group, whose neighbours the group's survey sees, or a node of another
/// format.
Status CheckOther(const KvStorePtr& store, const std::string& prefix, const Context& context,
                  Checker& checker) {
  const Place below{store, prefix, ""};
  COFFER_ASSIGN_OR_RETURN(const FoundNode found, FindNodeAt(below, {.context = context}));
  if (found.kind == NodeKind::kArray) return CheckArray(below, false, context, checker);
  if (found.kind == NodeKind::kGroup) return CheckGroup(below, *found.driver, context, checker);
  return CheckCheckpoint({store, prefix}, {store, ""}, context, checker);
}

}  // namespace

Status CheckPlace(std::string_view name, const Context& context, Checker& checker) {
  const bool names_checkpoints = MayNameCheckpoint(name, context);
  if (names_checkpoints) {
    const Result<bool> there = checkpoint::IsCheckpoint(name, context);
    const bool unreadable = IsUnreadableMarker(there.status());
    // No value has the marker's name, but something: a group may be around it.
    const bool is_no_value = there.status().code() == StatusCode::kFailedPrecondition;
    if (!unreadable && !is_no_value) COFFER_RETURN_IF_ERROR(there);
    if (unreadable || (there.ok() && *there)) return CheckCheckpoint(name, context, checker);
  }
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(name, context));
  COFFER_ASSIGN_OR_RETURN(const FoundNode found, FindNodeAt(place, {.context = context}));
  checker.Begin(place.store, place.prefix);
  if (found.kind == NodeKind::kArray) return CheckArray(place, true, context, checker);
  if (found.kind == NodeKind::kGroup) {
    // First, since a repair takes over the locks of the dead.
    COFFER_RETURN_IF_ERROR(checker.Debris(*place.store, place.prefix));
    return CheckGroup(place, *found.driver, context, checker);
  }
  if (names_checkpoints) {
    const Status unfinished = CheckCheckpoint(name, context, checker);
    if (unfinished.code() != StatusCode::kNotFound) return unfinished;
  }
  return NotFoundError(ShownPlace(name) + ": no array, group or checkpoint is there");
}

}  // namespace coffer::inline v0
