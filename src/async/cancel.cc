// 1. Cancel() sets the flag under the lock, so that a callback is either in the list by then or is
//    run by OnCancel() itself.
// 2. The cancelling thread takes callbacks off the list one by one and runs each without the lock;
//    who and which is noted, so that RemoveCallback() can wait for it.
// 3. A callback may cancel another source. That one's callbacks run after this one has returned, by
//    the same loop: chains of any length do not grow the stack.
#include "src/async/cancel.h"

#include <atomic>
#include <deque>
#include <map>
#include <thread>
#include <utility>

#include "src/base/mutex.h"

namespace coffer::inline v0 {
namespace internal {

struct CancelState {
  std::atomic<bool> cancelled{false};  // Set under `mutex`, read without it.
  Mutex mutex;
  CondVar callback_done;
  uint64_t next_id COFFER_GUARDED_BY(mutex) = 1;
  std::map<uint64_t, std::function<void()>> callbacks COFFER_GUARDED_BY(mutex);
  uint64_t running_id COFFER_GUARDED_BY(mutex) = 0;  // 0: none.
  std::thread::id running_thread COFFER_GUARDED_BY(mutex);

  void RunCallbacks();
  void Remove(uint64_t id, bool wait);
};

void CancelState::RunCallbacks() {
  MutexLock lock(mutex);
  running_thread = std::this_thread::get_id();
  while (!callbacks.empty()) {
    auto first = callbacks.extract(callbacks.begin());
    running_id = first.key();
    lock.Unlock();
    first.mapped()();
    first.mapped() = nullptr;  // What it owned goes before anyone is told that it is done.
    lock.Lock();
    running_id = 0;
    callback_done.NotifyAll();
  }
}

void CancelState::Remove(uint64_t id, bool wait) {
  std::function<void()> removed;  // Destroyed after the lock is let go.
  MutexLock lock(mutex);
  if (const auto it = callbacks.find(id); it != callbacks.end()) {
    removed = std::move(it->second);
    callbacks.erase(it);
    return;
  }
  if (!wait || running_thread == std::this_thread::get_id()) return;
  while (running_id == id) callback_done.Wait(mutex);
}

namespace {

// The sources that this thread is cancelling; null unless it is inside Cancel().
thread_local std::deque<std::shared_ptr<CancelState>>* cancelling = nullptr;

void RunAllCallbacks(std::shared_ptr<CancelState> state) {
  if (cancelling != nullptr) {
    cancelling->push_back(std::move(state));
    return;
  }
  std::deque<std::shared_ptr<CancelState>> pending;
  pending.push_back(std::move(state));
  cancelling = &pending;
  while (!pending.empty()) {
    const std::shared_ptr<CancelState> next = std::move(pending.front());
    pending.pop_front();
    next->RunCallbacks();
  }
  cancelling = nullptr;
}

}  // namespace
}  // namespace internal

bool CancelToken::cancelled() const {
  return state_ != nullptr && state_->cancelled.load(std::memory_order_acquire);
}

uint64_t CancelToken::OnCancel(std::function<void()> callback) const {
  if (state_ == nullptr) return 0;
  {
    MutexLock lock(state_->mutex);
    if (!state_->cancelled.load(std::memory_order_relaxed)) {
      const uint64_t id = state_->next_id++;
      state_->callbacks.emplace(id, std::move(callback));
      return id;
    }
  }
  callback();
  return 0;
}

void CancelToken::RemoveCallback(uint64_t id) const {
  if (state_ != nullptr && id != 0) state_->Remove(id, true);
}

void internal::ForgetCallback(const CancelToken& token, uint64_t id) { token.Forget(id); }

void CancelToken::Forget(uint64_t id) const {
  if (state_ != nullptr && id != 0) state_->Remove(id, false);
}

CancelSource::CancelSource() { token_.state_ = std::make_shared<internal::CancelState>(); }

void CancelSource::Cancel() const {
  {
    MutexLock lock(token_.state_->mutex);
    if (token_.state_->cancelled.exchange(true, std::memory_order_release)) return;
  }
  internal::RunAllCallbacks(token_.state_);
}

}  // namespace coffer::inline v0
