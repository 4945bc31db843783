#include "src/array/chunk_cache.h"
#include "src/codec/chain.h"

#include <functional>
#include <optional>

namespace coffer::inline v0 {

Future<void> ChunkClaims::Claim(const std::string& name, std::shared_ptr<Executor> executor) {
  MutexLock lock(mutex_);
  const auto found = held_.find(name);
  if (found != held_.end()) return found->second.future();
  held_.emplace(name, Promise<void>(std::move(executor)));
  return Future<void>();
}

void ChunkClaims::Release(const std::string& name) {
  MutexLock lock(mutex_);
  const auto found = held_.find(name);
  const Promise<void> waiting = std::move(found->second);
  held_.erase(found);
  lock.Unlock();
  waiting.Set(Status());
}

ChunkCache::ChunkCache(ArrayCaches& caches, ChunkClaims& claims, std::shared_ptr<Executor> executor,
                       const StoredArray& stored, std::string name)
    : caches_(caches),
      claims_(claims),
      executor_(std::move(executor)),
      stored_(stored),
      name_(std::move(name)) {}

std::shared_ptr<const ChunkCache> ChunkCache::Make(const StoredArray& stored,
                                                   const Context& context) {
  if (context.options().chunk_cache_bytes <= 0) return nullptr;
  auto& caches = context.Get<ArrayCaches>();
  // The same bytes mean something else under other metadata.
  std::string name = caches.NameOfStore(stored.store) +
                     std::to_string(std::hash<std::string>()(stored.metadata)) + " ";
  return std::shared_ptr<const ChunkCache>(new ChunkCache(
      caches, context.Get<ChunkClaims>(), context.shared_executor(), stored, std::move(name)));
}

std::string ChunkCache::NameOf(std::string_view key, int64_t number) const {
  return name_ + std::to_string(number) + " " + stored_.Describe(key);
}

std::optional<CachedChunk> ChunkCache::Find(std::string_view key, int64_t number) const {
  const RememberedPtr found = caches_.chunks().Find(NameOf(key, number));
  if (found == nullptr) return std::nullopt;
  return CachedChunk{found->generation, found->stamp,
                     std::static_pointer_cast<const Buffer>(found->value)};
}

void ChunkCache::Put(std::string_view key, int64_t number, CachedChunk chunk) const {
  if (!chunk.generation.known()) return;
  const int64_t bytes =
      static_cast<int64_t>(sizeof(Remembered) + sizeof(Buffer)) +
      (chunk.elements == nullptr ? 0 : static_cast<int64_t>(chunk.elements->capacity()));
  caches_.chunks().Put(NameOf(key, number),
                       std::make_shared<const Remembered>(Remembered{
                           std::move(chunk.generation), chunk.stamp, std::move(chunk.elements)}),
                       bytes);
}

Result<std::shared_ptr<Buffer>> ChunkCache::Allocate(const ChunkSpec& chunk) const {
  const int64_t capacity = BufferPool::CapacityFor(chunk.num_bytes());
  if (capacity >= caches_.chunks().limit_bytes()) return std::shared_ptr<Buffer>();
  COFFER_ASSIGN_OR_RETURN(Buffer buffer,
                          caches_.chunk_buffers().Allocate(static_cast<size_t>(chunk.num_bytes())));
  return std::make_shared<Buffer>(std::move(buffer));
}

Future<void> ChunkCache::Claim(std::string_view key, int64_t number) const {
  return claims_.Claim(NameOf(key, number), executor_);
}

ChunkClaim ChunkCache::Claimed(std::string_view key, int64_t number) const {
  return ChunkClaim(claims_, NameOf(key, number));
}

}  // namespace coffer::inline v0
