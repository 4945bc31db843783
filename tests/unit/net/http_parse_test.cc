// Goal: what a server or a user writes (Content-Range, lengths, URLs, Retry-After, statuses) is
// read exactly, or refused by a message that shows no secret. Method: tables of texts and what
// becomes of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "src/base/shown.h"
#include "src/net/http.h"
#include "src/net/http_client.h"
#include "src/net/http_url.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kMax = "9223372036854775807";
const std::string kAboveMax = "9223372036854775808";

TEST(ParseDecimal, TakesDigitsAndNothingElse) {
  const std::pair<std::string, int64_t> good[] = {
      {"0", 0}, {"7", 7}, {"0042", 42}, {"1234567890123", 1234567890123}, {kMax, INT64_MAX}};
  for (const auto& [text, value] : good) EXPECT_EQ(ParseDecimal(text), value) << text;
  for (const std::string& text :
       {std::string(), std::string("-1"), std::string("+1"), std::string(" 1"), std::string("1 "),
        std::string("1.0"), std::string("0x10"), std::string("1,1"), std::string("1\0", 2),
        kAboveMax, kMax + "0", std::string(400, '9')}) {
    EXPECT_EQ(ParseDecimal(text), std::nullopt) << text;
  }
}

TEST(ContentRange, ReadsTheFormOfTheStandard) {
  const std::tuple<std::string, int64_t, int64_t, int64_t> good[] = {
      {"bytes 5-9/20", 5, 10, 20},
      {"bytes 0-0/1", 0, 1, 1},
      {"bytes 0-4/*", 0, 5, -1},
      {"bytes 3-3/4", 3, 4, 4},
      {"bytes 0-9223372036854775806/" + kMax, 0, INT64_MAX, INT64_MAX}};
  for (const auto& [text, begin, end, size] : good) {
    const Result<ContentRange> range = ContentRange::Parse(text);
    ASSERT_TRUE(range.ok()) << range.status();
    EXPECT_EQ(range->begin, begin) << text;
    EXPECT_EQ(range->end, end) << text;
    EXPECT_EQ(range->size, size) << text;
  }
}

TEST(ContentRange, RefusesWhatIsNoneOrContradictsItself) {
  for (const std::string& text : {std::string(),
                                  std::string("bytes"),
                                  std::string("bytes "),
                                  std::string("bytes */20"),
                                  std::string("bytes 5-9"),
                                  std::string("bytes 5-9/"),
                                  std::string("bytes -9/20"),
                                  std::string("bytes 5-/20"),
                                  std::string("bytes 9-5/20"),
                                  std::string("bytes 5-20/20"),
                                  std::string("bytes 5-9/9"),
                                  std::string("bytes=5-9/20"),
                                  std::string("bytes  5-9/20"),
                                  std::string("items 5-9/20"),
                                  std::string("Bytes 5-9/20"),
                                  std::string("bytes 5-9/20 "),
                                  std::string("bytes 5/9-20"),
                                  std::string("bytes 5-9/20/20"),
                                  std::string("bytes 5-9-9/20"),
                                  std::string("bytes 5-9/-1"),
                                  std::string("bytes 5-9/**"),
                                  "bytes 0-" + kMax + "/*",
                                  "bytes 0-" + kAboveMax + "/*",
                                  "bytes 0-1/" + kAboveMax}) {
    EXPECT_EQ(ContentRange::Parse(text).status().ToString(),
              "DataLoss: Content-Range \"" + ShownServerText(text) +
                  "\": expected bytes FIRST-LAST/SIZE");
  }
  EXPECT_EQ(ContentRange::Parse(std::string(5000, '*')).status().message().size(),
            100 + std::string("Content-Range \"\": expected bytes FIRST-LAST/SIZE").size());
}

TEST(ContentRange, UnsatisfiedSizeIsWhatFollowsTheStar) {
  EXPECT_EQ(UnsatisfiedSize("bytes */20"), 20);
  EXPECT_EQ(UnsatisfiedSize("bytes */0"), 0);
  for (const char* text : {"", "bytes */", "bytes */*", "bytes 0-1/20", "bytes */-1", "*/20"}) {
    EXPECT_EQ(UnsatisfiedSize(text), std::nullopt) << text;
  }
}

