// Goal: whatever a web server answers, a read of the HTTP store gives the value, "missing", or an
// error that says what is wrong: never a short value, never one of two versions, never "missing"
// without proof; and no answer makes it take more memory than it may.
// Method: one cell a fault. A scripted server gives the answer; the requests that it saw show what
// was asked, and how often.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/fault/http_store_support.h"
#include "tests/support/peak_bytes.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;
using State = ReadResult::State;
using testing::PeakBytes;

TEST(HttpStoreStatus, EachAnswerOfEachVerb) {
  struct Cell {
    int status;
    const char* outcome;  // "missing", or the error's code.
  };
  const Cell table[] = {{300, "FailedPrecondition"},
                        {304, "FailedPrecondition"},
                        {305, "FailedPrecondition"},
                        {400, "InvalidArgument"},
                        {401, "PermissionDenied"},
                        {402, "InvalidArgument"},
                        {403, "PermissionDenied"},
                        {404, "missing"},
                        {407, "PermissionDenied"},
                        {409, "Aborted"},
                        {410, "missing"},
                        {411, "InvalidArgument"},
                        {412, "FailedPrecondition"},
                        {413, "ResourceExhausted"},
                        {418, "InvalidArgument"},
                        {431, "InvalidArgument"},
                        {505, "Unavailable"},
                        {507, "ResourceExhausted"},
                        {408, "Unavailable"},
                        {425, "Unavailable"},
                        {429, "Unavailable"},
                        {500, "Unavailable"},
                        {502, "Unavailable"},
                        {503, "Unavailable"},
                        {504, "Unavailable"},
                        {201, "DataLoss"},
                        {203, "DataLoss"},
                        {204, "DataLoss"},
                        {206, "DataLoss"}};
  for (const Cell& cell : table) {
    for (const ByteRange& range : {ByteRange::All(), ByteRange::Stat()}) {
      Site site(Always({.status = cell.status, .headers = {{"ETag", "\"e\""}}, .body = "text"}),
                Tries(2));
      const std::string verb = range == ByteRange::Stat() ? "HEAD" : "GET";
      const Result<ReadResult> read = site.Read({.range = range});
      const std::string outcome = !read.ok()                       ? read.status().ToString()
                                  : read->state == State::kMissing ? "missing"
                                                                   : "value";
      EXPECT_EQ(outcome.substr(0, outcome.find(':')), cell.outcome) << verb << " " << cell.status;
      EXPECT_EQ(site.server.requests()[0].method, verb);
      const bool may_pass = JudgedTransient(cell.status);
      EXPECT_EQ(site.server.counts().requests, may_pass ? 2 : 1) << cell.status;
      if (!read.ok()) {
        EXPECT_THAT(outcome, HasSubstr(": " + site.url() + "/k: "));
      }
    }
  }
}

TEST(HttpStoreStatus, AMissingValueIsNoneOfACondition) {
  Site site(Always({.status = 404}));
  EXPECT_EQ(site.Read({.if_equal = {"\"e\""}}).OrDie().state, State::kConditionNotMet);
  EXPECT_EQ(site.Read({.if_equal = Generation::Missing()}).OrDie().state, State::kMissing);
  EXPECT_EQ(site.Read({.if_not_equal = {"\"e\""}}).OrDie().state, State::kMissing);
  EXPECT_TRUE(site.Read({}).OrDie().generation.missing());
}

TEST(HttpStoreStatus, ForbiddenMayMeanMissing) {
  HttpStoreOptions options;
  options.forbidden_is_missing = true;
  Site site(
      [](const Asked& asked) { return HttpReply{.status = asked.target == "/k" ? 403 : 401}; },
      options);
  EXPECT_EQ(site.Read({}).OrDie().state, State::kMissing);
  EXPECT_EQ(site.Read({.range = ByteRange::Stat()}).OrDie().state, State::kMissing);
  EXPECT_EQ(site.store->Read("other").Get().status().code(), StatusCode::kPermissionDenied);
}

