// Goal: whatever befalls a request, its future resolves with what happened, once, and nobody
// touches its memory afterwards: connections cut at every byte, limits of time, cancelling in every
// state, the end of the transport, a fork. Method: servers that cut, stall and stay silent by
// script. Limits of time that are to pass are small, all others are an hour: who waits for them
// hangs. (The sanitizer builds see what is touched too late.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/net/net_support.h"

namespace coffer {
namespace {

using std::chrono::milliseconds;
using ::testing::MatchesRegex;

/// No limit of time but those that the test sets.
HttpRequest Patient(const std::string& url) {
  HttpRequest request = GetOf(url);
  request.limits.connect = request.limits.first_byte = request.limits.stall = kForever;
  request.limits.total = kForever;
  return request;
}

HttpRequest PatientPut(const std::string& url, size_t bytes) {
  HttpRequest request = Patient(url);
  request.method = "PUT";
  request.body = BytesChain(Bytes::Copy(Letters(bytes)));
  return request;
}

/// What a client makes of these headers before "hel", whose end is that of the connection.
Result<HttpResponse> AnswerWith(const std::string& headers, bool chunked) {
  const std::string raw =
      "HTTP/1.1 200 OK\r\n" + headers + "\r\n\r\n" + (chunked ? "3\r\nhel\r\n0\r\n\r\n" : "hel");
  const HttpServer server(
      [&](const Asked&) { return HttpReply{.raw = raw, .delivery = {.then = Then::kClose}}; });
  Net net;
  return net.Fetch(server.url());
}

TEST(HttpFaults, AHeadThatContradictsItselfIsDataLoss) {
  for (const std::string headers :
       {"Content-Length: 5\r\nContent-Length: 3", "Content-Length: 3\r\nContent-Length: 5",
        "Content-Length: 3, 3", "Content-Length: 99999999999999999999", "Content-Length: -1",
        "Content-Length: 3x", "Content-Length:", "Content-Length : 10", "Content-Length\t: 10",
        "Content-Encoding : gzip", "Content-Length: 3\r\n 0", "Content-Length:\r\n 3\r\n 0",
        "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: gzip",
        "Transfer-Encoding: xchunked", "Transfer-Encoding: identity\r\nContent-Length: 10",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip,\r\n chunked"}) {
    const Result<HttpResponse> answer = AnswerWith(headers, headers.ends_with("chunked"));
    EXPECT_EQ(answer.status().code(), StatusCode::kDataLoss) << headers;
  }
}

TEST(HttpFaults, AHeadThatSaysTheSameTwiceIsBelieved) {
  for (const std::string headers :
       {"Content-Length: 3\r\ncontent-length: 3", "Content-Length:\t03", "X: long\r\n : value",
        "transfer-encoding: Chunked\r\nContent-Length: 5"}) {
    const Result<HttpResponse> answer = AnswerWith(headers, headers.starts_with("transfer"));
    ASSERT_TRUE(answer.ok()) << headers << ": " << answer.status();
    EXPECT_EQ(answer->body.text(), "hel") << headers;
  }
}

TEST(HttpFaults, AnAnswerThatIsCutAnywhereIsNone) {
  const std::string framings[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
      "HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n"
      "0\r\n\r\n",
      "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"};
  for (const std::string& whole : framings) {
    std::atomic<int64_t> stop_after{0};
    std::atomic<Then> then{Then::kClose};
    const HttpServer server([&](const Asked&) {
      return HttpReply{.raw = whole, .delivery = {.stop_after = stop_after, .then = then}};
    });
    Net net;
    for (const Then end : {Then::kClose, Then::kReset}) {
      for (size_t i = 0; i < whole.size(); ++i) {
        stop_after = static_cast<int64_t>(i);
        then = end;
        const Result<HttpResponse> outcome = net.Fetch(server.url() + "/k");
        if (whole.ends_with("0\r\n\r\n") && i + 1 == whole.size() && outcome.ok()) {
          EXPECT_EQ(TextOf(outcome->body), "hello");  // The empty line says nothing that is new.
          continue;
        }
        const Status& status = outcome.status();
        EXPECT_EQ(status.code(), StatusCode::kUnavailable) << i << ": " << status;
        EXPECT_EQ(status.message().substr(0, server.url().size() + 8),
                  "GET " + server.url() + "/k: ");
      }
      stop_after = static_cast<int64_t>(whole.size());
      EXPECT_TRUE(net.Fetch(server.url() + "/k").ok());
    }
  }
}

TEST(HttpFaults, ABodyThatEndsWithItsConnectionIsCutByAReset) {
  const HttpServer server(Always({.body = Letters(1000),
                                  .framing = Framing::kClose,
                                  .delivery = {.stop_after_body = 500, .then = Then::kReset}}));
  Net net;
  EXPECT_EQ(net.Fetch(server.url()).status().code(), StatusCode::kUnavailable);
}

TEST(HttpFaults, WhatIsNoHttpIsDataLoss) {
  for (const std::string& raw :
       {std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"), std::string("HTTP/1.1 OK\r\n\r\n"),
        std::string("HTTP/7.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nabcd"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\0b\r\n\r\n", 46)}) {
    const HttpServer server(Always({.raw = raw, .delivery = {.then = Then::kClose}}));
    Net net;
    const Status status = net.Fetch(server.url()).status();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << raw << "\n" << status;
  }
}

TEST(HttpFaults, NobodyThere) {
  const SilentServer nobody(SilentServer::How::kRefuses);
  Net net;
  const Status status = net.Fetch(nobody.url() + "/k").status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              MatchesRegex("GET http://127.0.0.1:[0-9]+/k: .*[Cc]onnect.*"));
}

TEST(HttpFaults, ANameThatLeadsNowhere) {
  Net net;
  const Status status = net.Fetch(Patient("http://no-such-host.invalid/k")).status();
  EXPECT_EQ(status.code(), StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              MatchesRegex("GET http://no-such-host.invalid/k: .*no-such-host.invalid.*"));
}

TEST(HttpFaults, ConnectingHasALimit) {
  const SilentServer server(SilentServer::How::kNoRoom);
  Net net;
  HttpRequest request = Patient(server.url() + "/k");
  request.limits.connect = milliseconds(200);
  EXPECT_EQ(net.Fetch(request).status().ToString(),
            "DeadlineExceeded: GET " + server.url() + "/k: no connection within 200 ms");
}

TEST(HttpFaults, TheFirstByteHasALimit) {
  const SilentServer mute(SilentServer::How::kMute);
  const HttpServer drips(
      Always({.headers = {{"X", std::string(1000, 'x')}}, .delivery = {.bytes_per_second = 1}}));
  Net net;
  for (const std::string& url : {mute.url(), drips.url()}) {
    HttpRequest request = Patient(url + "/k");
    request.limits.first_byte = milliseconds(200);
    EXPECT_EQ(net.Fetch(request).status().ToString(),
              "DeadlineExceeded: GET " + url + "/k: no answer within 200 ms");
  }
}

TEST(HttpFaults, ABodyMustMove) {
  const testing::Delivery slow[] = {{.stop_after_body = 0, .then = Then::kStall},
                                    {.stop_after_body = 5000, .then = Then::kStall},
                                    {.bytes_per_second = 500}};
  for (const testing::Delivery& delivery : slow) {
    const HttpServer server(Always({.body = Letters(10'000), .delivery = delivery}));
    Net net;
    HttpRequest request = Patient(server.url() + "/k");
    request.limits.stall = milliseconds(200);
    const Status status = net.Fetch(std::move(request)).status();
    EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
    EXPECT_THAT(std::string(status.message()),
                MatchesRegex("GET .*/k: stalled: [0-9]+ bytes in 200 ms"));
  }
}

TEST(HttpFaults, AnUploadMustMove) {
  const SilentServer mute(SilentServer::How::kMute);
  Net net;
  HttpRequest request = PatientPut(mute.url() + "/k", 32 << 20);
  request.limits.stall = milliseconds(200);
  const Status status = net.Fetch(std::move(request)).status();
  EXPECT_EQ(status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()),
              MatchesRegex("PUT .*/k: stalled: [0-9]+ bytes in 200 ms"));
}

TEST(HttpFaults, AllOfItHasALimit) {
  // It moves all the time, and never ends.
  const HttpServer server(
      Always({.body = Letters(10 << 20), .delivery = {.bytes_per_second = 100'000}}));
  Net net;
  HttpRequest request = Patient(server.url() + "/k");
  request.limits.body_max_bytes = INT64_MAX;
  request.limits.total = milliseconds(300);
  EXPECT_EQ(net.Fetch(request).status().ToString(),
            "DeadlineExceeded: GET " + server.url() + "/k: not done within 300 ms");
}

TEST(HttpFaults, WaitingForItsTurnIsOutsideOfEveryLimit) {
  const HttpServer server([](const Asked& asked) {
    if (asked.target == "/last") return HttpReply{};
    return HttpReply{.delivery = {.stop_after = 0, .then = Then::kStall}};
  });
  Net net;
  std::vector<Future<HttpResponse>> first;
  for (int i = 0; i < HttpTransport::kRequestsPerHost; ++i) {
    HttpRequest request = Patient(server.url() + "/stalls");
    request.limits.total = milliseconds(2000);
    first.push_back(net.Send(std::move(request)));
  }
  HttpRequest request = Patient(server.url() + "/last");
  request.limits.total = request.limits.first_byte =
      milliseconds(2000);  // Gone by when its turn comes.
  const Result<HttpResponse> last = net.Fetch(std::move(request));
  EXPECT_TRUE(last.ok()) << last.status();
  for (const Future<HttpResponse>& future : first) {
    EXPECT_EQ(future.Get().status().code(), StatusCode::kDeadlineExceeded);
  }
}

enum class CancelBy { kToken, kFuture };

/// Starts the request, cancels it once `under_way` has returned, and gives the memory of its
/// destination back as soon as the future has resolved.
void ExpectCancelled(HttpRequest request, const std::function<void(Net&)>& under_way) {
  for (const CancelBy by : {CancelBy::kToken, CancelBy::kFuture}) {
    Net net;
    auto memory = std::make_unique<std::vector<std::byte>>(1 << 20);
    request.destination = *memory;
    const CancelSource source;
    request.cancel = source.token();
    Future<HttpResponse> future = net.Send(request);
    under_way(net);
    EXPECT_FALSE(future.ready());
    if (by == CancelBy::kToken) {
      source.Cancel();
    } else {
      future.Cancel();
    }
    EXPECT_TRUE(future.Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20)));
    net.transport.CancelAll();
    const Status status = future.Get().status();
    memory.reset();
    EXPECT_EQ(status.ToString(),
              "Cancelled: " + request.method + " " + request.url + ": cancelled");
  }
}

/// Returns when the event thread has seen what was asked before.
void AwaitEventThread(HttpTransport& transport) {
  const Promise<void> later;
  transport.After(milliseconds(1), [&] { later.Set(Status()); }, CancelToken());
  later.future().Wait();
}

TEST(HttpCancel, WhileConnecting) {
  const SilentServer server(SilentServer::How::kNoRoom);
  HttpRequest request = Patient(server.url() + "/k");
  request.waits_once_sent = true;
  ExpectCancelled(std::move(request), [](Net& net) { AwaitEventThread(net.transport); });
}

TEST(HttpCancel, WhileSending) {
  const HttpServer server(Always({}), {.before_body = [](const Asked&) {
                            return std::optional<HttpReply>(
                                HttpReply{.delivery = {.stop_after = 0, .then = Then::kStall}});
                          }});
  HttpRequest request = PatientPut(server.url() + "/k", 32 << 20);
  request.waits_once_sent = true;
  int count = 0;
  ExpectCancelled(std::move(request), [&](Net&) {
    ++count;
    ASSERT_TRUE(server.WaitUntil([&](const auto& counts) { return counts.requests == count; }));
  });
}

TEST(HttpCancel, WhileWaitingForTheHead) {
  const HttpServer server(Always({.delivery = {.stop_after = 5, .then = Then::kStall}}));
  int count = 0;
  ExpectCancelled(Patient(server.url() + "/k"), [&](Net&) {
    ++count;
    ASSERT_TRUE(server.WaitUntil([&](const auto& counts) { return counts.requests == count; }));
  });
}

TEST(HttpCancel, WhileReceiving) {
  // Without a pause: there is always something on its way into the destination.
  const HttpServer server(
      Always({.body = Letters(1 << 20), .delivery = {.bytes_per_second = 200'000}}));
  std::atomic<int> heads{0};
  HttpRequest request = Patient(server.url() + "/k");
  request.on_head = [&](const HttpResponse&) {
    ++heads;
    return Result<HttpWindow>(HttpWindow());
  };
  int count = 0;
  ExpectCancelled(std::move(request), [&](Net&) {
    ++count;
    while (heads < count) std::this_thread::yield();
  });
}

TEST(HttpCancel, OnceSentItEndsWithItsAnswerIfSoAsked) {
  for (const size_t bytes : {0, 1 << 20}) {
    for (const bool waits : {true, false}) {
      Net net;
      const CancelSource source;
      const HttpServer server([&](const Asked&) {
        source.Cancel();
        AwaitEventThread(net.transport);
        return HttpReply{.body = "done"};
      });
      HttpRequest request = PatientPut(server.url() + "/k", bytes);
      request.waits_once_sent = waits;
      request.cancel = source.token();
      const Result<HttpResponse> outcome = net.Send(request).Get();
      EXPECT_EQ(outcome.ok() ? TextOf(outcome->body) : "", waits ? "done" : "");
    }
  }
}

TEST(HttpCancel, WhileWaitingForItsTurn) {
  const HttpServer server(Always({.delivery = {.stop_after = 0, .then = Then::kStall}}));
  Net net;
  std::vector<Future<HttpResponse>> first;
  for (int i = 0; i < HttpTransport::kRequestsPerHost; ++i) {
    first.push_back(net.Send(Patient(server.url() + "/k")));
  }
  ASSERT_TRUE(server.WaitUntil(
      [](const auto& counts) { return counts.requests == HttpTransport::kRequestsPerHost; }));
  std::vector<Future<HttpResponse>> waiting;
  for (int i = 0; i < 100; ++i) waiting.push_back(net.Send(Patient(server.url() + "/k")));
  for (const Future<HttpResponse>& future : waiting) future.Cancel();
  for (const Future<HttpResponse>& future : waiting) {
    EXPECT_EQ(future.Get().status().ToString(),
              "Cancelled: GET " + server.url() + "/k: cancelled before it was sent");
  }
  for (const Future<HttpResponse>& future : first) future.Cancel();
  for (const Future<HttpResponse>& future : first) {
    EXPECT_EQ(future.Get().status().code(), StatusCode::kCancelled);
  }
  EXPECT_EQ(server.counts().requests, HttpTransport::kRequestsPerHost);
}

TEST(HttpCancel, BeforeItIsSentNothingGoesOut) {
  const HttpServer server(Always({}));
  Net net;
  const CancelSource source;
  source.Cancel();
  HttpRequest request = Patient(server.url() + "/k");
  request.cancel = source.token();
  EXPECT_EQ(net.Fetch(request).status().ToString(),
            "Cancelled: GET " + server.url() + "/k: cancelled before it was sent");
  EXPECT_TRUE(net.Fetch(server.url()).ok());
  EXPECT_EQ(server.counts().requests, 1);
}

TEST(HttpCancel, AgainstAnswersThatComeAtThatMoment) {
  const HttpServer server(Always({.body = "v"}));
  Net net;
  int answered = 0;
  for (int i = 0; i < 300; ++i) {
    Future<HttpResponse> future = net.Send(Patient(server.url() + "/k"));
    const auto moment = std::chrono::steady_clock::now() + std::chrono::microseconds(5 * i);
    while (std::chrono::steady_clock::now() < moment) continue;
    future.Cancel();
    const Result<HttpResponse> outcome = future.Get();
    answered += outcome.ok() ? 1 : 0;
    if (!outcome.ok()) {
      EXPECT_EQ(outcome.status().code(), StatusCode::kCancelled);
    }
  }
  EXPECT_TRUE(net.Fetch(server.url()).ok()) << answered;
}

TEST(HttpEnd, ATransportThatGoesCancelsWhatIsUnderWay) {
  const HttpServer server(
      Always({.body = Letters(1000), .delivery = {.stop_after_body = 10, .then = Then::kStall}}));
  std::vector<Future<HttpResponse>> sent;
  std::vector<std::byte> memory(1000);
  {
    Net net;
    for (int i = 0; i < 500; ++i) {
      HttpRequest request = Patient(server.url() + "/k");
      request.destination = memory;
      sent.push_back(net.Send(std::move(request)));
    }
    ASSERT_TRUE(server.WaitUntil(
        [](const auto& counts) { return counts.requests == HttpTransport::kRequestsPerHost; }));
  }
  for (const Future<HttpResponse>& future : sent) {
    ASSERT_TRUE(future.ready());
    EXPECT_EQ(future.Get().status().code(), StatusCode::kCancelled);
  }
  EXPECT_TRUE(server.WaitUntil([](const auto& counts) { return counts.open == 0; }));
}

TEST(HttpEnd, WhatACallbackAsksOfAnEndingTransportIsCancelled) {
  const HttpServer server(Always({.delivery = {.stop_after = 0, .then = Then::kStall}}));
  Promise<HttpResponse> again;
  std::atomic<int> timers{0};
  {
    Net net;
    net.Send(Patient(server.url() + "/k")).OnReady([&](const Result<HttpResponse>&) {
      net.Send(Patient(server.url() + "/again")).OnReady([&](const Result<HttpResponse>& outcome) {
        again.Set(outcome);
      });
      net.transport.After(kForever, [&] { ++timers; }, CancelToken());
    });
    net.transport.After(kForever, [&] { ++timers; }, CancelToken());
    ASSERT_TRUE(server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
  }
  EXPECT_EQ(again.future().Get().status().ToString(),
            "Cancelled: GET " + server.url() + "/again: requests of this context were cancelled");
  EXPECT_EQ(timers, 2);
}

TEST(HttpEnd, CancelAllEndsWhatIsUnderWayAndWhatComesLater) {
  const HttpServer server(Always({.delivery = {.stop_after = 0, .then = Then::kStall}}));
  Net net;
  std::vector<Future<HttpResponse>> sent;
  for (int i = 0; i < HttpTransport::kRequestsPerHost + 10; ++i) {
    sent.push_back(net.Send(Patient(server.url() + "/k")));
  }
  ASSERT_TRUE(server.WaitUntil(
      [](const auto& counts) { return counts.requests == HttpTransport::kRequestsPerHost; }));
  net.transport.CancelAll();
  for (const Future<HttpResponse>& future : sent) {
    EXPECT_EQ(future.Get().status().code(), StatusCode::kCancelled);
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(net.Fetch(Patient(server.url() + "/k")).status().code(), StatusCode::kCancelled);
    net.transport.CancelAll();
  }
  EXPECT_EQ(server.counts().requests, HttpTransport::kRequestsPerHost);
}

TEST(HttpEnd, CancelAllWakesWhoSleepsUntilATimer) {
  Net net;
  const Promise<void> far;
  const Promise<void> due;
  net.transport.After(kForever, [&] { far.Set(Status()); }, CancelToken());
  net.transport.After(milliseconds(1), [&] { due.Set(Status()); }, CancelToken());
  due.future().Wait();
  net.transport.CancelAll();
  EXPECT_TRUE(far.future().Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20)));
}

TEST(HttpEnd, CancelAllBeforeTheFirstRequest) {
  const HttpServer server(Always({}));
  Net net;
  net.transport.CancelAll();
  EXPECT_EQ(net.Fetch(server.url() + "/k").status().ToString(),
            "Cancelled: GET " + server.url() + "/k: requests of this context were cancelled");
  bool ran = false;
  net.transport.After(kForever, [&] { ran = true; }, CancelToken());
  EXPECT_TRUE(ran);
  EXPECT_EQ(server.counts().requests, 0);
}

TEST(HttpEnd, OnItsOwnEventThread) {
  const HttpServer server([](const Asked& asked) {
    if (asked.target == "/ends") return HttpReply{};
    return HttpReply{.delivery = {.stop_after = 0, .then = Then::kStall}};
  });
  const std::shared_ptr<Executor> executor = MakeThreadPool(1);
  auto transport = std::make_unique<HttpTransport>();
  const Future<HttpResponse> other = transport->Send(Patient(server.url() + "/stalls"), executor);
  ASSERT_TRUE(server.WaitUntil([](const auto& counts) { return counts.requests == 1; }));
  const Promise<void> gone;
  transport->Send(Patient(server.url() + "/ends"), executor)
      .OnReady([&](const Result<HttpResponse>& outcome) {
        EXPECT_TRUE(outcome.ok());
        transport.reset();
        gone.Set(Status());
      });
  gone.future().Wait();
  EXPECT_EQ(other.Get().status().code(), StatusCode::kCancelled);
}

TEST(HttpThreads, ThenRunsOnTheExecutorAndOnReadyOnOneThread) {
  const HttpServer server(Always({}));
  Net net;
  std::set<std::thread::id> threads;
  for (int i = 0; i < 20; ++i) {
    const Promise<std::thread::id> called;
    const Future<HttpResponse> future = net.Send(Patient(server.url()));
    const bool on_executor =
        *future.Then([&](const Result<HttpResponse>&) { return net.executor->IsWorkerThread(); })
             .Get();
    EXPECT_TRUE(on_executor);
    net.Send(Patient(server.url())).OnReady([&](const Result<HttpResponse>&) {
      called.Set(std::this_thread::get_id());
    });
    const std::thread::id thread = *called.future().Get();
    if (thread == std::this_thread::get_id()) continue;  // It was ready by then.
    threads.insert(thread);
  }
  EXPECT_LE(threads.size(), 1u);
}

TEST(HttpThreads, ACallbackMaySendAgain) {
  const HttpServer server(Always({}));
  Net net;
  const Promise<void> done;
  int count = 0;
  std::function<void(const Result<HttpResponse>&)> again = [&](const Result<HttpResponse>& last) {
    if (!last.ok() || ++count == 2000) {
      done.Set(last.status());
    } else {
      net.Send(Patient(server.url())).OnReady(again);
    }
  };
  net.Send(Patient(server.url())).OnReady(again);
  EXPECT_TRUE(done.future().Get().ok());
  EXPECT_EQ(count, 2000);
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpThreads, ManyThreadsSendAtOnce) {
  const HttpServer server([](const Asked& asked) { return HttpReply{.body = asked.target}; });
  Net net;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string path = "/" + std::to_string(t) + "-" + std::to_string(i);
        const Result<HttpResponse> response = net.Fetch(server.url() + path);
        right += response.ok() && TextOf(response->body) == path ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 400);
}

TEST(HttpTimers, RunWhenDueOrWhenCancelled) {
  Net net;
  const Promise<void> due;
  net.transport.After(milliseconds(1), [&] { due.Set(Status()); }, CancelToken());
  due.future().Wait();
  // The token may fire before, while and after the timer is handed over.
  for (int i = 0; i < 500 && !HasFailure(); ++i) {
    const CancelSource source;
    const Promise<void> ran;
    std::thread cancels([&] { source.Cancel(); });
    net.transport.After(kForever, [ran] { ran.Set(Status()); }, source.token());
    EXPECT_TRUE(ran.future().Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20)));
    cancels.join();
  }
}

TEST(HttpFork, TheChildHasATransportOfItsOwnAndTheParentKeepsItsConnections) {
  const HttpServer server([](const Asked& asked) { return HttpReply{.body = asked.target}; });
  Net net;
  ASSERT_TRUE(net.Fetch(server.url() + "/before").ok());
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const Result<HttpResponse> response = net.Fetch(server.url() + "/child");
    _exit(response.ok() && TextOf(response->body) == "/child" ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(TextOf(net.Fetch(server.url() + "/after").OrDie().body), "/after");
  EXPECT_EQ(server.connections(), 2);
  const std::vector<Asked> requests = server.requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[2].connection, requests[0].connection);
}

TEST(HttpFork, AChildMayEndTheTransportOfItsParent) {
  const HttpServer server(Always({}));
  auto net = std::make_unique<Net>();
  ASSERT_TRUE(net->Fetch(server.url()).ok());
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    net.reset();
    _exit(7);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_TRUE(net->Fetch(server.url()).ok());
}

}  // namespace
}  // namespace coffer
