// FaultProxy: stands between clients and a real HTTP/1.1 server, and does to each request what a
// test chooses.
//
//     FaultProxy proxy("127.0.0.1", port, [](const HttpRequest& head, int64_t number) {
//       if (head.method == "PUT" && number == 3) return ProxyAction::LoseResponse(Then::kReset);
//       return ProxyAction::Delay(std::chrono::milliseconds(20));
//     });
//     ... MakeHttpStore(proxy.url()) ...
//
// Heads and bodies pass unchanged, the Host header too (a signature made for the proxy's address
// still holds at the server), without being gathered. Every connection of a client has its own to
// the server and its own thread: delays run side by side. When the server ends or resets its
// connection within a message, the client's is ended or reset; when the client hangs up (it sends
// no more), the server's is. Responses of status 1xx pass as they come, and are neither counted nor
// cut. A response that comes before the request is whole passes, and then both connections are
// closed.
//
// Lifetime: the destructor ends every wait at once and joins all threads. Errors: a malformed head,
// and a server that cannot be reached, close the client's connection. Thread safety: all methods
// from any thread; `choose` is called by one thread at a time.
#ifndef COFFER_TESTS_SUPPORT_FAULT_PROXY_H_
#define COFFER_TESTS_SUPPORT_FAULT_PROXY_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "src/base/mutex.h"
#include "tests/support/http_message.h"
#include "tests/support/tcp.h"

namespace coffer::inline v0::testing {

/// Default: pass.
struct ProxyAction {
  /// Answers itself, when the request has come whole: nothing of it reaches the server.
  std::optional<HttpReply> reply = std::nullopt;
  /// To the server. If it is cut, or `then` is not kKeepAlive: what `then` says befalls both
  /// connections, and no response passes. (A client still sending is reset by a close, too.)
  Delivery request = {};
  /// To the client. With `stop_after` 0 the response is first received to its end.
  Delivery response = {};

  static ProxyAction Pass() { return {}; }
  static ProxyAction Reply(HttpReply reply) { return {.reply = std::move(reply)}; }
  /// The server gets the request this much later.
  static ProxyAction Delay(std::chrono::microseconds delay) {
    return {.request = {.delay = delay}};
  }
  /// The server has done what it was asked, and the client never hears of it.
  static ProxyAction LoseResponse(Then then) {
    return {.response = {.stop_after = 0, .then = then}};
  }
  /// After so many bytes of head and body.
  static ProxyAction CutResponse(int64_t bytes, Then then) {
    return {.response = {.stop_after = bytes, .then = then}};
  }
  static ProxyAction CutRequest(int64_t bytes, Then then) {
    return {.request = {.stop_after = bytes, .then = then}};
  }
};

class FaultProxy {
 public:
  /// `number` counts the requests of all connections from 0.
  using Choose = std::function<ProxyAction(const HttpRequest& head, int64_t number)>;

  FaultProxy(std::string host, int port, Choose choose);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  int port() const { return listener_->port(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

  /// How many requests came, by method.
  std::map<std::string, int64_t> requests() const;
  /// Waits until so many came, whose fates are chosen. False: not within twenty seconds.
  bool WaitForRequests(int64_t count) const;
  /// How many connections to the server were made.
  int64_t upstream_connections() const;

 private:
  class Session;

  ProxyAction ChooseFor(const HttpRequest& head);
  std::unique_ptr<TcpStream> ConnectUpstream(StopSignal& stop);

  const std::string host_;
  const int port_;
  Mutex choosing_;
  Choose choose_ COFFER_GUARDED_BY(choosing_);
  int64_t number_ COFFER_GUARDED_BY(choosing_) = 0;
  mutable Mutex mutex_;
  mutable CondVar chosen_;
  int64_t chosen_count_ COFFER_GUARDED_BY(mutex_) = 0;
  int64_t upstream_connections_ COFFER_GUARDED_BY(mutex_) = 0;
  std::map<std::string, int64_t> requests_ COFFER_GUARDED_BY(mutex_);
  std::unique_ptr<TcpListener> listener_;
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_FAULT_PROXY_H_