TEST(HttpStoreStatus, WhatMayPassIsAskedAgain) {
  for (const int status : {408, 425, 429, 500, 502, 503, 504}) {
    for (const char* const retry_after : {"", "0"}) {
      std::atomic<int> count{0};
      Site site([&](const Asked&) {
        if (count++ < 2)
          return HttpReply{.status = status, .headers = {{"Retry-After", retry_after}}};
        return HttpReply{.body = "value"};
      });
      EXPECT_EQ(site.Text({}), "value") << status;
      EXPECT_EQ(site.server.counts().requests, 3);
    }
  }
}

TEST(HttpStoreStatus, WhatBrokeIsAskedAgain) {
  const testing::Delivery cuts[] = {
      {.stop_after = 0, .then = Then::kReset},      {.stop_after = 0, .then = Then::kClose},
      {.stop_after = 20, .then = Then::kClose},     {.stop_after = 20, .then = Then::kReset},
      {.stop_after_body = 0, .then = Then::kReset}, {.stop_after_body = 3, .then = Then::kClose},
      {.stop_after_body = 3, .then = Then::kReset}};
  for (const testing::Delivery& cut : cuts) {
    for (const Framing framing : {Framing::kLength, Framing::kChunked}) {
      std::atomic<int> count{0};
      Site site([&](const Asked&) {
        HttpReply reply{.body = "value", .framing = framing};
        if (count++ == 0) reply.delivery = cut;
        return reply;
      });
      std::string memory = "?????";
      const Result<ReadResult> read =
          site.store->ReadInto("k", std::as_writable_bytes(std::span(memory))).Get();
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(memory, "value");
      EXPECT_EQ(site.Text({}), "value");
    }
  }
}

TEST(HttpStoreStatus, WhatStaysBrokenIsUnavailable) {
  Site site(Always({.body = "value", .delivery = {.stop_after_body = 3, .then = Then::kClose}}),
            Tries(3));
  const Status status = site.Read({}).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(site.url() + "/k: GET "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("(3 attempts)"));
}

TEST(HttpStoreStatus, ATimeThatPassesIsNamed) {
  HttpStoreOptions options = Tries(1);
  options.network.first_byte_timeout = std::chrono::milliseconds(200);
  Site silent(Always({.delivery = {.stop_after = 0, .then = Then::kStall}}), options);
  EXPECT_EQ(silent.Read({}).status().ToString(), "DeadlineExceeded: " + silent.url() + "/k: GET " +
                                                     silent.url() + "/k: no answer within 200 ms");
}

/// What a read of a range of "0123456789" gives where the server answers with this.
std::string OutcomeOf(const ByteRange& range, const HttpReply& reply) {
  Site site(Always(reply), Tries(1));
  const Result<ReadResult> read = site.Read({.range = range});
  if (!read.ok()) return std::string(read.status().ToString());
  return read->state == State::kValue ? std::string(read->value.text()) : "(no value)";
}

HttpReply Part(const std::string& content_range, const std::string& body) {
  return {.status = 206, .headers = {{"Content-Range", content_range}}, .body = body};
}

TEST(HttpStoreRange, IsTakenWhereTheServerGivesIt) {
  EXPECT_EQ(OutcomeOf(ByteRange::Span(2, 5), Part("bytes 2-4/10", "234")), "234");
  EXPECT_EQ(OutcomeOf(ByteRange::Span(2, 5), Part("bytes 2-4/*", "234")), "234");
  EXPECT_EQ(OutcomeOf(ByteRange::From(7), Part("bytes 7-9/10", "789")), "789");
  EXPECT_EQ(OutcomeOf(ByteRange::Last(3), Part("bytes 7-9/10", "789")), "789");
}

