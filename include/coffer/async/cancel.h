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

namespace internal {
struct CancelState;
}

/// Cheap to copy; a default token never fires.
class COFFER_EXPORT CancelToken {
 public:
  CancelToken() = default;
  bool cancelled() const;

  /// Runs `callback` once when cancelled: on the cancelling thread, or here and now if that has
  /// happened. Returns an id for RemoveCallback, 0 if it ran already.
  uint64_t OnCancel(std::function<void()> callback) const;
  /// After it returns the callback will not start, and does not run on another thread.
  void RemoveCallback(uint64_t id) const;

 private:
  friend class CancelSource;
  std::shared_ptr<internal::CancelState> state_;
};

class COFFER_EXPORT CancelSource {
 public:
  CancelSource();
  void Cancel() const;  ///< Idempotent.
  CancelToken token() const { return token_; }

 private:
  CancelToken token_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_ASYNC_CANCEL_H_
