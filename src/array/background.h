// RunInBackground: plain blocking code on threads of its own, joined before it returns.
//
// For sequential protocols (bounded copies, verification, saving trees) that wait for the budget
// and for futures, which executor threads must not.
#ifndef COFFER_SRC_ARRAY_BACKGROUND_H_
#define COFFER_SRC_ARRAY_BACKGROUND_H_

#include <cstdint>
#include <functional>

#include "coffer/async/cancel.h"
#include "coffer/async/context.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

/// How many threads suit work on stores of which these many requests should be under way: those of
/// the executor, more where only that hides the latency.
int BackgroundThreads(const Context& context, int request_concurrency);

/// Calls body(0) ... body(count - 1), each once, on up to `threads` threads; the calling thread
/// waits, and helps meanwhile if it is one of the context's workers. The first error, or a
/// cancellation, stops the taking and is returned.
Status RunInBackground(const Context& context, int threads, int64_t count,
                       const std::function<Status(int64_t)>& body, const CancelToken& cancel);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ARRAY_BACKGROUND_H_
