#include "src/checkpoint/orphans.h"

#include <map>
#include <span>
#include <utility>

#include "src/array/survey.h"
#include "src/checkpoint/unfinished.h"

namespace coffer::inline v0 {
namespace {

/// Its own data directory is no unfinished one.
PlaceProbe ProbeBeside(const StoredCheckpoint& checkpoint) {
  return [own = checkpoint.DataPrefix(), probe = CheckpointProbe(checkpoint.place.store)](
             const std::string& prefix) -> Result<PlaceKind> {
    if (prefix == own) return PlaceKind::kNone;
    return probe(prefix);
  };
}

FolderKinds FoldersOf(const StoredCheckpoint& checkpoint, const Context& context) {
  return {context.Get<DriverTable>().drivers(),
          {},
          checkpoint.place.store,
          checkpoint.place.prefix,
          ProbeBeside(checkpoint)};
}

/// Sorts the keys of a place.
class Sorter {
 public:
  Sorter(const StoredCheckpoint& checkpoint, const Context& context, const OrphanSink& sink)
      : checkpoint_(checkpoint),
        sink_(sink),
        prefix_(checkpoint.place.prefix),
        marker_(prefix_ + std::string(kMarkerName)),
        document_(checkpoint.DataPrefix() + std::string(kDocumentName)),
        folders_(FoldersOf(checkpoint, context)) {}

  Status See(std::span<const ListEntry> page) {
    std::vector<std::string> foreign;
    for (const ListEntry& entry : page) {
      const std::string& key = entry.key;
      if (key == marker_ || key == document_ || ArrayOfKey(checkpoint_, key)) continue;
      COFFER_ASSIGN_OR_RETURN(const std::optional<std::string> thing, folders_.OutermostAbove(key));
      if (!thing) {
        foreign.push_back(key);
        continue;
      }
      COFFER_ASSIGN_OR_RETURN(const FolderKinds::Kind kind, folders_.Of(*thing));
      ++(kind == FolderKinds::Kind::kUnfinished ? unfinished_ : inner_)[*thing];
    }
    return foreign.empty() ? Status() : sink_.on_foreign(foreign);
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
  const StoredCheckpoint& checkpoint_;
  const OrphanSink& sink_;
  const std::string prefix_;
  const std::string marker_;
  const std::string document_;
  FolderKinds folders_;
  std::map<std::string, int64_t> unfinished_;  // Keys by prefix.
  std::map<std::string, int64_t> inner_;       // Keys by prefix.
};

}  // namespace

Status FindOrphans(const StoredCheckpoint& checkpoint, const Context& context,
                   const OrphanSink& sink) {
  Sorter sorter(checkpoint, context, sink);
  const auto see = [&](std::span<const ListEntry> page) { return sorter.See(page); };
  const CheckpointPlace& place = checkpoint.place;
  COFFER_RETURN_IF_ERROR(ForEachPage(*place.store, {.range = KeyRange::Prefix(place.prefix)}, see));
  return sorter.Finish();
}

Result<std::vector<ForeignVerdict>> JudgeOrphans(const StoredCheckpoint& checkpoint,
                                                 const Context& context,
                                                 const std::vector<std::string>& keys) {
  COFFER_RETURN_IF_ERROR(CheckMarker(checkpoint.place, checkpoint.marker.data));
  FolderKinds folders = FoldersOf(checkpoint, context);
  std::vector<ForeignVerdict> orphans;
  for (const std::string& key : keys) {
    COFFER_ASSIGN_OR_RETURN(const std::optional<std::string> thing, folders.OutermostAbove(key));
    orphans.push_back({.is_foreign = !thing, .why_left = ""});
  }
  return orphans;
}

}  // namespace coffer::inline v0
