// HttpRequest, HttpReply, Delivery: what servers of tests are asked, what they answer, and what
// befalls the bytes of it on their way. Then the parts of HTTP/1.1 that HttpServer and FaultProxy
// share: heads, the ends of bodies, and an outlet that delivers bytes as a Delivery says.
//
//     HttpReply{.status = 503, .headers = {{"Retry-After", "1"}}, .body = kSlowDown}
//     HttpReply{.body = value, .delivery = {.stop_after_body = 10, .then = Then::kReset}}
//
// Errors: a malformed head is a nullopt, a malformed body is broken(). Thread safety: each object
// from one thread at a time.
#ifndef COFFER_TESTS_SUPPORT_HTTP_MESSAGE_H_
#define COFFER_TESTS_SUPPORT_HTTP_MESSAGE_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/tcp.h"

namespace coffer::inline v0::testing {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// The value of the first header of that name, upper or lower case; empty if there is none.
std::string FindHeader(const HttpHeaders& headers, std::string_view name);

struct HttpRequest {
  std::string method;
  std::string target;  ///< Path and query as they were sent.
  std::string version;
  HttpHeaders headers;  ///< As they were sent, in their order.
  std::string body;     ///< What the chunks held, if it came in chunks.
  int connection = 0;   ///< Number of the TCP connection, from 0.

  std::string Header(std::string_view name) const { return FindHeader(headers, name); }
};

/// What becomes of a connection after a message.
enum class Then {
  kKeepAlive,  ///< The next one may follow; but not after a message that was cut: then kClose.
  kClose,      ///< The receiver finds the end after what was sent.
  kReset,      ///< The receiver gets all that was sent, and then a reset.
  kStall,      ///< Nothing comes any more, until the receiver hangs up.
};

struct Delivery {
  std::chrono::microseconds delay{0};  ///< Before the first byte.
  int64_t bytes_per_second = 0;        ///< 0: as fast as it goes.
  /// At most so many bytes of head and body are sent, or the head and so many of the body as it is
  /// framed.
  std::optional<int64_t> stop_after = std::nullopt;
  std::optional<int64_t> stop_after_body = std::nullopt;
  Then then = Then::kKeepAlive;
};

struct HttpReply {
  enum class Framing {
    kLength,   ///< A Content-Length; one among the headers stands in its place: so one lies.
    kChunked,  ///< In chunks of kChunkBytes.
    kClose,    ///< The body ends with the connection: kKeepAlive means kClose.
  };
  static constexpr size_t kChunkBytes = 1024;

  int status = 200;
  HttpHeaders headers = {};
  /// Not sent, but counted in the Content-Length, for HEAD. Neither for 204, 304 and 1xx.
  std::string body = {};
  Framing framing = Framing::kLength;
  /// Sent in place of all of the above; it counts as head.
  std::optional<std::string> raw = std::nullopt;
  Delivery delivery = {};
};

struct HttpResponseHead {
  int status = 0;
  std::string version;
  HttpHeaders headers;
};

/// The next head, from the start line to the empty line, consumed from the stream. None if the
/// stream ends before (its buffer holds what came) or a head is larger than 1 MiB.
std::optional<std::string> ReceiveHead(TcpStream& stream);
std::optional<HttpRequest> ParseRequestHead(std::string_view head);
std::optional<HttpResponseHead> ParseResponseHead(std::string_view head);
/// Whether another message may follow one with this head, as far as the sender says.
bool KeepsAlive(std::string_view version, const HttpHeaders& headers);

/// Finds the end of a body in the bytes that come.
class HttpBody {
 public:
  static HttpBody Of(const HttpRequest& request);
  static HttpBody Of(const HttpResponseHead& response, std::string_view method);

  /// How many of `bytes` belong to the body as it is framed; what they hold is appended to
  /// *content, if that is asked for. Fewer than all when the body is done or broken.
  size_t Take(std::string_view bytes, std::string* content = nullptr);

  bool done() const { return state_ == State::kDone; }
  bool broken() const { return state_ == State::kBroken; }
  /// It ends where the connection ends: it is never done.
  bool until_close() const { return state_ == State::kUntilClose; }

 private:
  enum class State { kBytes, kUntilClose, kSize, kChunk, kAfterChunk, kTrailer, kDone, kBroken };
  HttpBody() = default;
  static HttpBody Framed(const HttpHeaders& headers, State otherwise);
  size_t TakeContent(std::string_view bytes, std::string* content);
  void TakeLine();

  State state_ = State::kDone;
  int64_t left_ = 0;  // Of the body or the chunk.
  std::string line_;  // Of a chunked body's framing, as far as it came.
};

/// Sends a message in pieces as a delivery says.
class Outlet {
 public:
  Outlet(TcpStream& to, const Delivery& how) : to_(to), how_(how) {}

  /// False: not all of it was sent, nor will anything be that follows.
  bool SendHead(std::string_view bytes);
  bool SendBody(std::string_view bytes);
  /// Something was held back because the delivery says so.
  bool cut() const { return cut_; }

  /// After the message, or what was sent of it: what `then` says. Whether the stream is kept.
  bool Finish();

 private:
  bool SendUpTo(std::string_view bytes, std::optional<int64_t> limit, int64_t sent);
  bool SendPaced(std::string_view bytes);

  TcpStream& to_;
  const Delivery how_;
  std::optional<std::chrono::steady_clock::time_point> start_;
  int64_t sent_ = 0;
  int64_t body_sent_ = 0;
  bool cut_ = false;
  bool failed_ = false;
};

/// Sends a reply to a request of this method. Whether the stream is kept.
bool SendReply(TcpStream& to, const HttpReply& reply, std::string_view method);

/// Receives the body of a request, and asks for it first if the client waits for that
/// ("Expect: 100-continue"). False: the stream ended before, or the body is malformed.
bool ReceiveBody(TcpStream& from, const HttpRequest& head, std::string* content);

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_HTTP_MESSAGE_H_
