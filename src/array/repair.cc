// How an array is repaired:
//
//  1. It is inspected as by `verify` (inspect.cc). Each finding is dealt with when it shows.
//  2. The generation of a value is taken first, then the metadata is read again: it must be the one
//     that this repair began with, else all is Aborted. Who grew the array (or made another in its
//     place) and wrote there has done so either before, and the metadata tells, or after, and the
//     generation does. A key of nobody likewise: whether anything stands above it is asked anew.
//     Where a node of another format stands in the array's place, too, nothing is changed: what is
//     outside this array, or damaged in it, may be sound in the other.
//  3. The value is deleted, or the cell rebuilt (rebuild.cc), on the condition of that generation.
//     Not met, the key is left alone (it is new), or the cell is inspected anew.
//
// While it lasts, the context uses nothing that it remembers of the array without asking the store.
// Nothing is kept between these steps: killed anywhere, the next repair goes on.
#include "coffer/array/repair.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "coffer/array/group.h"
#include "src/array/array_caches.h"
#include "src/array/findings.h"
#include "src/array/guarded_driver.h"
#include "src/array/inspect.h"
#include "src/array/rebuild.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {
namespace {

using Outcome = RepairReport::Outcome;
using State = WriteResult::State;

constexpr int kAttemptsMax = 16;

bool HasConditions(const KvStore& store) {
  const Capabilities can = store.capabilities();
  return can.writable && can.conditional_write && can.conditional_delete;
}
constexpr std::string_view kNoConditions = "the store has no conditional writes and deletes";

/// The generation of a key's value; nullopt if it has none (any more), or is none.
Result<std::optional<Generation>> GenerationAt(KvStore& store, const std::string& key) {
  const Result<ReadResult> stat = store.Read(key, {.range = ByteRange::Stat()}).Get();
  if (stat.status().code() == StatusCode::kFailedPrecondition) return std::optional<Generation>();
  COFFER_RETURN_IF_ERROR(stat);
  if (stat->state != ReadResult::State::kValue) return std::optional(Generation::Missing());
  return std::optional(stat->generation);
}

Result<bool> IsListed(KvStore& store, const std::string& key) {
  bool listed = false;
  const auto look = [&](std::span<const ListEntry> page) {
    for (const ListEntry& entry : page) listed = listed || entry.key == key;
    return Status();
  };
  COFFER_RETURN_IF_ERROR(ForEachPage(store, {.range = {key, key + '\0'}}, look));
  return listed;
}

/// Why a key that a listing told cannot be deleted under this generation; "" if it can; nullopt if
/// it is gone by now.
Result<std::optional<std::string>> WhyNotDeleted(KvStore& store, const std::string& key,
                                                 const std::optional<Generation>& generation) {
  using Why = std::optional<std::string>;
  if (!generation) return Why("it is no value that could be compared; delete it by hand");
  if (generation->missing()) {
    COFFER_ASSIGN_OR_RETURN(const bool listed, IsListed(store, key));
    if (!listed) return Why();
    return Why("it is listed but has no value, as a link to a directory; delete it by hand");
  }
  const bool can = HasConditions(store) && generation->known();
  return Why(can ? std::string_view() : kNoConditions);
}

/// The driver of another node in the array's place; nullptr if there is none. One that takes this
/// array's own document for its own is none.
Result<const ArrayDriver*> OtherFormatOf(const StoredArray& stored, const Context& context) {
  for (const ArrayDriver* other : context.Get<DriverTable>().drivers()) {
    if (other == stored.driver || other->NodeOfKey(stored.metadata_key) == stored.prefix) continue;
    COFFER_ASSIGN_OR_RETURN(const NodeKind kind,
                            GuardedDriver(*other).Find(stored.store, stored.prefix));
    if (kind != NodeKind::kNone) return other;
  }
  return nullptr;
}

Result<State> DeleteIf(KvStore& store, const std::string& key, const Generation& generation) {
  COFFER_ASSIGN_OR_RETURN(const WriteResult deleted,
                          store.Write(key, std::nullopt, {.if_equal = generation}).Get());
  return deleted.state;
}

/// Deletes a key that is not wanted, under the generation of before that was judged, or leaves it,
/// as the options or `why_left` say.
Status DeleteOrLeave(KvStore& store, const std::string& key,
                     const std::optional<Generation>& generation, const std::string& why_left,
                     const RepairOptions& options, RepairReport::Item item, RepairReport& report) {
  COFFER_ASSIGN_OR_RETURN(const std::optional<std::string> why_not,
                          WhyNotDeleted(store, key, generation));
  if (!why_not) return Status();
  item.outcome = Outcome::kLeft;
  item.action = why_left.empty() ? *why_not : why_left;
  if (item.action.empty()) {
    item.action = "delete";
    item.outcome = Outcome::kPlanned;
    if (!options.dry_run) {
      COFFER_ASSIGN_OR_RETURN(const State state, DeleteIf(store, key, *generation));
      if (state != State::kWritten) return Status();  // Somebody's new value.
      item.outcome = Outcome::kDone;
    }
  }
  AddItem(report, std::move(item));
  return Status();
}

class RepairSink : public InspectionSink {
 public:
  /// `other_format`: the driver of another node in the array's place, or null.
  RepairSink(const Array& array, const RepairOptions& options, const ArrayCheckOptions& check,
             CellInspector& cells, const ArrayDriver* other_format)
      : array_(array),
        stored_(*array.stored()),
        options_(options),
        drop_damaged_(options.drop_damaged && !check.checkpoint),
        is_leaf_(check.checkpoint),
        probe_(check.probe),
        links_(check.links != nullptr ? check.links
                                      : std::make_shared<Links>(stored_.store, stored_.prefix)),
        can_write_(HasConditions(*stored_.store)),
        cells_(cells),
        other_format_(other_format),
        two_formats_(other_format == nullptr ? "" : TwoFormats(*other_format)) {}

