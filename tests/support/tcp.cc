// 1. Every wait is a poll of the socket and of the signal's eventfd, which stays readable once it
//    was raised. Sockets never block otherwise.
// 2. The thread that accepts owns the threads that serve: it joins those that are done whenever
//    one comes, and the rest before it ends itself.
// 3. A reset is a close with a linger time of 0, which drops what still waits to be sent; so it
//    waits until nothing does. What is under way arrives first: else the reset is out of sequence,
//    and the peer asks again.
#include "tests/support/tcp.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>
#include <utility>

namespace coffer::inline v0::testing {

namespace {

constexpr size_t kBufferBytes = size_t{128} << 10;

void Check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::abort();
}

/// Negative: for ever.
bool Poll(pollfd* what, size_t count, std::chrono::nanoseconds timeout) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(timeout);
  const timespec left = {static_cast<time_t>(seconds.count()),
                         static_cast<int64_t>((timeout - seconds).count())};
  return ppoll(what, count, timeout.count() < 0 ? nullptr : &left, nullptr) > 0;
}

void SetOption(int fd, int level, int name, int value) {
  Check(setsockopt(fd, level, name, &value, sizeof value) == 0, "setsockopt");
}

}  // namespace

StopSignal::StopSignal(std::optional<std::chrono::nanoseconds> patience)
    : patience_(patience), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  Check(fd_ >= 0, "eventfd");
}

StopSignal::~StopSignal() { close(fd_); }

void StopSignal::Raise() {
  raised_ = true;
  const uint64_t one = 1;
  Check(write(fd_, &one, sizeof one) == sizeof one, "eventfd");
}

bool StopSignal::WaitFor(std::vector<pollfd>& what) {
  what.push_back({fd_, POLLIN, 0});
  while (!Poll(what.data(), what.size(), patience_.value_or(std::chrono::nanoseconds(-1)))) {
    if (patience_) Raise();
  }
  what.pop_back();
  return !raised_;
}

bool StopSignal::WaitUntil(std::chrono::steady_clock::time_point time) const {
  pollfd own = {fd_, POLLIN, 0};
  for (;;) {
    if (raised_) return false;
    const auto left = time - std::chrono::steady_clock::now();
    if (left.count() <= 0) return true;
    Poll(&own, 1, left);
  }
}

TcpStream::TcpStream(int fd, StopSignal& stop) : stop_(stop), fd_(fd) {
  Check(fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "fcntl");
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

std::unique_ptr<TcpStream> TcpStream::Connect(const std::string& host, int port, StopSignal& stop) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return nullptr;
  std::unique_ptr<TcpStream> stream;
  for (const addrinfo* each = found; each != nullptr && !stream; each = each->ai_next) {
    const int fd = socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    Check(fd >= 0, "socket");
    auto candidate = std::make_unique<TcpStream>(fd, stop);
    if (connect(fd, each->ai_addr, each->ai_addrlen) != 0) {
      if (errno != EINPROGRESS) continue;
      std::vector<pollfd> what = {{fd, POLLOUT, 0}};
      if (!stop.WaitFor(what)) break;
      int error = 0;
      socklen_t size = sizeof error;
      if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) continue;
    }
    stream = std::move(candidate);
  }
  freeaddrinfo(found);
  return stream;
}

std::string_view TcpStream::buffered() const {
  return std::string_view(buffer_.data() + begin_, limit_ - begin_);
}

bool TcpStream::Fill() {
  if (stop_.raised()) end_ = End::kStopped;
  if (end_ != End::kNone) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, limit_ - begin_);
    limit_ -= begin_;
    begin_ = 0;
  }
  if (limit_ == buffer_.size()) buffer_.resize(std::max(kBufferBytes, 2 * limit_));
  for (;;) {
    const ssize_t got = recv(fd_, buffer_.data() + limit_, buffer_.size() - limit_, 0);
    if (got > 0) {
      limit_ += static_cast<size_t>(got);
      return true;
    }
    if (got == 0) {
      end_ = End::kClosed;
      return false;
    }
    if (errno != EAGAIN && errno != EINTR) {
      end_ = End::kFailed;
      return false;
    }
    std::vector<pollfd> what = {{fd_, POLLIN, 0}};
    if (!stop_.WaitFor(what)) {
      end_ = End::kStopped;
      return false;
    }
  }
}