TEST(HttpStoreRange, IsCutOutWhereTheServerSendsAll) {
  for (const Framing framing : {Framing::kLength, Framing::kChunked, Framing::kClose}) {
    const HttpReply all{.body = "0123456789", .framing = framing};
    EXPECT_EQ(OutcomeOf(ByteRange::Span(2, 5), all), "234");
    EXPECT_EQ(OutcomeOf(ByteRange::Span(0, 10), all), "0123456789");
    EXPECT_EQ(OutcomeOf(ByteRange::From(7), all), "789");
    EXPECT_EQ(OutcomeOf(ByteRange::From(10), all), "");
    EXPECT_EQ(OutcomeOf(ByteRange::Last(3), all), "789");
    EXPECT_EQ(OutcomeOf(ByteRange::All(), all), "0123456789");
  }
}

TEST(HttpStoreRange, OutsideOfTheValueIsRefusedNotClipped) {
  for (const Framing framing : {Framing::kLength, Framing::kChunked, Framing::kClose}) {
    const HttpReply all{.body = "0123456789", .framing = framing};
    for (const ByteRange& range :
         {ByteRange::Span(8, 11), ByteRange::Span(11, 12), ByteRange::From(11), ByteRange::Last(11),
          ByteRange::Span(11, 11)}) {
      const std::string outcome = OutcomeOf(range, all);
      EXPECT_THAT(outcome, HasSubstr("OutOfRange: ")) << range.begin;
      EXPECT_THAT(outcome, HasSubstr("but the value has 10")) << range.begin;
    }
  }
  EXPECT_THAT(OutcomeOf(ByteRange::Span(8, 11), Part("bytes 8-9/10", "89")),
              HasSubstr("OutOfRange: "));
  EXPECT_THAT(OutcomeOf(ByteRange::Last(11), Part("bytes 0-9/10", "0123456789")),
              HasSubstr("OutOfRange: "));
}

TEST(HttpStoreRange, ThatIsNotTheOneAskedForIsDataLoss) {
  const std::pair<ByteRange, HttpReply> cells[] = {
      {ByteRange::Span(2, 5), {.status = 206, .body = "234"}},  // Without a Content-Range.
      {ByteRange::Span(2, 5), Part("", "234")},
      {ByteRange::Span(2, 5), Part("bytes */10", "234")},
      {ByteRange::Span(2, 5), Part("bytes 2-4", "234")},
      {ByteRange::Span(2, 5), Part("bytes 4-2/10", "234")},
      {ByteRange::Span(2, 5), Part("bytes 2-4/4", "234")},
      {ByteRange::Span(2, 5), Part("items 2-4/10", "234")},
      {ByteRange::Span(2, 5), Part("bytes 2-18446744073709551618/*", "234")},
      {ByteRange::Span(2, 5), Part("bytes 3-5/10", "345")},
      {ByteRange::Span(2, 5), Part("bytes 0-9/10", "0123456789")},
      {ByteRange::Span(2, 5), Part("bytes 2-3/10", "23")},
      {ByteRange::Span(2, 5), Part("bytes 2-3/*", "23")},
      {ByteRange::Span(2, 5), Part("bytes 2-4/10", "23")},    // Fewer bytes than it says,
      {ByteRange::Span(2, 5), Part("bytes 2-4/10", "2345")},  // or more.
      {ByteRange::From(7), Part("bytes 6-9/10", "6789")},
      {ByteRange::From(7), Part("bytes 7-8/10", "78")},
      {ByteRange::Last(3), Part("bytes 6-8/10", "678")},
      {ByteRange::Last(3), Part("bytes 8-9/*", "89")},
      {ByteRange::Last(3), Part("bytes 7-9/*", "789")},  // Perhaps of a longer value.
      {ByteRange::From(7), Part("bytes 7-9/*", "789")},
      {ByteRange::All(), Part("bytes 0-9/10", "0123456789")},  // Nobody asked for a part.
      {ByteRange::All(), Part("bytes 0--1/0", "")},
      {ByteRange::All(), Part("bytes 0-4/10", "01234")}};
  for (const auto& [range, reply] : cells) {
    EXPECT_THAT(OutcomeOf(range, reply), HasSubstr("DataLoss: ")) << reply.headers[0].second;
  }
}

