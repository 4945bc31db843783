// Goal: retry tokens let a blip pass that hits all requests under way, and keep a host that stays
// down from being buried. Method: the tokens by themselves with a clock of the test's; then many
// requests at once to a scripted server that is busy for a while, or for good.
#include "src/net/retry_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "src/net/http_client.h"
#include "tests/unit/net/net_support.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Clock = RetryTokens::Clock;

constexpr int kUnderWay = HttpTransport::kRequestsPerHost;
constexpr int kRetries = RetryTokens::kOfHost / RetryTokens::kOfRetry;

int TakeAll(RetryTokens& tokens, const std::string& host, Clock::time_point now) {
  int count = 0;
  while (tokens.Take(host, now)) ++count;
  return count;
}

TEST(RetryTokens, AreForSomeRoundsOfAllThatMayBeUnderWay) {
  RetryTokens tokens;
  const Clock::time_point now = Clock::now();
  EXPECT_EQ(TakeAll(tokens, "http://a", now), RetryTokens::kRounds * kUnderWay);
  EXPECT_EQ(TakeAll(tokens, "http://b", now), RetryTokens::kRounds * kUnderWay);
}

TEST(RetryTokens, ComeBackWithAnswers) {
  RetryTokens tokens;
  const Clock::time_point now = Clock::now();
  TakeAll(tokens, "h", now);
  for (int i = 1; i < RetryTokens::kOfRetry; ++i) tokens.Give("h", 0);
  EXPECT_FALSE(tokens.Take("h", now));  // One too few.
  tokens.Give("h", 0);
  EXPECT_EQ(TakeAll(tokens, "h", now), 1);
  tokens.Give("h", 7);
  EXPECT_EQ(TakeAll(tokens, "h", now), 7);
  tokens.Give("h", 10 * kRetries);  // Never more than there were.
  EXPECT_EQ(TakeAll(tokens, "h", now), kRetries);
}

TEST(RetryTokens, ComeBackWithTime) {
  RetryTokens tokens;
  Clock::time_point now = Clock::now();
  TakeAll(tokens, "h", now);
  const milliseconds of_one(1000 * RetryTokens::kOfRetry / RetryTokens::kPerSecond);
  EXPECT_FALSE(tokens.Take("h", now + of_one / 2));  // Asking does not put it off.
  now += of_one + milliseconds(1);
  EXPECT_EQ(TakeAll(tokens, "h", now), 1);
  EXPECT_FALSE(tokens.Take("h", now - seconds(100)));  // Two threads' clocks, one read first.
  EXPECT_FALSE(tokens.Take("h", now));
  EXPECT_EQ(TakeAll(tokens, "h", now + std::chrono::hours(1)), kRetries);
}

/// So many requests at once, and what becomes of them.
struct Many {
  explicit Many(HttpServer::Handler handler) : server(std::move(handler)) {}

  void Send(int count, const HttpRetry& retry) {
    const HttpClient client(context, retry);
    for (int i = 0; i < count; ++i) {
      sent.push_back(client.Send([url = server.url() + "/" + std::to_string(i)](
                                     int) { return Future<HttpRequest>::Ready(GetOf(url)); },
                                 JudgeTransient, {}));
    }
  }
  void ExpectAnswers() {
    for (const Future<HttpResponse>& each : sent) {
      const Result<HttpResponse> outcome = each.Get();
      ASSERT_TRUE(outcome.ok()) << outcome.status();
      EXPECT_EQ(outcome->status, 200);
    }
  }

  const HttpServer server;
  const Context context = Context::Create({.threads = 2});
  std::vector<Future<HttpResponse>> sent;
};

TEST(RetryTokens, ABlipThatHitsAllUnderWaySomeTimesPasses) {
  Mutex mutex;
  std::map<std::string, int> asked_before;
  Many many([&](const Asked& asked) {
    const MutexLock lock(mutex);
    return HttpReply{.status = asked_before[asked.target]++ < RetryTokens::kRounds ? 503 : 200};
  });
  // None may be short of a token: it would not get one in this budget.
  many.Send(kUnderWay, {.first = milliseconds(1), .longest = milliseconds(50)});
  many.ExpectAnswers();
  EXPECT_EQ(many.server.counts().requests, (1 + RetryTokens::kRounds) * kUnderWay);
}

TEST(RetryTokens, WhoHasNoneIsAnsweredWhenTheHostIsBack) {
  constexpr int kCount = 300;
  std::atomic<int> asked{0};
  // All that may be asked at once, and then it is well again.
  Many many(
      [&](const Asked&) { return HttpReply{.status = ++asked <= kCount + kRetries ? 503 : 200}; });
  many.Send(kCount, {.attempts_max = 20, .first = milliseconds(1), .longest = milliseconds(100)});
  many.ExpectAnswers();
}

TEST(RetryTokens, AHostThatIsDownIsNotBuried) {
  constexpr int kCount = 200;
  Many many([&](const Asked&) { return HttpReply{.status = 503}; });
  const Clock::time_point begin = Clock::now();
  many.Send(kCount,
            {.first = milliseconds(1), .longest = milliseconds(50), .budget = milliseconds(600)});
  int used_up = 0;
  for (const Future<HttpResponse>& each : many.sent) {
    const Result<HttpResponse> outcome = each.Get();
    if (outcome.ok() && outcome->note.empty()) continue;  // It had all its attempts.
    EXPECT_THAT(outcome.ok() ? outcome->note : std::string(outcome.status().message()),
                HasSubstr("its retries are used up"));
    ++used_up;
  }
  const std::chrono::duration<double> passed = Clock::now() - begin;
  const double with_time = passed.count() * RetryTokens::kPerSecond / RetryTokens::kOfRetry;
  EXPECT_LE(many.server.counts().requests, kCount + kRetries + with_time + 1);
  EXPECT_GT(used_up, 0);
}

}  // namespace
}  // namespace coffer
