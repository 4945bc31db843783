// 1. Sizes below kPooledMin come from operator new and go back there: malloc is good at these.
// 2. Others are rounded up to a class (eight to the octave, so at most an eighth is lost), mapped
//    from the kernel, and kept idle by class when dropped: the newest is handed out first, since
//    its pages are the warmest; the oldest is given back first.
// 3. The limit: while operations run, held + idle <= limit as far as idle buffers can see to it;
//    else idle <= 16 MiB. Checked when memory is about to be mapped, when a buffer comes back and
//    when the last OperationScope ends. Unmapping happens after the lock is let go.
// 4. Results of some MiB are taken and come back in the same way, but never count as held: their
//    users may keep them for as long as they like.
#include "coffer/async/buffer.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <deque>
#include <map>
#include <new>
#include <string>
#include <vector>

#include "coffer/base/checked.h"
#include "src/base/mutex.h"
#include "src/base/platform_memory.h"

namespace coffer::inline v0 {
namespace {

constexpr size_t kPooledMin = size_t{64} << 10;
constexpr size_t kSmallUnit = 64;
constexpr int64_t kIdleMaxAtRest = MiB(16);
constexpr size_t kPooledResultMin = platform::kHugePage;  // malloc reuses smaller ones while warm.
constexpr size_t kPooledResultMax = kIdleMaxAtRest / 2;
constexpr int kClassesPerOctaveLog2 = 3;

size_t CapacityOf(size_t size) {
  if (size > SIZE_MAX / 4) return size;  // The kernel will refuse it.
  const size_t unit = size < kPooledMin
                          ? kSmallUnit
                          : std::bit_floor(size) >> static_cast<size_t>(kClassesPerOctaveLog2);
  return (size + unit - 1) & ~(unit - 1);  // Both units are powers of two.
}

std::byte* NewMemory(size_t size) {
  return static_cast<std::byte*>(::operator new(size, std::align_val_t{kSmallUnit}, std::nothrow));
}
void DeleteMemory(std::byte* data) { ::operator delete(data, std::align_val_t{kSmallUnit}); }

std::byte* TakeMemory(size_t capacity) {
  return capacity >= kPooledMin ? platform::MapMemory(capacity) : NewMemory(capacity);
}
void GiveMemoryBack(std::byte* data, size_t capacity) {
  capacity >= kPooledMin ? platform::UnmapMemory(data, capacity) : DeleteMemory(data);
}

struct Mapping {
  std::byte* data;
  size_t capacity;
};

void GiveBack(const std::vector<Mapping>& mappings) {
  for (const Mapping& mapping : mappings) GiveMemoryBack(mapping.data, mapping.capacity);
}

Status Refused(size_t size) {
  return ResourceExhaustedError("no memory for " + std::to_string(size) + " bytes");
}

}  // namespace

struct Buffer::Pool {
  struct Idle {
    std::byte* data;
    uint64_t age;  // Counts up: the smallest is the oldest.
  };

  explicit Pool(int64_t limit) : limit_bytes(limit) {}

  const int64_t limit_bytes;
  Mutex mutex;
  int64_t held COFFER_GUARDED_BY(mutex) = 0;
  int64_t held_peak COFFER_GUARDED_BY(mutex) = 0;
  int64_t idle COFFER_GUARDED_BY(mutex) = 0;
  int operations COFFER_GUARDED_BY(mutex) = 0;
  bool closed COFFER_GUARDED_BY(mutex) = false;
  uint64_t next_age COFFER_GUARDED_BY(mutex) = 0;
  std::map<size_t, std::deque<Idle>> idle_of_capacity COFFER_GUARDED_BY(mutex);

