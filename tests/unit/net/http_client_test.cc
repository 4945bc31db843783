// Goal: requests are repeated when that may help and no more than they may be: by verdict,
// attempts, time budget, Retry-After and the tokens of the host; and every answer tells how often
// the request may have been carried out before. Method: a scripted server answers by a list; the
// requests that it saw are counted. Of time only lower bounds are compared.
#include "src/net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "coffer/async/observer.h"
#include "src/net/retry_tokens.h"
#include "tests/unit/net/net_support.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr HttpRetry kFast{
    .attempts_max = 10, .first = milliseconds(1), .longest = milliseconds(2), .budget = kForever};

/// Answers by a list, the last of it for ever.
class Script {
 public:
  explicit Script(std::vector<HttpReply> replies) : replies_(std::move(replies)) {}
  HttpReply operator()(const Asked&) {
    return replies_[std::min(static_cast<size_t>(next_++), replies_.size() - 1)];
  }

 private:
  const std::vector<HttpReply> replies_;
  std::atomic<int> next_{0};
};

struct Case {
  Case(std::vector<HttpReply> replies, const HttpRetry& retry)
      : script(std::move(replies)),
        server([this](const Asked& asked) { return script(asked); }),
        client(context, retry) {}

  HttpClient::Make Make() {
    return [this](int attempt) {
      attempts.push_back(attempt);
      return Future<HttpRequest>::Ready(request());
    };
  }
  HttpRequest request() {
    HttpRequest request = GetOf(server.url() + "/k");
    request.limits.first_byte = first_byte;
    return request;
  }
  Future<HttpResponse> Send(const CancelToken& cancel = {}) {
    return client.Send(Make(), JudgeTransient, cancel);
  }

  Script script;
  const HttpServer server;
  const Context context = Context::Create({.threads = 2});
  const HttpClient client;
  std::chrono::milliseconds first_byte = kForever;
  std::vector<int> attempts;  // As `make` was told; one follows the other.
};

const HttpReply kReset{.delivery = {.stop_after = 0, .then = Then::kReset}};
const HttpReply kSilent{.delivery = {.stop_after = 0, .then = Then::kStall}};

TEST(JudgeTransient, RetriesWhatMayPass) {
  for (const StatusCode code :
       {StatusCode::kCancelled, StatusCode::kInvalidArgument, StatusCode::kNotFound,
        StatusCode::kPermissionDenied, StatusCode::kDataLoss, StatusCode::kInternal,
        StatusCode::kResourceExhausted, StatusCode::kOutOfRange, StatusCode::kAborted,
        StatusCode::kFailedPrecondition, StatusCode::kUnimplemented, StatusCode::kUnavailable,
        StatusCode::kDeadlineExceeded}) {
    const bool may_pass = code == StatusCode::kUnavailable || code == StatusCode::kDeadlineExceeded;
    EXPECT_EQ(JudgeTransient(Status(code, "x")),
              may_pass ? HttpVerdict::kRetry : HttpVerdict::kDone)
        << static_cast<int>(code);
  }
  for (int status = 100; status < 600; ++status) {
    const bool may_pass = status == 408 || status == 425 || status == 429 || status == 500 ||
                          status == 502 || status == 503 || status == 504;
    HttpResponse response;
    response.status = status;
    EXPECT_EQ(JudgeTransient(response), may_pass ? HttpVerdict::kRetry : HttpVerdict::kDone)
        << status;
  }
}

TEST(HttpClient, RepeatsUntilItIsAnswered) {
  for (const int status : {408, 425, 429, 500, 502, 503, 504}) {
    Case c({{.status = status}, {.status = status}, {.body = "v"}}, kFast);
    EXPECT_EQ(TextOf(c.Send().Get().OrDie().body), "v");
    EXPECT_EQ(c.attempts, (std::vector<int>{0, 1, 2})) << status;
  }
  Case c({kReset, kReset, {.body = "v"}}, kFast);
  EXPECT_EQ(TextOf(c.Send().Get().OrDie().body), "v");
  EXPECT_EQ(c.server.counts().requests, 3);
}

TEST(HttpClient, WhatWillNotPassIsAnsweredOnce) {
  for (const int status : {301, 304, 400, 401, 403, 404, 405, 409, 410, 412, 416, 501, 505}) {
    Case c({{.status = status}, {.body = "v"}}, kFast);
    EXPECT_EQ(c.Send().Get().OrDie().status, status);
    EXPECT_EQ(c.server.counts().requests, 1) << status;
  }
}

