// Goal: what is read is of one version, and a condition holds exactly where the server proves it:
// by strong ETags, by dates that are old enough, or not at all.
// Method: a scripted server replaces its value between requests as the test says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/fault/http_store_support.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using State = ReadResult::State;

constexpr const char* kOld = "Sun, 06 Nov 1994 08:49:30 GMT";
constexpr const char* kOlder = "Sat, 05 Nov 1994 08:49:30 GMT";
constexpr const char* kOneSecondLater = "Sun, 06 Nov 1994 08:49:31 GMT";
constexpr const char* kNow = "Sun, 06 Nov 1994 08:49:37 GMT";

testing::HttpHeaders Dated(const char* modified, const char* date = kNow) {
  return {{"Last-Modified", modified}, {"Date", date}};
}

std::string GenerationOf(const testing::HttpHeaders& headers) {
  Site site(Always({.headers = headers, .body = "value"}));
  const ReadResult by_get = site.Read({}).OrDie();
  EXPECT_EQ(site.Read({.range = ByteRange::Stat()}).OrDie().generation, by_get.generation);
  return by_get.generation.value;
}

TEST(HttpStoreGeneration, IsAStrongTagOrAnOldDateOrUnknown) {
  EXPECT_EQ(GenerationOf({{"ETag", "\"abc\""}}), "\"abc\"");
  EXPECT_EQ(GenerationOf({{"ETag", "\"\""}}), "\"\"");
  EXPECT_EQ(GenerationOf({{"etag", "\"abc\""}, {"Last-Modified", kOld}, {"Date", kNow}}),
            "\"abc\"");
  EXPECT_EQ(GenerationOf(Dated(kOld)), "m" + std::string(kOld));
  EXPECT_EQ(GenerationOf({{"ETag", "W/\"abc\""}, {"Last-Modified", kOld}, {"Date", kNow}}),
            "m" + std::string(kOld));
  // Unknown: nothing is told; a weak tag; a tag that is none (one would be taken for "missing");
  // a value that may change again within its second; a time that is none, or of the future.
  for (const testing::HttpHeaders& headers :
       std::vector<testing::HttpHeaders>{{},
                                         {{"ETag", "W/\"abc\""}},
                                         {{"ETag", ""}},
                                         {{"ETag", "-"}},
                                         {{"ETag", "abc"}},
                                         {{"ETag", "\""}},
                                         {{"ETag", "msome day"}},
                                         {{"ETag", "\"" + std::string(2000, 'x') + "\""}},
                                         {{"Last-Modified", kOld}},
                                         Dated(kNow),
                                         Dated(kOld, kOld),
                                         Dated(kOld, kOneSecondLater),
                                         Dated(kNow, kOld),
                                         Dated("yesterday"),
                                         Dated(kOld, "now")}) {
    EXPECT_EQ(GenerationOf(headers), "") << (headers.empty() ? "" : headers[0].second);
  }
}

TEST(HttpStoreCondition, IsSentByItsTag) {
  Site site([](const Asked& asked) {
    if (asked.Header("if-match") == "\"old\"") return HttpReply{.status = 412};
    if (asked.Header("if-none-match") == "\"new\"") {
      return HttpReply{.status = 304, .headers = {{"ETag", "\"new\""}}};
    }
    return HttpReply{.headers = {{"ETag", "\"new\""}}, .body = "value"};
  });
  ReadResult read = site.Read({.if_equal = {"\"old\""}}).OrDie();
  EXPECT_EQ(read.state, State::kConditionNotMet);
  EXPECT_FALSE(read.generation.known());
  read = site.Read({.if_not_equal = {"\"new\""}}).OrDie();
  EXPECT_EQ(read.state, State::kConditionNotMet);
  EXPECT_EQ(read.generation.value, "\"new\"");
  EXPECT_EQ(site.Text({.if_equal = {"\"new\""}}), "value");
  EXPECT_EQ(site.Text({.if_not_equal = {"\"old\""}}), "value");
  const std::vector<Asked> requests = site.server.requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[0].Header("if-match"), "\"old\"");
  EXPECT_EQ(requests[0].Header("if-none-match"), "");
  EXPECT_EQ(requests[1].Header("if-none-match"), "\"new\"");
}