  std::byte* TakeIdle(size_t capacity) COFFER_REQUIRES(mutex);
  void TakeOldest(std::vector<Mapping>& taken) COFFER_REQUIRES(mutex);
  void Trim(int64_t coming, std::vector<Mapping>& taken) COFFER_REQUIRES(mutex);
  /// `counted`: what of it is held, all or (of results) nothing.
  std::byte* Take(size_t capacity, int64_t counted);
  void Return(std::byte* data, size_t capacity, int64_t counted);
  void AddOperation(int change);
};

std::byte* Buffer::Pool::TakeIdle(size_t capacity) {
  const auto at = idle_of_capacity.find(capacity);
  if (at == idle_of_capacity.end()) return nullptr;
  std::byte* const data = at->second.back().data;
  at->second.pop_back();
  if (at->second.empty()) idle_of_capacity.erase(at);
  idle -= static_cast<int64_t>(capacity);
  return data;
}

void Buffer::Pool::TakeOldest(std::vector<Mapping>& taken) {
  const auto oldest = std::min_element(
      idle_of_capacity.begin(), idle_of_capacity.end(),
      [](const auto& a, const auto& b) { return a.second.front().age < b.second.front().age; });
  taken.push_back({oldest->second.front().data, oldest->first});
  idle -= static_cast<int64_t>(oldest->first);
  oldest->second.pop_front();
  if (oldest->second.empty()) idle_of_capacity.erase(oldest);
}

// Takes idle buffers until the limits hold with `coming` more bytes held.
void Buffer::Pool::Trim(int64_t coming, std::vector<Mapping>& taken) {
  while (idle > 0 && (closed || held + coming + idle > limit_bytes ||
                      (operations == 0 && idle > kIdleMaxAtRest))) {
    TakeOldest(taken);
  }
}

std::byte* Buffer::Pool::Take(size_t capacity, int64_t counted) {
  std::vector<Mapping> taken;
  {
    MutexLock lock(mutex);
    std::byte* const data = TakeIdle(capacity);
    held += counted;
    held_peak = std::max(held_peak, held);
    if (data != nullptr) return data;
    Trim(0, taken);
  }
  GiveBack(taken);
  std::byte* const data = TakeMemory(capacity);
  if (data == nullptr) {
    MutexLock lock(mutex);
    held -= counted;
  }
  return data;
}

void Buffer::Pool::Return(std::byte* data, size_t capacity, int64_t counted) {
  std::vector<Mapping> taken;
  {
    MutexLock lock(mutex);
    held -= counted;
    if (capacity < kPooledMin) {
      taken.push_back({data, capacity});
    } else {
      idle_of_capacity[capacity].push_back({data, next_age++});
      idle += static_cast<int64_t>(capacity);
      Trim(0, taken);
    }
  }
  GiveBack(taken);
}

void Buffer::Pool::AddOperation(int change) {
  std::vector<Mapping> taken;
  {
    MutexLock lock(mutex);
    operations += change;
    Trim(0, taken);
  }
  GiveBack(taken);
}

Buffer::Buffer(Buffer&& other) noexcept
    : pool_(std::move(other.pool_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(pool_, other.pool_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

Buffer::~Buffer() {
  if (data_ != nullptr) pool_->Return(data_, capacity_, static_cast<int64_t>(capacity_));
}

Bytes Buffer::ToBytes(size_t size) && {
  const std::span<const std::byte> view(data_, size);
  return Bytes(std::make_shared<Buffer>(std::move(*this)), view);
}

BufferPool::BufferPool(int64_t limit_bytes) : pool_(std::make_shared<Buffer::Pool>(limit_bytes)) {}

BufferPool::~BufferPool() {
  {
    MutexLock lock(pool_->mutex);
    pool_->closed = true;
  }
  pool_->AddOperation(0);
}

Result<Buffer> BufferPool::Allocate(size_t size) {
  Buffer buffer;
  if (size == 0) return buffer;
  const size_t capacity = CapacityOf(size);
  std::byte* const data =
      capacity > INT64_MAX / 2 ? nullptr : pool_->Take(capacity, static_cast<int64_t>(capacity));
  if (data == nullptr) return Refused(size);
  buffer.pool_ = pool_;
  buffer.data_ = data;
  buffer.size_ = size;
  buffer.capacity_ = capacity;
  return buffer;
}

Result<std::shared_ptr<std::byte>> BufferPool::AllocateResult(size_t size) {
  if (size < kPooledResultMin || size > kPooledResultMax) return v0::AllocateResult(size);
  const size_t capacity = CapacityOf(size);
  std::byte* const data = pool_->Take(capacity, 0);
  if (data == nullptr) return Refused(size);
  return std::shared_ptr<std::byte>(
      data, [pool = pool_, capacity](std::byte* memory) { pool->Return(memory, capacity, 0); });
}

int64_t BufferPool::CapacityFor(int64_t size) {
  return size <= 0 ? 0 : static_cast<int64_t>(CapacityOf(static_cast<size_t>(size)));
}

int64_t BufferPool::held_bytes_peak() const {
  MutexLock lock(pool_->mutex);
  return pool_->held_peak;
}

int64_t BufferPool::held_bytes() const {
  MutexLock lock(pool_->mutex);
  return pool_->held;
}

int64_t BufferPool::idle_bytes() const {
  MutexLock lock(pool_->mutex);
  return pool_->idle;
}

BufferPool::OperationScope::OperationScope(BufferPool& pool) : pool_(pool.pool_) {
  pool_->AddOperation(1);
}

BufferPool::OperationScope::~OperationScope() {
  if (pool_ != nullptr) pool_->AddOperation(-1);
}

Result<std::shared_ptr<std::byte>> AllocateResult(size_t size) {
  const bool mapped = size >= kPooledResultMin;
  std::byte* const data = mapped ? platform::MapMemory(size) : NewMemory(size);
  if (data == nullptr) return Refused(size);
  return std::shared_ptr<std::byte>(data, [size, mapped](std::byte* memory) {
    mapped ? platform::UnmapMemory(memory, size) : DeleteMemory(memory);
  });
}

}  // namespace coffer::inline v0
