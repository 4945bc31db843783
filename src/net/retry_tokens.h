// RetryTokens: how many retries a host may still get, so that one in trouble is not buried.
//
//     if (!tokens.Take(host, Clock::now())) ...  // not yet: wait longer, and ask again
//     tokens.Give(host, retries_taken);          // once the host has answered
//
// A host has tokens for kRounds retries of all requests that may be under way to it: who is hit by
// a blip, all at once and a few times, still passes. A retry takes kOfRetry. An answer gives back
// what its own request took, and one more: a host that recovers has them all again soon. A host
// that stays down gives none back; it gets kPerSecond / kOfRetry retries a second from then on,
// however many requests wait, which is enough to find out that it is back.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_SRC_NET_RETRY_TOKENS_H_
#define COFFER_SRC_NET_RETRY_TOKENS_H_

#include <chrono>
#include <map>
#include <string>

#include "src/base/mutex.h"
#include "src/net/http_transport.h"

namespace coffer::inline v0 {

class RetryTokens {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr int kRounds = 4;
  static constexpr int kOfRetry = 5;
  static constexpr int kOfHost = kRounds * HttpTransport::kRequestsPerHost * kOfRetry;
  static constexpr int kPerSecond = 50;

  /// Those of one retry. False: there are too few.
  bool Take(const std::string& host, Clock::time_point now);
  /// For an answer to a request that had so many retries.
  void Give(const std::string& host, int retries);

 private:
  struct Spent {
    double tokens = 0;
    Clock::time_point as_of;
  };

  Mutex mutex_;
  std::map<std::string, Spent> spent_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_NET_RETRY_TOKENS_H_
