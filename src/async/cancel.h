// What a CancelToken shares with its source, and the removal that never waits.
#ifndef COFFER_SRC_ASYNC_CANCEL_H_
#define COFFER_SRC_ASYNC_CANCEL_H_

#include "coffer/async/cancel.h"

namespace coffer::inline v0::internal {

/// Like token.RemoveCallback(id), without waiting for a run that has begun on another thread.
/// For callbacks that own all they touch.
void ForgetCallback(const CancelToken& token, uint64_t id);

}  // namespace coffer::inline v0::internal

#endif  // COFFER_SRC_ASYNC_CANCEL_H_
