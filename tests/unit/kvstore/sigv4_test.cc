// Goal: signatures are those that AWS computes, for S3 and by the general rules; what would not be
// signed as it is sent is refused.
// Method: AWS's published vectors (tests/data/sigv4), S3's documented examples, and the canonical
// form of odd keys and queries, literally. tests/interop/sigv4_test.py compares random requests.
#include "kvstore/s3/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "src/base/sha256.h"
#include "src/kvstore/url.h"

namespace coffer {
namespace {

using std::chrono::sys_days;
using std::chrono::system_clock;
using testing::ElementsAre;
using testing::Pair;

/// 2015-08-30 12:36:00, the suite's time.
system_clock::time_point SuiteTime() {
  return sys_days(std::chrono::year(2015) / 8 / 30) + std::chrono::hours(12) +
         std::chrono::minutes(36);
}

AwsCredentials SuiteCredentials() {
  return {.access_key_id = "AKIDEXAMPLE",
          .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")};
}

std::string HeaderOf(const SigV4Pairs& headers, std::string_view name) {
  for (const auto& [each, value] : headers) {
    if (each == name) return value;
  }
  return "(none)";
}

std::string Unescape(std::string_view text) {
  return Url::Parse("x:///" + std::string(text)).OrDie().path.substr(1);
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// A file of tests/data/sigv4, taken apart.
struct Vector {
  SigV4Request request;
  SigV4Rules rules;
  std::string session_token;
  std::string authorization;
};

void TakeTarget(std::string_view target, SigV4Request* request) {
  const size_t mark = std::min(target.find('?'), target.size());
  request->path = target.substr(0, mark);
  std::string_view query = target.substr(std::min(mark + 1, target.size()));
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    const size_t equals = std::min(pair.find('='), pair.size());
    request->query.emplace_back(Unescape(pair.substr(0, equals)),
                                Unescape(pair.substr(std::min(equals + 1, pair.size()))));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
  }
}

Vector ReadVector(const std::filesystem::path& path) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t end = text.find("\n\n");
  std::istringstream lines(text.substr(0, end));
  std::string line;
  std::getline(lines, line);
  const size_t blank = line.find(' ');
  Vector vector;
  vector.request.method = line.substr(0, blank);
  TakeTarget(std::string_view(line).substr(blank + 1, line.rfind(' ') - blank - 1),
             &vector.request);
  vector.request.time = SuiteTime();
  vector.request.payload_hash = HexOf(Sha256(text.substr(end + 2)).OrDie());
  vector.rules = {.normalize_path = !path.stem().string().ends_with("unnormalized"),
                  .encode_path_twice = false,
                  .payload_header = false};
  SigV4Pairs headers;
  while (std::getline(lines, line)) {
    // The suite takes a folded line for another value of the header before.
    const bool folded = line[0] == ' ';
    const size_t colon = line.find(':');
    headers.emplace_back(folded ? headers.back().first : Lower(line.substr(0, colon)),
                         folded ? line : line.substr(colon + 1));
  }
  vector.authorization = HeaderOf(headers, "authorization");
  const size_t names_at = vector.authorization.find("SignedHeaders=") + 14;
  const std::string names =
      ";" +
      vector.authorization.substr(names_at, vector.authorization.find(',', names_at) - names_at) +
      ";";
  for (const auto& [name, value] : headers) {
    if (name == "host") vector.request.host = value;
    if (name == "x-amz-security-token") vector.session_token = value;
    if (name == "x-amz-content-sha256" && names.find(";" + name + ";") != std::string::npos) {
      vector.rules.payload_header = true;
    }
    const bool ours = name == "host" || name == "authorization" || name.starts_with("x-amz-");
    if (!ours) vector.request.headers.emplace_back(name, value);
  }
  return vector;
}

TEST(SigV4, PublishedVectors) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(COFFER_TESTS_DATA "/sigv4")) {
    if (entry.path().extension() != ".txt") continue;
    SCOPED_TRACE(entry.path().stem().string());
    const Vector vector = ReadVector(entry.path());
    AwsCredentials credentials = SuiteCredentials();
    credentials.session_token = Secret::Copy(vector.session_token);
    const SigV4Signer signer("us-east-1", "service", vector.rules);
    const auto headers = signer.Sign(vector.request, credentials);
    ASSERT_TRUE(headers.ok()) << headers.status();
    EXPECT_EQ(HeaderOf(*headers, "authorization"), vector.authorization)
        << SigV4CanonicalRequest(vector.request, vector.rules).request;
    EXPECT_EQ(HeaderOf(*headers, "x-amz-date"), "20150830T123600Z");
    ++count;
  }
  EXPECT_EQ(count, 36);
}

