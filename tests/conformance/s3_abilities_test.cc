// Goal: the table of docs/s3.md says what real servers can do, as the store finds out for itself.
// Method: the probe on versitygw and MinIO, and what is taken as known of AWS, compared with the
// rows of the table; and that the probe leaves nothing behind.
#include "kvstore/s3/abilities.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kvstore/s3/listing.h"
#include "tests/support/servers.h"

namespace coffer {
namespace {

using testing::IsMissing;
using testing::OptionsOf;
using testing::S3Server;
using testing::ServerVariable;

/// The cells of the row that begins with this name, without the name.
std::vector<std::string> RowOf(const std::string& server) {
  std::ifstream file(COFFER_DOCS "/s3.md");
  std::vector<std::string> cells;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| " + server)) continue;
    size_t begin = line.find('|', 1);
    for (size_t end = 0; (end = line.find('|', begin + 1)) != line.npos; begin = end) {
      cells.push_back(line.substr(begin + 2, end - begin - 3));
    }
    break;
  }
  return cells;
}

std::vector<std::string> CellsOf(const S3Abilities& can) {
  std::vector<std::string> cells;
  for (const bool able : {can.conditional_create, can.conditional_write, can.conditional_delete,
                          can.conditional_multipart, can.key_beside_prefix}) {
    cells.emplace_back(able ? "yes" : "no");
  }
  return cells;
}

std::shared_ptr<S3Bucket> BucketOf(const S3StoreOptions& options, const Context& context) {
  CredentialsOptions credentials;
  credentials.given.access_key_id = options.credentials.access_key_id;
  credentials.given.secret_access_key = options.credentials.secret_access_key;
  std::optional<HttpUrl> endpoint;
  if (!options.endpoint.empty()) endpoint = HttpUrl::Parse(options.endpoint).OrDie();
  const std::string name =
      endpoint ? ServerVariable("COFFER_TEST_S3_BUCKET") : std::string("coffer-test");
  return std::make_shared<S3Bucket>(name, options, endpoint,
                                    MakeAwsCredentials(std::move(credentials)).OrDie(),
                                    AwsEnvironment::OfProcess(), context);
}

TEST(S3Abilities, OfAwsAreKnown) {
  S3StoreOptions options;
  options.credentials.access_key_id = "id";
  options.credentials.secret_access_key = Secret("key");
  const Context context = Context::Create({.threads = 1});
  const S3Prober prober(BucketOf(options, context));
  EXPECT_EQ(CellsOf(prober.known(S3Question::kRequests).value()), RowOf("AWS"));
  EXPECT_TRUE(prober.known(S3Question::kUploads).value().conditional_multipart);
}

class S3AbilitiesOf : public ::testing::TestWithParam<S3Server> {};

INSTANTIATE_TEST_SUITE_P(Servers, S3AbilitiesOf,
                         ::testing::Values(S3Server::kVersitygw, S3Server::kMinio),
                         [](const auto& each) { return testing::NameOf(each.param); });

TEST_P(S3AbilitiesOf, AreThoseOfTheTable) {
  if (IsMissing(GetParam())) GTEST_SKIP();
  const Context context = Context::Create({.threads = 1});
  const std::shared_ptr<S3Bucket> bucket = BucketOf(OptionsOf(GetParam()), context);
  S3Prober prober(bucket);
  const std::string prefix = testing::FreshPrefix();
  const std::string key = prefix + std::string(255, 'k');
  EXPECT_FALSE(prober.known(S3Question::kRequests).has_value());
  S3Abilities found = prober.Get(key, S3Question::kRequests).Get().OrDie();
  EXPECT_FALSE(prober.known(S3Question::kUploads).has_value());
  found.conditional_multipart =
      prober.Get(key, S3Question::kUploads).Get().OrDie().conditional_multipart;
  EXPECT_EQ(CellsOf(found), RowOf(GetParam() == S3Server::kMinio ? "MinIO" : "versitygw"));
  // Another store of this bucket and context need not ask.
  const S3Prober other(BucketOf(OptionsOf(GetParam()), context));
  S3Abilities known = other.known(S3Question::kRequests).value();
  known.conditional_multipart = other.known(S3Question::kUploads).value().conditional_multipart;
  EXPECT_EQ(CellsOf(known), CellsOf(found));
  const auto listing = ListS3(bucket, {.range = KeyRange::Prefix(prefix)}, Probes::kShown);
  EXPECT_TRUE(listing->Next().Get().OrDie().empty());
}

TEST_P(S3AbilitiesOf, ManyWhoAskAtOnceShareOneProbe) {
  if (IsMissing(GetParam())) GTEST_SKIP();
  const Context context = Context::Create({.threads = 2});
  S3Prober prober(BucketOf(OptionsOf(GetParam()), context));
  const std::string prefix = testing::FreshPrefix();
  std::vector<Future<S3Abilities>> asked;
  for (int i = 0; i < 20; ++i) {
    asked.push_back(prober.Get(prefix + std::to_string(i), S3Question::kRequests));
  }
  for (const Future<S3Abilities>& each : asked) {
    const Result<S3Abilities>& found = each.Get();
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(found->conditional_create && found->conditional_write);
    EXPECT_FALSE(found->conditional_delete);
  }
}

// A folder that cannot hold the probe fails it, and the next who asks probes anew.
TEST_P(S3AbilitiesOf, AreNotGuessedFromAProbeThatFailed) {
  if (IsMissing(GetParam())) GTEST_SKIP();
  S3StoreOptions options = OptionsOf(GetParam());
  const Context context = Context::Create({.threads = 1});
  options.credentials.secret_access_key = Secret("wrong");
  S3Prober wrong(BucketOf(options, context));
  EXPECT_EQ(wrong.Get("k", S3Question::kRequests).Get().status().code(),
            StatusCode::kPermissionDenied);
  EXPECT_FALSE(wrong.known(S3Question::kRequests).has_value());
  S3Prober right(BucketOf(OptionsOf(GetParam()), context));
  EXPECT_TRUE(right.Get(testing::FreshPrefix() + "k", S3Question::kRequests).Get().ok());
}

}  // namespace
}  // namespace coffer
