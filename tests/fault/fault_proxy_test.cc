// Goal: what a test chooses for a request befalls that request and no other, and everything else
// passes the proxy unchanged: bytes, ends, resets, and the order in which they come.
// Method: a client of raw sockets before the proxy, an HttpServer (or raw sockets) behind it. What
// must not be waited for is set to last an hour: a test that waits for it hangs.
#include "tests/support/fault_proxy.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/http_client.h"
#include "tests/support/http_server.h"

namespace coffer::inline v0::testing {
namespace {

using Clock = std::chrono::steady_clock;
using End = TcpStream::End;
using Framing = HttpReply::Framing;

constexpr std::chrono::hours kForever(1);
constexpr size_t kLarge = size_t{16} << 20;  // More than all buffers between two ends hold.

HttpServer::Handler Always(HttpReply reply) {
  return [reply = std::move(reply)](const HttpRequest&) { return reply; };
}

/// A proxy before a server, which does the same to every request.
struct Chain {
  explicit Chain(HttpReply reply, ProxyAction action = {}, HttpServer::Options options = {})
      : Chain(Always(std::move(reply)), std::move(action), std::move(options)) {}
  explicit Chain(HttpServer::Handler handler, ProxyAction action = {},
                 HttpServer::Options options = {})
      : server(std::move(handler), std::move(options)),
        proxy("127.0.0.1", server.port(),
              [action = std::move(action)](const HttpRequest&, int64_t) { return action; }) {}

  void ExpectServerIsLeft(int connections = 1) const {
    EXPECT_TRUE(server.WaitUntil(
        [=](const auto& counts) { return counts.connections == connections && counts.open == 0; }));
  }

  HttpServer server;
  FaultProxy proxy;
};

TEST(FaultProxy, BytesPassUnchanged) {
  const std::string response = "HTTP/1.1 299 My reason\r\nx-b:  1 \r\nContent-length: 2\r\n\r\nok";
  const Chain chain(HttpReply{.raw = response});
  RawHttpClient client(chain.proxy.port());
  client.Send(
      "PUT /a%2Fb?c HTTP/1.1\r\nHost: 127.0.0.1:9\r\nx-a:  1 \r\ncontent-length: 4\r\n\r\nbody");
  EXPECT_EQ(client.ReceiveBytes(response.size()), response);
  const std::vector<HttpRequest> requests = chain.server.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].target, "/a%2Fb?c");
  EXPECT_EQ(requests[0].headers,
            (HttpHeaders{{"Host", "127.0.0.1:9"}, {"x-a", "1"}, {"content-length", "4"}}));
  EXPECT_EQ(requests[0].body, "body");
  EXPECT_TRUE(client.StaysQuiet());
}

TEST(FaultProxy, ConnectionsAreKeptOnBothSides) {
  const Chain chain([](const HttpRequest& request) {
    return HttpReply{.status = request.method == "DELETE" ? 204 : 200,
                     .body = std::to_string(request.connection)};
  });
  RawHttpClient first(chain.proxy.port());
  RawHttpClient second(chain.proxy.port());
  EXPECT_EQ(first.Ask("GET", "/").body, "0");
  EXPECT_EQ(second.Ask("GET", "/").body, "1");
  first.Send(RawHttpClient::Request("HEAD", "/") + RawHttpClient::Request("DELETE", "/") +
             RawHttpClient::Request("GET", "/"));
  EXPECT_EQ(first.Receive("HEAD").status, 200);
  EXPECT_EQ(first.Receive().status, 204);
  EXPECT_EQ(first.Receive().body, "0");
  EXPECT_EQ(chain.proxy.upstream_connections(), 2);
  EXPECT_EQ(chain.proxy.requests(),
            (std::map<std::string, int64_t>{{"DELETE", 1}, {"GET", 3}, {"HEAD", 1}}));
  first.HangUp();
  EXPECT_TRUE(chain.server.WaitUntil([](const auto& counts) { return counts.open == 1; }));
}

