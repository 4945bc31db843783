// CancelSource and CancelToken: asking work to stop.
//
// The one who may cancel holds the source; the work holds tokens and looks at them where it can
// stop cleanly. Cancelling only asks: the future of the work still resolves, with Cancelled or,
// if the work was already past stopping, with its result. (std::stop_token is missing from libc++.)
//
// Thread safety: all methods from any thread.
#ifndef COFFER_ASYNC_CANCEL_H_
#define COFFER_ASYNC_CANCEL_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "coffer/base/export.h"

namespace coffer::inline v0 {

class CancelToken;

namespace internal {
struct CancelState;
void ForgetCallback(const CancelToken& token, uint64_t id);
}  // namespace internal

/// Cheap to copy; a default token never fires.
class COFFER_EXPORT CancelToken {
 public:
  CancelToken() = default;
  bool cancelled() const;

  /// Runs `callback` once when cancelled: on the cancelling thread, or here and now if that has
  /// happened. Returns an id for RemoveCallback, 0 if it ran already (or never can). It must be
  /// short and must not block.
  uint64_t OnCancel(std::function<void()> callback) const;
  /// After it returns the callback will not start, and does not run on another thread: it waits for
  /// a run that has begun there. So hold no lock that the callback takes.
  void RemoveCallback(uint64_t id) const;

 private:
  friend class CancelSource;
  friend void internal::ForgetCallback(const CancelToken& token, uint64_t id);
  void Forget(uint64_t id) const;
  std::shared_ptr<internal::CancelState> state_;
};

class COFFER_EXPORT CancelSource {
 public:
  CancelSource();
  /// Runs the callbacks; idempotent. Called inside a callback, it fires the token at once and runs
  /// this source's callbacks after that one has returned, so chains do not grow the stack.
  void Cancel() const;
  CancelToken token() const { return token_; }

 private:
  CancelToken token_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_CANCEL_H_