TEST(HttpClient, AttemptsHaveANumber) {
  for (const int attempts : {1, 2, 5}) {
    HttpRetry retry = kFast;
    retry.attempts_max = attempts;
    Case c({{.status = 503, .body = "busy"}}, retry);
    const HttpResponse last = c.Send().Get().OrDie();
    EXPECT_EQ(last.status, 503);
    EXPECT_EQ(TextOf(last.body), "busy");
    EXPECT_EQ(c.server.counts().requests, attempts);
  }
}

TEST(HttpClient, AnErrorSaysHowOftenItWasTried) {
  HttpRetry retry = kFast;
  retry.attempts_max = 3;
  Case gives_up({kReset}, retry);
  EXPECT_THAT(std::string(gives_up.Send().Get().status().message()), HasSubstr(" (3 attempts)"));
  EXPECT_EQ(gives_up.server.counts().requests, 3);

  // The third outcome is final for another reason than the number.
  Case final({kReset, {.status = 503}, {.raw = "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"}},
             kFast);
  const Status status = final.Send().Get().status();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(" (3 attempts)"));

  retry.attempts_max = 1;
  Case once({kReset}, retry);
  EXPECT_THAT(std::string(once.Send().Get().status().message()),
              ::testing::Not(HasSubstr("attempt")));
}

TEST(HttpClient, NoAttemptBeginsAfterTheBudget) {
  HttpRetry retry = kFast;
  retry.budget = milliseconds(0);
  Case none_left({{.status = 503}}, retry);
  EXPECT_EQ(none_left.Send().Get().OrDie().status, 503);
  EXPECT_EQ(none_left.server.counts().requests, 1);

  retry.budget = milliseconds(10'000);  // Less than the server wants it to wait: not even begun.
  retry.longest = kForever;
  Case too_long({{.status = 503, .headers = {{"Retry-After", "1000"}}}}, retry);
  EXPECT_EQ(too_long.Send().Get().OrDie().status, 503);
  EXPECT_EQ(too_long.server.counts().requests, 1);
}

TEST(HttpClient, RetryAfterIsKept) {
  HttpRetry retry = kFast;
  retry.longest = kForever;
  Case c({{.status = 503, .headers = {{"Retry-After", "1"}}}, {.body = "v"}}, retry);
  const Clock::time_point begin = Clock::now();
  EXPECT_EQ(c.Send().Get().OrDie().status, 200);
  EXPECT_GE(Clock::now() - begin, seconds(1));
}

TEST(HttpClient, RetryAfterIsCapped) {
  // An hour each would be asked for.
  Case c({{.status = 429, .headers = {{"Retry-After", "3600"}}},
          {.status = 503, .headers = {{"Retry-After", "Fri, 31 Dec 2100 23:59:59 GMT"}}},
          {.body = "v"}},
         kFast);
  EXPECT_EQ(c.Send().Get().OrDie().status, 200);
  EXPECT_EQ(c.server.counts().requests, 3);
}

TEST(HttpClient, AgainIsAtOnceAndOnlySoOften) {
  HttpRetry retry = kFast;
  retry.first = retry.longest = kForever;  // Who waited would wait for long.
  Case c({{.status = 302}}, retry);
  const Result<HttpResponse> last = c.client
                                        .Send(c.Make(),
                                              [](const Result<HttpResponse>& outcome) {
                                                return outcome.ok() && outcome->status == 302
                                                           ? HttpVerdict::kAgain
                                                           : HttpVerdict::kDone;
                                              },
                                              {})
                                        .Get();
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->status, 302);
  EXPECT_EQ(c.server.counts().requests, 1 + HttpClient::kAgainMax);
}

TEST(HttpClient, JudgesRunOnTheExecutorAndSeeSuccessesOnlyIfAsked) {
  for (const bool judges_success : {false, true}) {
    Case c({{.body = "<Error>"}, {.body = "fine"}}, kFast);
    std::atomic<int> judged{0};
    const auto judge = [&](const Result<HttpResponse>& outcome) {
      ++judged;
      EXPECT_TRUE(c.context.executor().IsWorkerThread());
      return TextOf(outcome->body) == "fine" ? HttpVerdict::kDone : HttpVerdict::kRetry;
    };
    const HttpResponse response = c.client.Send(c.Make(), judge, {}, judges_success).Get().OrDie();
    EXPECT_EQ(TextOf(response.body), judges_success ? "fine" : "<Error>");
    EXPECT_EQ(judged, judges_success ? 2 : 0);
  }
}

