// RawHttpClient: one connection to an HTTP server, of which a test sees every byte.
//
//     RawHttpClient client(server.port());
//     client.Send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
//     const RawHttpClient::Response response = client.Receive();
//     EXPECT_EQ(client.ReceiveAll(), "");               // all that comes before the end
//     EXPECT_EQ(client.end(), TcpStream::End::kFailed);  // which was a reset
//
// When nothing comes for twenty seconds that it waits for, the end is kStopped: a test that would
// hang fails. Whoever destroys it hangs up. Thread safety: one thread at a time.
#ifndef COFFER_TESTS_SUPPORT_HTTP_CLIENT_H_
#define COFFER_TESTS_SUPPORT_HTTP_CLIENT_H_

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/http_message.h"
#include "tests/support/tcp.h"

namespace coffer::inline v0::testing {

class RawHttpClient {
 public:
  struct Response {
    int status = 0;  ///< 0: no whole head came.
    HttpHeaders headers;
    std::string body;    ///< What the chunks held, if it came in chunks.
    bool whole = false;  ///< Head and body came to their end.
  };

  explicit RawHttpClient(int port) : stream_(TcpStream::Connect("127.0.0.1", port, stop_)) {
    if (!stream_) {
      std::fprintf(stderr, "nobody listens at port %d\n", port);
      std::abort();
    }
  }

  /// False: the server has ended or reset the connection, and this was noticed.
  bool Send(std::string_view bytes) { return stream_->Send(bytes); }

  /// A request with a Host, and with a Content-Length if there is a body.
  static std::string Request(std::string_view method, std::string_view target,
                             std::string_view body = "") {
    std::string request = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: h";
    if (!body.empty()) request += "\r\nContent-Length: " + std::to_string(body.size());
    return request.append("\r\n\r\n").append(body);
  }

  /// The next response, 1xx included, to a request of this method.
  Response Receive(std::string_view method = "GET") {
    Response response;
    const std::optional<std::string> head = ReceiveHead(*stream_);
    if (!head) return response;
    std::optional<HttpResponseHead> parsed = ParseResponseHead(*head);
    if (!parsed) return response;
    HttpBody body = HttpBody::Of(*parsed, method);
    response.status = parsed->status;
    response.headers = std::move(parsed->headers);
    while (!body.done() && !body.broken()) {
      if (stream_->buffered().empty() && !stream_->Fill()) break;
      stream_->Consume(body.Take(stream_->buffered(), &response.body));
    }
    response.whole = body.done() || (body.until_close() && end() == TcpStream::End::kClosed);
    return response;
  }
  Response Ask(std::string_view method, std::string_view target, std::string_view body = "") {
    Send(Request(method, target, body));
    return Receive(method);
  }

  /// So many bytes, or what came before the end.
  std::string ReceiveBytes(size_t count) {
    while (stream_->buffered().size() < count && stream_->Fill()) {
    }
    std::string bytes(stream_->buffered().substr(0, count));
    stream_->Consume(bytes.size());
    return bytes;
  }
  std::string ReceiveAll() { return ReceiveBytes(std::string::npos); }
  TcpStream::End end() const { return stream_->end(); }
  /// Whether nothing comes for 20 ms, not even the end.
  bool StaysQuiet() const {
    const auto start = std::chrono::steady_clock::now();
    for (int ms = 0; ms < 20; ++ms) {
      if (!stream_->buffered().empty() || stream_->HasInput()) return false;
      stop_.WaitUntil(start + std::chrono::milliseconds(ms + 1));
    }
    return true;
  }
  void HangUp() { stream_->Close(); }

 private:
  StopSignal stop_{std::chrono::seconds(20)};
  const std::unique_ptr<TcpStream> stream_;
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_HTTP_CLIENT_H_
