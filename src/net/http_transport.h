// HttpTransport: sends requests by libcurl on one event thread, which all stores of a context
// share.
//
//     HttpTransport& transport = context.Get<HttpTransport>();
//     Future<HttpResponse> answer = transport.Send(std::move(request), context.shared_executor());
//
//  * Connections are kept and used again. At most kRequestsPerHost requests to one host are under
//    way; more wait their turn, first come, first served, outside of every time limit.
//  * Bodies go between the socket and the caller's memory on the event thread; nothing else does.
//    Futures resolve there, so what follows must be short, or be given by Then().
//  * Cancelling ends a request within milliseconds, waiting or under way; but see
//    HttpRequest::waits_once_sent.
//  * TLS is verified; protocols are http and https only. Proxies are those of the environment, but
//    for this machine's own addresses: what is sent to these leaves it by no proxy either.
//
// Errors of a future: Cancelled; DeadlineExceeded (a limit of time, by name); Unavailable (no
// connection, or one that broke); ResourceExhausted (a body or head above its limit);
// PermissionDenied (a certificate that does not hold, an address that is refused); DataLoss (an
// answer that breaks HTTP's rules, or is encoded though nobody asked); InvalidArgument (a bad URL).
// All name method and URL, without its query.
//
// The thread starts with the first request. Where the kernel refuses one, requests fail with
// ResourceExhausted. Thread safety: all methods from any thread. A transport may be destroyed on
// its own event thread; requests that are under way then are cancelled. In a forked child it begins
// anew: the parent keeps the connections.
#ifndef COFFER_SRC_NET_HTTP_TRANSPORT_H_
#define COFFER_SRC_NET_HTTP_TRANSPORT_H_

#include <atomic>
#include <chrono>
#include <memory>

#include "coffer/async/executor.h"
#include "coffer/async/future.h"
#include "src/net/http.h"

namespace coffer::inline v0 {

class HttpTransport {
 public:
  static constexpr int kRequestsPerHost = 128;

  HttpTransport();
  ~HttpTransport();
  HttpTransport(const HttpTransport&) = delete;
  HttpTransport& operator=(const HttpTransport&) = delete;

  /// Then() of the future continues on the executor.
  Future<HttpResponse> Send(HttpRequest request, std::shared_ptr<Executor> executor);

  /// Runs a short task on the event thread when the time has passed, or as soon as the token fires;
  /// at once if the transport is destroyed first.
  void After(std::chrono::milliseconds delay, Task task, const CancelToken& cancel);

  /// Ends all requests with Cancelled: those under way or waiting, and those that come later.
  /// Timers run at once. Does not wait for it.
  void CancelAll();

 private:
  class Loop;
  struct OfProcess;
  Loop& loop();
  std::atomic<OfProcess*> current_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_NET_HTTP_TRANSPORT_H_
