// Goal: a request goes to the right host and path, signed as that host needs it; AWS may tell where
// a bucket is, once, and nobody else may send us anywhere. Method: requests as they are made, and
// the judge's word on answers; nothing is sent.
#include "kvstore/s3/bucket.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "coffer/async/context.h"

namespace coffer {
namespace {

struct Made {
  std::string url;
  std::vector<HttpHeader> headers;

  std::string Header(std::string_view name) const {
    for (const HttpHeader& header : headers) {
      if (header.name == name) return header.value;
    }
    return "";
  }
};

class S3BucketTest : public ::testing::Test {
 protected:
  std::shared_ptr<S3Bucket> Bucket(const std::string& endpoint = "",
                                   const std::string& name = "bucket") {
    std::optional<HttpUrl> url;
    if (!endpoint.empty()) url = HttpUrl::Parse(endpoint).OrDie();
    CredentialsOptions credentials;
    credentials.given = {.access_key_id = "AKID",
                         .secret_access_key = Secret::Copy("key"),
                         .session_token = Secret::Copy("token")};
    AwsEnvironment environment = AwsEnvironment::OfProcess();
    environment.now = [] { return std::chrono::sys_days(std::chrono::year(2030) / 1 / 2); };
    return std::make_shared<S3Bucket>(name, options_, url,
                                      MakeAwsCredentials(std::move(credentials)).OrDie(),
                                      environment, context_);
  }
  static std::shared_ptr<S3Bucket::Attempts> Ask(const std::shared_ptr<S3Bucket>& bucket) {
    S3Request request;
    request.key = "a b/c";
    return bucket->NewAttempts(std::move(request));
  }
  static Made Make(S3Bucket::Attempts& attempts) {
    const HttpRequest request = attempts.Make(0).Get().OrDie();
    return {request.url, request.headers};
  }
  static HttpResponse Answer(int status, const std::string& code, const std::string& more = "",
                             std::vector<HttpHeader> headers = {}) {
    HttpResponse answer;
    answer.status = status;
    answer.headers = std::move(headers);
    answer.body = Bytes::Copy("<Error><Code>" + code + "</Code>" + more + "</Error>");
    return answer;
  }

