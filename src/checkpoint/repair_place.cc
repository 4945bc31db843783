// Whatever stands at a place is verified or repaired:
//
//  1. A checkpoint is looked for first (its arrays are nodes of their own), then a node.
//  2. A group is surveyed by one listing: its nodes, the checkpoints below it, the keys of nobody.
//     Each of these is then dealt with once, by its own means; a node that cannot be opened is one
//     finding.
//  3. What dead writers left is looked for once, below the whole place.
#include <optional>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "coffer/checkpoint/checkpoint.h"
#include "coffer/checkpoint/repair.h"
#include "src/array/array_caches.h"
#include "src/array/findings.h"
#include "src/array/guarded_driver.h"
#include "src/array/inspect.h"
#include "src/array/node.h"
#include "src/array/survey.h"
#include "src/checkpoint/check.h"
#include "src/checkpoint/orphans.h"

namespace coffer::inline v0 {
namespace {

using Outcome = RepairReport::Outcome;
constexpr std::string_view kForeignInGroup = "orphan: of no array or group";

/// What is done with each thing at a place.
class Checker {
 public:
  virtual ~Checker() = default;
  virtual Status Checkpoint(const CheckpointPlace& place, const CheckpointPlace& published) = 0;
  virtual Status OneArray(const Array& array, const ArrayCheckOptions& check) = 0;
  virtual Status Unreadable(VerifyReport::Finding finding) = 0;
  /// Keys of no node, of which some are named.
  virtual Status Strays(KvStore& store, const StrayKeys& strays) = 0;
  virtual size_t strays_max() const = 0;
  virtual Status Debris(KvStore& store, const std::string& prefix) = 0;
};

class VerifyChecker final : public Checker {
 public:
  VerifyChecker(const VerifyOptions& options, const Context& context)
      : options_(options), context_(context) {}

  Status Checkpoint(const CheckpointPlace& place, const CheckpointPlace& published) override {
    COFFER_ASSIGN_OR_RETURN(VerifyReport found,
                            VerifyCheckpoint(place, published, options_, context_));
    Merge(report, std::move(found));
    return Status();
  }
  Status OneArray(const Array& array, const ArrayCheckOptions& check) override {
    COFFER_ASSIGN_OR_RETURN(VerifyReport found, VerifyArrayWith(array, options_, check));
    Merge(report, std::move(found));
    return Status();
  }
  Status Unreadable(VerifyReport::Finding finding) override {
    AddFinding(report, std::move(finding));
    return Status();
  }
  Status Strays(KvStore& store, const StrayKeys& strays) override {
    for (const std::string& key : strays.keys) {
      AddFinding(report,
                 {FindingKind::kForeign, store.Describe(key), std::string(kForeignInGroup)});
    }
    report.num_findings += strays.count - std::ssize(strays.keys);
    return Status();
  }
  size_t strays_max() const override { return kFindingsMax; }
  Status Debris(KvStore& store, const std::string& prefix) override {
    return VerifyDebris(store, prefix, report);
  }

  VerifyReport report;

 private:
  const VerifyOptions& options_;
  const Context& context_;
};

class RepairChecker final : public Checker {
 public:
  RepairChecker(const RepairOptions& options, const Context& context)
      : options_(options), context_(context) {}

  Status Checkpoint(const CheckpointPlace& place, const CheckpointPlace& published) override {
    COFFER_ASSIGN_OR_RETURN(RepairReport done,
                            RepairCheckpoint(place, published, options_, context_));
    Merge(report, std::move(done));
    return Status();
  }
  Status OneArray(const Array& array, const ArrayCheckOptions& check) override {
    COFFER_ASSIGN_OR_RETURN(RepairReport done, RepairArrayWith(array, options_, check));
    Merge(report, std::move(done));
    return Status();
  }
  Status Unreadable(VerifyReport::Finding finding) override {
    AddItem(report, {std::move(finding), Outcome::kLeft, "what is lost cannot be made again"});
    return Status();
  }
  Status Strays(KvStore& store, const StrayKeys& strays) override {
    std::optional<NodeWriteMark> mark;  // A document that makes no node is remembered, too.
    if (options_.drop_foreign && !options_.dry_run) mark.emplace(context_, store, "", true);
    for (const std::string& key : strays.keys) {
      COFFER_RETURN_IF_ERROR(
          RepairForeign(store, key, std::string(kForeignInGroup), options_, report));
    }
    report.num_left += strays.count - std::ssize(strays.keys);
    return Status();
  }
  /// Those that are to be deleted must all be known.
  size_t strays_max() const override { return options_.drop_foreign ? SIZE_MAX : kFindingsMax; }
  Status Debris(KvStore& store, const std::string& prefix) override {
    return RepairDebris(store, prefix, options_, report);
  }

