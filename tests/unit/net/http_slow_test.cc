// Goal: what is slow is not taken for what is stuck. An upload moves as long as the peer takes some
// of it, wherever the rest is buffered; and the retry budget counts lost time only. Method: a
// server reads at a rate, with a receive buffer so small that nothing is buffered there. Limits
// that must hold are many times as long as the pauses; those that are to pass are short.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "src/net/http_client.h"
#include "tests/support/tcp.h"
#include "tests/unit/net/net_support.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using testing::HttpBody;
using ::testing::MatchesRegex;
using testing::TcpListener;
using testing::TcpStream;
using Clock = std::chrono::steady_clock;

HttpRequest PutOf(const std::string& url, size_t bytes) {
  HttpRequest request = GetOf(url + "/k");
  request.method = "PUT";
  request.body = BytesChain(Bytes::Copy(Letters(bytes)));
  request.limits.connect = request.limits.first_byte = request.limits.stall = kForever;
  request.limits.total = kForever;
  return request;
}

/// Reads each body within `duration`, at an even rate, and then does what it is told to.
class SlowReader {
 public:
  enum class Then { kAnswer, kReset };

  SlowReader(milliseconds duration, std::vector<Then> then)
      : duration_(duration),
        then_(std::move(then)),
        listener_(0, [this](auto stream, int) { Serve(*stream); }, 4096) {}

  std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()); }
  int requests() const { return requests_; }

 private:
  void Serve(TcpStream& stream) {
    while (const auto head = testing::ReceiveHead(stream)) {
      const auto number = static_cast<size_t>(requests_++);
      const std::string length = testing::ParseRequestHead(*head)->Header("content-length");
      if (!ReadSlowly(stream, std::stoll(length))) return;
      if (then_[std::min(number, then_.size() - 1)] == Then::kReset) return stream.Reset();
      stream.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  }
  bool ReadSlowly(TcpStream& stream, int64_t size) {
    const Clock::time_point begin = Clock::now();
    for (int64_t read = 0; read < size;) {
      if (stream.buffered().empty() && !stream.Fill()) return false;
      read += static_cast<int64_t>(stream.buffered().size());
      stream.Consume(stream.buffered().size());
      if (!stream.stop().WaitUntil(begin + duration_ * read / size)) return false;
    }
    return true;
  }

  const milliseconds duration_;
  const std::vector<Then> then_;
  std::atomic<int> requests_{0};
  TcpListener listener_;
};

TEST(HttpSlow, UploadsThatMoveAreNotStuckInWhateverBufferTheyAre) {
  // All of the small ones is in libcurl's buffer at once; the large ones fill it twice.
  const SlowReader reader(milliseconds(2500), {SlowReader::Then::kAnswer});
  Net net;
  std::vector<Future<HttpResponse>> sent;
  for (const size_t size : {100'000, 100'000, 200'000, 500'000, 1'000'000, 1'000'000}) {
    HttpRequest request = PutOf(reader.url(), size);
    request.limits.first_byte = request.limits.stall = milliseconds(800);
    sent.push_back(net.Send(std::move(request)));
  }
  for (const Future<HttpResponse>& each : sent) {
    const Result<HttpResponse> outcome = each.Get();
    EXPECT_TRUE(outcome.ok()) << outcome.status();
  }
}

TEST(HttpSlow, AnUploadThatFitsIntoABufferMustMoveAllTheSame) {
  std::vector<std::unique_ptr<TcpStream>> mute;
  Mutex mutex;
  const TcpListener listener(
      0,
      [&](std::unique_ptr<TcpStream> stream, int) {
        const MutexLock lock(mutex);
        mute.push_back(std::move(stream));
      },
      4096);
  Net net;
  HttpRequest request = PutOf("http://127.0.0.1:" + std::to_string(listener.port()), 300'000);
  request.limits.stall = milliseconds(200);
  request.limits.first_byte = milliseconds(5000);
  EXPECT_THAT(net.Fetch(std::move(request)).status().ToString(),
              MatchesRegex("DeadlineExceeded: PUT .*/k: stalled: [0-9]+ bytes in 200 ms"));
}

TEST(HttpSlow, OfAnUploadThatHasArrivedTheAnswerHasALimit) {
  const HttpServer server(Always({.delivery = {.stop_after = 0, .then = Then::kStall}}));
  Net net;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{2'000'000}}) {
    HttpRequest request = PutOf(server.url(), size);
    request.limits.first_byte = milliseconds(200);
    request.limits.stall = milliseconds(5000);
    EXPECT_EQ(net.Fetch(std::move(request)).status().ToString(),
              "DeadlineExceeded: PUT " + server.url() + "/k: no answer within 200 ms");
  }
}