  Status OnCell(const std::string& key, const Index& cell, CellFaults faults) override {
    for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
      const std::string why_left = WhyLeft(faults);
      const std::string action = ActionOn(faults);
      if (!why_left.empty()) return Tell(key, faults, Outcome::kLeft, why_left);
      if (options_.dry_run) return Tell(key, faults, Outcome::kPlanned, action);
      COFFER_ASSIGN_OR_RETURN(const State state, Mend(key, cell, faults));
      if (state == State::kWritten) return Tell(key, faults, Outcome::kDone, action);
      COFFER_ASSIGN_OR_RETURN(faults, cells_.Inspect(key, cell, -1));
      if (!faults.any()) return Status();
    }
    return Tell(key, faults, Outcome::kLeft, "it is written again and again by others");
  }

  Status OnKeys(FindingKind kind, const std::vector<std::string>& keys) override {
    if (kind == FindingKind::kOutside) return DeleteOutside(keys);
    RepairReport foreign;
    const Status status = RepairForeign(
        *stored_.store, keys, kForeignInArray,
        [this](const auto& judged) { return JudgeForeign(judged); }, options_, foreign);
    MutexLock lock(mutex_);
    Merge(report_, std::move(foreign));
    return status;
  }

  Status OnInnerNode(const std::string& prefix, int64_t keys) override {
    MutexLock lock(mutex_);
    AddItem(report_,
            {{FindingKind::kInnerNode, stored_.Describe(prefix), InnerNodeReason(keys, "an array")},
             Outcome::kLeft,
             std::string(kInnerNodeLeft)});
    return Status();
  }

  RepairReport TakeReport() {
    MutexLock lock(mutex_);
    return std::move(report_);
  }

 private:
  /// "" if the faults can be mended.
  std::string WhyLeft(const CellFaults& faults) const {
    const bool damaged = !faults.damage.ok() || !faults.bad_chunks.empty();
    if (other_format_ != nullptr) return two_formats_;
    if (!faults.unsupported.ok()) return "not all of it can be read here";
    if (!faults.is_value) return "it is no value that could be compared; delete it by hand";
    if (damaged && !drop_damaged_) {
      return is_leaf_ ? "a checkpoint's chunks are never dropped"
                      : "its data would be lost (drop-damaged)";
    }
    if (!can_write_) return std::string(kNoConditions);
    if (faults.damage.ok() && UnfoldsBeyondAShard(stored_, faults)) {
      return "its chunks share bytes, and without that would have more than a shard can have";
    }
    return faults.generation.known() ? "" : "the store tells no generation";
  }