  RepairReport report;

 private:
  const RepairOptions& options_;
  const Context& context_;
};

/// Opens an array and has it checked; what cannot be opened is told.
Status CheckArray(const Place& place, bool debris, const Context& context, Checker& checker) {
  const Result<Array> array = Array::Open(place, {.context = context});
  if (array.ok()) {
    return checker.OneArray(*array, {.probe = CheckpointProbe(place.store), .debris = debris});
  }
  if (!IsDamage(array.status())) return array.status();
  return checker.Unreadable(
      {FindingKind::kMetadata, place.store->Describe(place.prefix), array.status().ToString()});
}

Status CheckGroupDocument(const Place& place, const ArrayDriver& driver, Checker& checker) {
  const Status opened = GuardedDriver(driver).OpenGroup(place.store, place.prefix).status();
  if (opened.ok()) return opened;
  if (!IsDamage(opened)) return opened;
  return checker.Unreadable(
      {FindingKind::kMetadata, place.store->Describe(place.prefix), opened.ToString()});
}

Status CheckOther(const KvStorePtr& store, const std::string& prefix, const Context& context,
                  Checker& checker);

/// All but debris.
Status CheckGroup(const Place& place, const ArrayDriver& driver, const Context& context,
                  Checker& checker) {
  COFFER_RETURN_IF_ERROR(CheckGroupDocument(place, driver, checker));
  const PlaceProbe probe = CheckpointProbe(place.store);
  COFFER_ASSIGN_OR_RETURN(
      const GroupSurvey survey,
      SurveyGroup(driver, place.store, place.prefix, checker.strays_max(), probe, context));
  for (const NodeEntry& node : survey.nodes) {
    const Place below{place.store, place.prefix + node.name + "/", std::string(driver.name())};
    COFFER_RETURN_IF_ERROR(node.kind == NodeKind::kArray
                               ? CheckArray(below, false, context, checker)
                               : CheckGroupDocument(below, driver, checker));
  }
  for (const std::string& prefix : survey.others) {
    COFFER_RETURN_IF_ERROR(CheckOther(place.store, prefix, context, checker));
  }
  return checker.Strays(*place.store, survey.strays);
}

/// A checkpoint below a group, or a node of another format.
Status CheckOther(const KvStorePtr& store, const std::string& prefix, const Context& context,
                  Checker& checker) {
  const Place below{store, prefix, ""};
  COFFER_ASSIGN_OR_RETURN(const FoundNode found, FindNodeAt(below, {.context = context}));
  if (found.kind == NodeKind::kArray) return CheckArray(below, false, context, checker);
  if (found.kind == NodeKind::kGroup) return CheckGroup(below, *found.driver, context, checker);
  return checker.Checkpoint({store, prefix}, {store, prefix});
}

Status CheckPlace(std::string_view name, const Context& context, Checker& checker) {
  // Specs and places with an adapter name nodes.
  if (name.find('|') == std::string_view::npos && !name.starts_with('{')) {
    const Result<bool> there = checkpoint::IsCheckpoint(name, context);
    const bool damaged = there.status().code() == StatusCode::kDataLoss;
    if (!damaged) COFFER_RETURN_IF_ERROR(there);
    if (damaged || *there) {
      COFFER_ASSIGN_OR_RETURN(const PlaceToCheck opened, OpenPlaceToCheck(name, context));
      return checker.Checkpoint(opened.place, opened.published);
    }
  }
  COFFER_ASSIGN_OR_RETURN(const Place place, OpenPlace(name, context));
  COFFER_ASSIGN_OR_RETURN(const FoundNode found, FindNodeAt(place, {.context = context}));
  if (found.kind == NodeKind::kArray) return CheckArray(place, true, context, checker);
  if (found.kind == NodeKind::kGroup) {
    // First, since a repair takes over the locks of the dead.
    COFFER_RETURN_IF_ERROR(checker.Debris(*place.store, place.prefix));
    return CheckGroup(place, *found.driver, context, checker);
  }
  return NotFoundError(std::string(name) + ": no array, group or checkpoint is there");
}

}  // namespace

Result<VerifyReport> VerifyPlace(std::string_view place, const VerifyOptions& options,
                                 const Context& context) {
  VerifyChecker checker(options, context);
  COFFER_RETURN_IF_ERROR(CheckPlace(place, context, checker));
  SortFindings(checker.report);
  return std::move(checker.report);
}

Result<RepairReport> RepairPlace(std::string_view place, const RepairOptions& options,
                                 const Context& context) {
  RepairChecker checker(options, context);
  COFFER_RETURN_IF_ERROR(CheckPlace(place, context, checker));
  SortItems(checker.report);
  return std::move(checker.report);
}

}  // namespace coffer::inline v0