TEST(FaultProxy, EveryFramingPasses) {
  std::string body;
  for (int i = 0; i < 1'000'000; ++i) body += std::to_string(i % 10007);
  const Chain chain([](const HttpRequest& request) {
    return HttpReply{.body = request.body,
                     .framing = request.target == "/chunked" ? Framing::kChunked
                                : request.target == "/close" ? Framing::kClose
                                                             : Framing::kLength};
  });
  RawHttpClient client(chain.proxy.port());
  for (const char* const target : {"/length", "/chunked", "/length", "/close"}) {
    const RawHttpClient::Response response = client.Ask("PUT", target, body);
    EXPECT_TRUE(response.whole) << target;
    EXPECT_TRUE(response.body == body) << target;
  }
  EXPECT_EQ(client.end(), End::kClosed);
  RawHttpClient chunked(chain.proxy.port());
  chunked.Send("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.Receive().body, "abc");
  EXPECT_EQ(chunked.Ask("PUT", "/", "d").body, "d");
}

TEST(FaultProxy, BodiesPassAsTheyCome) {
  const Chain chain(HttpReply{.body = std::string(10, 'b'),
                              .delivery = {.stop_after_body = 4, .then = Then::kStall}});
  RawHttpClient client(chain.proxy.port());
  client.Send(RawHttpClient::Request("GET", "/"));
  const std::string expected = "HTTP/1.1 200 \r\nContent-Length: 10\r\n\r\nbbbb";
  EXPECT_EQ(client.ReceiveBytes(expected.size()), expected);
  client.HangUp();  // Which the server notices.
  chain.ExpectServerIsLeft();
  RawHttpClient cut(chain.proxy.port());
  cut.Send("PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\naaaa");
  cut.HangUp();
  EXPECT_TRUE(chain.server.WaitUntil([](const auto& counts) { return counts.cut_requests == 1; }));
  EXPECT_EQ(chain.server.cut_requests()[0].body, "aaaa");
}

TEST(FaultProxy, AClientThatGivesUpIsNoticedByTheServer) {
  const Chain chain(HttpReply{.delivery = {.stop_after = 0, .then = Then::kStall}});
  RawHttpClient client(chain.proxy.port());
  client.Send(RawHttpClient::Request("GET", "/"));
  EXPECT_TRUE(chain.server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
  client.HangUp();
  chain.ExpectServerIsLeft();
}

TEST(FaultProxy, ContinuePassesAndSoDoesAnAnswerInItsPlace) {
  const Chain chain(HttpReply{.body = "done"}, ProxyAction::CutResponse(20, Then::kClose),
                    {.before_body = [](const HttpRequest& head) {
                      std::optional<HttpReply> reply;
                      if (head.target == "/refused") reply = {.raw = "HTTP/1.1 403 \r\n\r\n"};
                      return reply;
                    }});
  RawHttpClient client(chain.proxy.port());
  client.Send("PUT / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 100);
  client.Send("abc");
  EXPECT_EQ(client.ReceiveAll(), "HTTP/1.1 200 \r\nConte");  // 100 was not counted.
  EXPECT_EQ(chain.server.requests()[0].body, "abc");
  RawHttpClient refused(chain.proxy.port());
  refused.Send("PUT /refused HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(refused.ReceiveAll(), "HTTP/1.1 403 \r\n\r\n");
}

TEST(FaultProxy, AnAnswerBeforeTheBodyReachesAClientThatStillSends) {
  const Chain chain(HttpReply{}, {}, {.before_body = [](const HttpRequest&) {
                      return HttpReply{.status = 503, .body = "slow"};
                    }});
  RawHttpClient client(chain.proxy.port());
  EXPECT_TRUE(client.Send(RawHttpClient::Request("PUT", "/", std::string(kLarge, 'x'))));
  EXPECT_EQ(client.Receive().body, "slow");
  EXPECT_EQ(client.ReceiveAll(), "");
  EXPECT_EQ(client.end(), End::kClosed);
}

TEST(FaultProxy, AnswersItselfAndForwardsNothing) {
  const Chain chain(HttpReply{}, ProxyAction::Reply({.status = 503, .body = "SlowDown"}));
  RawHttpClient client(chain.proxy.port());
  EXPECT_EQ(client.Ask("PUT", "/", std::string(kLarge, 'x')).body, "SlowDown");
  client.Send("PUT / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 100);
  client.Send("abc");
  EXPECT_EQ(client.Receive().status, 503);
  EXPECT_EQ(client.Ask("HEAD", "/").status, 503);
  EXPECT_EQ(chain.server.connections(), 0);
  EXPECT_EQ(chain.proxy.requests(), (std::map<std::string, int64_t>{{"HEAD", 1}, {"PUT", 2}}));
}

TEST(FaultProxy, OfALostResponseTheServerHasDoneEverything) {
  for (const Then then : {Then::kKeepAlive, Then::kClose, Then::kReset}) {
    const std::string body(kLarge, 'b');
    // Its answer takes 160 ms, which have to be waited for.
    const Chain chain(HttpReply{.body = body, .delivery = {.bytes_per_second = 100 << 20}},
                      ProxyAction::LoseResponse(then));
    RawHttpClient client(chain.proxy.port());
    const Clock::time_point start = Clock::now();
    client.Send(RawHttpClient::Request("PUT", "/", "value"));
    EXPECT_EQ(client.ReceiveAll(), "");
    EXPECT_EQ(client.end(), then == Then::kReset ? End::kFailed : End::kClosed);
    EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(130));
    ASSERT_EQ(chain.server.requests().size(), 1u);
    EXPECT_EQ(chain.server.requests()[0].body, "value");
  }
}

TEST(FaultProxy, ALostResponseMayBeWaitedForInVain) {
  const Chain chain(HttpReply{}, ProxyAction::LoseResponse(Then::kStall));
  RawHttpClient client(chain.proxy.port());
  client.Send(RawHttpClient::Request("PUT", "/", "value"));
  EXPECT_TRUE(chain.server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
  EXPECT_TRUE(client.StaysQuiet());
  client.HangUp();
  chain.ExpectServerIsLeft();
}

TEST(FaultProxy, CutsTheResponseAfterEachByte) {
  const std::string whole = "HTTP/1.1 200 \r\nContent-Length: 4\r\n\r\nbody";
  for (size_t bytes = 0; bytes <= whole.size(); ++bytes) {
    for (const Then then : {Then::kClose, Then::kReset}) {
      const Chain chain(HttpReply{.body = "body"},
                        ProxyAction::CutResponse(static_cast<int64_t>(bytes), then));
      RawHttpClient client(chain.proxy.port());
      client.Send(RawHttpClient::Request("GET", "/"));
      ASSERT_EQ(client.ReceiveAll(), whole.substr(0, bytes));
      ASSERT_EQ(client.end(), then == Then::kReset ? End::kFailed : End::kClosed);
      chain.ExpectServerIsLeft();
    }
  }
}

TEST(FaultProxy, CutsTheBodyOfALargeResponse) {
  const Chain chain(HttpReply{.body = std::string(kLarge, 'b'), .framing = Framing::kChunked},
                    {.response = {.stop_after_body = kLarge / 2, .then = Then::kReset}});
  RawHttpClient client(chain.proxy.port());
  client.Send(RawHttpClient::Request("GET", "/"));
  const std::string head = "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(client.ReceiveAll().size(), head.size() + kLarge / 2);
  EXPECT_EQ(client.end(), End::kFailed);
  chain.ExpectServerIsLeft();
}

TEST(FaultProxy, OfACutRequestTheServerGetsNoMore) {
  const std::string request = RawHttpClient::Request("PUT", "/", "0123456789");
  const size_t head = request.size() - 10;
  for (size_t bytes = 0; bytes < request.size(); ++bytes) {
    for (const Then then : {Then::kKeepAlive, Then::kClose, Then::kReset}) {
      const Chain chain(HttpReply{}, ProxyAction::CutRequest(static_cast<int64_t>(bytes), then));
      RawHttpClient client(chain.proxy.port());
      client.Send(request);
      ASSERT_EQ(client.ReceiveAll(), "");
      ASSERT_EQ(client.end(), then == Then::kReset ? End::kFailed : End::kClosed);
      chain.ExpectServerIsLeft();
      ASSERT_EQ(chain.server.counts().requests, 0);
      const std::vector<HttpRequest> cut = chain.server.cut_requests();
      ASSERT_EQ(cut.size(), bytes < head ? 0u : 1u);
      for (const HttpRequest& each : cut) {
        ASSERT_EQ(each.body, request.substr(head, bytes - head));
      }
    }
  }
}

TEST(FaultProxy, CutsALargeRequestAndStalls) {
  const Chain chain(HttpReply{},
                    {.request = {.stop_after_body = kLarge / 2, .then = Then::kStall}});
  RawHttpClient client(chain.proxy.port());
  client.Send(RawHttpClient::Request("PUT", "/", std::string(kLarge / 2 + 1, 'x')));
  EXPECT_TRUE(chain.server.WaitUntil([](const auto& counts) { return counts.open == 1; }));
  EXPECT_TRUE(client.StaysQuiet());
  EXPECT_EQ(chain.server.counts().open, 1);
  client.HangUp();
  chain.ExpectServerIsLeft();
  EXPECT_EQ(chain.server.cut_requests()[0].body.size(), kLarge / 2);
}

TEST(FaultProxy, MayBreakOffBehindAWholeRequest) {
  const Chain chain(HttpReply{.delivery = {.delay = kForever}},
                    {.request = {.then = Then::kReset}});
  RawHttpClient client(chain.proxy.port());
  client.Send(RawHttpClient::Request("PUT", "/", "value"));
  EXPECT_EQ(client.ReceiveAll(), "");
  EXPECT_EQ(client.end(), End::kFailed);
  EXPECT_TRUE(chain.server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
  EXPECT_EQ(chain.server.requests()[0].body, "value");
}

TEST(FaultProxy, DelaysSideBySide) {
  const HttpServer server(Always({}));
  const FaultProxy proxy("127.0.0.1", server.port(), [](const HttpRequest& head, int64_t number) {
    EXPECT_EQ(head.target, "/" + std::to_string(number));
    return number < 8 ? ProxyAction::Delay(kForever)
                      : ProxyAction::Delay(std::chrono::milliseconds(20));
  });
  std::vector<std::unique_ptr<RawHttpClient>> delayed;
  for (int i = 0; i < 8; ++i) {
    delayed.push_back(std::make_unique<RawHttpClient>(proxy.port()));
    delayed.back()->Send(RawHttpClient::Request("GET", "/" + std::to_string(i)));
    ASSERT_TRUE(proxy.WaitForRequests(i + 1));
  }
  RawHttpClient client(proxy.port());
  const Clock::time_point start = Clock::now();
  for (int i = 8; i < 11; ++i) EXPECT_EQ(client.Ask("GET", "/" + std::to_string(i)).status, 200);
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(60));
  EXPECT_EQ(server.counts().requests, 3);
  for (const auto& each : delayed) EXPECT_TRUE(each->StaysQuiet());
}

TEST(FaultProxy, LimitsBandwidthInBothDirections) {
  const std::string body(10'000, 'b');
  const Delivery slow = {.bytes_per_second = 100'000};
  for (const bool up : {false, true}) {
    const Chain chain([](const HttpRequest& request) { return HttpReply{.body = request.body}; },
                      up ? ProxyAction{.request = slow} : ProxyAction{.response = slow});
    RawHttpClient client(chain.proxy.port());
    const Clock::time_point start = Clock::now();
    EXPECT_EQ(client.Ask("PUT", "/", body).body, body);
    EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(80));
  }
}

TEST(FaultProxy, AServerThatEndsItsConnectionEndsTheClients) {
  const std::string head = "HTTP/1.1 200 \r\nContent-Length: 4\r\n\r\n";
  for (const int64_t bytes :
       {0, 5, static_cast<int>(head.size()), static_cast<int>(head.size()) + 2}) {
    for (const Then then : {Then::kClose, Then::kReset}) {
      const Chain chain(HttpReply{.body = "body", .delivery = {.stop_after = bytes, .then = then}});
      RawHttpClient client(chain.proxy.port());
      client.Send(RawHttpClient::Request("GET", "/"));
      const std::string received = client.ReceiveAll();
      // A head passes whole or not at all.
      ASSERT_EQ(received, (head + "body").substr(0, bytes < 10 ? 0 : static_cast<size_t>(bytes)));
      ASSERT_EQ(client.end(), then == Then::kReset ? End::kFailed : End::kClosed) << bytes;
    }
  }
}

TEST(FaultProxy, ConnectsAnewWhereTheServerHasClosed) {
  const Chain chain([](const HttpRequest& request) {
    return HttpReply{.body = std::to_string(request.connection),
                     .delivery = {.then = Then::kClose}};
  });
  RawHttpClient client(chain.proxy.port());
  for (int number = 0; number < 3; ++number) {
    ASSERT_EQ(client.Ask("GET", "/").body, std::to_string(number));
    chain.ExpectServerIsLeft(number + 1);
  }
}

TEST(FaultProxy, ClosesWhereThereIsNoServerOrNoRequest) {
  const SilentServer refusing(SilentServer::How::kRefuses);
  const FaultProxy proxy("127.0.0.1", refusing.port(),
                         [](const HttpRequest&, int64_t) { return ProxyAction::Pass(); });
  for (const char* const bytes : {"GET / HTTP/1.1\r\n\r\n", "rubbish\r\n\r\n"}) {
    RawHttpClient client(proxy.port());
    client.Send(bytes);
    EXPECT_EQ(client.ReceiveAll(), "");
    EXPECT_EQ(client.end(), End::kClosed);
  }
  EXPECT_EQ(proxy.upstream_connections(), 0);
}

TEST(FaultProxy, NothingHoldsItWhenItIsGivenUp) {
  const HttpServer server(Always({.delivery = {.delay = kForever}}));
  std::vector<std::unique_ptr<RawHttpClient>> clients;
  const std::vector<ProxyAction> actions = {
      {},
      ProxyAction::Delay(kForever),
      ProxyAction::LoseResponse(Then::kClose),
      ProxyAction::Reply({.delivery = {.stop_after = 5, .then = Then::kStall}}),
      ProxyAction::CutRequest(5, Then::kStall),
      {.request = {.bytes_per_second = 1}}};
  {
    const FaultProxy proxy("localhost", server.port(), [&](const HttpRequest&, int64_t number) {
      return actions[static_cast<size_t>(number)];
    });
    for (size_t i = 0; i < actions.size(); ++i) {
      clients.push_back(std::make_unique<RawHttpClient>(proxy.port()));
      clients.back()->Send(RawHttpClient::Request("GET", "/"));
    }
    EXPECT_TRUE(proxy.WaitForRequests(static_cast<int64_t>(actions.size())));
    clients.push_back(std::make_unique<RawHttpClient>(proxy.port()));
  }
  for (const auto& client : clients) EXPECT_LE(client->ReceiveAll().size(), 5u);
}

/// Threads that ask again until they are answered: what they get is right, whatever befell.
TEST(FaultProxy, ManyClientsUnderRandomFaults) {
  const HttpServer server([](const HttpRequest& request) {
    return HttpReply{
        .body = request.body + request.target,
        .framing = request.body.size() % 2 == 0 ? Framing::kLength : Framing::kChunked};
  });
  std::mt19937_64 random(7);
  const FaultProxy proxy("127.0.0.1", server.port(), [&](const HttpRequest&, int64_t) {
    const Then then = random() % 2 == 0 ? Then::kClose : Then::kReset;
    const auto bytes = static_cast<int64_t>(random() % 3000);
    switch (random() % 8) {
      case 0:
        return ProxyAction::LoseResponse(then);
      case 1:
        return ProxyAction::CutResponse(bytes, then);
      case 2:
        return ProxyAction::CutRequest(bytes, then);
      case 3:
        return ProxyAction::Reply({.status = 503});
      case 4:
        return ProxyAction::Delay(std::chrono::microseconds(bytes));
      default:
        return ProxyAction::Pass();
    }
  });
  std::vector<std::thread> clients;
  for (int c = 0; c < 8; ++c) {
    clients.emplace_back([&, c] {
      auto client = std::make_unique<RawHttpClient>(proxy.port());
      for (int i = 0; i < 40; ++i) {
        const std::string target = "/" + std::to_string(c) + "/" + std::to_string(i);
        const std::string body(static_cast<size_t>(1 + i * 97), 'x');
        for (;;) {
          const RawHttpClient::Response response = client->Ask("PUT", target, body);
          if (response.whole && response.status == 200) {
            EXPECT_EQ(response.body, body + target);
            break;
          }
          if (!response.whole) client = std::make_unique<RawHttpClient>(proxy.port());
        }
      }
    });
  }
  for (std::thread& each : clients) each.join();
  EXPECT_GT(proxy.requests()["PUT"], 320);
}

}  // namespace
}  // namespace coffer::inline v0::testing
