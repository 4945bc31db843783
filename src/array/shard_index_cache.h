// ShardIndexCache: decoded shard indexes, by store and key, within a limit of bytes.
//
// An entry carries the generation of the shard it was read from. Readers use it only under that
// condition (if_equal on the spans they read), so a cached index is never older than the data: the
// staleness bound is zero.
#ifndef COFFER_SRC_ARRAY_SHARD_INDEX_CACHE_H_
#define COFFER_SRC_ARRAY_SHARD_INDEX_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "coffer/async/context.h"
#include "coffer/kvstore/kvstore.h"
#include "src/base/mutex.h"
#include "src/codec/shard_layout.h"

namespace coffer::inline v0 {

struct CachedShardIndex {
  ShardIndex entries;
  Generation generation;
};

class ShardIndexCache {
 public:
  explicit ShardIndexCache(const ContextOptions& options) : limit_bytes_(options.cache_bytes) {}

  /// nullptr if there is none.
  std::shared_ptr<const CachedShardIndex> Find(const KvStore& store, const std::string& key);
  /// Keeps the index unless its generation is unknown or it alone passes the limit.
  void Put(const KvStore& store, const std::string& key,
           std::shared_ptr<const CachedShardIndex> index);
  void Remove(const KvStore& store, const std::string& key);

 private:
  struct Entry {
    std::string name;
    std::shared_ptr<const CachedShardIndex> index;
    int64_t bytes = 0;
  };
  static std::string Name(const KvStore& store, const std::string& key);
  void Erase(std::list<Entry>::iterator entry) COFFER_REQUIRES(mutex_);

  const int64_t limit_bytes_;
  Mutex mutex_;  // Guards what follows.
  int64_t held_bytes_ COFFER_GUARDED_BY(mutex_) = 0;
  std::list<Entry> entries_ COFFER_GUARDED_BY(mutex_);  // Most recently used first.
  std::unordered_map<std::string, std::list<Entry>::iterator> by_name_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_SHARD_INDEX_CACHE_H_