TEST(HttpStoreRange, OfNothingAsMinioSaysIt) {
  EXPECT_THAT(OutcomeOf(ByteRange::Last(3), Part("bytes 0--1/0", "")), HasSubstr("OutOfRange: "));
  EXPECT_THAT(OutcomeOf(ByteRange::Span(0, 1), Part("bytes 0--1/0", "")),
              HasSubstr("OutOfRange: "));
  Site without_head([](const Asked& asked) {
    if (asked.method == "HEAD") return HttpReply{.status = 405};
    return Part("bytes 0--1/0", "");
  });
  EXPECT_EQ(without_head.Read({.range = ByteRange::Stat()}).OrDie().total_size, 0);
  EXPECT_EQ(without_head.Read({.range = ByteRange::Span(1, 1)}).status().code(),
            StatusCode::kOutOfRange);
  EXPECT_EQ(without_head.Text({.if_not_equal = {"m" + std::string("any date")}}), "");
}

TEST(HttpStoreRange, ALengthThatAnEncodingOverridesIsNotBelieved) {
  for (const ByteRange& range : {ByteRange::All(), ByteRange::Span(0, 5)}) {
    EXPECT_EQ(OutcomeOf(range, {.raw = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: "
                                       "chunked\r\n\r\n5\r\n01234\r\n0\r\n\r\n"}),
              "01234");
  }
}

TEST(HttpStoreRange, ALengthThatLiesIsNoValue) {
  // Longer than what comes: broken. Shorter: what follows is no part of it.
  EXPECT_THAT(OutcomeOf(ByteRange::All(), {.headers = {{"Content-Length", "11"}},
                                           .body = "0123456789",
                                           .delivery = {.then = Then::kClose}}),
              HasSubstr("Unavailable: "));
  EXPECT_EQ(OutcomeOf(ByteRange::All(), {.headers = {{"Content-Length", "9"}},
                                         .body = "0123456789",
                                         .delivery = {.then = Then::kClose}}),
            "012345678");
  // A part whose end shows by the connection's end alone.
  EXPECT_THAT(OutcomeOf(ByteRange::Span(2, 5), {.status = 206,
                                                .headers = {{"Content-Range", "bytes 2-4/10"}},
                                                .body = "23",
                                                .framing = Framing::kClose}),
              HasSubstr("DataLoss: "));
}

TEST(HttpStoreRange, BeyondTheEndIsLookedAtByAHead) {
  Site site([](const Asked& asked) {
    if (asked.method == "GET") return HttpReply{.status = 416};
    return HttpReply{.body = asked.target == "/empty" ? "" : "0123456789"};
  });
  EXPECT_EQ(site.store->Read("empty", {.range = ByteRange::Span(0, 0)}).Get().OrDie().total_size,
            0);
  EXPECT_EQ(site.store->Read("k", {.range = ByteRange::From(10)}).Get().OrDie().value.size(), 0u);
  for (const ByteRange& range :
       {ByteRange::From(11), ByteRange::Span(8, 12), ByteRange::Last(11)}) {
    EXPECT_EQ(site.Read({.range = range}).status().code(), StatusCode::kOutOfRange);
  }
  EXPECT_EQ(site.store->Read("empty", {.range = ByteRange::Last(1)}).Get().status().code(),
            StatusCode::kOutOfRange);
}

TEST(HttpStoreRange, AServerThatSays416ForEverIsGivenUp) {
  Site site([](const Asked& asked) {
    if (asked.method == "GET") return HttpReply{.status = 416};
    return HttpReply{.body = "0123456789"};
  });
  EXPECT_EQ(site.Read({.range = ByteRange::Span(0, 5)}).status().code(), StatusCode::kAborted);
  EXPECT_LE(site.server.counts().requests, 10);
}

