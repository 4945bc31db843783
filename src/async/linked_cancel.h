// LinkedCancel: one token that fires when either of two does: the one an operation was given, and
// the one of the future that it returned.
//
// Thread safety: Release() once, when the operation has ended, not inside a callback of the tokens.
#ifndef COFFER_SRC_ASYNC_LINKED_CANCEL_H_
#define COFFER_SRC_ASYNC_LINKED_CANCEL_H_

#include <cstdint>
#include <utility>

#include "coffer/async/cancel.h"

namespace coffer::inline v0 {

class LinkedCancel {
 public:
  LinkedCancel(CancelToken first, CancelToken second)
      : first_(std::move(first)), second_(std::move(second)) {
    const auto fire = [source = source_] { source.Cancel(); };
    first_id_ = first_.OnCancel(fire);
    second_id_ = second_.OnCancel(fire);
  }

  CancelToken token() const { return source_.token(); }

  void Release() {
    first_.RemoveCallback(first_id_);
    second_.RemoveCallback(second_id_);
  }

 private:
  const CancelSource source_;
  const CancelToken first_;
  const CancelToken second_;
  uint64_t first_id_ = 0;
  uint64_t second_id_ = 0;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ASYNC_LINKED_CANCEL_H_
