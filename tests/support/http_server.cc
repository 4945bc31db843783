// One request:
// 1. Receive the head; a malformed one is answered with 400.
// 2. Ask before_body. If it replies: send that, finish, drop what comes until the client hangs up
//    (a close with bytes unread would be a reset, which may overtake the reply).
// 3. Receive the body, after a "100 Continue" where the client waits for one.
// 4. Record the request, call the handler, deliver the reply.
// 5. Next, if reply and client keep the connection.
//
// A silent server without room listens with a queue of one place and takes it itself; Linux then
// drops what asks for a connection.
#include "tests/support/http_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace coffer::inline v0::testing {

HttpServer::HttpServer(Handler handler, Options options)
    : handler_(std::move(handler)), options_(std::move(options)) {
  auto serve = [this](std::unique_ptr<TcpStream> stream, int connection) {
    Serve(*stream, connection);
    stream.reset();
    const MutexLock lock(mutex_);
    --counts_.open;
    changed_.NotifyAll();
  };
  listener_ = std::make_unique<TcpListener>(options_.port, std::move(serve));
}

HttpServer::~HttpServer() { listener_->Stop(); }

std::vector<HttpRequest> HttpServer::requests() const {
  const MutexLock lock(mutex_);
  return requests_;
}

std::vector<HttpRequest> HttpServer::cut_requests() const {
  const MutexLock lock(mutex_);
  return cut_requests_;
}

HttpServer::Counts HttpServer::counts() const {
  const MutexLock lock(mutex_);
  return counts_;
}

bool HttpServer::WaitUntil(const std::function<bool(const Counts&)>& reached) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const MutexLock lock(mutex_);
  while (!reached(counts_)) {
    if (!changed_.WaitUntil(mutex_, deadline)) return reached(counts_);
  }
  return true;
}

void HttpServer::Serve(TcpStream& stream, int connection) {
  {
    const MutexLock lock(mutex_);
    ++counts_.connections;
    ++counts_.open;
    changed_.NotifyAll();
  }
  while (ServeOne(stream, connection)) {
  }
}

bool HttpServer::ServeOne(TcpStream& stream, int connection) {
  const std::optional<std::string> head = ReceiveHead(stream);
  if (!head) return false;
  std::optional<HttpRequest> request = ParseRequestHead(*head);
  if (!request) {
    return SendReply(stream, {.status = 400, .delivery = {.then = Then::kClose}}, "GET");
  }
  request->connection = connection;
  std::optional<HttpReply> early;
  if (options_.before_body) early = options_.before_body(*request);
  const bool whole = early || ReceiveBody(stream, *request, &request->body);
  {
    const MutexLock lock(mutex_);
    if (whole) {
      Record(requests_, counts_.requests, *request);
    } else {
      Record(cut_requests_, counts_.cut_requests, *request);
    }
  }
  if (!whole) return false;
  if (early) {
    if (SendReply(stream, *early, request->method)) {
      stream.FinishSending();
      while (stream.Fill()) stream.Consume(stream.buffered().size());
    }
    return false;
  }
  return SendReply(stream, handler_(*request), request->method) &&
         KeepsAlive(request->version, request->headers);
}

void HttpServer::Record(std::vector<HttpRequest>& where, int& count, const HttpRequest& request) {
  HttpRequest& recorded = where.emplace_back(request);
  if (!options_.keep_bodies) recorded.body.clear();
  ++count;
  changed_.NotifyAll();
}

SilentServer::SilentServer(How how) : fd_(BindLoopback(&port_)) {
  if (how == How::kRefuses) return;
  if (listen(fd_, how == How::kNoRoom ? 0 : SOMAXCONN) != 0) std::abort();
  if (how == How::kMute) return;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // More than there is room for: which of them are made is the system's affair.
  for (int i = 0; i < 4; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) std::abort();
    waiting_.push_back(fd);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
        errno != EINPROGRESS) {
      std::abort();
    }
  }
}

SilentServer::~SilentServer() {
  for (const int fd : waiting_) close(fd);
  close(fd_);
}

}  // namespace coffer::inline v0::testing