TEST(HttpStoreCondition, HoldsWhereTheServerIgnoresIt) {
  Site site(Always({.headers = {{"ETag", "\"new\""}}, .body = "value"}));
  EXPECT_EQ(site.Text({.if_equal = {"\"old\""}}), "(no value)");
  EXPECT_EQ(site.Text({.if_not_equal = {"\"new\""}}), "(no value)");
  EXPECT_EQ(site.Text({.if_equal = {"\"new\""}}), "value");
  EXPECT_EQ(site.Text({.if_equal = Generation::Missing()}), "(no value)");
  EXPECT_EQ(site.server.requests().back().method, "HEAD");
  EXPECT_EQ(site.Text({.if_not_equal = Generation::Missing()}), "value");
  std::string memory = "?????";
  EXPECT_EQ(
      site.store
          ->ReadInto("k", std::as_writable_bytes(std::span(memory)), {.if_not_equal = {"\"new\""}})
          .Get()
          .OrDie()
          .state,
      State::kConditionNotMet);
  EXPECT_EQ(memory, "?????");
}

TEST(HttpStoreCondition, OfAnUnknownGenerationIsNeverMet) {
  Site site(Always({.headers = {{"ETag", "W/\"a\""}}, .body = "value"}));
  EXPECT_EQ(site.Text({.if_equal = {"W/\"a\""}}), "(no value)");
  EXPECT_EQ(site.Text({.if_not_equal = {"W/\"a\""}}), "value");
}

TEST(HttpStoreCondition, AnswersToConditionsThatNobodySetAreErrors) {
  for (const int status : {304, 412}) {
    Site site(Always({.status = status}));
    for (const ReadOptions& options :
         {ReadOptions{}, ReadOptions{.if_equal = Generation::Missing()},
          ReadOptions{.if_not_equal = Generation::Missing()},
          ReadOptions{.if_equal = {"m" + std::string(kOld)}},
          status == 304 ? ReadOptions{.if_equal = {"\"a\""}}
                        : ReadOptions{.if_not_equal = {"\"a\""}}}) {
      EXPECT_EQ(site.Read(options).status().code(), StatusCode::kFailedPrecondition) << status;
    }
  }
}

TEST(HttpStoreCondition, OfADateIsComparedHere) {
  // As many servers do, this one says "not modified" of what is older, too: of a file, say, that a
  // backup was copied over.
  const std::string generation = "m" + std::string(kOld);
  for (const bool has_head : {true, false}) {
    std::atomic<const char*> modified{kOld};
    Site site([&](const Asked& asked) {
      if (!asked.Header("if-modified-since").empty()) return HttpReply{.status = 304};
      if (asked.method == "HEAD" && !has_head) return HttpReply{.status = 405};
      return HttpReply{.headers = Dated(modified), .body = "value"};
    });
    const ReadResult same = site.Read({.if_not_equal = {generation}}).OrDie();
    EXPECT_EQ(same.state, State::kConditionNotMet);
    EXPECT_EQ(same.generation.value, generation);
    EXPECT_EQ(site.Text({.if_equal = {generation}}), "value");
    modified = kOlder;
    EXPECT_EQ(site.Text({.if_not_equal = {generation}}), "value");
    EXPECT_EQ(site.Text({.range = ByteRange::Span(1, 3), .if_not_equal = {generation}}), "al");
    EXPECT_EQ(site.Text({.if_equal = {generation}}), "(no value)");
  }
}

TEST(HttpStoreCondition, OfADateCostsNoBody) {
  Site site(Always({.headers = Dated(kOld), .body = "value", .framing = Framing::kChunked}));
  EXPECT_EQ(site.Text({.if_not_equal = {"m" + std::string(kOld)}}), "(no value)");
  EXPECT_EQ(site.server.requests().back().method, "HEAD");
  EXPECT_EQ(site.Text({.if_not_equal = {"m" + std::string(kOlder)}}), "value");
  EXPECT_EQ(site.server.connections(), 1);
}

/// A value of 10 MB that is replaced as often as the test says.
struct Changing {
  static constexpr int64_t kSize = 10'000'000;

  /// `version_of` the nth GET, from 0.
  explicit Changing(std::function<int(int)> version_of, bool tags = true)
      : site([this, version_of = std::move(version_of), tags](const Asked& asked) {
          const int version = version_of(count++);
          return Answer(asked, version, tags);
        }) {}

