// StopSignal, TcpStream, TcpListener: plain sockets for servers of tests, every wait of which ends
// at once when the server is given up.
//
//     StopSignal stop;
//     auto stream = TcpStream::Connect("127.0.0.1", port, stop);
//     stream->Send("GET / HTTP/1.1\r\n\r\n");
//     while (stream->Fill()) stream->Consume(Use(stream->buffered()));
//     if (stream->end() == TcpStream::End::kFailed) ...     // a reset
//
// Errors: what the system refuses while a listener is set up ends the process; the fate of a
// connection is a return value. Thread safety: StopSignal's methods from any thread; a stream's
// from one at a time.
#ifndef COFFER_TESTS_SUPPORT_TCP_H_
#define COFFER_TESTS_SUPPORT_TCP_H_

#include <poll.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace coffer::inline v0::testing {

class StopSignal {
 public:
  /// With a patience, a wait for something that does not come for so long raises it.
  explicit StopSignal(std::optional<std::chrono::nanoseconds> patience = std::nullopt);
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void Raise();
  bool raised() const { return raised_; }
  /// Until a poll would return for one of `what`, whose `revents` it sets. False: raised before.
  bool WaitFor(std::vector<pollfd>& what);
  /// False: raised before.
  bool WaitUntil(std::chrono::steady_clock::time_point time) const;

 private:
  const std::optional<std::chrono::nanoseconds> patience_;
  const int fd_;
  std::atomic<bool> raised_ = false;
};

/// One connection. Closed when it goes.
class TcpStream {
 public:
  enum class End {
    kNone,
    kClosed,   ///< The peer sends no more.
    kFailed,   ///< Reset, most likely.
    kStopped,  ///< The signal was raised.
  };

  /// Takes over a connected socket. `stop` outlives the stream.
  TcpStream(int fd, StopSignal& stop);
  ~TcpStream() { Close(); }
  TcpStream(const TcpStream&) = delete;
  TcpStream& operator=(const TcpStream&) = delete;

  /// Null if nobody answers there, or the signal is raised.
  static std::unique_ptr<TcpStream> Connect(const std::string& host, int port, StopSignal& stop);

  /// Waits for more and adds it to buffered(). False: there is no more; end() says why.
  bool Fill();
  /// Received and not yet consumed.
  std::string_view buffered() const;
  void Consume(size_t bytes) { begin_ += bytes; }
  End end() const { return end_; }

  /// Returns when all is on its way. False: it never will be.
  bool Send(std::string_view bytes);

  /// Whether Fill() would return at once.
  bool HasInput() const;
  /// Whether the peer sends no more, received or not.
  bool HungUp() const;
  /// Waits until then; what is received meanwhile stays where it is.
  void WaitForHangup() const;
  /// Until `a` has input (or ended) or `b` has (or, with `only_hangup`, until that hung up).
  /// False: stopped before.
  static bool WaitForEither(const TcpStream& a, const TcpStream& b, bool only_hangup = false);

  /// The peer finds the end of what was sent; what it still sends is received.
  void FinishSending();
  /// The same, and what it still sends is refused. (With something received and not yet filled
  /// into the buffer this is a reset, as always with TCP.)
  void Close();
  /// The peer receives all that was sent, and then a reset.
  void Reset();

  StopSignal& stop() const { return stop_; }

 private:
  StopSignal& stop_;
  int fd_;
  End end_ = End::kNone;
  std::vector<char> buffer_;
  size_t begin_ = 0;  // Buffered is [begin_, limit_) of the buffer.
  size_t limit_ = 0;
};

/// Accepts connections on the loopback interface and serves each on a thread of its own.
class TcpListener {
 public:
  /// `connection` counts from 0. When it returns the thread ends; streams are the server's to give
  /// up.
  using Serve = std::function<void(std::unique_ptr<TcpStream> stream, int connection)>;

  /// Port 0: a free one. `receive_buffer`: of each connection, in bytes; 0: the system's choice.
  /// Where it is small, nothing counts as received that the server has not read.
  TcpListener(int port, Serve serve, int receive_buffer = 0);
  ~TcpListener() { Stop(); }
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  int port() const { return port_; }
  /// Ends every wait of every stream, and returns when all threads have ended.
  void Stop();

 private:
  void Accept();

  const Serve serve_;
  StopSignal stop_;
  int port_ = 0;
  int fd_ = -1;
  std::thread accepting_;
};

/// A socket bound to a port of the loopback interface (0: a free one, which *port becomes).
int BindLoopback(int* port);

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_TCP_H_
