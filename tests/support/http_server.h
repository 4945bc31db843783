// HttpServer: an HTTP/1.1 server on a free port of the loopback interface, whose answers a test
// chooses to the last byte. SilentServer: one that never answers.
//
//     HttpServer server([](const HttpRequest& request) {
//       if (request.method == "PUT") return HttpReply{.status = 503};
//       return HttpReply{.body = "value", .delivery = {.stop_after = 30, .then = Then::kReset}};
//     });
//     ... MakeHttpStore(server.url()) ...
//     EXPECT_EQ(server.requests()[0].Header("range"), "bytes=0-4");
//
// The handler runs on the thread of its connection, several at once. Connections are kept as long
// as client and reply let them. "Expect: 100-continue" is answered. No TLS.
//
// Lifetime: the destructor ends every delay, stall and slow delivery at once and waits for the
// threads; only a handler that itself waits must be let go first. Errors: a malformed request is
// answered with 400 and the connection closed. Thread safety: all methods from any thread, the
// handler's included.
#ifndef COFFER_TESTS_SUPPORT_HTTP_SERVER_H_
#define COFFER_TESTS_SUPPORT_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/mutex.h"
#include "tests/support/http_message.h"
#include "tests/support/tcp.h"

namespace coffer::inline v0::testing {

class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest& request)>;

  struct Options {
    /// Asked before the body is received: a reply is sent at once, in place of the handler's, and
    /// the connection closed when the client has hung up; what it still sends is dropped.
    std::function<std::optional<HttpReply>(const HttpRequest& head)> before_body = nullptr;
    int port = 0;             ///< 0: a free one.
    bool keep_bodies = true;  ///< In requests().
  };

  struct Counts {
    int connections = 0;   ///< Accepted so far.
    int open = 0;          ///< Of these, not yet given up.
    int requests = 0;      ///< Received whole, or answered before their body.
    int cut_requests = 0;  ///< The head came, but not all of the body.
  };

  explicit HttpServer(Handler handler) : HttpServer(std::move(handler), Options()) {}
  HttpServer(Handler handler, Options options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const { return listener_->port(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

  /// In the order in which they were whole; each is there before its handler runs.
  std::vector<HttpRequest> requests() const;
  /// With as much of the body as came.
  std::vector<HttpRequest> cut_requests() const;
  Counts counts() const;
  int connections() const { return counts().connections; }
  /// Waits until the counts are such. False: they were not within twenty seconds.
  bool WaitUntil(const std::function<bool(const Counts&)>& reached) const;

 private:
  void Serve(TcpStream& stream, int connection);
  bool ServeOne(TcpStream& stream, int connection);
  void Record(std::vector<HttpRequest>& where, int& count, const HttpRequest& request)
      COFFER_REQUIRES(mutex_);

  const Handler handler_;
  const Options options_;
  mutable Mutex mutex_;
  mutable CondVar changed_;
  Counts counts_ COFFER_GUARDED_BY(mutex_);
  std::vector<HttpRequest> requests_ COFFER_GUARDED_BY(mutex_);
  std::vector<HttpRequest> cut_requests_ COFFER_GUARDED_BY(mutex_);
  std::unique_ptr<TcpListener> listener_;
};

class SilentServer {
 public:
  enum class How {
    kRefuses,  ///< Nobody listens there; nobody else ever will while this lives.
    kNoRoom,   ///< A connection is never made, nor refused: a client waits for its own deadline.
    kMute,     ///< A connection is made, and nothing of what is sent on it ever read.
  };

  explicit SilentServer(How how);
  ~SilentServer();
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  int port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int port_ = 0;
  int fd_ = -1;
  std::vector<int> waiting_;  // Sockets that take the room.
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_HTTP_SERVER_H_
