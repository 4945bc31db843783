// 1. Get() answers at once while credentials are there and valid; in their last five minutes it
//    starts a fetch besides, unless one is under way or failed a moment ago.
// 2. Without valid ones the caller waits, with a promise of his own (so that to cancel one is not
//    to cancel all); the first starts the fetch, as a task of the executor.
// 3. The fetch's answer is kept, and given to all who wait. A failure leaves what was there.
// 4. A fetch that failed, or brought nothing better, puts the next one off, longer each time. One
//    that had begun before its result was rejected is repeated.
#include <algorithm>
#include <optional>
#include <utility>

#include "kvstore/s3/credentials_source.h"
#include "src/async/cancel.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

namespace {

using std::chrono::seconds;
using std::chrono::system_clock;
using CredentialsPtr = std::shared_ptr<const AwsCredentials>;

constexpr std::chrono::minutes kRefreshAhead{5};
constexpr seconds kBackOffMin{1};
constexpr seconds kBackOffMax{60};

bool Lasts(const AwsCredentials& credentials, system_clock::time_point until) {
  return !credentials.expiry || until < *credentials.expiry;
}

class RefreshingProvider final : public CredentialsProvider,
                                 public std::enable_shared_from_this<RefreshingProvider> {
 public:
  RefreshingProvider(CredentialsSourcePtr source, std::function<system_clock::time_point()> now,
                     std::shared_ptr<Executor> executor)
      : source_(std::move(source)), now_(std::move(now)), executor_(std::move(executor)) {}

  Future<CredentialsPtr> Get() override {
    const Promise<CredentialsPtr> promise(executor_);
    const system_clock::time_point now = now_();
    MutexLock lock(mutex_);
    const CredentialsPtr current = current_;
    const bool valid = current != nullptr && Lasts(*current, now);
    const bool early = valid && !Lasts(*current, now + kRefreshAhead) && now >= retry_at_;
    const bool start = (!valid || early) && !fetching_;
    if (start) fetching_ = true;
    if (!valid) waiters_.push_back(Await(promise));
    lock.Unlock();
    if (valid) promise.Set(current);
    if (start) Fetch();
    return promise.future();
  }

  void Invalidate(const AwsCredentials& rejected) override {
    const system_clock::time_point now = now_();
    MutexLock lock(mutex_);
    if (current_ == nullptr || !current_->SameSecrets(rejected)) return;
    const bool again = rejected_ != nullptr && rejected_->SameSecrets(rejected);
    if (again && now < retry_at_) return;
    outdated_ = fetching_;
    rejected_ = std::exchange(current_, nullptr);
  }

  std::string Describe() const override { return source_->Describe(); }

 private:
  struct Waiter {
    Promise<CredentialsPtr> promise;
    uint64_t cancel_id;
  };

  /// One who is told when the fetch is done, or at once that he has cancelled.
  static Waiter Await(const Promise<CredentialsPtr>& promise) {
    const uint64_t id = promise.cancel_token().OnCancel(
        [promise] { promise.Set(CancelledError("waiting for AWS credentials")); });
    return {promise, id};
  }

  void Fetch() {
    Spawn(executor_, [source = source_] {
      return source->Fetch();
    }).OnReady([self = shared_from_this()](const Result<SourceAnswer>& answer) {
      self->Finish(answer);
    });
  }

  void Finish(const Result<SourceAnswer>& answer) {
    const system_clock::time_point now = now_();
    Result<CredentialsPtr> outcome = Checked(answer, now);
    std::vector<Waiter> waiters;
    {
      MutexLock lock(mutex_);
      const bool refused =
          outcome.ok() && rejected_ != nullptr && rejected_->SameSecrets(**outcome);
      if (std::exchange(outdated_, false) && refused) {
        lock.Unlock();
        return Fetch();
      }
      fetching_ = false;
      waiters.swap(waiters_);
      bool better = false;
      if (outcome.ok()) {
        current_ = *outcome;
        better = Lasts(*current_, now + kRefreshAhead) && !refused;
      }
      back_off_ = better ? seconds(0) : std::clamp(2 * back_off_, kBackOffMin, kBackOffMax);
      retry_at_ = now + back_off_;
    }
    for (const Waiter& waiter : waiters) {
      internal::ForgetCallback(waiter.promise.cancel_token(), waiter.cancel_id);
      waiter.promise.Set(outcome);
    }
  }

  Result<CredentialsPtr> Checked(const Result<SourceAnswer>& answer,
                                 system_clock::time_point now) const {
    if (!answer.ok()) return answer.status();
    if (answer->credentials == nullptr) {
      return FailedPreconditionError("no AWS credentials: " + answer->why_none);
    }
    if (!Lasts(*answer->credentials, now)) {
      return UnavailableError(source_->Describe() +
                              ": the AWS credentials had expired when they came");
    }
    return answer->credentials;
  }

  const CredentialsSourcePtr source_;
  const std::function<system_clock::time_point()> now_;
  const std::shared_ptr<Executor> executor_;
  Mutex mutex_;
  CredentialsPtr current_ COFFER_GUARDED_BY(mutex_);
  CredentialsPtr rejected_ COFFER_GUARDED_BY(mutex_);  // The last that a server refused.
  bool fetching_ COFFER_GUARDED_BY(mutex_) = false;
  bool outdated_ COFFER_GUARDED_BY(mutex_) = false;  // What is fetched was asked for too early.
  seconds back_off_ COFFER_GUARDED_BY(mutex_){0};
  system_clock::time_point retry_at_ COFFER_GUARDED_BY(mutex_);
  std::vector<Waiter> waiters_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace

CredentialsProviderPtr MakeRefreshingProvider(CredentialsSourcePtr source,
                                              std::function<system_clock::time_point()> now,
                                              std::shared_ptr<Executor> executor) {
  return std::make_shared<RefreshingProvider>(std::move(source), std::move(now),
                                              std::move(executor));
}

}  // namespace coffer::inline v0
