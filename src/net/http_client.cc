#include "src/net/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>

#include "src/async/cancel.h"
#include "src/async/linked_cancel.h"
#include "src/base/shown.h"
#include "src/net/retry_tokens.h"

namespace coffer::inline v0 {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kShortestWait{1};

std::chrono::milliseconds RandomUpTo(std::chrono::milliseconds bound) {
  thread_local std::mt19937_64 random(std::random_device{}());
  return std::chrono::milliseconds(
      std::uniform_int_distribution<int64_t>(0, std::max<int64_t>(bound.count(), 0))(random));
}

std::string HostOf(std::string_view url) {
  const std::string shown = ShownUrl(url);
  const size_t scheme = shown.find("://");
  return shown.substr(0, shown.find('/', scheme == std::string::npos ? 0 : scheme + 3));
}

/// One call of Send: keeps itself alive through the callbacks that it waits for.
class Sending : public std::enable_shared_from_this<Sending> {
 public:
  Sending(Context context, const HttpRetry& retry, HttpClient::Make make, HttpClient::Judge judge,
          CancelToken cancel, bool judges_success)
      : context_(std::move(context)),
        retry_(retry),
        make_(std::move(make)),
        judge_(std::move(judge)),
        judges_success_(judges_success),
        promise_(context_.shared_executor()),
        cancel_(std::move(cancel), promise_.cancel_token()) {}

  Future<HttpResponse> future() const { return promise_.future(); }

  void Attempt() {
    if (cancel_.token().cancelled()) return GiveUp(CancelledError("cancelled between attempts"));
    const Future<HttpRequest> making = make_(attempt_++);
    const uint64_t id = cancel_.token().OnCancel([making] { making.Cancel(); });
    making.OnReady([self = shared_from_this(), id](const Result<HttpRequest>& made) {
      internal::ForgetCallback(self->cancel_.token(), id);
      if (!made.ok()) return self->GiveUp(made.status());
      HttpRequest request = *made;
      request.cancel = self->cancel_.token();
      self->host_ = HostOf(request.url);
      self->lost_ = {};
      request.lost = &self->lost_;  // It lives as long as what waits for the answer.
      self->went_out_ = false;
      request.went_out = &self->went_out_;
      self->must_tell_ = request.waits_once_sent;
      self->context_.Get<HttpTransport>()
          .Send(std::move(request), self->context_.shared_executor())
          .OnReady([self](const Result<HttpResponse>& outcome) { self->TakeOutcome(outcome); });
    });
  }

 private:
  void TakeOutcome(Result<HttpResponse> outcome) {
    spent_ += lost_;
    if (!outcome.ok() && outcome.status().code() == StatusCode::kCancelled) {
      if (!must_tell_ || !went_out_) return GiveUp(outcome.status());
      outcome = UnavailableError(std::string(outcome.status().message()));  // As all requests were.
    }
    if (outcome.ok()) {
      pending_ = pending_ || outcome->unanswered > 0;
      outcome->unanswered = unanswered_ += outcome->unanswered;
    }
    if (outcome.ok() && outcome->ok() && !judges_success_) {
      context_.Get<RetryTokens>().Give(host_, retries_);
      return Finish(std::move(outcome));
    }
    const bool unclear =
        !outcome.ok() || outcome->status == 500 || outcome->status == 502 || outcome->status == 504;
    if (unclear) ++unanswered_;
    if (unclear && went_out_) {
      may_be_done_ = true;
      pending_ = pending_ || !outcome.ok() || outcome->status != 500;
    }
    context_.executor().Submit(
        [self = shared_from_this(), outcome = std::move(outcome)] { self->Judge(outcome); });
  }

  void Judge(const Result<HttpResponse>& outcome) {
    last_ = outcome;
    const HttpVerdict verdict = judge_(outcome);
    if (verdict == HttpVerdict::kDone) {
      if (outcome.ok()) context_.Get<RetryTokens>().Give(host_, retries_);
      return Finish(outcome);
    }
    if (verdict == HttpVerdict::kAgain) {
      if (++again_ > HttpClient::kAgainMax) return Finish(outcome);
      return Attempt();
    }
    if (verdict == HttpVerdict::kRetryUnanswered) {
      ++unanswered_;
      pending_ = true;
    }
    may_be_done_ = may_be_done_ || pending_ || (outcome.ok() && outcome->ok());
    if (retries_ + 1 >= retry_.attempts_max) return Finish(outcome);
    auto wait = NextWait();
    if (outcome.ok()) {
      if (const auto value = outcome->Find("retry-after")) {
        const auto asked = RetryAfter(*value, std::chrono::system_clock::now());
        wait = std::min(std::max(wait, asked), retry_.longest);
      }
    }
    Retry(outcome, wait);
  }

  /// Repeats it after the wait, if that is within the budget.
  void Retry(const Result<HttpResponse>& outcome, std::chrono::milliseconds wait) {
    if (spent_ + wait >= retry_.budget) return Finish(outcome);
    if (!context_.Get<RetryTokens>().Take(host_, Clock::now())) return AwaitToken(outcome, wait);
    ++retries_;
    spent_ += wait;
    if (Observer* observer = context_.observer()) {
      observer->OnLog("retrying " + host_ + " in " + std::to_string(wait.count()) + " ms: " +
                      (outcome.ok() ? "answer " + std::to_string(outcome->status)
                                    : std::string(outcome.status().message())));
    }
    context_.Get<HttpTransport>().After(
        wait, [self = shared_from_this()] { self->Attempt(); }, cancel_.token());
  }

