#include "src/array/shard_index_cache.h"

#include <utility>

namespace coffer::inline v0 {

std::string ShardIndexCache::Name(const KvStore& store, const std::string& key) {
  // Two stores may describe a key alike (a test's adapters), and an address may be used again: the
  // two together, and the generation that every use checks, tell entries apart.
  return std::to_string(reinterpret_cast<uintptr_t>(&store)) + " " + store.Describe(key);
}

std::shared_ptr<const CachedShardIndex> ShardIndexCache::Find(const KvStore& store,
                                                              const std::string& key) {
  const std::string name = Name(store, key);
  MutexLock lock(mutex_);
  auto found = by_name_.find(name);
  if (found == by_name_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->index;
}

void ShardIndexCache::Put(const KvStore& store, const std::string& key,
                          std::shared_ptr<const CachedShardIndex> index) {
  if (!index->generation.known()) return;
  std::string name = Name(store, key);
  const auto bytes = static_cast<int64_t>(index->entries.size() * sizeof(ShardEntry) + name.size() +
                                          sizeof(Entry));
  if (bytes > limit_bytes_) return;
  MutexLock lock(mutex_);
  if (auto found = by_name_.find(name); found != by_name_.end()) Erase(found->second);
  while (held_bytes_ + bytes > limit_bytes_) Erase(std::prev(entries_.end()));
  entries_.push_front(Entry{name, std::move(index), bytes});
  by_name_[std::move(name)] = entries_.begin();
  held_bytes_ += bytes;
}

void ShardIndexCache::Remove(const KvStore& store, const std::string& key) {
  const std::string name = Name(store, key);
  MutexLock lock(mutex_);
  if (auto found = by_name_.find(name); found != by_name_.end()) Erase(found->second);
}

void ShardIndexCache::Erase(std::list<Entry>::iterator entry) {
  held_bytes_ -= entry->bytes;
  by_name_.erase(entry->name);
  entries_.erase(entry);
}

}  // namespace coffer::inline v0
