// HttpClient: requests that are repeated while that may help.
//
//     HttpClient client(context, {.attempts_max = 5});
//     Future<HttpResponse> answer = client.Send(
//         [=](int attempt) { return SignedGet(url); }, AnswersTransient, options.cancel);
//
//  1. Each attempt asks for its request anew, so that it is signed with the time of now.
//  2. The judge looks at the outcome. kDone: it is the result. kAgain: the next attempt starts at
//     once (a redirect, a new region, new credentials); at most kAgainMax of these.
//  3. kRetry: the next attempt waits a random time between zero and a bound that doubles, or as
//     long as Retry-After says, up to retry.longest. It does not come if attempts or the budget are
//     used up: the last outcome is the result then, an error of which says how many attempts there
//     were.
//  4. Retry tokens are shared by all requests of a context to one host (retry_tokens.h). Where none
//     is left, the request waits on, longer and longer, and asks for one again. If the budget is
//     spent before it gets one, the result is an error that says so.
//  The budget is the time that may be lost: waits, and of each attempt the time in which no body
//  moved (HttpRequest::lost). Neither waiting for a turn nor a long transfer uses it up.
//
// Judges run on the executor, but for answers 2xx that are final by themselves (see Send).
// Thread safety: all methods from any thread. A client may be destroyed while requests are under
// way.
#ifndef COFFER_SRC_NET_HTTP_CLIENT_H_
#define COFFER_SRC_NET_HTTP_CLIENT_H_

#include <chrono>
#include <functional>

#include "coffer/async/context.h"
#include "src/net/http_transport.h"

namespace coffer::inline v0 {

struct HttpRetry {
  int attempts_max = 10;
  std::chrono::milliseconds first{100};  ///< Bound of the first wait.
  std::chrono::milliseconds longest{20'000};
  std::chrono::milliseconds budget{120'000};  ///< Of lost time; none starts when it is spent.
};

enum class HttpVerdict {
  kDone,
  kRetry,
  kRetryUnanswered,  ///< Besides, what was asked for may have been done: it counts as unanswered.
  kAgain,
};

/// kRetry for what may pass: Unavailable and DeadlineExceeded of the transport, and answers 408,
/// 425, 429, 500, 502, 503, 504; else kDone.
HttpVerdict JudgeTransient(const Result<HttpResponse>& outcome);

class HttpClient {
 public:
  static constexpr int kAgainMax = 8;

  using Make = std::function<Future<HttpRequest>(int attempt)>;
  using Judge = std::function<HttpVerdict(const Result<HttpResponse>& outcome)>;

  HttpClient(Context context, const HttpRetry& retry)
      : context_(std::move(context)), retry_(retry) {}

  /// `judges_success`: the judge sees 2xx, too (an answer 200 may carry an error). Cancelling ends
  /// waits, too; but of a request that `waits_once_sent`, once an attempt may have been carried out
  /// (see HttpResponse::unanswered), the outcome is that of the last attempt then, and not
  /// Cancelled, nor an error of `make`. Errors: the transport's, those of `make`, and Cancelled.
  Future<HttpResponse> Send(Make make, Judge judge, const CancelToken& cancel,
                            bool judges_success = false) const;

  const Context& context() const { return context_; }

 private:
  Context context_;
  HttpRetry retry_;
};

/// The wait that a Retry-After asks for, from `now` on; zero if it is none or past.
std::chrono::milliseconds RetryAfter(std::string_view value,
                                     std::chrono::system_clock::time_point now);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_NET_HTTP_CLIENT_H_