TEST(HttpStoreRange, EmptyOnesAreAskedByAHead) {
  Site site(Always({.headers = {{"ETag", "\"e\""}}, .body = "0123456789"}));
  for (const ByteRange& range :
       {ByteRange::Stat(), ByteRange::Span(4, 4), ByteRange::Span(10, 10), ByteRange::Last(0)}) {
    const ReadResult read = site.Read({.range = range}).OrDie();
    EXPECT_EQ(read.state, State::kValue);
    EXPECT_EQ(read.value.size(), 0u);
    EXPECT_EQ(read.total_size, 10);
    EXPECT_EQ(read.generation.value, "\"e\"");
  }
  EXPECT_EQ(site.Read({.range = ByteRange::Span(11, 11)}).status().code(), StatusCode::kOutOfRange);
  for (const Asked& asked : site.server.requests()) {
    EXPECT_EQ(asked.method, "HEAD");
    EXPECT_EQ(asked.Header("range"), "");
  }
}

TEST(HttpStoreRange, WithoutHeadTheFirstByteIsAsked) {
  for (const int refused : {405, 501}) {
    Site site([&](const Asked& asked) {
      if (asked.method == "HEAD") return HttpReply{.status = refused};
      const bool empty = asked.target == "/empty";
      if (asked.Header("range").empty()) return HttpReply{.body = empty ? "" : "0123456789"};
      return empty ? HttpReply{.status = 416} : Part("bytes 0-0/10", "0");
    });
    EXPECT_EQ(site.Read({.range = ByteRange::Stat()}).OrDie().total_size, 10);
    EXPECT_EQ(site.Read({.range = ByteRange::Span(10, 10)}).OrDie().value.size(), 0u);
    EXPECT_EQ(site.Read({.range = ByteRange::Span(11, 11)}).status().code(),
              StatusCode::kOutOfRange);
    const ReadResult empty =
        site.store->Read("empty", {.range = ByteRange::Span(0, 0)}).Get().OrDie();
    EXPECT_EQ(empty.state, State::kValue);
    EXPECT_EQ(empty.total_size, 0);
    const std::vector<Asked> requests = site.server.requests();
    EXPECT_EQ(std::count_if(requests.begin(), requests.end(),
                            [](const Asked& asked) { return asked.method == "HEAD"; }),
              1);  // It is remembered.
  }
}

TEST(HttpStoreRange, OptionsThatNoValueSatisfiesAreNotAsked) {
  Site site(Always({.body = "0123456789"}));
  for (const ByteRange& range :
       {ByteRange{5, 4}, ByteRange{-3, 7}, ByteRange{0, -2}, ByteRange{INT64_MIN, -1}}) {
    EXPECT_FALSE(site.Read({.range = range}).ok());
  }
  EXPECT_EQ(site.server.counts().requests, 0);
}

TEST(HttpStoreMemory, ReadIntoWantsExactlyItsSize) {
  for (const Framing framing : {Framing::kLength, Framing::kChunked, Framing::kClose}) {
    Site site(Always({.body = "0123456789", .framing = framing}));
    std::string memory = std::string(12, '?');
    const auto read_into = [&](const ByteRange& range, size_t size) {
      memory = std::string(12, '?');
      return site.store
          ->ReadInto("k", std::as_writable_bytes(std::span(memory.data(), size)), {.range = range})
          .Get();
    };
    for (const auto& [range, size, text] :
         {std::tuple<ByteRange, size_t, std::string>{ByteRange::All(), 10, "0123456789"},
          {ByteRange::Span(2, 5), 3, "234"},
          {ByteRange::From(7), 3, "789"},
          {ByteRange::Last(3), 3, "789"},
          {ByteRange::Span(3, 3), 0, ""}}) {
      const Result<ReadResult> read = read_into(range, size);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(memory, text + std::string(12 - size, '?'));
      EXPECT_EQ(read->value.size(), 0u);
      for (const size_t other : {size + 1, size > 0 ? size - 1 : 2}) {
        EXPECT_EQ(read_into(range, other).status().code(), StatusCode::kOutOfRange)
            << range.begin << " " << other;
        EXPECT_EQ(memory.substr(other), std::string(12 - other, '?'));
      }
    }
  }
}