TEST(HttpClient, WhatMakeFailsWithIsTheOutcome) {
  Case c({{.status = 503}}, kFast);
  int made = 0;
  const auto make = [&](int attempt) {
    ++made;
    if (attempt < 2) return Future<HttpRequest>::Ready(c.request());
    return Future<HttpRequest>::Ready(PermissionDeniedError("no credentials"));
  };
  const Status status = c.client.Send(make, JudgeTransient, {}).Get().status();
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no credentials"));
  EXPECT_EQ(made, 3);
}

TEST(HttpClient, CancellingReachesWhatMakesTheRequest) {
  Case c({{}}, kFast);
  for (const bool by_token : {true, false}) {
    const Promise<HttpRequest> credentials(c.context.shared_executor());
    credentials.cancel_token().OnCancel(
        [credentials] { credentials.Set(CancelledError("waiting for credentials")); });
    const CancelSource source;
    const Future<HttpResponse> future =
        c.client.Send([&](int) { return credentials.future(); }, JudgeTransient, source.token());
    EXPECT_FALSE(future.ready());
    by_token ? source.Cancel() : future.Cancel();
    ASSERT_TRUE(future.Wait(Clock::now() + kForever / 60));
    EXPECT_EQ(future.Get().status().ToString(), "Cancelled: waiting for credentials");
  }
  EXPECT_EQ(c.server.counts().requests, 0);
}

/// Takes all tokens of the host, as if in an hour: until then time gives none back.
void UseUp(const Context& context, const HttpServer& server) {
  const auto later = Clock::now() + kForever;
  while (context.Get<RetryTokens>().Take(server.url(), later)) continue;
}

/// How many more retries there are.
int RetriesLeft(const Context& context, const HttpServer& server) {
  int count = 0;
  while (context.Get<RetryTokens>().Take(server.url(), Clock::now())) ++count;
  return count;
}

TEST(HttpClient, WithoutTokensThereIsNoRetryAndTheErrorSaysSo) {
  HttpRetry retry = kFast;
  retry.budget = milliseconds(20);
  for (const HttpReply& reply : {HttpReply{.status = 503}, kReset}) {
    Case c({reply}, retry);
    UseUp(c.context, c.server);
    const Result<HttpResponse> outcome = c.Send().Get();
    const std::string what = "GET " + c.server.url() + "/k";
    const Status status = outcome.ok() ? HttpError(*outcome, what) : outcome.status();
    EXPECT_EQ(status.code(), StatusCode::kUnavailable);
    EXPECT_THAT(std::string(status.message()), HasSubstr(what + ": "));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("; too much fails at " + c.server.url() + ": its retries are used up"));
    EXPECT_EQ(c.server.counts().requests, 1);
  }
}

TEST(HttpClient, TokensAreOfOneContextAndHost) {
  HttpRetry retry = kFast;
  retry.attempts_max = 2;
  Case c({{.status = 503}}, retry);
  Case other({{.status = 503}}, retry);
  UseUp(c.context, other.server);
  UseUp(other.context, c.server);
  EXPECT_EQ(c.Send().Get().OrDie().status, 503);
  EXPECT_EQ(c.server.counts().requests, 2);
}

