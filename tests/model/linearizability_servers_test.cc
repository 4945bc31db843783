// Goal: conditional writes of one key are linearizable on real S3 servers, also where answers are
// lost, connections break and the server has too much to do.
// Method: the histories of linearizability_test.cc on versitygw and MinIO; then through a proxy
// that answers for the server with 503 SlowDown, lets a request through and loses the answer, or
// cuts request or answer, as the seed says. A request without an answer is sent again, so what has
// no condition, or one that holds again, may happen twice while it is under way (WithRepeats); what
// was told to be unmet must not have happened at all. Neither server keeps conditions on deletes.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "coffer/kvstore/adapters.h"
#include "tests/model/histories.h"
#include "tests/support/fault_proxy.h"
#include "tests/support/servers.h"
#include "tests/support/soak.h"

namespace coffer {
namespace {

using testing::FaultProxy;
using testing::HttpReply;
using testing::HttpRequest;
using testing::IsMissing;
using testing::OptionsOf;
using testing::ProxyAction;
using testing::S3Server;
using testing::Seen;
using testing::Then;

constexpr const char* kSlowDown =
    "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";

class LinearizableS3 : public ::testing::TestWithParam<S3Server> {
 protected:
  void SetUp() override {
    if (IsMissing(GetParam())) GTEST_SKIP();
  }
};

INSTANTIATE_TEST_SUITE_P(Servers, LinearizableS3,
                         ::testing::Values(S3Server::kVersitygw, S3Server::kMinio),
                         [](const auto& each) { return testing::NameOf(each.param); });

/// What befalls the requests of one history.
class Faults {
 public:
  explicit Faults(uint64_t seed) : random_(seed) {}

  ProxyAction Next(const HttpRequest& head) {
    const uint64_t choice = random_() % 100;
    const Then then = random_() % 2 == 0 ? Then::kReset : Then::kClose;
    const auto bytes = static_cast<int64_t>(random_() % 1500);
    if (choice < 5) {
      ++count_["slow down"];
      return ProxyAction::Reply({.status = 503, .body = kSlowDown});
    }
    if (choice < 20 && head.method != "GET") {
      ++count_["lost answer"];
      return ProxyAction::LoseResponse(then);
    }
    if (choice < 24) {
      ++count_["cut request"];
      // Never a whole one: the server would carry it out, who knows when.
      const int64_t body = std::atoll(head.Header("content-length").c_str());
      if (body == 0) return ProxyAction::CutRequest(bytes % 100, then);
      return {.request = {.stop_after_body = bytes % body, .then = then}};
    }
    if (choice < 28) {
      ++count_["cut answer"];
      return ProxyAction::CutResponse(1 + bytes, then);
    }
    if (choice < 50) return ProxyAction::Delay(std::chrono::microseconds(bytes));
    return ProxyAction::Pass();
  }

  const std::map<std::string, int>& count() const { return count_; }

 private:
  std::mt19937_64 random_;
  std::map<std::string, int> count_;
};

TEST_P(LinearizableS3, ByThreads) {
  Seen seen;
  for (uint64_t seed = 0; seed < Soaked(5); ++seed) {
    const KvStorePtr store = testing::MakeFreshS3(GetParam());
    ASSERT_NO_FATAL_FAILURE(
        testing::RunThreads(store, seed, "k", &seen, {.conditional_deletes = false}));
  }
  testing::ExpectContention(seen, /*faults=*/false, /*conditional_deletes=*/false);
}

TEST_P(LinearizableS3, ThroughACache) {
  Seen seen;
  for (uint64_t seed = 0; seed < Soaked(3); ++seed) {
    const KvStorePtr store = MakeCacheStore(testing::MakeFreshS3(GetParam()));
    ASSERT_NO_FATAL_FAILURE(
        testing::RunThreads(store, seed, "k", &seen, {.conditional_deletes = false}));
  }
  testing::ExpectContention(seen, /*faults=*/false, /*conditional_deletes=*/false);
}

TEST_P(LinearizableS3, WithFaults) {
  Seen seen;
  std::map<std::string, int> faults;
  for (uint64_t seed = 0; seed < Soaked(6); ++seed) {
    Faults next(seed);
    FaultProxy proxy("127.0.0.1", testing::PortOf(GetParam()),
                     [&](const HttpRequest& head, int64_t) { return next.Next(head); });
    S3StoreOptions options = OptionsOf(GetParam());
    options.endpoint = proxy.url();
    options.network.attempts_max = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 2 : 10;
    const std::string prefix = testing::FreshPrefix() + "k";
    ASSERT_NO_FATAL_FAILURE(
        testing::RunThreads(testing::MakeBucket(options), seed, prefix, &seen,
                            {.conditional_deletes = false,
                             .repeats = true,
                             .last_reader = testing::MakeBucket(OptionsOf(GetParam()))}));
    for (const auto& [what, times] : next.count()) faults[what] += times;
  }
  testing::ExpectContention(seen, /*faults=*/true, /*conditional_deletes=*/false);
  EXPECT_EQ(faults.size(), 4u);
}

}  // namespace
}  // namespace coffer
