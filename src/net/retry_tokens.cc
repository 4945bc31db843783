#include "src/net/retry_tokens.h"

#include <algorithm>

namespace coffer::inline v0 {

bool RetryTokens::Take(const std::string& host, Clock::time_point now) {
  MutexLock lock(mutex_);
  Spent& spent = spent_.try_emplace(host, Spent{0, now}).first->second;
  const std::chrono::duration<double> passed = now - spent.as_of;
  spent.tokens = std::max(spent.tokens - kPerSecond * std::max(passed.count(), 0.0), 0.0);
  spent.as_of = std::max(spent.as_of, now);
  if (spent.tokens + kOfRetry > kOfHost) return false;
  spent.tokens += kOfRetry;
  return true;
}

void RetryTokens::Give(const std::string& host, int retries) {
  MutexLock lock(mutex_);
  const auto spent = spent_.find(host);
  if (spent == spent_.end()) return;
  spent->second.tokens -= kOfRetry * retries + 1;
  if (spent->second.tokens <= 0) spent_.erase(spent);
}

}  // namespace coffer::inline v0