  /// Asks for a token again after the next wait, which is longer, until the budget is spent.
  void AwaitToken(const Result<HttpResponse>& outcome, std::chrono::milliseconds at_least) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(Clock::duration(retry_.budget) - spent_);
    const auto wait = std::min(std::max({NextWait(), at_least, kShortestWait}), left);
    spent_ += wait;
    if (Observer* observer = context_.observer()) {
      observer->OnLog("no retry of " + host_ + " is left: asking again in " +
                      std::to_string(wait.count()) + " ms");
    }
    const Clock::time_point due = Clock::now() + wait;
    const auto ask = [self = shared_from_this(), outcome, due] {
      // What wakes it early is the end of all of it, which an attempt finds out.
      if (Clock::now() < due) return self->Attempt();
      if (self->spent_ >= self->retry_.budget) return self->Finish(self->UsedUp(outcome));
      self->Retry(outcome, {});
    };
    context_.Get<HttpTransport>().After(wait, ask, cancel_.token());
  }

  Result<HttpResponse> UsedUp(Result<HttpResponse> outcome) const {
    const std::string note = "; too much fails at " + host_ + ": its retries are used up";
    if (!outcome.ok()) {
      return Status(outcome.status().code(), std::string(outcome.status().message()) + note);
    }
    outcome->note = note;
    return outcome;
  }

  /// A random part of a bound that doubles.
  std::chrono::milliseconds NextWait() {
    std::chrono::milliseconds bound = retry_.first;
    for (int i = 0; i < waits_ && bound < retry_.longest; ++i) bound *= 2;
    ++waits_;
    return RandomUpTo(std::min(bound, retry_.longest));
  }

  /// There is no further attempt. If one may have been carried out, its outcome is told: of what is
  /// done nobody may believe that it was given up.
  void GiveUp(const Status& why) {
    Finish(must_tell_ && may_be_done_ ? last_ : Result<HttpResponse>(why));
  }

  void Finish(Result<HttpResponse> outcome) {
    cancel_.Release();
    if (outcome.ok()) outcome->pending = pending_;
    if (!outcome.ok() && attempt_ > 1 && outcome.status().code() != StatusCode::kCancelled) {
      outcome = Status(outcome.status().code(), std::string(outcome.status().message()) + " (" +
                                                    std::to_string(attempt_) + " attempts)");
    }
    promise_.Set(std::move(outcome));
  }

  const Context context_;
  const HttpRetry retry_;
  const HttpClient::Make make_;
  const HttpClient::Judge judge_;
  const bool judges_success_;
  const Promise<HttpResponse> promise_;
  LinkedCancel cancel_;
  // One step follows the other: no two threads are in it at once.
  int attempt_ = 0;  // The number of the next.
  int retries_ = 0;
  int waits_ = 0;
  int again_ = 0;
  int unanswered_ = 0;
  bool must_tell_ = false;    // As HttpRequest::waits_once_sent.
  bool went_out_ = false;     // The attempt under way.
  bool may_be_done_ = false;  // One that went out was not answered with what says that it was not.
  bool pending_ = false;      // See HttpResponse.
  Result<HttpResponse> last_ = CancelledError("no attempt");
  Clock::duration lost_{0};   // By the attempt under way.
  Clock::duration spent_{0};  // Of the budget.
  std::string host_;
};

}  // namespace

HttpVerdict JudgeTransient(const Result<HttpResponse>& outcome) {
  if (!outcome.ok()) {
    const StatusCode code = outcome.status().code();
    return code == StatusCode::kUnavailable || code == StatusCode::kDeadlineExceeded
               ? HttpVerdict::kRetry
               : HttpVerdict::kDone;
  }
  switch (outcome->status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return HttpVerdict::kRetry;
    default:
      return HttpVerdict::kDone;
  }
}

std::chrono::milliseconds RetryAfter(std::string_view value,
                                     std::chrono::system_clock::time_point now) {
  constexpr int64_t kLongest = 86'400;  // A day is for ever here, and its milliseconds fit.
  int64_t seconds = 0;
  if (const std::optional<int64_t> number = ParseDecimal(value)) {
    seconds = *number;
  } else if (const time_t date = curl_getdate(std::string(value).c_str(), nullptr); date >= 0) {
    seconds = static_cast<int64_t>(date) - std::chrono::system_clock::to_time_t(now);
  }
  return std::chrono::seconds(std::clamp<int64_t>(seconds, 0, kLongest));
}

Future<HttpResponse> HttpClient::Send(Make make, Judge judge, const CancelToken& cancel,
                                      bool judges_success) const {
  const auto sending = std::make_shared<Sending>(context_, retry_, std::move(make),
                                                 std::move(judge), cancel, judges_success);
  Future<HttpResponse> future = sending->future();
  sending->Attempt();
  return future;
}

}  // namespace coffer::inline v0
