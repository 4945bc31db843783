// Decoded chunks that a context keeps, if it was given a limit for them (off by default).
//
//  1. Who wants a chunk looks for it first. What is there is of one generation of its value (of
//     the whole shard, for inner chunks): the reader proves or allows for that (array_caches.h).
//  2. Who does not find it claims it: the first one fetches and decodes, the others wait for that
//     and look again. A claim is made by a task that has reserved all it needs, and is given up
//     when the task ends, however it does, so waiting for one ends.
//
// Thread safety: all functions from any thread.
#ifndef COFFER_SRC_ARRAY_CHUNK_CACHE_H_
#define COFFER_SRC_ARRAY_CHUNK_CACHE_H_

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "coffer/array/driver.h"
#include "coffer/async/future.h"
#include "src/array/array_caches.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

/// A decoded chunk in C order, or the knowledge that there is none.
struct CachedChunk {
  Generation generation;
  Stamp stamp;
  std::shared_ptr<const Buffer> elements;  ///< nullptr: the key does not exist.

  ConstView view(const ChunkSpec& chunk) const {
    return ConstView(elements->data(), chunk.data_type, chunk.shape);
  }
};

/// The chunks that are being fetched. A resource of the context.
class ChunkClaims {
 public:
  /// Invalid: the caller has the claim, and makes a ChunkClaim of it. Else what to wait for.
  Future<void> Claim(const std::string& name, std::shared_ptr<Executor> executor);

 private:
  friend class ChunkClaim;
  void Release(const std::string& name);

  Mutex mutex_;  // Guards what follows.
  std::unordered_map<std::string, Promise<void>> held_ COFFER_GUARDED_BY(mutex_);
};

/// A claim, until destroyed.
class ChunkClaim {
 public:
  ChunkClaim(ChunkClaims& claims, std::string name) : claims_(&claims), name_(std::move(name)) {}
  ChunkClaim(ChunkClaim&& other) noexcept
      : claims_(std::exchange(other.claims_, nullptr)), name_(std::move(other.name_)) {}
  ChunkClaim& operator=(ChunkClaim&&) = delete;
  ~ChunkClaim() {
    if (claims_ != nullptr) claims_->Release(name_);
  }

 private:
  ChunkClaims* claims_;
  std::string name_;
};

/// The chunks of one array as one operation sees them.
class ChunkCache {
 public:
  /// Off (nullptr) if the context keeps no chunks.
  static std::shared_ptr<const ChunkCache> Make(const StoredArray& stored, const Context& context);

  /// The chunk with this key, or an inner one of it by its number. `number` -1: not of a shard.
  std::optional<CachedChunk> Find(std::string_view key, int64_t number) const;
  /// Keeps it, unless its generation is unknown.
  void Put(std::string_view key, int64_t number, CachedChunk chunk) const;
  /// Memory for a chunk that is to be kept; nullptr if it is larger than the limit.
  Result<std::shared_ptr<Buffer>> Allocate(const ChunkSpec& chunk) const;
  /// As ChunkClaims::Claim.
  Future<void> Claim(std::string_view key, int64_t number) const;
  ChunkClaim Claimed(std::string_view key, int64_t number) const;

 private:
  ChunkCache(ArrayCaches& caches, ChunkClaims& claims, std::shared_ptr<Executor> executor,
             const StoredArray& stored, std::string name);
  std::string NameOf(std::string_view key, int64_t number) const;

  ArrayCaches& caches_;
  ChunkClaims& claims_;
  const std::shared_ptr<Executor> executor_;
  const StoredArray& stored_;
  const std::string name_;  // Of the store and the array's metadata.
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_CHUNK_CACHE_H_