  static std::string ActionOn(const CellFaults& faults) {
    if (!faults.damage.ok()) return "delete";
    if (faults.bad_chunks.empty()) return faults.beyond_edge ? "clear" : "rewrite";
    const size_t bad = faults.bad_chunks.size();
    return "drop " + std::to_string(bad) + (bad == 1 ? " inner chunk" : " inner chunks");
  }

  Result<State> Mend(const std::string& key, const Index& cell, const CellFaults& faults) {
    COFFER_RETURN_IF_ERROR(CheckMetadata());
    if (!faults.damage.ok()) return DeleteIf(*stored_.store, key, faults.generation);
    return RebuildCell(stored_, array_.context(), key, cell, faults, options_.cancel);
  }

  Status Tell(const std::string& key, const CellFaults& faults, Outcome outcome,
              const std::string& action) {
    MutexLock lock(mutex_);
    for (VerifyReport::Finding& finding : faults.Findings(stored_.Describe(key))) {
      AddItem(report_, {std::move(finding), outcome, action});
    }
    return Status();
  }

  Status DeleteOutside(const std::vector<std::string>& keys) {
    std::vector<std::optional<Generation>> generations;
    for (const std::string& key : keys) {
      COFFER_ASSIGN_OR_RETURN(generations.emplace_back(), GenerationAt(*stored_.store, key));
    }
    if (!keys.empty()) COFFER_RETURN_IF_ERROR(CheckMetadata());
    FolderKinds folders = FoldersInside();
    for (size_t i = 0; i < keys.size(); ++i) {
      if (options_.cancel.cancelled()) return CancelledError("cancelled");
      COFFER_ASSIGN_OR_RETURN(const std::optional<std::string> inner,
                              folders.OutermostAbove(keys[i]));
      if (inner) continue;  // A node was made around it meanwhile.
      RepairReport one;
      RepairReport::Item item;
      item.finding = {FindingKind::kOutside, stored_.Describe(keys[i]),
                      std::string(kOutsideReason)};
      COFFER_RETURN_IF_ERROR(DeleteOrLeave(*stored_.store, keys[i], generations[i], two_formats_,
                                           options_, std::move(item), one));
      MutexLock lock(mutex_);
      Merge(report_, std::move(one));
    }
    return Status();
  }

  FolderKinds FoldersInside() const {
    return {
        array_.context().Get<DriverTable>().drivers(), {}, stored_.store, stored_.prefix, probe_};
  }

  /// That nothing stands above them inside the array, as far as the store tells now.
  Result<std::vector<ForeignVerdict>> JudgeForeign(const std::vector<std::string>& keys) const {
    COFFER_RETURN_IF_ERROR(CheckMetadata());
    COFFER_ASSIGN_OR_RETURN(const std::string linked, links_->WhyLeft());
    FolderKinds folders = FoldersInside();
    std::vector<ForeignVerdict> verdicts;
    for (const std::string& key : keys) {
      COFFER_ASSIGN_OR_RETURN(const std::optional<std::string> inner, folders.OutermostAbove(key));
      verdicts.push_back(
          {.is_foreign = !inner, .why_left = two_formats_.empty() ? linked : two_formats_});
    }
    return verdicts;
  }

  /// That the array is still the one whose shape things are judged by, and as alone as it was.
  Status CheckMetadata() const {
    const Result<StoredArrayPtr> now =
        GuardedDriver(*stored_.driver).Open(stored_.store, stored_.prefix, array_.context());
    COFFER_ASSIGN_OR_RETURN(const ArrayDriver* other, OtherFormatOf(stored_, array_.context()));
    const bool same = now.ok() && (*now)->metadata_generation == stored_.metadata_generation &&
                      (*now)->metadata == stored_.metadata && other == other_format_;
    if (same) return Status();
    if (!now.ok() && !IsUnreadable(now.status()) && now.status().code() != StatusCode::kNotFound) {
      return now.status();
    }
    return AbortedError(stored_.Describe(stored_.prefix) +
                        ": the array's metadata was changed while it was repaired; repair again");
  }

