#include "src/array/array_caches.h"

#include <algorithm>
#include <utility>

namespace coffer::inline v0 {

ArrayCaches::ArrayCaches(const ContextOptions& options)
    : clock_(options.clock != nullptr ? options.clock : std::chrono::steady_clock::now),
      small_(options.cache_bytes),
      chunks_(options.chunk_cache_bytes),
      chunk_buffers_(std::max<int64_t>(options.chunk_cache_bytes, 1)) {}

const std::string& ArrayCaches::Name(const KvStorePtr& store, std::string name) {
  if (stores_.size() >= sweep_at_) {
    std::erase_if(stores_, [](const auto& item) { return item.second.store.expired(); });
    sweep_at_ = std::max<size_t>(64, 2 * stores_.size());
  }
  return (stores_[store.get()] = {store, std::move(name)}).name;
}

void ArrayCaches::NameStore(const KvStorePtr& store, std::string_view text) {
  MutexLock lock(mutex_);
  Name(store, "=" + std::string(text) + "\n");
}

std::string ArrayCaches::NameOfStore(const KvStorePtr& store) {
  MutexLock lock(mutex_);
  const auto found = stores_.find(store.get());
  // An address may be used again, by another store.
  if (found != stores_.end() && !found->second.store.owner_before(store) &&
      !store.owner_before(found->second.store)) {
    return found->second.name;
  }
  return Name(store, "#" + std::to_string(++stores_named_) + "\n");
}

void ArrayCaches::BeginWrite(std::string_view node) { ++MarkOf(node).writers; }

void ArrayCaches::EndWrite(std::string_view node) {
  Mark& mark = MarkOf(node);
  const uint64_t end = ++writes_ended_;
  for (uint64_t last = mark.last_end; last < end;) {
    if (mark.last_end.compare_exchange_weak(last, end)) break;
  }
  --mark.writers;
}

NodeWriteMark::NodeWriteMark(const Context& context, const KvStore& store, std::string_view prefix,
                             bool subtree)
    : caches_(context.Get<ArrayCaches>()), subtree_(subtree) {
  marks_.emplace_back(context, store, prefix);
  for (size_t slash = prefix.find('/'); slash + 1 < prefix.size();
       slash = prefix.find('/', slash + 1)) {
    marks_.emplace_back(context, store, prefix.substr(0, slash + 1));
  }
  if (!prefix.empty()) marks_.emplace_back(context, store, "");
}

NodeWriteMark::~NodeWriteMark() {
  if (subtree_) caches_.WroteEverywhere();
}

}  // namespace coffer::inline v0
