#include "src/async/progress.h"

#include <algorithm>
#include <exception>

namespace coffer::inline v0 {

void Progress::Add(int64_t amount) {
  if (function_ == nullptr || amount == 0) return;
  MutexLock lock(mutex_);
  done_ = std::min(done_ + amount, all_);
  if (telling_) return;
  telling_ = true;
  std::exception_ptr thrown;
  while (told_ < done_ && thrown == nullptr) {
    const int64_t done = told_ = done_;
    lock.Unlock();
    try {
      function_(done, all_);
    } catch (...) {
      thrown = std::current_exception();
    }
    lock.Lock();
  }
  if (thrown != nullptr) std::rethrow_exception(thrown);  // Nobody tells any more.
  telling_ = false;
}

}  // namespace coffer::inline v0
