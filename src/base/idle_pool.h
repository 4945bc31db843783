// IdlePool: a few idle library contexts (compressors and the like) kept for the next call.
//
// Making a zstd or deflate context costs more than decoding a small chunk with it, mostly in page
// faults. The pool keeps at most kSlots idle contexts and at most `idle_bytes_max` bytes of them;
// what does not fit is destroyed, the older first. Slots are single atomic pointers and nothing
// ever waits, so the pool also works in a child after fork() and at any time during exit.
//
// Thread safety: Take and Put from any thread.
#ifndef COFFER_SRC_BASE_IDLE_POOL_H_
#define COFFER_SRC_BASE_IDLE_POOL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace coffer::inline v0 {

/// Item has a member `size_t bytes`: what it holds, as of the last Put.
template <class Item>
class IdlePool {
 public:
  /// `item_bytes_max`: a larger item is never kept.
  IdlePool(size_t item_bytes_max, size_t idle_bytes_max)
      : item_bytes_max_(item_bytes_max), idle_bytes_max_(idle_bytes_max) {}

  /// An idle item that `suits` accepts, or nullptr.
  template <class Predicate>
  std::unique_ptr<Item> Take(Predicate suits) {
    for (auto& slot : slots_) {
      std::unique_ptr<Item> item = Empty(slot);
      if (item == nullptr) continue;
      if (suits(*item)) return item;
      Put(std::move(item));
    }
    return nullptr;
  }

  void Put(std::unique_ptr<Item> item) {
    if (item->bytes > item_bytes_max_) return;
    const size_t start = next_.fetch_add(1, std::memory_order_relaxed);
    idle_bytes_.fetch_add(item->bytes, std::memory_order_relaxed);
    for (size_t i = 0; i < kSlots; ++i) {
      Item* expected = nullptr;
      if (slots_[(start + i) % kSlots].compare_exchange_strong(
              expected, item.get(), std::memory_order_acq_rel, std::memory_order_relaxed)) {
        static_cast<void>(item.release());
        break;
      }
    }
    if (item != nullptr) {  // All slots are taken: replace one.
      item.reset(slots_[start % kSlots].exchange(item.release(), std::memory_order_acq_rel));
      if (item != nullptr) idle_bytes_.fetch_sub(item->bytes, std::memory_order_relaxed);
    }
    for (size_t i = 1; i < kSlots && idle_bytes() > idle_bytes_max_; ++i) {
      Empty(slots_[(start + i) % kSlots]);
    }
  }

  size_t idle_bytes() const { return idle_bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kSlots = 16;

  std::unique_ptr<Item> Empty(std::atomic<Item*>& slot) {
    std::unique_ptr<Item> item(slot.exchange(nullptr, std::memory_order_acq_rel));
    if (item != nullptr) idle_bytes_.fetch_sub(item->bytes, std::memory_order_relaxed);
    return item;
  }

  const size_t item_bytes_max_;
  const size_t idle_bytes_max_;
  std::array<std::atomic<Item*>, kSlots> slots_{};
  std::atomic<size_t> idle_bytes_{0};
  std::atomic<size_t> next_{0};
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_IDLE_POOL_H_