TEST(HttpStoreMemory, MaxBytesIsALimit) {
  for (const Framing framing : {Framing::kLength, Framing::kChunked, Framing::kClose}) {
    Site site(Always({.body = "0123456789", .framing = framing}));
    EXPECT_EQ(site.Text({.max_bytes = 10}), "0123456789");
    EXPECT_EQ(site.Text({.range = ByteRange::Span(0, 5), .max_bytes = 5}), "01234");
    for (const ReadOptions& options :
         {ReadOptions{.max_bytes = 9}, ReadOptions{.range = ByteRange::Span(0, 6), .max_bytes = 5},
          ReadOptions{.range = ByteRange::Last(3), .max_bytes = 2}, ReadOptions{.max_bytes = 0}}) {
      const Status status = site.Read(options).status();
      EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
      if (framing == Framing::kLength) {
        EXPECT_TRUE(IsMaxBytesError(status, options.max_bytes)) << status;
      }
    }
    EXPECT_EQ(site.Read({.range = ByteRange::Stat(), .max_bytes = 0}).OrDie().value.size(), 0u);
  }
}

TEST(HttpStoreMemory, ALengthThatIsClaimedCostsNothing) {
  constexpr int64_t kClaim = int64_t{1} << 50;
  Site site(
      [](const Asked& asked) {
        const bool part = !asked.Header("range").empty();
        return HttpReply{
            .status = part ? 206 : 200,
            .headers = {{"Content-Length", std::to_string(kClaim)},
                        {"Content-Range", "bytes 0-" + std::to_string(kClaim - 1) + "/*"}},
            .body = "few",
            .delivery = {.then = Then::kClose}};
      },
      Tries(1));
  const int64_t before = PeakBytes();
  for (const ReadOptions& options :
       {ReadOptions{}, ReadOptions{.range = ByteRange::Span(0, kClaim)}}) {
    EXPECT_EQ(site.Read(options).status().code(), StatusCode::kUnavailable);
  }
  for (const ReadOptions& options :
       {ReadOptions{.max_bytes = 1000},
        ReadOptions{.range = ByteRange::Span(0, kClaim), .max_bytes = 9}}) {
    EXPECT_EQ(site.Read(options).status().code(), StatusCode::kResourceExhausted);
  }
  if (testing::kMemoryIsAsWithoutSanitizers) {
    EXPECT_LT(PeakBytes() - before, MiB(16));
  }
}

