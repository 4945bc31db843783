// Goal: a test that sets a fault of HTTP gets that very fault: the server receives requests as they
// were sent, and delivers each answer to the byte, the pace and the end that its handler asked for.
// Method: a client of raw sockets looks at every byte, and at how its connection ends. What must
// end at once is set to last an hour: a test that waits for it hangs.
#include "tests/support/http_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/http_client.h"

namespace coffer::inline v0::testing {
namespace {

using Clock = std::chrono::steady_clock;
using End = TcpStream::End;
using Framing = HttpReply::Framing;

constexpr std::chrono::hours kForever(1);

/// Every request is answered alike.
HttpServer::Handler Always(HttpReply reply) {
  return [reply = std::move(reply)](const HttpRequest&) { return reply; };
}

sockaddr_in AddressOf(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// All that a client receives that asks once.
std::pair<std::string, End> ReceivedOf(const HttpReply& reply, std::string_view method = "GET") {
  const HttpServer server(Always(reply));
  RawHttpClient client(server.port());
  client.Send(RawHttpClient::Request(method, "/"));
  std::string received = client.ReceiveAll();
  return {std::move(received), client.end()};
}

TEST(HttpServer, RequestsAreReceivedAsTheyWereSent) {
  const HttpServer server([](const HttpRequest& request) {
    return HttpReply{.status = 201, .headers = {{"X-Was", request.target}}, .body = request.body};
  });
  RawHttpClient client(server.port());
  client.Send(
      "PUT /a%20b?c=d&e HTTP/1.1\r\nHost: h:1\r\nX-Two:  two \r\nContent-Length: 5\r\n\r\nhello");
  const RawHttpClient::Response response = client.Receive();
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(FindHeader(response.headers, "x-was"), "/a%20b?c=d&e");
  EXPECT_EQ(FindHeader(response.headers, "content-length"), "5");
  EXPECT_EQ(response.body, "hello");
  const std::vector<HttpRequest> requests = server.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].method, "PUT");
  EXPECT_EQ(requests[0].target, "/a%20b?c=d&e");
  EXPECT_EQ(requests[0].version, "HTTP/1.1");
  EXPECT_EQ(requests[0].headers,
            (HttpHeaders{{"Host", "h:1"}, {"X-Two", "two"}, {"Content-Length", "5"}}));
  EXPECT_EQ(requests[0].Header("x-two"), "two");
  EXPECT_EQ(requests[0].Header("x-three"), "");
  EXPECT_EQ(requests[0].body, "hello");
}

TEST(HttpServer, ConnectionsAreKeptAndNumbered) {
  const HttpServer server(Always({.body = "x"}));
  RawHttpClient first(server.port());
  EXPECT_EQ(first.Ask("GET", "/1").body, "x");
  RawHttpClient second(server.port());
  EXPECT_EQ(second.Ask("GET", "/2").body, "x");
  first.Send(RawHttpClient::Request("GET", "/3") + RawHttpClient::Request("GET", "/4"));
  EXPECT_EQ(first.Receive().body, "x");
  EXPECT_EQ(first.Receive().body, "x");
  std::vector<std::pair<std::string, int>> seen;
  for (const HttpRequest& each : server.requests()) seen.emplace_back(each.target, each.connection);
  EXPECT_EQ(seen,
            (std::vector<std::pair<std::string, int>>{{"/1", 0}, {"/2", 1}, {"/3", 0}, {"/4", 0}}));
  EXPECT_EQ(server.connections(), 2);
  second.Send("GET /5 HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(second.Receive().body, "x");
  EXPECT_EQ(second.ReceiveAll(), "");
  EXPECT_EQ(second.end(), End::kClosed);
  EXPECT_TRUE(server.WaitUntil([](const auto& counts) { return counts.open == 1; }));
}

TEST(HttpServer, ChunksOfARequestArePutTogether) {
  const HttpServer server(Always({}));
  RawHttpClient client(server.port());
  client.Send("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const char c : std::string("A;x=y\r\n0123456789\r\n1\r\n\r\r\n0\r\nTrailer: t\r\n\r\n")) {
    client.Send(std::string(1, c));
  }
  EXPECT_EQ(client.Receive().status, 200);
  EXPECT_EQ(server.requests()[0].body, "0123456789\r");
  EXPECT_EQ(client.Ask("GET", "/").status, 200);  // The trailer belonged to the first.
}

TEST(HttpServer, AClientThatWaitsForItIsToldToContinue) {
  const HttpServer server(Always({.status = 204}));
  RawHttpClient client(server.port());
  client.Send("PUT / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 100);
  client.Send("abc");
  EXPECT_EQ(client.Receive().status, 204);
  EXPECT_EQ(server.requests()[0].body, "abc");
}

TEST(HttpServer, MayAnswerBeforeTheBody) {
  const HttpServer server(Always({}), {.before_body = [](const HttpRequest& head) {
                            std::optional<HttpReply> reply;
                            if (head.method == "PUT") reply = {.status = 503, .body = "slow"};
                            return reply;
                          }});
  RawHttpClient waiting(server.port());
  waiting.Send("PUT / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(waiting.Receive().status, 503);
  EXPECT_EQ(waiting.ReceiveAll(), "");
  // More than buffers hold: it must be taken, and no reset may overtake the answer.
  RawHttpClient sending(server.port());
  EXPECT_TRUE(sending.Send(RawHttpClient::Request("PUT", "/", std::string(size_t{16} << 20, 'x'))));
  EXPECT_EQ(sending.Receive().body, "slow");
  EXPECT_EQ(sending.ReceiveAll(), "");
  EXPECT_EQ(sending.end(), End::kClosed);
  EXPECT_EQ(RawHttpClient(server.port()).Ask("GET", "/").status, 200);
  EXPECT_EQ(server.counts().requests, 3);
}

TEST(HttpServer, RefusesWhatIsNoRequest) {
  const HttpServer server(Always({}));
  for (const char* const bad :
       {"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/2\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n: x\r\n\r\n"}) {
    RawHttpClient client(server.port());
    client.Send(bad);
    EXPECT_EQ(client.ReceiveAll(), "HTTP/1.1 400 \r\nContent-Length: 0\r\n\r\n") << bad;
  }
  for (const char* const bad :
       {"Content-Length: x", "Content-Length: -1", "Content-Length: 5x",
        "Content-Length: 99999999999999999999", "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked\r\n\r\nzz", "Transfer-Encoding: chunked\r\n\r\n1\r\nab"}) {
    RawHttpClient client(server.port());
    client.Send(std::string("PUT / HTTP/1.1\r\n") + bad + "\r\n\r\n");
    EXPECT_EQ(client.ReceiveAll(), "") << bad;
  }
  EXPECT_EQ(server.counts().requests, 0);
  EXPECT_EQ(server.counts().cut_requests, 7);
}

TEST(HttpServer, TellsOfRequestsThatWereCut) {
  const HttpServer server(Always({}));
  RawHttpClient client(server.port());
  client.Send("PUT /cut HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel");
  client.HangUp();
  EXPECT_TRUE(server.WaitUntil([](const auto& counts) { return counts.cut_requests == 1; }));
  EXPECT_EQ(server.cut_requests()[0].target, "/cut");
  EXPECT_EQ(server.cut_requests()[0].body, "hel");
  EXPECT_EQ(server.counts().requests, 0);
}

TEST(HttpServer, NoBodyWhereThereIsNone) {
  const HttpServer server([](const HttpRequest& request) {
    return HttpReply{.status = std::stoi(request.target.substr(1)), .body = "body"};
  });
  RawHttpClient client(server.port());
  client.Send(RawHttpClient::Request("HEAD", "/200") + RawHttpClient::Request("GET", "/204") +
              RawHttpClient::Request("GET", "/304") + RawHttpClient::Request("GET", "/200"));
  const std::string expected =
      "HTTP/1.1 200 \r\nContent-Length: 4\r\n\r\nHTTP/1.1 204 \r\n\r\nHTTP/1.1 304 \r\n\r\n"
      "HTTP/1.1 200 \r\nContent-Length: 4\r\n\r\nbody";
  EXPECT_EQ(client.ReceiveBytes(expected.size()), expected);
  EXPECT_TRUE(client.StaysQuiet());
}

TEST(HttpServer, EndsAfterEachByteAsItIsTold) {
  const std::string whole = "HTTP/1.1 206 \r\nETag: \"e\"\r\nContent-Length: 4\r\n\r\nbody";
  const auto size = static_cast<int64_t>(whole.size());
  for (int64_t bytes = 0; bytes <= size; ++bytes) {
    HttpReply reply = {.status = 206, .headers = {{"ETag", "\"e\""}}, .body = "body"};
    reply.delivery = {.stop_after = bytes, .then = Then::kClose};
    const std::string expected = whole.substr(0, static_cast<size_t>(bytes));
    ASSERT_EQ(ReceivedOf(reply), std::pair(expected, End::kClosed)) << bytes;
    reply.delivery.then = Then::kReset;
    ASSERT_EQ(ReceivedOf(reply), std::pair(expected, End::kFailed)) << bytes;
    reply.delivery.then = Then::kKeepAlive;
    if (bytes == size) break;  // Nothing is cut any more.
    ASSERT_EQ(ReceivedOf(reply), std::pair(expected, End::kClosed)) << bytes;
  }
}

TEST(HttpServer, EndsAfterSoMuchOfTheBody) {
  const std::string head = "HTTP/1.1 200 \r\nContent-Length: 4\r\n\r\n";
  for (size_t bytes = 0; bytes <= 5; ++bytes) {
    const HttpReply reply = {
        .body = "body",
        .delivery = {.stop_after_body = static_cast<int64_t>(bytes), .then = Then::kReset}};
    const std::string body = std::string("body").substr(0, bytes);
    ASSERT_EQ(ReceivedOf(reply), std::pair(head + body, End::kFailed));
  }
}

/// A client with so little room that most of the answer still waits at the server when that is
/// done.
TEST(HttpServer, AResetComesAfterAllThatWasSent) {
  const std::string body(size_t{256} << 10, 'b');
  const HttpServer server(Always({.raw = body, .delivery = {.then = Then::kReset}}));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int room = 4096;
  ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
  const sockaddr_in address = AddressOf(server.port());
  ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  StopSignal stop;
  TcpStream stream(fd, stop);
  EXPECT_TRUE(stream.Send(RawHttpClient::Request("GET", "/")));
  EXPECT_TRUE(server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
  stop.WaitUntil(Clock::now() + std::chrono::milliseconds(50));
  while (stream.Fill()) {
  }
  EXPECT_EQ(stream.buffered().size(), body.size());
  EXPECT_EQ(stream.end(), End::kFailed);
}

TEST(HttpServer, SendsChunks) {
  const std::string head = "HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n";
  HttpReply reply = {.body = std::string(HttpReply::kChunkBytes, 'a') + "bc",
                     .framing = Framing::kChunked,
                     .delivery = {.then = Then::kClose}};
  const std::string framed =
      "400\r\n" + std::string(HttpReply::kChunkBytes, 'a') + "\r\n2\r\nbc\r\n0\r\n\r\n";
  EXPECT_EQ(ReceivedOf(reply).first, head + framed);
  EXPECT_EQ(ReceivedOf(reply, "HEAD").first, head);
  reply.delivery.stop_after_body = 1035;
  EXPECT_EQ(ReceivedOf(reply).first, head + framed.substr(0, 1035));
  const HttpServer server(Always({.body = reply.body, .framing = Framing::kChunked}));
  RawHttpClient client(server.port());
  EXPECT_EQ(client.Ask("GET", "/").body, reply.body);
  EXPECT_EQ(client.Ask("GET", "/").body, reply.body);
}

TEST(HttpServer, LiesOfTheLength) {
  HttpReply reply = {.headers = {{"content-length", "9"}}, .body = "body"};
  reply.delivery.then = Then::kClose;
  EXPECT_EQ(ReceivedOf(reply).first, "HTTP/1.1 200 \r\ncontent-length: 9\r\n\r\nbody");
  const HttpServer server(Always(reply));
  EXPECT_FALSE(RawHttpClient(server.port()).Ask("GET", "/").whole);
}

TEST(HttpServer, TheEndOfTheConnectionMayEndTheBody) {
  const HttpReply reply = {.body = "body", .framing = Framing::kClose};
  EXPECT_EQ(ReceivedOf(reply), std::pair(std::string("HTTP/1.1 200 \r\n\r\nbody"), End::kClosed));
}

TEST(HttpServer, SendsBytesThatAreNoReply) {
  const std::string rubbish("\0\xFFrubbish\r\n", 11);
  EXPECT_EQ(ReceivedOf({.raw = rubbish, .delivery = {.then = Then::kClose}}).first, rubbish);
  EXPECT_EQ(ReceivedOf({.raw = "rubbish", .delivery = {.stop_after = 3}}).first, "rub");
}

TEST(HttpServer, DelaysAndPaces) {
  HttpReply reply = {.body = std::string(1000, 'b'), .delivery = {.then = Then::kClose}};
  reply.delivery.delay = std::chrono::milliseconds(50);
  Clock::time_point start = Clock::now();
  const std::string whole = ReceivedOf(reply).first;
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(50));
  reply.delivery = {.bytes_per_second = 10'000, .then = Then::kClose};
  start = Clock::now();
  EXPECT_EQ(ReceivedOf(reply).first, whole);
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(80));
}

TEST(HttpServer, StallsUntilTheClientHangsUp) {
  const HttpServer server(Always({.delivery = {.stop_after = 5, .then = Then::kStall}}));
  RawHttpClient client(server.port());
  client.Send(RawHttpClient::Request("GET", "/") + RawHttpClient::Request("GET", "/"));
  EXPECT_EQ(client.ReceiveBytes(5), "HTTP/");
  EXPECT_TRUE(client.StaysQuiet());
  EXPECT_EQ(server.counts().open, 1);
  client.HangUp();
  EXPECT_TRUE(server.WaitUntil([](const auto& counts) { return counts.open == 0; }));
  EXPECT_EQ(server.counts().requests, 1);
}

TEST(HttpServer, NothingHoldsItWhenItIsGivenUp) {
  const std::vector<HttpReply> replies = {
      {.delivery = {.stop_after = 5, .then = Then::kStall}},
      {.delivery = {.delay = kForever}},
      {.body = "body", .delivery = {.bytes_per_second = 1}},
      {.body = std::string(size_t{64} << 20, 'x')},  // Not read.
      {.body = std::string(size_t{64} << 20, 'x'), .delivery = {.then = Then::kReset}}};
  std::vector<std::unique_ptr<RawHttpClient>> clients;
  {
    const HttpServer server([&](const HttpRequest& request) {
      return replies[static_cast<size_t>(std::stoi(request.target.substr(1)))];
    });
    for (size_t i = 0; i < replies.size(); ++i) {
      clients.push_back(std::make_unique<RawHttpClient>(server.port()));
      clients.back()->Send(RawHttpClient::Request("GET", "/" + std::to_string(i)));
    }
    clients.push_back(std::make_unique<RawHttpClient>(server.port()));
    clients.back()->Send("PUT / HTTP/1.1\r\nContent-Length: 2\r\n\r\n1");
    EXPECT_TRUE(server.WaitUntil([](const auto& counts) { return counts.requests == 5; }));
  }
  for (const auto& client : clients) EXPECT_LT(client->ReceiveAll().size(), size_t{64} << 20);
}

TEST(HttpServer, ComesBackAtItsPort) {
  auto server = std::make_unique<HttpServer>(Always({.body = "first"}));
  const int port = server->port();
  RawHttpClient client(port);
  EXPECT_EQ(client.Ask("GET", "/").body, "first");
  server.reset();
  EXPECT_EQ(client.ReceiveAll(), "");
  StopSignal stop;
  EXPECT_EQ(TcpStream::Connect("127.0.0.1", port, stop), nullptr);
  server = std::make_unique<HttpServer>(Always({.body = "second"}),
                                        HttpServer::Options{.port = port, .keep_bodies = false});
  EXPECT_EQ(RawHttpClient(port).Ask("PUT", "/", "body").body, "second");
  EXPECT_EQ(server->requests()[0].body, "");
  EXPECT_EQ(server->url(), "http://127.0.0.1:" + std::to_string(port));
}

TEST(SilentServer, RefusesOrHasNoRoomOrIsMute) {
  StopSignal stop;
  const SilentServer refusing(SilentServer::How::kRefuses);
  EXPECT_EQ(TcpStream::Connect("127.0.0.1", refusing.port(), stop), nullptr);

  const SilentServer mute(SilentServer::How::kMute);
  RawHttpClient client(mute.port());
  EXPECT_TRUE(client.Send(RawHttpClient::Request("GET", "/")));
  EXPECT_TRUE(client.StaysQuiet());

  const SilentServer full(SilentServer::How::kNoRoom);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const sockaddr_in address = AddressOf(full.port());
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), -1);
  EXPECT_EQ(errno, EINPROGRESS);
  TcpStream connecting(fd, stop);
  pollfd what = {fd, POLLOUT, 0};
  EXPECT_EQ(poll(&what, 1, 100), 0);
}

}  // namespace
}  // namespace coffer::inline v0::testing