HttpRetry WithBudget(milliseconds budget) {
  return {.first = milliseconds(1), .longest = milliseconds(2), .budget = budget};
}

Result<HttpResponse> SendOf(const Context& context, const HttpRetry& retry,
                            const HttpRequest& request) {
  const HttpClient client(context, retry);
  return client.Send([&](int) { return Future<HttpRequest>::Ready(request); }, JudgeTransient, {})
      .Get();
}

TEST(HttpSlow, ALongUploadThatBreaksHasItsRetries) {
  const SlowReader reader(milliseconds(700), {SlowReader::Then::kReset, SlowReader::Then::kReset,
                                              SlowReader::Then::kAnswer});
  const Context context = Context::Create({.threads = 2});
  const Result<HttpResponse> outcome =
      SendOf(context, WithBudget(milliseconds(500)), PutOf(reader.url(), 200'000));
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(reader.requests(), 3);
}

TEST(HttpSlow, ALongDownloadThatBreaksHasItsRetries) {
  std::atomic<int> asked{0};
  const HttpServer server([&](const Asked&) {
    HttpReply reply{.body = Letters(100'000)};
    if (asked++ < 2) {
      reply.delivery = {
          .bytes_per_second = 100'000, .stop_after_body = 70'000, .then = Then::kReset};
    }
    return reply;
  });
  const Context context = Context::Create({.threads = 2});
  const Result<HttpResponse> outcome =
      SendOf(context, WithBudget(milliseconds(500)), GetOf(server.url()));
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(asked, 3);
}

TEST(HttpSlow, WaitingForItsTurnIsOutsideOfTheBudget) {
  std::atomic<int> asked_last{0};
  const HttpServer server([&](const Asked& asked) {
    if (asked.target == "/last") return HttpReply{.status = asked_last++ == 0 ? 503 : 200};
    return HttpReply{.delivery = {.delay = milliseconds(700)}};
  });
  const Context context = Context::Create({.threads = 2});
  std::vector<Future<HttpResponse>> first;
  for (int i = 0; i < HttpTransport::kRequestsPerHost; ++i) {
    first.push_back(context.Get<HttpTransport>().Send(GetOf(server.url() + "/first"),
                                                      context.shared_executor()));
  }
  const Result<HttpResponse> outcome =
      SendOf(context, WithBudget(milliseconds(500)), GetOf(server.url() + "/last"));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->status, 200);
  EXPECT_EQ(asked_last, 2);
}

TEST(HttpSlow, SilenceAndWaitsUseTheBudgetUp) {
  const Context context = Context::Create({.threads = 2});
  const HttpServer silent(Always({.delivery = {.stop_after = 0, .then = Then::kStall}}));
  HttpRequest request = GetOf(silent.url());
  request.limits.first_byte = milliseconds(100);
  EXPECT_FALSE(SendOf(context, WithBudget(milliseconds(250)), request).ok());
  EXPECT_LE(silent.counts().requests, 3);

  const HttpServer busy(Always({.status = 503, .headers = {{"Retry-After", "1000"}}}));
  const HttpRetry retry{.longest = milliseconds(100), .budget = milliseconds(250)};
  EXPECT_EQ(SendOf(context, retry, GetOf(busy.url())).OrDie().status, 503);
  EXPECT_LE(busy.counts().requests, 3);
}

}  // namespace
}  // namespace coffer
