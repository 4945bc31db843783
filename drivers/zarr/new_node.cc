#include "drivers/zarr/new_node.h"

#include <vector>

namespace coffer::inline v0::zarr {
namespace {

std::string Key(const std::string& prefix, std::string_view document) {
  return prefix + std::string(document);
}

Status DeleteNodeBelow(const NodeFormat& format, KvStore& store, const std::string& prefix) {
  COFFER_RETURN_IF_ERROR(store.Write(Key(prefix, format.array_document), std::nullopt).Get());
  if (format.group_document != format.array_document) {
    COFFER_RETURN_IF_ERROR(store.Write(Key(prefix, format.group_document), std::nullopt).Get());
  }
  return store.DeleteRange(KeyRange::Prefix(prefix)).Get();
}

Status EnsureGroup(const NodeFormat& format, const KvStorePtr& store, const std::string& prefix) {
  COFFER_ASSIGN_OR_RETURN(NodeKind kind, format.driver.Find(store, prefix));
  if (kind == NodeKind::kNone) {
    Generation written;
    // If someone else writes it first, what they wrote is looked at.
    COFFER_ASSIGN_OR_RETURN(const bool done,
                            WriteDocument(*store, Key(prefix, format.group_document),
                                          format.group_text, Generation::Missing(), written));
    if (done) return Status();
    COFFER_ASSIGN_OR_RETURN(kind, format.driver.Find(store, prefix));
  }
  if (kind == NodeKind::kGroup) return Status();
  return NotAGroup(*store, Key(prefix, format.array_document));
}

/// Where keys of chunks can be.
KeyRange RangeOf(const std::string& prefix, const NewChunks& chunks) {
  if (chunks.keys.encoding() == ChunkKeys::Encoding::kV2) {
    return {prefix + "0", prefix + std::string(1, '9' + 1)};
  }
  if (chunks.rank == 0) return {prefix + "c", prefix + "c" + std::string(1, '\0')};
  return KeyRange::Prefix(prefix + "c" + chunks.keys.separator());
}

/// Step 2.
Status ClearChunks(const NodeFormat& format, const KvStorePtr& store, const std::string& prefix,
                   const NewChunks& chunks, bool delete_existing) {
  std::string left;
  const auto see = [&](std::span<const ListEntry> page) {
    for (const ListEntry& entry : page) {
      if (!chunks.keys.Parse(entry.key.substr(prefix.size()), chunks.rank)) continue;
      if (!delete_existing) {
        left = entry.key;
        return CancelledError("found");
      }
      COFFER_RETURN_IF_ERROR(store->Write(entry.key, std::nullopt).Get());
    }
    return Status();
  };
  const Status seen = ForEachPage(*store, {.range = RangeOf(prefix, chunks)}, see);
  // Where nothing can be listed, nothing can be known.
  if (left.empty()) return seen.code() == StatusCode::kUnimplemented ? Status() : seen;
  COFFER_ASSIGN_OR_RETURN(const NodeKind kind, format.driver.Find(store, prefix));
  if (kind != NodeKind::kNone) return AlreadyThere(*store, Key(prefix, format.array_document));
  return FailedPreconditionError(store->Describe(left) +
                                 ": a chunk without an array, left by a deletion that was broken "
                                 "off; it would show in the new array unless delete_existing");
}

}  // namespace

Status PrepareNode(const NodeFormat& format, const KvStorePtr& store, const std::string& prefix,
                   const NewChunks* chunks, bool delete_existing) {
  COFFER_RETURN_IF_ERROR(CheckNames(*store, prefix, format.is_name));
  COFFER_ASSIGN_OR_RETURN(const NodeKind kind, format.driver.Find(store, prefix));
  if (kind != NodeKind::kNone) {
    if (!delete_existing) {
      return AlreadyThere(
          *store, Key(prefix, chunks != nullptr ? format.array_document : format.group_document));
    }
    COFFER_RETURN_IF_ERROR(DeleteNodeBelow(format, *store, prefix));
  } else if (chunks != nullptr) {
    COFFER_RETURN_IF_ERROR(ClearChunks(format, store, prefix, *chunks, delete_existing));
  }
  if (!prefix.empty()) {
    COFFER_ASSIGN_OR_RETURN(const NodeKind root, format.driver.Find(store, ""));
    if (root == NodeKind::kArray) return NotAGroup(*store, Key("", format.array_document));
  }
  for (const std::string& ancestor : Ancestors(prefix)) {
    COFFER_RETURN_IF_ERROR(EnsureGroup(format, store, ancestor));
  }
  return Status();
}

}  // namespace coffer::inline v0::zarr
