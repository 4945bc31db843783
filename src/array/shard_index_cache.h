// Decoded shard indexes: what a reader knows of a shard, and where it is remembered.
//
// A reader uses a remembered index under the condition that the shard still has the index's
// generation (if_equal on the spans it reads), so it is never older than the data. Where there is
// no span to read, the index is asked for under the same condition.
#ifndef COFFER_SRC_ARRAY_SHARD_INDEX_CACHE_H_
#define COFFER_SRC_ARRAY_SHARD_INDEX_CACHE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "coffer/array/driver.h"
#include "src/array/array_caches.h"
#include "src/codec/shard_layout.h"

namespace coffer::inline v0 {

struct CachedShardIndex {
  ShardIndex entries;  ///< None: there is no shard.
  Generation generation;
};
using ShardIndexPtr = std::shared_ptr<const CachedShardIndex>;

/// An index, and when the store was asked for it.
struct KnownShardIndex {
  ShardIndexPtr index;  ///< nullptr: none is remembered.
  Stamp stamp;
};

/// What the names of an array's indexes begin with. The same bytes mean something else under other
/// codecs: a transpose renumbers the inner chunks.
inline std::string ShardIndexNames(ArrayCaches& caches, const StoredArray& stored) {
  const std::string& layout = stored.codecs.empty() ? stored.metadata : stored.codecs;
  return "i" + caches.NameOfStore(stored.store) + std::to_string(std::hash<std::string>()(layout)) +
         ToString(stored.grid.cell_shape());
}

/// What is remembered for a shard of `entries` inner chunks. `name`: ShardIndexNames and the key.
inline KnownShardIndex FindShardIndex(ArrayCaches& caches, const std::string& name,
                                      int64_t entries) {
  const RememberedPtr found = caches.documents_and_indexes().Find(name);
  if (found == nullptr) return {};
  auto index = std::static_pointer_cast<const CachedShardIndex>(found->value);
  const auto size = static_cast<int64_t>(index->entries.size());
  if (size != entries && size != 0) return {};
  return {std::move(index), found->stamp};
}

/// Keeps it, unless its generation is unknown.
inline void PutShardIndex(ArrayCaches& caches, std::string name, const KnownShardIndex& known) {
  const CachedShardIndex& index = *known.index;
  if (!index.generation.known()) return;
  const auto bytes = static_cast<int64_t>(index.entries.size() * sizeof(ShardEntry) +
                                          sizeof(CachedShardIndex) + sizeof(Remembered));
  caches.documents_and_indexes().Put(
      std::move(name),
      std::make_shared<const Remembered>(Remembered{index.generation, known.stamp, known.index}),
      bytes);
}

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_SHARD_INDEX_CACHE_H_
