// Goal: credentials are fetched once for all who wait, anew before they expire, and again after a
// server has rejected them; a fetch that fails takes nothing away.
// Method: a source whose fetches the test answers, a clock that it moves, and an executor whose
// tasks it runs: every step happens on its thread, when it says so. Threads only where they matter.
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "kvstore/s3/credentials_source.h"
#include "src/base/mutex.h"
#include "tests/unit/async/manual_executor.h"
#include "tests/unit/kvstore/fake_aws.h"

namespace coffer {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

/// Fetches wait until the test answers them, in order.
class HeldSource final : public CredentialsSource {
 public:
  Future<SourceAnswer> Fetch() override {
    MutexLock lock(mutex_);
    const Promise<SourceAnswer> promise;
    held_.push_back(promise);
    ++fetches_;
    changed_.NotifyAll();
    return promise.future();
  }
  std::string Describe() const override { return "held"; }

  void AwaitFetch() {
    MutexLock lock(mutex_);
    while (held_.empty()) changed_.Wait(mutex_);
  }
  /// Answers the first fetch that is under way.
  void Answer(const Result<SourceAnswer>& answer) {
    MutexLock lock(mutex_);
    ASSERT_FALSE(held_.empty()) << "nothing is being fetched";
    const Promise<SourceAnswer> promise = held_.front();
    held_.erase(held_.begin());
    lock.Unlock();
    promise.Set(answer);
  }
  int fetches() const {
    MutexLock lock(mutex_);
    return fetches_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<Promise<SourceAnswer>> held_ COFFER_GUARDED_BY(mutex_);
  int fetches_ COFFER_GUARDED_BY(mutex_) = 0;
};

SourceAnswer Named(const std::string& id, std::optional<FakeAws::Clock::duration> expiry) {
  AwsCredentials credentials = {.access_key_id = id, .secret_access_key = Secret("k")};
  if (expiry) credentials.expiry = FakeAws::Start() + *expiry;
  return {std::make_shared<const AwsCredentials>(std::move(credentials)), ""};
}

class RefreshingTest : public testing::Test {
 protected:
  FakeAws aws_;
  const std::shared_ptr<ManualExecutor> tasks_ = std::make_shared<ManualExecutor>();
  const std::shared_ptr<HeldSource> source_ = std::make_shared<HeldSource>();
  const CredentialsProviderPtr provider_ =
      MakeRefreshingProvider(source_, aws_.Environment().now, tasks_);

