// Goal: the transport sends a request as it stands, brings the answer whole to where it belongs,
// keeps to its limits of size, and takes turns.
// Method: a scripted server records what it is asked and frames its answers as it is told.
#include "src/net/http_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "coffer/base/version.h"
#include "tests/unit/net/net_support.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

TEST(HttpTransport, SendsTheRequestAsItStands) {
  const HttpServer server(Always({}));
  Net net;
  HttpRequest request = GetOf(server.url() + "/a/../b/%2e%2e/c%20d?q=%20&r=/..");
  request.headers = {{"X-One", "1"}, {"X-Empty", ""}, {"x-two", "a b"}};
  ASSERT_TRUE(net.Fetch(request).ok());
  const Asked asked = server.requests()[0];
  EXPECT_EQ(asked.method, "GET");
  EXPECT_EQ(asked.target, "/a/../b/%2e%2e/c%20d?q=%20&r=/..");
  EXPECT_EQ(asked.version, "HTTP/1.1");
  EXPECT_EQ(asked.Header("host"), "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ(asked.Header("user-agent"), "coffer/" + std::string(kVersion));
  std::vector<std::string> others;
  for (const auto& [name, value] : asked.headers) {
    if (name != "Host" && name != "User-Agent") others.push_back(name + "=" + value);
  }
  EXPECT_EQ(others, (std::vector<std::string>{"Accept=*/*", "X-One=1", "X-Empty=", "x-two=a b"}));
}

TEST(HttpTransport, SendsABodyOfManyPiecesWithItsLength) {
  const HttpServer server(Always({}));
  Net net;
  const std::string letters = Letters(3'000'000);
  for (const std::vector<size_t>& cuts : std::vector<std::vector<size_t>>{
           {}, {0}, {1}, {5, 0, 7}, {1'000'000, 65'536, 1, 1'934'463}}) {
    BytesChain body;
    std::string expected;
    for (const size_t size : cuts) {
      body.Append(Bytes::Copy(std::string_view(letters).substr(expected.size(), size)));
      expected += letters.substr(expected.size(), size);
    }
    HttpRequest request = GetOf(server.url() + "/put");
    request.method = "PUT";
    request.body = body;
    ASSERT_TRUE(net.Fetch(std::move(request)).ok());
    const Asked asked = server.requests().back();
    EXPECT_EQ(asked.method, "PUT");
    EXPECT_EQ(asked.Header("content-length"), std::to_string(expected.size()));
    EXPECT_EQ(asked.Header("expect"), "");
    EXPECT_TRUE(asked.body == expected) << asked.body.size();
  }
}

TEST(HttpTransport, OtherMethodsGoOutUnderTheirNames) {
  const HttpServer server(Always({.status = 204}));
  Net net;
  for (const std::string method : {"DELETE", "HEAD", "POST", "OPTIONS"}) {
    HttpRequest request = GetOf(server.url() + "/");
    request.method = method;
    if (method == "POST") request.body = BytesChain(Bytes::Copy("x=1"));
    const Result<HttpResponse> response = net.Fetch(std::move(request));
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->status, 204);
    EXPECT_EQ(server.requests().back().method, method);
  }
}

TEST(HttpTransport, TellsTheHeadAndTheBody) {
  const HttpServer server(Always({.status = 203,
                                  .headers = {{"X-Mixed-CASE", " \t v w\t"}, {"X-None", ""}},
                                  .body = "hello"}));
  Net net;
  const HttpResponse response = net.Fetch(server.url()).OrDie();
  EXPECT_EQ(response.status, 203);
  EXPECT_TRUE(response.ok());
  EXPECT_EQ(response.Find("x-mixed-case"), "v w");
  EXPECT_EQ(response.Find("x-none"), "");
  EXPECT_EQ(response.content_length(), 5);
  EXPECT_EQ(TextOf(response.body), "hello");
  EXPECT_EQ(response.body_size, 5);
  EXPECT_EQ(response.received, 5);
  EXPECT_EQ(response.unanswered, 0);
}

TEST(HttpTransport, EveryFramingBringsTheWholeBody) {
  for (const Framing framing : {Framing::kLength, Framing::kChunked, Framing::kClose}) {
    for (const size_t size : {0, 1, 1000, 1025, 700'000}) {
      const std::string body = Letters(size);
      const HttpServer server(Always({.body = body, .framing = framing}));
      Net net;
      const Result<HttpResponse> response = net.Fetch(server.url());
      ASSERT_TRUE(response.ok()) << response.status();
      EXPECT_TRUE(TextOf(response->body) == body);
      EXPECT_EQ(response->body_size, static_cast<int64_t>(size));
    }
  }
}

TEST(HttpTransport, InterimAnswersAndTrailersAreNoPartOfTheHead) {
  const HttpServer server(
      Always({.raw = "HTTP/1.1 103 Early Hints\r\nETag: early\r\n\r\n"
                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Head: 1\r\n\r\n"
                     "3\r\nabc\r\n0\r\nX-Head: 2\r\nETag: late\r\n\r\n"}));
  Net net;
  HttpRequest request = GetOf(server.url());
  int heads = 0;
  request.on_head = [&](const HttpResponse& head) -> Result<HttpWindow> {
    ++heads;
    EXPECT_EQ(head.status, 200);
    return HttpWindow();
  };
  const HttpResponse response = net.Fetch(std::move(request)).OrDie();
  EXPECT_EQ(heads, 1);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Find("etag"), std::nullopt);
  EXPECT_EQ(response.Find("x-head"), "1");
  EXPECT_EQ(TextOf(response.body), "abc");
}

TEST(HttpTransport, WhatFollowsTheLengthIsNoPartOfTheBody) {
  std::atomic<int> count{0};
  const HttpServer server([&](const Asked&) {
    return HttpReply{.raw = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" +
                            std::string(count++ == 0 ? "HTTP/1.1 200 OK\r\nContent-Length: 0"
                                                       "\r\n\r\n"
                                                     : "")};
  });
  Net net;
  for (int i = 0; i < 2; ++i) EXPECT_EQ(TextOf(net.Fetch(server.url()).OrDie().body), "hello");
  EXPECT_EQ(server.connections(), 2);  // Who says more than it announced is not asked again there.
}

TEST(HttpTransport, AHeadAloneTellsTheLength) {
  const HttpServer server(Always({.body = Letters(1000)}));
  Net net;
  HttpRequest request = GetOf(server.url());
  request.method = "HEAD";
  const HttpResponse response = net.Fetch(std::move(request)).OrDie();
  EXPECT_EQ(response.content_length(), 1000);
  EXPECT_EQ(response.body_size, 0);
  ASSERT_TRUE(net.Fetch(server.url()).ok());
  EXPECT_EQ(server.connections(), 1);  // The connection was fit for use.
}

TEST(HttpTransport, AnswersWithoutBodiesEndWithTheirHeads) {
  for (const int status : {204, 304}) {
    const HttpServer server(Always({.status = status, .headers = {{"ETag", "\"e\""}}}));
    Net net;
    const HttpResponse response = net.Fetch(server.url()).OrDie();
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.Find("etag"), "\"e\"");
    EXPECT_EQ(response.body_size, 0);
  }
}

TEST(HttpTransport, KeepsConnections) {
  const HttpServer server([](const Asked& asked) {
    return HttpReply{.status = asked.target == "/404" ? 404 : 200,
                     .body = Letters(5000),
                     .framing = asked.target == "/chunked" ? Framing::kChunked : Framing::kLength};
  });
  Net net;
  for (const char* path : {"/", "/404", "/chunked", "/", "/"}) {
    ASSERT_TRUE(net.Fetch(server.url() + path).ok());
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpTransport, AConnectionThatTheServerClosesIsNotUsedAgain) {
  const HttpServer server(Always(
      {.headers = {{"Connection", "close"}}, .body = "v", .delivery = {.then = Then::kClose}}));
  Net net;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(net.Fetch(server.url()).OrDie().unanswered, 0);
  EXPECT_EQ(server.connections(), 3);
}

/// With 64 under way the others wait; each that ends lets the one begin that has waited longest.
TEST(HttpTransport, RequestsOfOneHostTakeTurnsInTheirOrder) {
  constexpr int kLimit = HttpTransport::kRequestsPerHost;
  constexpr int kMore = 20;
  Turnstile turnstile;
  const HttpServer server([&](const Asked&) {
    turnstile.Pass();
    return HttpReply{};
  });
  const HttpServer other(Always({}));
  Net net;
  std::vector<Future<HttpResponse>> sent;
  for (int i = 0; i < kLimit + kMore; ++i) {
    sent.push_back(net.Send(GetOf(server.url() + "/" + std::to_string(i))));
  }
  ASSERT_TRUE(server.WaitUntil([](const auto& counts) { return counts.requests >= kLimit; }));
  ASSERT_TRUE(net.Fetch(other.url()).ok());  // Another host has its own.
  std::vector<std::string> later;
  for (int i = 0; i < kMore; ++i) {
    EXPECT_EQ(server.counts().requests, kLimit + i);
    turnstile.Let(1);
    ASSERT_TRUE(server.WaitUntil([&](const auto& counts) { return counts.requests > kLimit + i; }));
    EXPECT_EQ(server.requests().back().target, "/" + std::to_string(kLimit + i));
  }
  turnstile.Let(kLimit);
  for (const Future<HttpResponse>& future : sent) EXPECT_TRUE(future.Get().ok());
  EXPECT_LE(server.connections(), kLimit);
}

TEST(HttpTransport, TenThousandAtOnceAreAllAnswered) {
  constexpr int kCount = 10'000;
  const HttpServer server([](const Asked& asked) { return HttpReply{.body = asked.target}; },
                          {.keep_bodies = false});
  Net net;
  std::vector<Future<HttpResponse>> sent;
  for (int i = 0; i < kCount; ++i) {
    sent.push_back(net.Send(GetOf(server.url() + "/" + std::to_string(i))));
  }
  for (int i = 0; i < kCount; ++i) {
    const Result<HttpResponse> response = std::move(sent[static_cast<size_t>(i)]).Get();
    ASSERT_TRUE(response.ok()) << response.status();
    ASSERT_EQ(TextOf(response->body), "/" + std::to_string(i));
  }
  EXPECT_LE(server.connections(), HttpTransport::kRequestsPerHost);
}

TEST(HttpTransport, ABodyGoesIntoTheDestination) {
  const HttpServer server([](const Asked& asked) {
    return HttpReply{.status = asked.target == "/404" ? 404 : 200, .body = "hello"};
  });
  Net net;
  std::string memory = "........";
  const auto fetch = [&](const std::string& path, size_t size) {
    memory = "........";
    HttpRequest request = GetOf(server.url() + path);
    request.destination = std::as_writable_bytes(std::span(memory.data(), size));
    return net.Fetch(std::move(request));
  };
  HttpResponse response = fetch("/", 5).OrDie();
  EXPECT_EQ(memory, "hello...");
  EXPECT_EQ(response.body.size(), 0u);
  EXPECT_EQ(response.body_size, 5);
  response = fetch("/", 8).OrDie();  // Less is told.
  EXPECT_EQ(memory, "hello...");
  EXPECT_EQ(response.body_size, 5);
  EXPECT_EQ(fetch("/", 4).status().ToString(), "OutOfRange: GET " + server.url() +
                                                   "/: the answer has more than the 4 bytes asked "
                                                   "for");
  EXPECT_EQ(memory.substr(4), "....");
  response = fetch("/404", 8).OrDie();  // An error's text is not what was asked for.
  EXPECT_EQ(memory, "........");
  EXPECT_EQ(TextOf(response.body), "hello");
}

TEST(HttpTransport, ABodyComesFromThePool) {
  const HttpServer server(Always({.body = Letters(100'000)}));
  BufferPool pool(MiB(8));
  {
    Net net;
    HttpRequest request = GetOf(server.url());
    request.buffers = &pool;
    const HttpResponse response = net.Fetch(std::move(request)).OrDie();
    EXPECT_TRUE(TextOf(response.body) == Letters(100'000));
    EXPECT_GE(pool.held_bytes(), 100'000);
  }
  EXPECT_EQ(pool.held_bytes(), 0);
  EXPECT_LT(pool.held_bytes_peak(), 200'000);  // Its length was told, so it never grew.
}

TEST(HttpTransport, AWindowOfTheBodyIsKeptAndTheRestNotWaitedFor) {
  const std::string body = Letters(500'000);
  const std::pair<int64_t, int64_t> windows[] = {
      {0, 5}, {3, 10}, {0, 0}, {7, 7}, {200'000, 300'000}, {0, 400'000}, {399'999, 400'000}};
  for (const auto& [begin, end] : windows) {
    // After the window's end nothing comes any more: who waits for it hangs.
    const HttpServer server(
        Always({.body = body, .delivery = {.stop_after_body = 400'000, .then = Then::kStall}}));
    Net net;
    HttpRequest request = GetOf(server.url());
    request.on_head = [window = HttpWindow{begin, end}](const HttpResponse&) {
      return Result<HttpWindow>(window);
    };
    const Result<HttpResponse> response = net.Fetch(std::move(request));
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_TRUE(TextOf(response->body) ==
                body.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
    EXPECT_GE(response->received, end);
  }
}

TEST(HttpTransport, AWindowFromSomewhereToTheEnd) {
  const HttpServer server(Always({.body = "0123456789"}));
  Net net;
  for (const auto& [begin, expected] :
       {std::pair<int64_t, std::string>{4, "456789"}, {10, ""}, {99, ""}}) {
    HttpRequest request = GetOf(server.url());
    request.on_head = [from = begin](const HttpResponse&) {
      return Result<HttpWindow>(HttpWindow{from, -1});
    };
    const HttpResponse response = net.Fetch(std::move(request)).OrDie();
    EXPECT_EQ(TextOf(response.body), expected);
    EXPECT_EQ(response.received, 10);
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpTransport, WhatTheHeadIsRefusedForIsTheOutcome) {
  const HttpServer server([](const Asked& asked) {
    return HttpReply{.status = asked.target == "/404" ? 404 : 200,
                     .body = "hello",
                     .delivery = {.stop_after_body = 0, .then = Then::kStall}};
  });
  Net net;
  HttpRequest request = GetOf(server.url() + "/k?secret");
  request.on_head = [](const HttpResponse& head) -> Result<HttpWindow> {
    return FailedPreconditionError("not " + std::string(*head.Find("content-length")) + " bytes");
  };
  EXPECT_EQ(net.Fetch(request).status().ToString(),
            "FailedPrecondition: GET " + server.url() + "/k: not 5 bytes");
}

TEST(HttpTransport, TheHeadOfAnErrorIsNotAsked) {
  const HttpServer server(Always({.status = 404, .body = "none"}));
  Net net;
  HttpRequest request = GetOf(server.url());
  request.on_head = [](const HttpResponse&) -> Result<HttpWindow> {
    return InternalError("asked");
  };
  const HttpResponse response = net.Fetch(std::move(request)).OrDie();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(TextOf(response.body), "none");
}

TEST(HttpTransport, ABodyMayBeAsLongAsTheLimitAndNoLonger) {
  for (const Framing framing : {Framing::kLength, Framing::kChunked, Framing::kClose}) {
    // Behind the byte that is too much nothing comes: it is refused without being waited for.
    const HttpServer server([framing](const Asked& asked) {
      const bool more = asked.target == "/more";
      return HttpReply{.body = Letters(more ? 10'000 : 5000),
                       .framing = framing,
                       .delivery = {.stop_after_body = more ? std::optional(6000) : std::nullopt,
                                    .then = more ? Then::kStall : Then::kKeepAlive}};
    });
    Net net;
    HttpRequest request = GetOf(server.url() + "/as-long");
    request.limits.body_max_bytes = 5000;
    const Result<HttpResponse> response = net.Fetch(request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->body_size, 5000);
    request.url = server.url() + "/more";
    EXPECT_EQ(net.Fetch(request).status().ToString(), "ResourceExhausted: GET " + server.url() +
                                                          "/more: the answer has more than 5000 "
                                                          "bytes");
  }
}

TEST(HttpTransport, AHeadHasALimit) {
  const HttpServer server([](const Asked& asked) {
    HttpReply reply{.body = "v"};
    const int count = asked.target == "/many" ? 5000 : 1;
    const size_t size = asked.target == "/long" ? 70'000 : 10;
    for (int i = 0; i < count; ++i) {
      reply.headers.push_back({"X-" + std::to_string(i), std::string(size, 'x')});
    }
    return reply;
  });
  Net net;
  EXPECT_TRUE(net.Fetch(server.url() + "/").ok());
  for (const std::string path : {"/many", "/long"}) {
    EXPECT_EQ(net.Fetch(server.url() + path).status().ToString(),
              "ResourceExhausted: GET " + server.url() + path +
                  ": the answer's head has more than 65536 bytes");
  }
}

TEST(HttpTransport, OfAnErrorTheBeginningIsEnough) {
  const std::string text = Letters(200'000);
  const HttpServer server([&](const Asked& asked) {
    return HttpReply{.status = 500,
                     .body = asked.target == "/short" ? text.substr(0, 1000) : text,
                     .delivery = {.stop_after_body = 100'000, .then = Then::kStall}};
  });
  Net net;
  HttpRequest request = GetOf(server.url());
  request.limits.body_max_bytes = 10;  // Which is for successes.
  const HttpResponse response = net.Fetch(request).OrDie();
  EXPECT_EQ(response.status, 500);
  EXPECT_TRUE(TextOf(response.body) == text.substr(0, 65536));
}

TEST(HttpTransport, ALengthThatIsClaimedIsNotAllocated) {
  constexpr int64_t kClaim = int64_t{1} << 50;
  for (const int status : {200, 503}) {
    const HttpServer server(Always({.status = status,
                                    .headers = {{"Content-Length", std::to_string(kClaim)}},
                                    .body = "few",
                                    .delivery = {.then = Then::kClose}}));
    Net net;
    BufferPool pool(MiB(512));
    HttpRequest request = GetOf(server.url());
    request.buffers = &pool;
    EXPECT_EQ(net.Fetch(request).status().code(), StatusCode::kUnavailable);
    EXPECT_LE(pool.held_bytes_peak(), MiB(1)) << status;
    request.limits.body_max_bytes = INT64_MAX;
    EXPECT_EQ(net.Fetch(request).status().code(), StatusCode::kUnavailable);
    EXPECT_LE(pool.held_bytes_peak(), status == 200 ? MiB(64) : KiB(64)) << status;
  }
}

TEST(HttpTransport, AnEncodingThatNobodyAskedForIsRefused) {
  const HttpServer server([](const Asked& asked) {
    return HttpReply{.headers = {{"Content-Encoding", asked.target.substr(1)}}, .body = "\x1f\x8b"};
  });
  Net net;
  for (const std::string encoding : {"gzip", "br", "aws-chunked"}) {
    HttpRequest request = GetOf(server.url() + "/" + encoding);
    EXPECT_EQ(net.Fetch(request).status().ToString(),
              "DataLoss: GET " + request.url + ": the answer is encoded (Content-Encoding: " +
                  encoding + ") though nobody asked for that");
    request.allow_content_encoding = true;
    EXPECT_EQ(TextOf(net.Fetch(request).OrDie().body), "\x1f\x8b");  // A label: nothing is decoded.
  }
  for (const std::string encoding : {"", "identity"}) {
    EXPECT_TRUE(net.Fetch(server.url() + "/" + encoding).ok());
  }
  for (const Asked& asked : server.requests()) EXPECT_EQ(asked.Header("accept-encoding"), "");
}

}  // namespace
}  // namespace coffer