/// The requests of "Signature Calculations for the Authorization Header" in S3's manual.
struct Documented {
  std::string method, path;
  SigV4Pairs query, headers;
  std::string body, names, signature;
};

TEST(SigV4, ExamplesOfTheS3Manual) {
  const AwsCredentials credentials = {
      .access_key_id = "AKIAIOSFODNN7EXAMPLE",
      .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")};
  const SigV4Signer signer("us-east-1");
  for (const Documented& example : std::vector<Documented>{
           {"GET",
            "/test.txt",
            {},
            {{"Range", "bytes=0-9"}},
            "",
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
           {"PUT",
            "/test$file.text",
            {},
            {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
             {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
            "Welcome to Amazon S3.",
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
           {"GET",
            "/",
            {{"lifecycle", ""}},
            {},
            "",
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
           {"GET",
            "/",
            {{"prefix", "J"}, {"max-keys", "2"}},
            {},
            "",
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"}}) {
    const SigV4Request request = {.method = example.method,
                                  .host = "examplebucket.s3.amazonaws.com",
                                  .path = example.path,
                                  .query = example.query,
                                  .headers = example.headers,
                                  .payload_hash = HexOf(Sha256(example.body).OrDie()),
                                  .time = sys_days(std::chrono::year(2013) / 5 / 24)};
    EXPECT_THAT(
        signer.Sign(request, credentials).OrDie(),
        ElementsAre(Pair("x-amz-date", "20130524T000000Z"),
                    Pair("x-amz-content-sha256", request.payload_hash),
                    Pair("authorization",
                         "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                         "aws4_request, SignedHeaders=" +
                             example.names + ", Signature=" + example.signature)));
  }
}

TEST(SigV4, CanonicalRequestOfAnOddKey) {
  const SigV4Request request = {
      .method = "PUT",
      .host = "localhost:9000",
      .path = "/b/a b//./..//\xc3\xa4+%41~!*'()&=?#",
      .query = {{"b", "2"}, {"a-b", "1"}, {"a", "+ /"}, {"a", "%"}, {"", ""}, {"A", "~"}},
      .headers = {{"X-B", " two \t words "}, {"Content-Type", "x"}, {"x-b", "again"}},
      .payload_hash = std::string(kUnsignedPayload)};
  EXPECT_EQ(SigV4CanonicalRequest(request, SigV4Rules()).request,
            "PUT\n"
            "/b/a%20b//./..//%C3%A4%2B%2541~%21%2A%27%28%29%26%3D%3F%23\n"
            "=&A=~&a=%25&a=%2B%20%2F&a-b=1&b=2\n"
            "content-type:x\nhost:localhost:9000\nx-b:two words,again\n"
            "\n"
            "content-type;host;x-b\n"
            "UNSIGNED-PAYLOAD");
  const std::string general = SigV4CanonicalRequest(request, SigV4Rules::General()).request;
  EXPECT_EQ(general.substr(0, general.find("\n=&")),
            "PUT\n/b/%25C3%25A4%252B%252541~%2521%252A%2527%2528%2529%2526%253D%253F%2523");
}

TEST(SigV4, PathsAreSentAsTheyAreSigned) {
  EXPECT_EQ(SigV4Path("/a b/\xff"), "/a%20b/%FF");
  EXPECT_EQ(SigV4Query({{"prefix", "a/b c"}, {"list-type", "2"}}), "list-type=2&prefix=a%2Fb%20c");
  EXPECT_EQ(SigV4Query({}), "");
  EXPECT_EQ(SigV4CanonicalRequest({.host = "h", .path = ""}, SigV4Rules()).request,
            "GET\n/\n\nhost:h\n\nhost\n" + std::string(kEmptyPayload));
}

TEST(SigV4, TimesAreUtcWithAllDigits) {
  EXPECT_EQ(SigV4Time(SuiteTime()), "20150830T123600Z");
  const auto early = sys_days(std::chrono::year(2024) / 2 / 29) + std::chrono::hours(3) +
                     std::chrono::minutes(4) + std::chrono::seconds(5);
  EXPECT_EQ(SigV4Time(early + std::chrono::milliseconds(999)), "20240229T030405Z");
  EXPECT_EQ(SigV4Scope(early, "eu-central-1", "s3"), "20240229/eu-central-1/s3/aws4_request");
}

TEST(SigV4, SignsTheSessionToken) {
  AwsCredentials credentials = SuiteCredentials();
  credentials.session_token = Secret("token");
  const SigV4Request request = {.host = "h", .path = "/k", .time = SuiteTime()};
  const SigV4Pairs headers = SigV4Signer("us-east-1").Sign(request, credentials).OrDie();
  EXPECT_THAT(
      headers,
      ElementsAre(Pair("x-amz-date", "20150830T123600Z"),
                  Pair("x-amz-content-sha256", std::string(kEmptyPayload)),
                  Pair("x-amz-security-token", "token"),
                  Pair("authorization",
                       testing::HasSubstr("SignedHeaders=host;x-amz-content-sha256;x-amz-date;"
                                          "x-amz-security-token, "))));
}

// The key of the day is kept, and must not be used for another day or another secret.
TEST(SigV4, AnotherDayOrSecretIsAnotherKey) {
  const SigV4Signer signer("us-east-1", "service", {.payload_header = false});
  SigV4Request request = {.host = "h", .path = "/k", .time = SuiteTime()};
  AwsCredentials credentials = SuiteCredentials();
  const auto fresh = [&] {
    return SigV4Signer("us-east-1", "service", {.payload_header = false})
        .Sign(request, credentials)
        .OrDie();
  };
  const SigV4Pairs first = signer.Sign(request, credentials).OrDie();
  EXPECT_EQ(first, fresh());
  EXPECT_EQ(signer.Sign(request, credentials).OrDie(), first);
  request.time += std::chrono::hours(24);
  EXPECT_EQ(signer.Sign(request, credentials).OrDie(), fresh());
  credentials.secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEz");
  EXPECT_EQ(signer.Sign(request, credentials).OrDie(), fresh());
  EXPECT_NE(signer.Sign(request, credentials).OrDie(), first);
}

TEST(SigV4, AnonymousRequestsAreNotSigned) {
  const SigV4Request request = {.host = "h", .path = "/k", .time = SuiteTime()};
  EXPECT_THAT(SigV4Signer("us-east-1").Sign(request, AwsCredentials()).OrDie(), ElementsAre());
}

TEST(SigV4, RefusesWhatWouldNotBeSentAsSigned) {
  const SigV4Signer signer("us-east-1");
  const auto error = [&](SigV4Request request, const AwsCredentials& credentials) {
    request.path = "/k";
    return signer.Sign(request, credentials).status().ToString();
  };
  const AwsCredentials credentials = SuiteCredentials();
  EXPECT_EQ(error({.host = "h", .headers = {{"X-Amz-Date", "x"}}}, credentials),
            "InvalidArgument: header \"x-amz-date\" is set by the signature itself");
  EXPECT_EQ(error({.host = "h", .headers = {{"Authorization", "x"}}}, credentials),
            "InvalidArgument: header \"authorization\" is set by the signature itself");
  EXPECT_EQ(error({.host = "h", .headers = {{"a", "x\r\nb: y"}}}, credentials),
            "InvalidArgument: header \"a\" has a control character");
  EXPECT_EQ(error({.host = "h", .headers = {{"a b", "x"}}}, credentials),
            "InvalidArgument: cannot sign a header without a name");
  EXPECT_EQ(error({.host = ""}, credentials),
            "InvalidArgument: cannot sign a request without a host");
  EXPECT_EQ(error({.host = "h", .payload_hash = "\n"}, credentials),
            "InvalidArgument: the hash of the body has a control character");
  AwsCredentials bad = credentials;
  bad.session_token = Secret("a\nb");
  EXPECT_EQ(error({.host = "h"}, bad),
            "InvalidArgument: the access key id or session token has a control character");
  EXPECT_EQ(SigV4Signer("a\nb").Sign({.host = "h", .path = "/"}, credentials).status().ToString(),
            "InvalidArgument: the region has a control character");
}

}  // namespace
}  // namespace coffer