  Future<std::shared_ptr<const AwsCredentials>> Get() {
    auto future = provider_->Get();
    tasks_->RunAll();
    return future;
  }
  /// What is there without waiting.
  std::string Now() {
    const auto future = Get();
    return future.ready() ? Shown(future.Get()) : "(waits)";
  }
  /// What a fetch with this answer brings.
  std::string Fetched(const Result<SourceAnswer>& answer) {
    const auto future = Get();
    EXPECT_FALSE(future.ready());
    source_->Answer(answer);
    return future.ready() ? Shown(future.Get()) : "(waits)";
  }
};

TEST(RefreshingThreadsTest, HundredThreadsMakeOneFetch) {
  FakeAws aws;
  const auto source = std::make_shared<HeldSource>();
  const CredentialsProviderPtr provider =
      MakeRefreshingProvider(source, aws.Environment().now, aws.executor);
  std::vector<std::thread> threads;
  std::vector<std::string> got(100);
  for (std::string& each : got) {
    threads.emplace_back([&provider, &each] { each = Shown(*provider); });
  }
  source->AwaitFetch();
  source->Answer(Named("A", std::nullopt));
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got, std::vector<std::string>(100, "A/k/"));
  EXPECT_EQ(source->fetches(), 1);
}

TEST_F(RefreshingTest, WithoutExpiryTheyLast) {
  EXPECT_EQ(Fetched(Named("A", std::nullopt)), "A/k/");
  aws_.Pass(std::chrono::hours(10'000));
  EXPECT_EQ(Now(), "A/k/");
  EXPECT_EQ(source_->fetches(), 1);
}

TEST_F(RefreshingTest, FetchesAnewFiveMinutesBefore) {
  EXPECT_EQ(Fetched(Named("A", minutes(60))), "A/k/");
  aws_.Pass(minutes(55) - seconds(1));
  EXPECT_EQ(Now(), "A/k/");
  EXPECT_EQ(source_->fetches(), 1);
  aws_.Pass(seconds(1));
  EXPECT_EQ(Now(), "A/k/") << "the old ones are valid still";
  EXPECT_EQ(Now(), "A/k/");
  EXPECT_EQ(source_->fetches(), 2) << "one is under way";
  source_->Answer(Named("B", minutes(120)));
  EXPECT_EQ(Now(), "B/k/");
  EXPECT_EQ(source_->fetches(), 2);
}

TEST_F(RefreshingTest, ExpiredOnesAreNotHandedOut) {
  EXPECT_EQ(Fetched(Named("A", minutes(60))), "A/k/");
  aws_.Pass(minutes(60));
  EXPECT_EQ(Fetched(Named("B", minutes(120))), "B/k/");
  aws_.Pass(minutes(60));
  EXPECT_EQ(Fetched(Named("C", minutes(119))),
            "Unavailable: held: the AWS credentials had expired when they came");
  EXPECT_EQ(Fetched(UnavailableError("down")), "Unavailable: down");
  EXPECT_EQ(Fetched(Named("D", minutes(200))), "D/k/");
}

TEST_F(RefreshingTest, FailedFetchKeepsTheOldAndBacksOff) {
  EXPECT_EQ(Fetched(Named("A", minutes(60))), "A/k/");
  aws_.Pass(minutes(56));
  int fetches = 1;
  for (const int wait : {1, 2, 4, 8, 16, 32, 60, 60}) {
    EXPECT_EQ(Now(), "A/k/");
    EXPECT_EQ(source_->fetches(), ++fetches) << wait;
    source_->Answer(UnavailableError("down"));
    aws_.Pass(seconds(wait) - std::chrono::milliseconds(1));
    EXPECT_EQ(Now(), "A/k/");
    EXPECT_EQ(source_->fetches(), fetches) << wait;
    aws_.Pass(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(Now(), "A/k/");
  source_->Answer(Named("B", minutes(120)));
  EXPECT_EQ(Now(), "B/k/");
  EXPECT_EQ(source_->fetches(), fetches + 1);
}

// A service that hands out the same until shortly before they expire is not asked by every request.
TEST_F(RefreshingTest, NothingBetterBacksOffToo) {
  EXPECT_EQ(Fetched(Named("A", minutes(4))), "A/k/");
  EXPECT_EQ(Now(), "A/k/");
  EXPECT_EQ(source_->fetches(), 1);
  aws_.Pass(seconds(1));
  EXPECT_EQ(Now(), "A/k/");
  EXPECT_EQ(source_->fetches(), 2);
  source_->Answer(Named("B", minutes(60)));
  EXPECT_EQ(Now(), "B/k/");
}

TEST_F(RefreshingTest, RejectedOnesAreFetchedAnewOnce) {
  EXPECT_EQ(Fetched(Named("A", std::nullopt)), "A/k/");
  const auto rejected = Named("A", std::nullopt).credentials;
  provider_->Invalidate(*rejected);
  EXPECT_EQ(Fetched(Named("B", std::nullopt)), "B/k/");
  provider_->Invalidate(*rejected);
  EXPECT_EQ(Now(), "B/k/") << "others have been handed out since";
  const auto second = Named("B", std::nullopt).credentials;
  provider_->Invalidate(*second);
  EXPECT_EQ(Fetched(Named("B", std::nullopt)), "B/k/");
  provider_->Invalidate(*second);
  EXPECT_EQ(Now(), "B/k/") << "asked for already";
  EXPECT_EQ(source_->fetches(), 3);
  aws_.Pass(seconds(1));
  provider_->Invalidate(*second);
  EXPECT_EQ(Fetched(Named("C", std::nullopt)), "C/k/") << "after a while they may be others";
}

TEST_F(RefreshingTest, RejectedWhileFetchedIsFetchedAgain) {
  EXPECT_EQ(Fetched(Named("A", minutes(60))), "A/k/");
  aws_.Pass(minutes(56));
  EXPECT_EQ(Now(), "A/k/");
  provider_->Invalidate(*Named("A", minutes(60)).credentials);
  const auto waiting = Get();
  EXPECT_FALSE(waiting.ready());
  source_->Answer(Named("A", minutes(60)));
  tasks_->RunAll();
  EXPECT_FALSE(waiting.ready());
  source_->Answer(Named("B", minutes(120)));
  EXPECT_EQ(Shown(waiting.Get()), "B/k/");
  EXPECT_EQ(source_->fetches(), 3);
}

TEST_F(RefreshingTest, WhoCancelsDoesNotCancelTheOthers) {
  const auto first = Get();
  const auto second = Get();
  first.Cancel();
  EXPECT_EQ(Shown(first.Get()), "Cancelled: waiting for AWS credentials");
  EXPECT_FALSE(second.ready());
  source_->Answer(Named("A", std::nullopt));
  EXPECT_EQ(Shown(second.Get()), "A/k/");
}

TEST_F(RefreshingTest, NoneIsAnError) {
  EXPECT_EQ(Fetched(SourceAnswer{nullptr, "because"}),
            "FailedPrecondition: no AWS credentials: because");
  EXPECT_EQ(Fetched(Named("A", std::nullopt)), "A/k/") << "and looked for again";
}

// Files may be replaced under a process that runs for weeks; another place is another identity.
TEST(SourceChainTest, StaysWithTheSourceThatHadSome) {
  FakeAws aws;
  const std::string file = "/home/me/.aws/credentials";
  aws.files.insert(
      {file, std::string("[default]\naws_access_key_id=A\naws_secret_access_key=k\n")});
  const CredentialsProviderPtr provider = aws.Provider();
  EXPECT_EQ(Shown(*provider), "A/k/");
  aws.variables["AWS_ACCESS_KEY_ID"] = "ENV";
  aws.variables["AWS_SECRET_ACCESS_KEY"] = "k";
  aws.files.at(file) = std::string("[default]\naws_access_key_id=B\naws_secret_access_key=k\n");
  EXPECT_EQ(Shown(*provider), "A/k/");
  provider->Invalidate(*provider->Get().Get().OrDie());
  EXPECT_EQ(Shown(*provider), "B/k/");
  aws.files.erase(file);
  provider->Invalidate(*provider->Get().Get().OrDie());
  EXPECT_EQ(
      Shown(*provider),
      "FailedPrecondition: no AWS credentials any more: shared AWS files: profile \"default\" "
      "is neither in \"/home/me/.aws/credentials\" nor in \"/home/me/.aws/config\"");
}

}  // namespace
}  // namespace coffer
