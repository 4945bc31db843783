#include "src/checkpoint/unfinished.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "coffer/kvstore/kvstore.h"
#include "src/array/findings.h"

namespace coffer::inline v0 {
namespace {

using Outcome = RepairReport::Outcome;

/// "a/b/" is that of "a/b/c/".
std::string ParentOf(std::string_view prefix) {
  const size_t slash = prefix.substr(0, prefix.size() - 1).rfind('/');
  return slash == std::string_view::npos ? "" : std::string(prefix.substr(0, slash + 1));
}

bool IsDataPrefix(std::string_view prefix) {
  if (prefix.empty()) return false;
  const std::string_view name = prefix.substr(ParentOf(prefix).size());
  return IsDataName(name.substr(0, name.size() - 1));
}

/// Takes a number off the front, as it is written: without zeros before it.
bool TakeNumber(std::string_view& text) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || (digits > 1 && text[0] == '0')) return false;
  text.remove_prefix(digits);
  return true;
}

/// "arrays/<n>/", then the metadata, or a chunk: "c", "c.0", "c.0.7".
bool IsOfALeaf(std::string_view key) {
  constexpr std::string_view kArrays = "arrays/";
  if (!key.starts_with(kArrays)) return false;
  key.remove_prefix(kArrays.size());
  if (!TakeNumber(key) || !key.starts_with('/')) return false;
  key.remove_prefix(1);
  if (key == kLeafMetadataName) return true;
  if (!key.starts_with('c')) return false;
  key.remove_prefix(1);
  while (key.starts_with('.')) {
    key.remove_prefix(1);
    if (!TakeNumber(key)) return false;
  }
  return key.empty();
}

/// Whether a save that did not finish may have written this key below `prefix`.
bool IsOfASave(std::string_view prefix, std::string_view key) {
  key.remove_prefix(prefix.size());
  if (IsStagingPrefix(prefix)) {
    if (key == kMarkerName) return true;
    const size_t slash = key.find('/');
    if (slash == std::string_view::npos || !IsDataName(key.substr(0, slash))) return false;
    key.remove_prefix(slash + 1);
  }
  return key == kDocumentName || IsOfALeaf(key);
}

Result<int64_t> CountKeys(const CheckpointPlace& place) {
  int64_t keys = 0;
  COFFER_RETURN_IF_ERROR(ForEachKey(place, [&](const ListEntry&) { ++keys; }));
  return keys;
}

/// "" if it may be deleted.
Result<std::string> WhyLeft(const CheckpointPlace& unfinished, const RepairOptions& options) {
  if (!options.drop_unfinished) return std::string("its saver may live (drop-unfinished)");
  bool strange = false;
  COFFER_RETURN_IF_ERROR(ForEachKey(unfinished, [&](const ListEntry& entry) {
    strange = strange || !IsOfASave(unfinished.prefix, entry.key);
  }));
  return std::string(strange ? "it holds keys that no save writes; delete it by hand" : "");
}

}  // namespace

PlaceProbe CheckpointProbe(KvStorePtr store) {
  return [store = std::move(store)](const std::string& prefix) -> Result<PlaceKind> {
    if (IsStagingPrefix(prefix)) return PlaceKind::kUnfinished;
    const Result<bool> marker = HasMarker(CheckpointPlace{store, prefix});
    if (IsUnreadableMarker(marker.status()) || (marker.ok() && *marker)) return PlaceKind::kWhole;
    // No value has the marker's name, but something.
    if (marker.status().code() != StatusCode::kFailedPrecondition) COFFER_RETURN_IF_ERROR(marker);
    return IsDataPrefix(prefix) ? PlaceKind::kUnfinished : PlaceKind::kNone;
  };
}

Status CheckMarker(const CheckpointPlace& place, std::string_view named) {
  COFFER_ASSIGN_OR_RETURN(const std::optional<StoredMarker> now, ReadMarker(place));
  if ((now ? now->marker.data : "") == named) return Status();
  return AbortedError(place.Describe() + ": the checkpoint was replaced meanwhile; begin anew");
}

Status FindStagings(const CheckpointPlace& place, const UnfinishedSink& see) {
  if (place.prefix.empty() || !place.store->capabilities().listable) return Status();
  const Result<FolderEntries> beside = ListFolder(*place.store, ParentOf(place.prefix));
  if (beside.status().code() == StatusCode::kPermissionDenied) return Status();
  COFFER_RETURN_IF_ERROR(beside);
  const std::string begin = StagingPrefix(place.prefix, "");
  for (const std::string& folder : beside->folders) {
    if (!IsStagingPrefix(folder) || !folder.starts_with(begin.substr(0, begin.size() - 1))) {
      continue;
    }
    COFFER_ASSIGN_OR_RETURN(const int64_t keys, CountKeys({place.store, folder}));
    COFFER_RETURN_IF_ERROR(see(folder, keys));
  }
  return Status();
}

Status FindUnpublished(const CheckpointPlace& place, const UnfinishedSink& see) {
  if (!place.store->capabilities().listable) return Status();
  if (IsStagingPrefix(place.prefix)) {
    COFFER_ASSIGN_OR_RETURN(const int64_t keys, CountKeys(place));
    return keys == 0 ? Status() : see(place.prefix, keys);
  }
  COFFER_ASSIGN_OR_RETURN(const FolderEntries below, ListFolder(*place.store, place.prefix));
  for (const std::string& folder : below.folders) {
    if (!IsDataPrefix(folder)) continue;
    COFFER_ASSIGN_OR_RETURN(const int64_t keys, CountKeys({place.store, folder}));
    COFFER_RETURN_IF_ERROR(see(folder, keys));
  }
  return Status();
}

VerifyReport::Finding UnfinishedFinding(const KvStore& store, const std::string& prefix,
                                        int64_t keys) {
  return {FindingKind::kUnfinished, store.Describe(prefix),
          "orphan: " + std::to_string(keys) + (keys == 1 ? " key" : " keys") +
              " of an unfinished save"};
}

Status RepairUnfinished(const KvStorePtr& store, const std::string& prefix, int64_t keys,
                        std::string_view named, const RepairOptions& options,
                        RepairReport& report) {
  RepairReport::Item item{UnfinishedFinding(*store, prefix, keys), Outcome::kLeft, ""};
  COFFER_ASSIGN_OR_RETURN(item.action, WhyLeft({store, prefix}, options));
  if (item.action.empty()) {
    item.action = "delete";
    item.outcome = options.dry_run ? Outcome::kPlanned : Outcome::kDone;
  }
  if (item.outcome == Outcome::kDone) {
    if (!IsStagingPrefix(prefix)) {
      COFFER_RETURN_IF_ERROR(CheckMarker({store, ParentOf(prefix)}, named));
    }
    COFFER_RETURN_IF_ERROR(store->DeleteRange(KeyRange::Prefix(prefix)).Get());
  }
  AddItem(report, std::move(item));
  return Status();
}

}  // namespace coffer::inline v0