TEST(HttpClient, WhoWaitsForATokenGoesOnWhenThereIsOne) {
  Case c({{.status = 503}, {.body = "v"}}, kFast);
  UseUp(c.context, c.server);
  Future<HttpResponse> future = c.Send();
  ASSERT_TRUE(c.server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
  c.context.Get<RetryTokens>().Give(c.server.url(), 1);
  const Result<HttpResponse> outcome = future.Get();
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(TextOf(outcome->body), "v");
}

TEST(HttpClient, AnAnswerGivesBackWhatItsRetriesTook) {
  for (const int status : {200, 404}) {  // An answer is an answer: the host is well.
    Case c({{.status = 503}, {.status = 503}, {.status = status}}, kFast);
    UseUp(c.context, c.server);
    c.context.Get<RetryTokens>().Give(c.server.url(), 2);
    EXPECT_EQ(c.Send().Get().OrDie().status, status);
    EXPECT_EQ(RetriesLeft(c.context, c.server), 2);
    for (int i = 1; i < RetryTokens::kOfRetry; ++i) c.Send().Wait();
    EXPECT_EQ(RetriesLeft(c.context, c.server), 1);
  }
}

TEST(HttpClient, CancellingEndsAWaitForATokenAndSoDoesTheEndOfAllRequests) {
  HttpRetry retry = kFast;
  retry.first = retry.longest = kForever;
  retry.budget = 2 * kForever;
  for (const bool by_token : {true, false}) {
    Case c({{.status = 503}}, retry);
    UseUp(c.context, c.server);
    const CancelSource source;
    const Future<HttpResponse> future = c.Send(source.token());
    ASSERT_TRUE(c.server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
    by_token ? source.Cancel() : c.context.Get<HttpTransport>().CancelAll();
    EXPECT_EQ(future.Get().status().code(), StatusCode::kCancelled);
    EXPECT_EQ(c.server.counts().requests, 1);
  }
}

TEST(HttpClient, CancellingEndsAWait) {
  HttpRetry retry = kFast;
  retry.longest = kForever;
  retry.budget = 2 * kForever;
  for (const bool by_token : {true, false}) {
    for (int i = 0; i < 100; ++i) {
      Case c({{.status = 503, .headers = {{"Retry-After", "3600"}}}}, retry);
      const CancelSource source;
      Future<HttpResponse> future = c.Send(source.token());
      ASSERT_TRUE(c.server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
      const Clock::time_point moment = Clock::now() + std::chrono::microseconds(10 * i);
      while (Clock::now() < moment) continue;
      by_token ? source.Cancel() : future.Cancel();
      EXPECT_EQ(future.Get().status().code(), StatusCode::kCancelled);
    }
  }
}

TEST(HttpClient, TheEndOfAllRequestsEndsAWait) {
  HttpRetry retry = kFast;
  retry.longest = kForever;
  retry.budget = 2 * kForever;
  Case c({{.status = 503, .headers = {{"Retry-After", "3600"}}}}, retry);
  const Future<HttpResponse> future = c.Send();
  ASSERT_TRUE(c.server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
  c.context.Get<HttpTransport>().CancelAll();
  EXPECT_EQ(future.Get().status().code(), StatusCode::kCancelled);
  EXPECT_EQ(c.server.counts().requests, 1);
}

TEST(HttpClient, CancellingEndsARequestUnderWay) {
  Case c({kSilent}, kFast);
  const CancelSource source;
  Future<HttpResponse> future = c.Send(source.token());
  ASSERT_TRUE(c.server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
  source.Cancel();
  EXPECT_EQ(future.Get().status().ToString(), "Cancelled: GET " + c.server.url() + "/k: cancelled");
  EXPECT_EQ(c.server.counts().requests, 1);
}

/// A request that tells what became of it is cancelled after its first attempt: if that may have
/// been carried out, its outcome is what is told.
TEST(HttpClient, WhoIsCancelledAfterAnAttemptThatMayBeDoneIsToldOfThat) {
  struct Row {
    HttpReply reply;
    bool waits_once_sent;
    HttpVerdict verdict;
    std::string told;
    bool pending;
  };
  constexpr HttpVerdict kRetry = HttpVerdict::kRetry;
  const Row rows[] = {{kReset, true, kRetry, "Unavailable", false},
                      {kReset, false, kRetry, "Cancelled", false},
                      {kSilent, true, kRetry, "DeadlineExceeded", false},
                      {{.status = 500}, true, kRetry, "500", false},
                      {{.status = 502}, true, kRetry, "502", true},
                      {{.status = 504}, true, kRetry, "504", true},
                      {{.status = 503}, true, kRetry, "Cancelled", false},
                      {{.status = 503}, true, HttpVerdict::kRetryUnanswered, "503", true},
                      {{.status = 503}, false, HttpVerdict::kRetryUnanswered, "Cancelled", false},
                      {{.status = 200}, true, kRetry, "200", false},
                      {{.status = 400}, true, HttpVerdict::kAgain, "Cancelled", false}};
  for (const Row& row : rows) {
    for (const bool by_make : {false, true}) {  // Or there are no credentials for another.
      Case c({row.reply}, kFast);
      const CancelSource source;
      const auto make = [&](int attempt) {
        HttpRequest request = c.request();
        request.waits_once_sent = row.waits_once_sent;
        request.limits.first_byte = milliseconds(200);
        if (attempt > 0) return Future<HttpRequest>::Ready(CancelledError("no credentials"));
        return Future<HttpRequest>::Ready(std::move(request));
      };
      const auto judge = [&](const Result<HttpResponse>&) {
        if (!by_make) source.Cancel();
        return row.verdict;
      };
      const Result<HttpResponse> outcome =
          c.client.Send(make, judge, source.token(), /*judges_success=*/true).Get();
      EXPECT_EQ(outcome.ok() ? std::to_string(outcome->status)
                             : std::string(StatusCodeName(outcome.status().code())),
                row.told)
          << outcome.status();
      EXPECT_EQ(outcome.ok() && outcome->pending, row.pending);
      EXPECT_EQ(c.server.counts().requests, 1);
    }
  }
}

TEST(HttpClient, WhatNeverWentOutIsCancelled) {
  const SilentServer refuses(SilentServer::How::kRefuses);
  const Context context = Context::Create({.threads = 1});
  const CancelSource source;
  const HttpClient client(context, kFast);
  const auto make = [&](int) {
    HttpRequest request = GetOf(refuses.url());
    request.waits_once_sent = true;
    return Future<HttpRequest>::Ready(std::move(request));
  };
  const auto judge = [&](const Result<HttpResponse>& outcome) {
    EXPECT_EQ(outcome.status().code(), StatusCode::kUnavailable);
    source.Cancel();
    return HttpVerdict::kRetry;
  };
  EXPECT_EQ(client.Send(make, judge, source.token()).Get().status().ToString(),
            "Cancelled: cancelled between attempts");
}

TEST(HttpClient, TheEndOfAllRequestsLeavesOpenWhatWasSent) {
  for (const bool waits_once_sent : {true, false}) {
    Case c({kSilent}, kFast);
    const auto make = [&](int) {
      HttpRequest request = c.request();
      request.waits_once_sent = waits_once_sent;
      return Future<HttpRequest>::Ready(std::move(request));
    };
    const Future<HttpResponse> future = c.client.Send(make, JudgeTransient, {});
    ASSERT_TRUE(c.server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
    c.context.Get<HttpTransport>().CancelAll();
    EXPECT_EQ(future.Get().status().code(),
              waits_once_sent ? StatusCode::kUnavailable : StatusCode::kCancelled);
  }
}

TEST(HttpClient, TellsHowOftenTheRequestWentUnanswered) {
  const std::pair<std::vector<HttpReply>, int> table[] = {
      {{{}}, 0},
      {{{.status = 404}}, 0},
      {{{.status = 503}, {.status = 429}, {.status = 408}, {}}, 0},  // These say that it was not.
      {{{.status = 500}, {.status = 502}, {.status = 504}, {}}, 3},
      {{{.status = 500}, {.status = 503}, {.status = 412}}, 1},
      {{kReset, {}}, 1},
      {{kReset, kReset, {.status = 412}}, 2},
      {{{.body = "long", .delivery = {.stop_after_body = 1, .then = Then::kReset}}, {}}, 1},
      {{kSilent, {}}, 1}};
  for (const auto& [replies, unanswered] : table) {
    Case c(replies, kFast);
    if (replies[0].delivery.then == Then::kStall) c.first_byte = milliseconds(200);
    EXPECT_EQ(c.Send().Get().OrDie().unanswered, unanswered);
  }
}

TEST(HttpClient, CountsWhatLibcurlSendsAgainByItself) {
  // A kept connection that ends without a byte: libcurl asks again on a new one, and so may have
  // the request carried out twice.
  Case c({{}, {.delivery = {.stop_after = 0, .then = Then::kClose}}, {.body = "v"}}, kFast);
  EXPECT_EQ(c.Send().Get().OrDie().unanswered, 0);
  const HttpResponse response = c.Send().Get().OrDie();
  EXPECT_EQ(TextOf(response.body), "v");
  EXPECT_EQ(response.unanswered, 1);
  EXPECT_EQ(c.attempts, (std::vector<int>{0, 0}));  // By the client it was one attempt.
  EXPECT_EQ(c.server.counts().requests, 3);
}

TEST(HttpClient, AClientAndItsContextMayGoWhileHundredsAreUnderWay) {
  Turnstile turnstile;
  const HttpServer server([&](const Asked& asked) {
    turnstile.Pass();
    return HttpReply{.body = asked.target};
  });
  std::vector<Future<HttpResponse>> sent;
  {
    const Context context = Context::Create({.threads = 2});
    const HttpClient client(context, kFast);
    for (int i = 0; i < 500; ++i) {
      sent.push_back(client.Send([url = server.url() + "/" + std::to_string(i)](
                                     int) { return Future<HttpRequest>::Ready(GetOf(url)); },
                                 JudgeTransient, {}));
    }
    ASSERT_TRUE(server.WaitUntil([](const auto& counts) { return counts.requests > 0; }));
  }
  turnstile.Let(500);
  for (int i = 0; i < 500; ++i) {
    const Result<HttpResponse> response = sent[static_cast<size_t>(i)].Get();
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(TextOf(response->body), "/" + std::to_string(i));
  }
}

}  // namespace
}  // namespace coffer