TEST(HttpUrl, LinkLocalIsWhatLeadsToTheMetadataService) {
  for (const std::string host :
       {"169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "[FD00:EC2::23]"}) {
    EXPECT_TRUE(HttpUrl::Parse("http://" + host).OrDie().is_link_local()) << host;
  }
  for (const std::string host : {"169.253.1.1", "[fd00:ec3::254]", "[fd01:ec2::254]", "[::1]"}) {
    EXPECT_FALSE(HttpUrl::Parse("http://" + host).OrDie().is_link_local()) << host;
  }
}

TEST(HttpError, TellsTheCodeOfEachAnswer) {
  const std::pair<StatusCode, std::vector<int>> table[] = {
      {StatusCode::kInternal, {100, 200, 206, 299}},
      {StatusCode::kFailedPrecondition, {300, 301, 302, 303, 304, 307, 308, 399, 412}},
      {StatusCode::kInvalidArgument, {400, 402, 406, 411, 414, 415, 417, 418, 422, 431, 499}},
      {StatusCode::kPermissionDenied, {401, 403, 407}},
      {StatusCode::kNotFound, {404, 410}},
      {StatusCode::kAborted, {409}},
      {StatusCode::kResourceExhausted, {413, 507}},
      {StatusCode::kOutOfRange, {416}},
      {StatusCode::kUnimplemented, {405, 501}},
      {StatusCode::kUnavailable, {408, 425, 429, 500, 502, 503, 504, 505, 599}}};
  for (const auto& [code, statuses] : table) {
    for (const int status : statuses) {
      EXPECT_EQ(HttpError({.status = status}, "GET").code(), code) << status;
      EXPECT_EQ(HttpError({.status = status}, "GET").message(),
                "GET: the server answered " + std::to_string(status));
    }
  }
  EXPECT_EQ(HttpError({.status = 503}, "PUT x", "SlowDown").message(),
            "PUT x: the server answered 503: SlowDown");
}

TEST(HttpResponse, FindsTheLastHeaderOfAName) {
  HttpResponse response;
  response.headers = {{"etag", "a"}, {"content-length", "12"}, {"etag", "b"}};
  EXPECT_EQ(response.Find("etag"), "b");
  EXPECT_EQ(response.Find("ETag"), std::nullopt);
  EXPECT_EQ(response.content_length(), 12);
  response.headers = {{"content-length", "12x"}};
  EXPECT_EQ(response.content_length(), std::nullopt);
  response.headers.clear();
  EXPECT_EQ(response.content_length(), std::nullopt);
}

TEST(HttpResponse, ALengthBesideATransferEncodingIsNone) {
  // RFC 9112, 6.3: the encoding overrides it. Who believed it would cut the value there.
  HttpResponse response;
  response.headers = {{"content-length", "3"}, {"transfer-encoding", "chunked"}};
  EXPECT_EQ(response.content_length(), std::nullopt);
}

TEST(HttpUrl, TakesItsPartsAsTheyAreWritten) {
  const HttpUrl url = HttpUrl::Parse("HTTP://Host.Example:8080/a/../%2e/b%20c?x=%41&y").OrDie();
  EXPECT_EQ(url.scheme, "http");
  EXPECT_EQ(url.port, "8080");
  EXPECT_EQ(url.path, "/a/../%2e/b%20c");
  EXPECT_EQ(url.query, "x=%41&y");
  EXPECT_FALSE(url.tls());
  EXPECT_EQ(HttpUrl::Parse("https://h:443").OrDie().text(), "https://h/");
  EXPECT_EQ(HttpUrl::Parse("http://h:80/").OrDie().authority(), "h");
  EXPECT_EQ(HttpUrl::Parse("http://h:443/").OrDie().authority(), "h:443");
  EXPECT_EQ(HttpUrl::Parse("https://h:80/").OrDie().origin(), "https://h:80");
  EXPECT_EQ(HttpUrl::Parse("http://[::1]:5/x?q").OrDie().text(), "http://[::1]:5/x?q");
  EXPECT_TRUE(HttpUrl::Parse("https://h").OrDie().tls());
}

TEST(HttpUrl, LoopbackIsWhatDoesNotLeaveTheMachine) {
  for (const char* url : {"http://127.0.0.1", "http://127.9.8.7:1/", "http://localhost/x",
                          "http://[::1]/", "http://LOCALHOST/", "http://0x7f.1/",
                          "http://bucket.localhost:1/", "http://a.B.LocalHost"}) {
    EXPECT_TRUE(HttpUrl::Parse(url).OrDie().is_loopback()) << url;
  }
  for (const char* url :
       {"http://128.0.0.1", "http://127.example.org", "http://127.0.0.1.nip.io/",
        "http://localhost.example/", "http://127.1.example/", "http://[::2]/", "http://h/127.0.0.1",
        "http://localhost.evil.org/", "http://evillocalhost/", "http://a.localhost.evil.org",
        "http://h/.localhost", "http://bucket.127.0.0.1/"}) {
    EXPECT_FALSE(HttpUrl::Parse(url).OrDie().is_loopback()) << url;
  }
}

TEST(HttpUrl, RefusesByNameAndShowsNoSecret) {
  const std::tuple<std::string, std::string> table[] = {
      {"file:///etc/passwd", "URL \"file:///etc/passwd\": expected http:// or https://"},
      {"gopher://h/x?S3CRET", "URL \"gopher://h/x\": expected http:// or https://"},
      {"ftp://h/x", "URL \"ftp://h/x\": expected http:// or https://"},
      {"http://S3CRET:S3CRET@h/a", "URL \"http://h/a\": a user or password has no place in a URL"},
      {"http://S3CRET@h/a", "URL \"http://h/a\": a user or password has no place in a URL"},
      {"http://h/a#S3CRET",
       "URL \"http://h/a\": a fragment (\"#\") is never sent; write it as %23"}};
  for (const auto& [url, message] : table) {
    EXPECT_EQ(HttpUrl::Parse(url).status().ToString(), "InvalidArgument: " + message);
  }
  for (const std::string& url :
       {std::string(), std::string("http://"), std::string("h/x"),
        std::string("http://h:99999/?S3CRET"), std::string("http://h:x/?S3CRET"),
        std::string("http://h/a b?S3CRET"), std::string("http://h/a\r\nX: S3CRET"),
        std::string("http://h/a\0?S3CRET", 18), std::string("http://[::1/?S3CRET"),
        std::string("http://%32851995905/?S3CRET"), std::string("http://a%2fb/?S3CRET")}) {
    const Status status = HttpUrl::Parse(url).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(status.message(), HasSubstr("URL \"" + ShownUrl(url) + "\": ")) << url;
    EXPECT_THAT(status.message(), Not(HasSubstr("No error"))) << url;
  }
}

TEST(HttpUrl, ResolvesALocationAsBrowsersDo) {
  const HttpUrl base = HttpUrl::Parse("http://h:5/a/b/c?token").OrDie();
  const std::pair<std::string, std::string> table[] = {
      {"d", "http://h:5/a/b/d"},
      {"/d?x", "http://h:5/d?x"},
      {"../d", "http://h:5/a/d"},
      {"//i/d", "http://i/d"},
      {"https://i:7/d?y", "https://i:7/d?y"},
      {"/a b", "http://h:5/a%20b"},
      {"/d#there", "http://h:5/d"}};  // Of a target, a fragment is the reader's affair.
  for (const auto& [location, url] : table) {
    const Result<HttpUrl> resolved = HttpUrl::Resolve(base, location);
    ASSERT_TRUE(resolved.ok()) << location << ": " << resolved.status();
    EXPECT_EQ(resolved->text(), url) << location;
  }
  for (const char* location : {"file:///etc/passwd", "gopher://h/", "http://u@h/", "http://h:x/",
                               "javascript:alert(1)", "http://"}) {
    EXPECT_EQ(HttpUrl::Resolve(base, location).status().code(), StatusCode::kInvalidArgument)
        << location;
  }
}

TEST(RetryAfter, ReadsSecondsAndDatesUpToADay) {
  const auto now = std::chrono::system_clock::from_time_t(784111777);  // 06 Nov 1994 08:49:37.
  const std::pair<std::string, int64_t> table[] = {
      {"0", 0},
      {"7", 7},
      {"86400", 86400},
      {"86401", 86400},
      {kMax, 86400},
      {"Sun, 06 Nov 1994 08:49:47 GMT", 10},
      {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
      {"Sun, 06 Nov 1994 08:49:27 GMT", 0},    // Past.
      {"Sunday, 06-Nov-94 08:49:47 GMT", 10},  // The old forms, which the standard keeps.
      {"Sun Nov  6 08:49:47 1994", 10},
      {"Sun, 06 Nov 2094 08:49:37 GMT", 86400},
      {"", 0},
      {"-5", 0},
      {"soon", 0},
      {kAboveMax, 0},
      {"1.5", 0}};
  for (const auto& [text, seconds] : table) {
    EXPECT_EQ(RetryAfter(text, now), std::chrono::seconds(seconds)) << text;
  }
}

}  // namespace
}  // namespace coffer
