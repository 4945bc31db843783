#include "src/checkpoint/orphans.h"

#include <map>
#include <span>
#include <utility>

namespace coffer::inline v0 {
namespace {

/// Sorts the keys of a place.
class Sorter {
 public:
  Sorter(const StoredCheckpoint& checkpoint, const Context& context, const OrphanSink& sink)
      : checkpoint_(checkpoint),
        sink_(sink),
        prefix_(checkpoint.place.prefix),
        marker_(prefix_ + std::string(kMarkerName)),
        document_(checkpoint.DataPrefix() + std::string(kDocumentName)),
        folders_(context.Get<DriverTable>().drivers(), {}, checkpoint.place.store, prefix_,
                 CheckpointProbe(checkpoint.place.store)) {}

  Status See(const std::string& key) {
    if (key == marker_ || key == document_ || ArrayOfKey(checkpoint_, key)) return Status();
    const std::string data = DataDirectoryOf(key);
    if (!data.empty() && data != checkpoint_.DataPrefix()) {
      ++unfinished_[data];
      return Status();
    }
    COFFER_ASSIGN_OR_RETURN(const std::optional<std::string> inner, folders_.OutermostAbove(key));
    if (!inner) return sink_.on_foreign(key);
    ++inner_[*inner];
    return Status();
  }

  Status Finish() const {
    for (const auto& [prefix, keys] : unfinished_) {
      COFFER_RETURN_IF_ERROR(sink_.on_unfinished(prefix, keys));
    }
    for (const auto& [prefix, keys] : inner_) {
      COFFER_RETURN_IF_ERROR(sink_.on_inner_node(prefix, keys));
    }
    return Status();
  }

 private:
  std::string DataDirectoryOf(const std::string& key) const {
    const size_t slash = key.find('/', prefix_.size());
    if (slash == std::string::npos) return "";
    const std::string name = key.substr(prefix_.size(), slash - prefix_.size());
    return IsDataName(name) ? prefix_ + name + "/" : "";
  }

  const StoredCheckpoint& checkpoint_;
  const OrphanSink& sink_;
  const std::string prefix_;
  const std::string marker_;
  const std::string document_;
  FolderKinds folders_;
  std::map<std::string, int64_t> unfinished_;  // Keys by data directory.
  std::map<std::string, int64_t> inner_;       // Keys by prefix.
};

}  // namespace

std::string UnfinishedReason(int64_t keys) {
  return "orphan: " + std::to_string(keys) + (keys == 1 ? " key" : " keys") +
         " of an unfinished save";
}

PlaceProbe CheckpointProbe(KvStorePtr store) {
  return [store = std::move(store)](const std::string& prefix) -> Result<bool> {
    Result<bool> marker = HasMarker(CheckpointPlace{store, prefix});
    if (marker.status().code() == StatusCode::kDataLoss) return true;
    if (marker.status().code() == StatusCode::kFailedPrecondition) return false;  // No value.
    return marker;
  };
}

Status FindOrphans(const StoredCheckpoint& checkpoint, const Context& context,
                   const OrphanSink& sink) {
  Sorter sorter(checkpoint, context, sink);
  const auto see = [&](std::span<const ListEntry> page) -> Status {
    for (const ListEntry& entry : page) COFFER_RETURN_IF_ERROR(sorter.See(entry.key));
    return Status();
  };
  const CheckpointPlace& place = checkpoint.place;
  COFFER_RETURN_IF_ERROR(ForEachPage(*place.store, {.range = KeyRange::Prefix(place.prefix)}, see));
  return sorter.Finish();
}

Status FindStagings(const CheckpointPlace& place,
                    const std::function<Status(const std::string& prefix, int64_t keys)>& see) {
  if (place.prefix.empty() || !place.store->capabilities().listable) return Status();
  const size_t slash = place.prefix.rfind('/', place.prefix.size() - 2);
  const std::string parent = slash == std::string::npos ? "" : place.prefix.substr(0, slash + 1);
  const Result<FolderEntries> beside = ListFolder(*place.store, parent);
  if (beside.status().code() == StatusCode::kPermissionDenied) return Status();
  COFFER_RETURN_IF_ERROR(beside);
  const std::string begin = StagingPrefix(place.prefix, "");
  for (const std::string& folder : beside->folders) {
    if (!IsStagingPrefix(folder) || !folder.starts_with(begin.substr(0, begin.size() - 1))) {
      continue;
    }
    int64_t keys = 0;
    COFFER_RETURN_IF_ERROR(ForEachKey({place.store, folder}, [&](const ListEntry&) { ++keys; }));
    COFFER_RETURN_IF_ERROR(see(folder, keys));
  }
  return Status();
}

}  // namespace coffer::inline v0
