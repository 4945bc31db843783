// Buffer, BufferPool: large scratch memory that is not given back to the kernel chunk by chunk.
//
// Fresh memory is expensive: faulting in 4 KiB pages costs five times a copy into warm pages. The
// pool therefore keeps buffers while operations run, and rounds sizes to few classes, so that the
// next chunk finds the last one's pages. Whole 2 MiB extents of buffers of 2 MiB and more are
// aligned and advised huge; the length is never rounded up to a huge page.
//
//     Buffer scratch = context.buffers().Allocate(chunk_bytes);   // contents undefined
//     ...
//     Bytes value = std::move(scratch).ToBytes(encoded_size);     // returns to the pool when
//     dropped
//
// What the pool holds (in use and idle) stays within its limit as far as idle buffers go: before it
// takes new memory it gives idle memory back. While no OperationScope lives at most 16 MiB stay
// idle.
//
// Thread safety: the pool from any thread; a Buffer belongs to one thread at a time. A pool may be
// destroyed before its buffers.
#ifndef COFFER_ASYNC_BUFFER_H_
#define COFFER_ASYNC_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "coffer/base/bytes.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

class BufferPool;

/// Uninitialised memory. Movable; returns to its pool when destroyed.
class [[nodiscard]] COFFER_EXPORT Buffer {
 public:
  Buffer() = default;  ///< Empty.
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }          ///< As asked for.
  size_t capacity() const { return capacity_; }  ///< What is really held, >= size().
  std::span<std::byte> span() const { return {data_, size_}; }

  /// The first `size` bytes as immutable Bytes. Requires size <= this->size().
  Bytes ToBytes(size_t size) &&;

 private:
  friend class BufferPool;
  struct Pool;
  std::shared_ptr<Pool> pool_;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

class COFFER_EXPORT BufferPool {
 public:
  /// `limit_bytes`: idle buffers are released before held + idle would pass it.
  explicit BufferPool(int64_t limit_bytes);
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  /// ResourceExhausted if the kernel refuses.
  Result<Buffer> Allocate(size_t size);
  /// Memory for a result handed to the user, who may keep it: it does not count as held. One of 2
  /// to 8 MiB comes from the idle buffers if it can, and is an idle one when its owner is gone, so
  /// that whoever reads one chunk after the other does not fault in new pages for each. Others are
  /// AllocateResult's.
  Result<std::shared_ptr<std::byte>> AllocateResult(size_t size);
  /// What Allocate(size) will really hold: reserve this from the budget.
  static int64_t CapacityFor(int64_t size);

  int64_t held_bytes() const;       ///< In use.
  int64_t held_bytes_peak() const;  ///< Since construction; tests compare it with reservations.
  int64_t idle_bytes() const;

  /// While one lives, idle buffers are kept up to the limit; after the last, up to 16 MiB.
  class COFFER_EXPORT OperationScope {
   public:
    explicit OperationScope(BufferPool& pool);
    OperationScope(OperationScope&&) noexcept = default;
    OperationScope& operator=(OperationScope&&) = delete;
    ~OperationScope();

   private:
    std::shared_ptr<Buffer::Pool> pool_;
  };

 private:
  std::shared_ptr<Buffer::Pool> pool_;
};

/// Memory of its own for a result handed to the user: aligned and advised huge as above.
/// Freed with the returned owner. ResourceExhausted if the kernel refuses.
COFFER_EXPORT Result<std::shared_ptr<std::byte>> AllocateResult(size_t size);

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_BUFFER_H_