  const Array& array_;
  const StoredArray& stored_;
  const RepairOptions& options_;
  const bool drop_damaged_;
  const bool is_leaf_;
  const PlaceProbe probe_;
  const LinksPtr links_;
  const bool can_write_;
  CellInspector& cells_;
  const ArrayDriver* const other_format_;
  const std::string two_formats_;  // Why nothing is changed; "" where the array is alone.
  Mutex mutex_;                    // Guards what follows.
  RepairReport report_ COFFER_GUARDED_BY(mutex_);
};

/// The array itself; but one of a group's snapshot tells no generation, so that which is stored.
Result<Array> AsStored(const Array& array) {
  const StoredArray& stored = *array.stored();
  if (stored.metadata_generation.known()) return array;
  return Array::Open(Place{stored.store, stored.prefix, array.format()},
                     {.context = array.context()});
}

}  // namespace

Status RepairArrayInto(const Array& given, const RepairOptions& options,
                       const ArrayCheckOptions& check, RepairReport& report) {
  COFFER_ASSIGN_OR_RETURN(const Array array, AsStored(given));
  const StoredArray& stored = *array.stored();
  std::optional<WriteMark> mark;
  if (!options.dry_run) mark.emplace(array.context(), *stored.store, stored.prefix);
  if (check.debris) {  // First what the dead left: a writer takes over the lock that it finds.
    COFFER_RETURN_IF_ERROR(RepairDebris(*stored.store, stored.prefix, options, report));
  }
  COFFER_ASSIGN_OR_RETURN(const ArrayDriver* other, OtherFormatOf(stored, array.context()));
  CellInspector cells(stored, array.context(), options.deep, options.cancel);
  RepairSink sink(array, options, check, cells, other);
  const Status inspected = InspectArray(array,
                                        {.deep = options.deep,
                                         .on_progress = options.on_progress,
                                         .cancel = options.cancel,
                                         .probe = check.probe},
                                        cells, sink);
  Merge(report, sink.TakeReport());
  return inspected;
}

Result<RepairReport> FinishRepair(const Status& status, RepairReport report,
                                  const RepairOptions& options) {
  SortItems(report);
  if (status.ok()) return report;
  if (options.on_error != nullptr) *options.on_error = std::move(report);
  return status;
}

Result<RepairReport> RepairArray(const Array& array, const RepairOptions& options) {
  RepairReport report;
  const Status status = RepairArrayInto(array, options, {}, report);
  return FinishRepair(status, std::move(report), options);
}

Status RepairForeign(KvStore& store, const std::vector<std::string>& keys, std::string_view reason,
                     const ForeignJudge& judge, const RepairOptions& options,
                     RepairReport& report) {
  if (keys.empty()) return Status();
  const auto item_of = [&](const std::string& key) {
    return RepairReport::Item{{FindingKind::kForeign, store.Describe(key), std::string(reason)},
                              Outcome::kLeft,
                              "nobody knows whose it is (drop-foreign)"};
  };
  if (!options.drop_foreign) {
    for (const std::string& key : keys) AddItem(report, item_of(key));
    return Status();
  }
  // First these, then whose the keys are: see above.
  std::vector<std::optional<Generation>> generations;
  for (const std::string& key : keys) {
    if (options.cancel.cancelled()) return CancelledError("cancelled");
    COFFER_ASSIGN_OR_RETURN(generations.emplace_back(), GenerationAt(store, key));
  }
  COFFER_ASSIGN_OR_RETURN(const std::vector<ForeignVerdict> verdicts, judge(keys));
  for (size_t i = 0; i < keys.size(); ++i) {
    if (options.cancel.cancelled()) return CancelledError("cancelled");
    if (!verdicts[i].is_foreign) continue;  // A node was made around it meanwhile.
    COFFER_RETURN_IF_ERROR(DeleteOrLeave(store, keys[i], generations[i], verdicts[i].why_left,
                                         options, item_of(keys[i]), report));
  }
  return Status();
}

}  // namespace coffer::inline v0