  static char Letter(int version, int64_t at) {
    return static_cast<char>('a' + (version * 5 + at / 1000) % 26);
  }
  static std::string Text(int version, int64_t begin, int64_t end) {
    std::string text;
    for (int64_t at = begin; at < end; ++at) text.push_back(Letter(version, at));
    return text;
  }
  static HttpReply Answer(const Asked& asked, int version, bool tags) {
    const std::string tag = "\"" + std::to_string(version) + "\"";
    HttpReply reply;
    if (tags) reply.headers = {{"ETag", tag}};
    const std::string match = asked.Header("if-match");
    if (!match.empty() && match != tag) return {.status = 412, .headers = reply.headers};
    const std::string range = asked.Header("range");
    int64_t begin = 0;
    int64_t end = kSize;
    if (!range.empty()) {
      const size_t dash = range.find('-');
      begin = std::stoll(range.substr(6));
      if (dash + 1 < range.size()) end = std::stoll(range.substr(dash + 1)) + 1;
      reply.status = 206;
      reply.headers.emplace_back("Content-Range", "bytes " + std::to_string(begin) + "-" +
                                                      std::to_string(end - 1) + "/" +
                                                      std::to_string(kSize));
    }
    reply.body = Text(version, begin, end);
    return reply;
  }
  Result<ReadRangesResult> ReadRanges(const ReadOptions& options = {}) {
    return site.store->ReadRanges("k", ranges, options).Get();
  }
  /// The version of which all are; -1: none.
  int VersionOf(const ReadRangesResult& read) const {
    for (int version = 0; version < 13; ++version) {
      bool all = read.values.size() == ranges.size();
      for (size_t i = 0; all && i < ranges.size(); ++i) {
        all = read.values[i].text() == Text(version, ranges[i].begin, ranges[i].end);
      }
      if (all) return version;
    }
    return -1;
  }

  std::atomic<int> count{0};
  /// Too far apart to be one request; the second and third are.
  const std::vector<ByteRange> ranges = {
      ByteRange::Span(0, 10), ByteRange::Span(5'000'000, 5'000'100),
      ByteRange::Span(5'000'050, 5'000'200), ByteRange::Span(9'999'990, kSize)};
  Site site;
};

TEST(HttpStoreRanges, OfOneVersionAreReadAtOnce) {
  Changing value([](int) { return 3; });
  const ReadRangesResult read = value.ReadRanges().OrDie();
  EXPECT_EQ(read.state, State::kValue);
  EXPECT_EQ(value.VersionOf(read), 3);
  EXPECT_EQ(read.generation.value, "\"3\"");
  EXPECT_EQ(value.count, 3);  // Near ones were joined.
}

TEST(HttpStoreRanges, OfTwoVersionsAreReadAgain) {
  for (int change = 1; change <= 5; ++change) {
    Changing value([change](int request) { return request < change ? 0 : 1; });
    const ReadRangesResult read = value.ReadRanges().OrDie();
    EXPECT_EQ(value.VersionOf(read), change <= 2 ? 1 : 0) << change;
    EXPECT_EQ(value.count, change <= 2 ? 6 : 3);
  }
}

TEST(HttpStoreRanges, ReplacedAllTheTimeIsAborted) {
  Changing value([](int request) { return request % 13; });
  const Status status = value.ReadRanges().status();
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr(value.site.url() + "/k: replaced"));
}

TEST(HttpStoreRanges, UnderAConditionAreOfThatVersionOrNone) {
  Changing value([](int request) { return request < 2 ? 0 : 1; });
  const Result<ReadRangesResult> read = value.ReadRanges({.if_equal = {"\"0\""}});
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->state, State::kConditionNotMet);
  EXPECT_TRUE(read->values.empty());
}

TEST(HttpStoreRanges, WithoutGenerationsAreOneRequestThatCoversThem) {
  Changing value([](int request) { return request % 13; }, false);
  const ReadRangesResult read = value.ReadRanges().OrDie();
  EXPECT_GE(value.VersionOf(read), 0);
  EXPECT_FALSE(read.generation.known());
  const std::vector<Asked> requests = value.site.server.requests();
  EXPECT_EQ(requests.back().Header("range"), "bytes=0-" + std::to_string(Changing::kSize - 1));
}

TEST(HttpStoreRanges, OfAMissingValueAreMissing) {
  Site site(Always({.status = 404}));
  const ReadRangesResult read =
      site.store->ReadRanges("k", {ByteRange::Span(0, 1), ByteRange::Span(5'000'000, 5'000'001)})
          .Get()
          .OrDie();
  EXPECT_EQ(read.state, State::kMissing);
}

TEST(HttpStoreRanges, OneThatFailsFailsAll) {
  Changing value([](int) { return 0; });
  Site site(
      [&](const Asked& asked) {
        if (asked.Header("range") == "bytes=0-9") return HttpReply{.status = 403};
        return Changing::Answer(asked, 0, true);
      },
      Tries(1));
  EXPECT_EQ(site.store->ReadRanges("k", value.ranges).Get().status().code(),
            StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace coffer
