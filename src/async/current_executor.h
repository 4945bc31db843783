// Which executor's worker the calling thread is.
#ifndef COFFER_SRC_ASYNC_CURRENT_EXECUTOR_H_
#define COFFER_SRC_ASYNC_CURRENT_EXECUTOR_H_

#include "coffer/async/executor.h"

namespace coffer::inline v0::internal {

/// The thread pool that runs the calling thread; nullptr on every other thread. It lives at least
/// until the current task returns.
Executor* CurrentExecutor();

}  // namespace coffer::inline v0::internal

#endif  // COFFER_SRC_ASYNC_CURRENT_EXECUTOR_H_