TEST(HttpStoreMemory, ABodyWithoutEndStopsAtTheLimit) {
  // What comes behind the limit is never waited for: nothing does.
  Site site(Always({.body = std::string(100'000, 'x'),
                    .framing = Framing::kChunked,
                    .delivery = {.stop_after_body = 50'000, .then = Then::kStall}}));
  EXPECT_EQ(site.Read({.max_bytes = 10'000}).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(site.Read({.range = ByteRange::Span(5, 10'000)}).OrDie().value.size(), 9'995u);
  std::vector<std::byte> memory(100);
  EXPECT_EQ(site.store->ReadInto("k", memory).Get().status().code(), StatusCode::kOutOfRange);
}

TEST(HttpStoreMemory, AnEncodingThatNobodyAskedForIsDataLoss) {
  for (const ByteRange& range : {ByteRange::All(), ByteRange::Span(0, 3), ByteRange::Stat()}) {
    EXPECT_THAT(OutcomeOf(range, {.headers = {{"Content-Encoding", "gzip"}}, .body = "0123456789"}),
                HasSubstr("DataLoss: "));
  }
}

TEST(HttpStoreKeys, AreEncodedAndOddOnesRefused) {
  Site site(Always({.body = "v"}));
  const std::pair<std::string, std::string> keys[] = {
      {"a/b", "/a/b"},       {"a b", "/a%20b"},       {"a?b#c", "/a%3Fb%23c"},
      {"100%", "/100%25"},   {"\xc3\xa4", "/%C3%A4"}, {"a\nb\r", "/a%0Ab%0D"},
      {"c/0/1", "/c/0/1"},   {"...", "/..."},         {std::string("a\0b", 3), "/a%00b"},
      {"a%2fb", "/a%252fb"}, {"..a/.b", "/..a/.b"}};
  for (const auto& [key, target] : keys) {
    ASSERT_TRUE(site.store->Read(key).Get().ok()) << key;
    EXPECT_EQ(site.server.requests().back().target, target);
  }
  const int before = site.server.counts().requests;
  for (const std::string key : {"", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/..", "../a"}) {
    EXPECT_EQ(site.store->Read(key).Get().status().code(), StatusCode::kInvalidArgument) << key;
  }
  EXPECT_EQ(site.server.counts().requests, before);
}

TEST(HttpStoreKeys, NothingIsWrittenOrListed) {
  Site site(Always({.body = "v"}));
  KvStore& store = *site.store;
  const auto is_read_only = [](const Status& status) {
    return status.code() == StatusCode::kFailedPrecondition;
  };
  EXPECT_FALSE(store.capabilities().writable);
  EXPECT_FALSE(store.capabilities().listable);
  EXPECT_TRUE(is_read_only(store.Write("k", BytesChain(Bytes::Copy("v"))).Get().status()));
  EXPECT_TRUE(is_read_only(store.Write("k", std::nullopt).Get().status()));
  EXPECT_TRUE(is_read_only(store.OpenWriter("k").status()));
  EXPECT_TRUE(is_read_only(store.DeleteRange({}).Get()));
  EXPECT_TRUE(is_read_only(store.RenamePrefix("a/", "b/").Get()));
  EXPECT_EQ(store.List().status().code(), StatusCode::kUnimplemented);
  EXPECT_EQ(site.server.counts().requests, 0);
}

TEST(HttpStoreEnd, CancellingAReadEndsIt) {
  Site site(
      Always({.body = "0123456789", .delivery = {.stop_after_body = 3, .then = Then::kStall}}));
  for (int i = 1; i <= 2; ++i) {
    const CancelSource source;
    std::vector<std::byte> memory(10);
    Future<ReadResult> read = site.store->ReadInto("k", memory, {.cancel = source.token()});
    ASSERT_TRUE(site.server.WaitUntil([&](const auto& counts) { return counts.requests == i; }));
    i == 1 ? source.Cancel() : read.Cancel();
    EXPECT_EQ(read.Get().status().code(), StatusCode::kCancelled);
  }
}

TEST(HttpStoreEnd, AStoreMayGoWhileItsReadsAreUnderWay) {
  std::atomic<bool> broken{true};
  auto server = std::make_unique<HttpServer>([&](const Asked& asked) {
    if (broken) return HttpReply{.status = 503};
    return HttpReply{.body = asked.target};
  });
  std::vector<Future<ReadResult>> reads;
  {
    const Context context = Context::Create({.threads = 2});
    const KvStorePtr store = MakeHttpStore(server->url(), {}, context).OrDie();
    for (int i = 0; i < 300; ++i) reads.push_back(store->Read(std::to_string(i)));
  }
  ASSERT_TRUE(server->WaitUntil([](const auto& counts) { return counts.requests > 0; }));
  broken = false;
  for (size_t i = 0; i < reads.size(); ++i) {
    const Result<ReadResult> read = reads[i].Get();
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->value.text(), "/" + std::to_string(i));
  }
}

}  // namespace
}  // namespace coffer
