// LruCache: what is remembered, by name, within a limit of bytes; who was not used for longest goes
// first. All caches of arrays are one of these.
//
// A value is shared: it may go from the cache while a reader still uses it. Charged are the bytes
// that the owner of a value names, and what the entry itself takes.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_SRC_ARRAY_LRU_CACHE_H_
#define COFFER_SRC_ARRAY_LRU_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "src/base/mutex.h"

namespace coffer::inline v0 {

template <class Value>
class LruCache {
 public:
  using ValuePtr = std::shared_ptr<const Value>;

  explicit LruCache(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// nullptr if there is none. Found, it counts as used.
  ValuePtr Find(std::string_view name) {
    MutexLock lock(mutex_);
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->value;
  }

  /// Replaces what has this name. Nothing is kept of a value that alone passes the limit.
  void Put(std::string name, ValuePtr value, int64_t value_bytes) {
    std::list<Entry> gone;  // Destroyed when the lock has been let go.
    const int64_t bytes = value_bytes + static_cast<int64_t>(name.size()) + kEntryBytes;
    MutexLock lock(mutex_);
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
      Remove(found->second, gone);
    }
    if (bytes <= limit_bytes_) {
      while (held_bytes_ + bytes > limit_bytes_) Remove(std::prev(entries_.end()), gone);
      entries_.push_front(Entry{std::move(name), std::move(value), bytes});
      by_name_[entries_.front().name] = entries_.begin();
      held_bytes_ += bytes;
    }
  }

  int64_t limit_bytes() const { return limit_bytes_; }
  int64_t held_bytes() const {
    MutexLock lock(mutex_);
    return held_bytes_;
  }

 private:
  struct Entry {
    std::string name;
    ValuePtr value;
    int64_t bytes = 0;
  };
  using Position = typename std::list<Entry>::iterator;
  // What list and map take beside the name, about.
  static constexpr int64_t kEntryBytes = static_cast<int64_t>(sizeof(Entry)) + 96;

  void Remove(Position entry, std::list<Entry>& gone) COFFER_REQUIRES(mutex_) {
    held_bytes_ -= entry->bytes;
    by_name_.erase(entry->name);
    gone.splice(gone.begin(), entries_, entry);
  }

  const int64_t limit_bytes_;
  mutable Mutex mutex_;  // Guards what follows.
  int64_t held_bytes_ COFFER_GUARDED_BY(mutex_) = 0;
  std::list<Entry> entries_ COFFER_GUARDED_BY(mutex_);  // Most recently used first.
  std::unordered_map<std::string_view, Position> by_name_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_LRU_CACHE_H_
