// What the tests of the HTTP transport share: a transport with an executor, plain requests, and
// answers of the scripted server.
#ifndef COFFER_TESTS_UNIT_NET_NET_SUPPORT_H_
#define COFFER_TESTS_UNIT_NET_NET_SUPPORT_H_

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/mutex.h"
#include "src/net/http_transport.h"
#include "tests/support/http_server.h"

namespace coffer {

using testing::HttpReply;
using testing::HttpServer;
using testing::SilentServer;
using testing::Then;
using Asked = testing::HttpRequest;
using Framing = testing::HttpReply::Framing;

inline constexpr std::chrono::hours kForever(1);

/// Every request is answered alike.
inline HttpServer::Handler Always(HttpReply reply) {
  return [reply = std::move(reply)](const Asked&) { return reply; };
}

inline HttpRequest GetOf(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

/// A transport and the executor on which Then() continues.
struct Net {
  const std::shared_ptr<Executor> executor = MakeThreadPool(2);
  HttpTransport transport;

  Future<HttpResponse> Send(HttpRequest request) {
    return transport.Send(std::move(request), executor);
  }
  Result<HttpResponse> Fetch(HttpRequest request) { return Send(std::move(request)).Get(); }
  Result<HttpResponse> Fetch(const std::string& url) { return Fetch(GetOf(url)); }
};

inline std::string TextOf(const Bytes& bytes) { return std::string(bytes.text()); }

/// Letters in an order that shows what is missing.
inline std::string Letters(size_t size) {
  std::string text(size, ' ');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 26) % 26);
  return text;
}

/// Lets through as many as it was told to.
class Turnstile {
 public:
  void Let(int more) {
    const MutexLock lock(mutex_);
    left_ += more;
    changed_.NotifyAll();
  }
  void Pass() {
    const MutexLock lock(mutex_);
    while (left_ <= 0) changed_.Wait(mutex_);
    --left_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int left_ COFFER_GUARDED_BY(mutex_) = 0;
};

}  // namespace coffer

#endif  // COFFER_TESTS_UNIT_NET_NET_SUPPORT_H_