  const Context context_ = Context::Create({.threads = 1});
  S3StoreOptions options_;
};

TEST_F(S3BucketTest, OfAwsIsReachedByItsHost) {
  const auto url = [&](const std::string& region, const std::string& name,
                       S3StoreOptions::Addressing addressing) {
    options_.region = region;
    options_.addressing = addressing;
    return Make(*Ask(Bucket("", name))).url;
  };
  using enum S3StoreOptions::Addressing;
  EXPECT_EQ(url("", "bucket", kAuto), "https://bucket.s3.us-east-1.amazonaws.com/a%20b/c");
  EXPECT_EQ(url("eu-west-3", "bucket", kAuto), "https://bucket.s3.eu-west-3.amazonaws.com/a%20b/c");
  EXPECT_EQ(url("eu-west-3", "bucket", kPath), "https://s3.eu-west-3.amazonaws.com/bucket/a%20b/c");
  // A certificate of *.s3... does not cover a name with dots.
  EXPECT_EQ(url("eu-west-3", "a.bucket", kAuto),
            "https://s3.eu-west-3.amazonaws.com/a.bucket/a%20b/c");
  EXPECT_EQ(url("cn-north-1", "bucket", kAuto),
            "https://bucket.s3.cn-north-1.amazonaws.com.cn/a%20b/c");
}

TEST_F(S3BucketTest, AtAnEndpointIsReachedByItsPath) {
  const auto url = [&](const std::string& endpoint) { return Make(*Ask(Bucket(endpoint))).url; };
  EXPECT_EQ(url("http://127.0.0.1:9000"), "http://127.0.0.1:9000/bucket/a%20b/c");
  EXPECT_EQ(url("http://127.0.0.1:9000/"), "http://127.0.0.1:9000/bucket/a%20b/c");
  EXPECT_EQ(url("https://h/pre%20fix/x"), "https://h/pre%20fix/x/bucket/a%20b/c");
  EXPECT_EQ(url("https://[::1]:9000"), "https://[::1]:9000/bucket/a%20b/c");
  options_.addressing = S3StoreOptions::Addressing::kVirtualHost;
  EXPECT_EQ(url("https://h:9000/x"), "https://bucket.h:9000/x/a%20b/c");
}

TEST_F(S3BucketTest, BodiesAreHashedWhereNothingElseProtectsThem) {
  const auto hash = [&](const std::string& endpoint) {
    S3Request request;
    request.method = "PUT";
    request.key = "k";
    request.body = Bytes::Copy("abc");
    request.checks_body = true;
    const Made made = Make(*Bucket(endpoint)->NewAttempts(std::move(request)));
    EXPECT_EQ(made.Header("x-amz-checksum-crc32c"), "Nks/tw==");
    EXPECT_NE(made.Header("authorization").find(";x-amz-checksum-crc32c;"), std::string::npos);
    return made.Header("x-amz-content-sha256");
  };
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(hash("http://192.0.2.1:9000"), abc);
  EXPECT_EQ(hash("http://storage.example.org"), abc);
  EXPECT_EQ(hash("https://storage.example.org"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(hash(""), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(hash("http://127.0.0.1:9000"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(hash("http://localhost"), "UNSIGNED-PAYLOAD");
  EXPECT_EQ(Make(*Ask(Bucket("http://192.0.2.1:9000"))).Header("x-amz-content-sha256"),
            kEmptyPayload);
}

TEST_F(S3BucketTest, OnlyHeadMayBeMissingWithoutACode) {
  const auto bucket = Bucket();
  const auto proves = [&](const HttpResponse& answer) {
    return std::string(bucket->ProvesMissing(answer) ? "any " : "") +
           (bucket->ProvesMissing(answer, /*is_of_head=*/true) ? "head" : "");
  };
  EXPECT_EQ(proves(Answer(404, "")), "");
  bucket->seen = true;
  EXPECT_EQ(proves(Answer(404, "")), "head");
  EXPECT_EQ(proves(Answer(404, "NoSuchKey")), "any head");
  EXPECT_EQ(proves(Answer(404, "NoSuchBucket")), "");
  EXPECT_EQ(proves(Answer(403, "NoSuchKey")), "");
}

TEST_F(S3BucketTest, ACodeInAHeaderIsShownIfItLooksLikeOne) {
  const auto told = [&](const std::string& type) {
    const HttpResponse answer = Answer(403, "", "", {{"x-amzn-errortype", type}});
    return S3Bucket::ErrorOf(answer, "HEAD").ToString();
  };
  const std::string error = "PermissionDenied: HEAD: the server answered 403";
  EXPECT_EQ(told("AccessDenied"), error + ": AccessDenied");
  EXPECT_EQ(told("AWS4-HMAC-SHA256 Credential=x"), error);
  EXPECT_EQ(told(std::string(65, 'a')), error);
}

TEST_F(S3BucketTest, AwsMayTellTheRegionOnce) {
  const std::pair<HttpResponse, const char*> answers[] = {
      {Answer(301, "PermanentRedirect", "", {{"x-amz-bucket-region", "eu-central-1"}}), "header"},
      {Answer(400, "AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>"), "body"},
      {Answer(307, "TemporaryRedirect", "", {{"x-amz-bucket-region", "eu-central-1"}}), "307"},
      {Answer(301, "", "", {{"x-amz-bucket-region", "eu-central-1"}}), "HEAD"}};
  for (const auto& [answer, name] : answers) {
    const auto bucket = Bucket();
    const auto attempts = Ask(bucket);
    EXPECT_EQ(Make(*attempts).url, "https://bucket.s3.us-east-1.amazonaws.com/a%20b/c");
    EXPECT_EQ(attempts->Judge(answer), HttpVerdict::kAgain) << name;
    const Made moved = Make(*attempts);
    EXPECT_EQ(moved.url, "https://bucket.s3.eu-central-1.amazonaws.com/a%20b/c");
    EXPECT_NE(moved.Header("authorization").find("/20300102/eu-central-1/s3/"), std::string::npos);
    EXPECT_EQ(attempts->Judge(answer), HttpVerdict::kDone) << name;
    // The next request knows.
    EXPECT_EQ(Make(*Ask(bucket)).url, moved.url);
  }
}

TEST_F(S3BucketTest, NobodyTellsAnotherHost) {
  for (const char* const region : {"", "evil.example.org/", "eu.example.org", "a@b", "EU-WEST-1",
                                   "eu_west", "x%2e", "a-region-name-of-more-than-32-bytes"}) {
    const auto bucket = Bucket();
    const auto attempts = Ask(bucket);
    const std::string url = Make(*attempts).url;
    EXPECT_EQ(attempts->Judge(Answer(
                  301, "PermanentRedirect", "<Endpoint>evil.example.org</Endpoint>",
                  {{"x-amz-bucket-region", region}, {"location", "https://evil.example.org/"}})),
              HttpVerdict::kDone)
        << region;
    EXPECT_EQ(Make(*attempts).url, url) << region;
  }
  // An endpoint stays where it is; only what is signed may change.
  const auto attempts = Ask(Bucket("https://storage.example.org"));
  const std::string url = Make(*attempts).url;
  EXPECT_EQ(attempts->Judge(
                Answer(301, "PermanentRedirect", "", {{"x-amz-bucket-region", "eu-central-1"}})),
            HttpVerdict::kDone);
  EXPECT_EQ(
      attempts->Judge(Answer(400, "AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>")),
      HttpVerdict::kAgain);
  EXPECT_EQ(Make(*attempts).url, url);
}

TEST_F(S3BucketTest, TheClockIsCorrectedByTheServersDateOnce) {
  const auto attempts = Ask(Bucket());
  EXPECT_EQ(Make(*attempts).Header("x-amz-date"), "20300102T000000Z");
  const HttpResponse skewed =
      Answer(403, "RequestTimeTooSkewed", "", {{"date", "Wed, 02 Jan 2030 05:00:07 GMT"}});
  EXPECT_EQ(attempts->Judge(skewed), HttpVerdict::kAgain);
  EXPECT_EQ(Make(*attempts).Header("x-amz-date"), "20300102T050007Z");
  EXPECT_EQ(attempts->Judge(skewed), HttpVerdict::kDone);
  // Without a date, or with nonsense in it, the clock stays.
  const auto other = Ask(Bucket());
  EXPECT_EQ(other->Judge(Answer(403, "RequestTimeTooSkewed", "", {{"date", "yesterday"}})),
            HttpVerdict::kAgain);
  EXPECT_EQ(Make(*other).Header("x-amz-date"), "20300102T000000Z");
}

TEST_F(S3BucketTest, TheChecksumIsBigEndianBase64OfAllPieces) {
  BytesChain chain = Bytes::Copy("12345");
  chain.Append(Bytes::Copy("6789"));
  EXPECT_EQ(S3Checksum(chain), "4waSgw==");  // e3069283
  EXPECT_EQ(S3Checksum(BytesChain()), "AAAAAA==");
}

}  // namespace
}  // namespace coffer
