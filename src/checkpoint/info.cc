// What is known of a checkpoint from its two documents, and (sizes) from one listing of its keys,
// where there is one.
#include <algorithm>
#include <string>
#include <utility>

#include "coffer/checkpoint/checkpoint.h"
#include "src/checkpoint/place.h"

namespace coffer::inline v0::checkpoint {
namespace {

Status AddSizes(const StoredCheckpoint& checkpoint, const std::vector<size_t>& leaf_of_array,
                CheckpointInfo& info) {
  if (!checkpoint.place.store->capabilities().listable) {
    info.stored_bytes = -1;
    for (const size_t leaf : leaf_of_array) info.leaves[leaf].stored_bytes = -1;
    return Status();
  }
  return ForEachKey(checkpoint.place, [&](const ListEntry& entry) {
    const int64_t size = std::max<int64_t>(entry.size, 0);
    info.stored_bytes += size;
    if (const std::optional<size_t> number = ArrayOfKey(checkpoint, entry.key)) {
      info.leaves[leaf_of_array[*number]].stored_bytes += size;
    }
  });
}

}  // namespace

Result<CheckpointInfo> Reader::Info(bool sizes) const {
  const StoredCheckpoint& checkpoint = *stored_;
  CheckpointInfo info;
  info.format = kCheckpointFormat;
  info.created_at = checkpoint.document.created_at;
  std::vector<size_t> leaf_of_array;
  for (const auto& [path, node] : checkpoint.document.tree.Leaves()) {
    LeafInfo leaf;
    leaf.path = path;
    leaf.kind = node->kind();
    if (leaf.kind == Tree::Kind::kArray) {
      const ConstView array = node->array();
      const ArrayEntry& entry = checkpoint.document.arrays[leaf_of_array.size()];
      leaf.data_type = array.data_type;
      leaf.shape = array.shape;
      leaf.chunk_shape = entry.chunk_shape;
      leaf.shard_shape = entry.shard_shape;
      info.array_bytes += *NumElements(array.shape) * array.data_type.size();
      leaf_of_array.push_back(info.leaves.size());
    } else {
      leaf.value = LeafAsJson(*node);
    }
    info.leaves.push_back(std::move(leaf));
  }
  if (sizes) COFFER_RETURN_IF_ERROR(AddSizes(checkpoint, leaf_of_array, info));
  return info;
}

}  // namespace coffer::inline v0::checkpoint