bool TcpStream::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (stop_.raised()) return false;
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      std::vector<pollfd> what = {{fd_, POLLOUT, 0}};
      if (!stop_.WaitFor(what)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool TcpStream::HasInput() const {
  pollfd what = {fd_, POLLIN, 0};
  return end_ != End::kNone || Poll(&what, 1, std::chrono::nanoseconds(0));
}

bool TcpStream::HungUp() const {
  pollfd what = {fd_, POLLRDHUP, 0};
  return end_ != End::kNone || Poll(&what, 1, std::chrono::nanoseconds(0));
}

void TcpStream::WaitForHangup() const {
  std::vector<pollfd> what = {{fd_, POLLRDHUP, 0}};
  stop_.WaitFor(what);
}

bool TcpStream::WaitForEither(const TcpStream& a, const TcpStream& b, bool only_hangup) {
  if (a.end_ != End::kNone || b.end_ != End::kNone) return !a.stop_.raised();
  const short of_b = only_hangup ? POLLRDHUP : POLLIN;
  std::vector<pollfd> what = {{a.fd_, POLLIN, 0}, {b.fd_, of_b, 0}};
  return a.stop_.WaitFor(what);
}

void TcpStream::FinishSending() { shutdown(fd_, SHUT_WR); }

void TcpStream::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  if (end_ == End::kNone) end_ = End::kClosed;
}

void TcpStream::Reset() {
  if (fd_ < 0) return;
  for (int waiting = 0; ioctl(fd_, SIOCOUTQNSD, &waiting) == 0 && waiting > 0;) {
    pollfd gone = {fd_, 0, 0};
    if (Poll(&gone, 1, std::chrono::nanoseconds(0))) break;
    if (!stop_.WaitUntil(std::chrono::steady_clock::now() + std::chrono::milliseconds(1))) break;
  }
  const linger at_once = {1, 0};
  Check(setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0, "setsockopt");
  Close();
}

int BindLoopback(int* port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  Check(fd >= 0, "socket");
  if (*port != 0) SetOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(*port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  Check(bind(fd, generic, size) == 0, "bind");
  Check(getsockname(fd, generic, &size) == 0, "getsockname");
  *port = ntohs(address.sin_port);
  return fd;
}

TcpListener::TcpListener(int port, Serve serve, int receive_buffer)
    : serve_(std::move(serve)), port_(port) {
  fd_ = BindLoopback(&port_);
  if (receive_buffer > 0) SetOption(fd_, SOL_SOCKET, SO_RCVBUF, receive_buffer);
  SetOption(fd_, SOL_SOCKET, SO_REUSEADDR, 1);  // For who comes later; before, free ones may meet.
  Check(listen(fd_, SOMAXCONN) == 0, "listen");
  accepting_ = std::thread([this] { Accept(); });
}

void TcpListener::Stop() {
  if (!accepting_.joinable()) return;
  stop_.Raise();
  accepting_.join();
  close(fd_);
}

void TcpListener::Accept() {
  struct Serving {
    std::thread thread;
    std::atomic<bool> done = false;
  };
  std::list<Serving> serving;
  int connections = 0;
  for (;;) {
    std::vector<pollfd> what = {{fd_, POLLIN, 0}};
    if (!stop_.WaitFor(what)) break;
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    Check(fd >= 0 || errno == EAGAIN || errno == ECONNABORTED || errno == EINTR, "accept");
    if (fd < 0) continue;
    serving.remove_if([](Serving& each) {
      if (!each.done) return false;
      each.thread.join();
      return true;
    });
    Serving& next = serving.emplace_back();
    next.thread = std::thread([this, fd, number = connections++, &next] {
      serve_(std::make_unique<TcpStream>(fd, stop_), number);
      next.done = true;
    });
  }
  for (Serving& each : serving) each.thread.join();
}

}  // namespace coffer::inline v0::testing
