// 1. A head ends at the first empty line; lines end with CR LF.
// 2. A body is bytes of a known number, or chunks (a line with the size, as many bytes, an empty
//    line; after the chunk of size 0 lines up to an empty one), or all until the end. Requests
//    without either header have none.
// 3. An outlet counts what it sends; byte n leaves no sooner than n / bytes_per_second after the
//    first, in pieces of a fiftieth of a second.
#include "tests/support/http_message.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace coffer::inline v0::testing {

namespace {

constexpr size_t kHeadBytesMax = size_t{1} << 20;
constexpr size_t kLineBytesMax = size_t{64} << 10;
constexpr std::string_view kLineEnd = "\r\n";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool SameText(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// What stands before the next `separator`, which goes with it; all if there is none.
std::string_view Split(std::string_view& text, std::string_view separator) {
  const size_t end = text.find(separator);
  const std::string_view first = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + separator.size());
  return first;
}

std::optional<int64_t> ParseNumber(std::string_view text, int base) {
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || stop != end || number < 0) return std::nullopt;
  return number;
}

std::optional<HttpHeaders> ParseHeaders(std::string_view lines) {
  HttpHeaders headers;
  for (;;) {
    const std::string_view line = Split(lines, kLineEnd);
    if (line.empty()) return headers;
    const size_t colon = line.find(':');
    if (colon == line.npos || colon == 0) return std::nullopt;
    headers.emplace_back(line.substr(0, colon), Trimmed(line.substr(colon + 1)));
  }
}

bool HasNoBody(int status) { return status < 200 || status == 204 || status == 304; }

std::string FramedHead(const HttpReply& reply) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " \r\n";
  HttpHeaders headers = reply.headers;
  if (reply.framing == HttpReply::Framing::kChunked) {
    headers.emplace_back("Transfer-Encoding", "chunked");
  } else if (reply.framing == HttpReply::Framing::kLength && !HasNoBody(reply.status) &&
             FindHeader(headers, "content-length").empty()) {
    headers.emplace_back("Content-Length", std::to_string(reply.body.size()));
  }
  for (const auto& [name, value] : headers) head.append(name + ": " + value + "\r\n");
  return head.append(kLineEnd);
}

std::string InChunks(std::string_view body) {
  std::string framed;
  for (size_t begin = 0; begin < body.size(); begin += HttpReply::kChunkBytes) {
    const std::string_view chunk = body.substr(begin, HttpReply::kChunkBytes);
    char size[17] = {};
    std::to_chars(size, size + 16, chunk.size(), 16);
    framed.append(size).append(kLineEnd).append(chunk).append(kLineEnd);
  }
  return framed.append("0\r\n\r\n");
}

}  // namespace

std::string FindHeader(const HttpHeaders& headers, std::string_view name) {
  for (const auto& [each, value] : headers) {
    if (SameText(each, name)) return value;
  }
  return "";
}

std::optional<std::string> ReceiveHead(TcpStream& stream) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  size_t searched = 0;
  for (;;) {
    const std::string_view came = stream.buffered();
    const size_t end = came.find(kEnd, searched);
    if (end != came.npos) {
      std::string head(came.substr(0, end + kEnd.size()));
      stream.Consume(head.size());
      return head;
    }
    searched = came.size() - std::min(came.size(), kEnd.size() - 1);
    if (came.size() > kHeadBytesMax || !stream.Fill()) return std::nullopt;
  }
}

std::optional<HttpRequest> ParseRequestHead(std::string_view head) {
  std::string_view start = Split(head, kLineEnd);
  HttpRequest request;
  request.method = Split(start, " ");
  request.target = Split(start, " ");
  request.version = start;
  std::optional<HttpHeaders> headers = ParseHeaders(head);
  if (request.target.empty() || !request.version.starts_with("HTTP/1.") || !headers) {
    return std::nullopt;
  }
  request.headers = *std::move(headers);
  return request;
}

std::optional<HttpResponseHead> ParseResponseHead(std::string_view head) {
  std::string_view start = Split(head, kLineEnd);
  HttpResponseHead response;
  response.version = Split(start, " ");
  const std::optional<int64_t> status = ParseNumber(Split(start, " "), 10);
  std::optional<HttpHeaders> headers = ParseHeaders(head);
  if (!response.version.starts_with("HTTP/1.") || !status || *status > 999 || !headers) {
    return std::nullopt;
  }
  response.status = static_cast<int>(*status);
  response.headers = *std::move(headers);
  return response;
}

bool KeepsAlive(std::string_view version, const HttpHeaders& headers) {
  const std::string connection = FindHeader(headers, "connection");
  return version == "HTTP/1.0" ? SameText(connection, "keep-alive")
                               : !SameText(connection, "close");
}

HttpBody HttpBody::Framed(const HttpHeaders& headers, State otherwise) {
  HttpBody body;
  const std::string length = FindHeader(headers, "content-length");
  if (const std::string coding = FindHeader(headers, "transfer-encoding"); !coding.empty()) {
    body.state_ = SameText(coding, "chunked") ? State::kSize : State::kBroken;
  } else if (length.empty()) {
    body.state_ = otherwise;
  } else {
    const std::optional<int64_t> bytes = ParseNumber(length, 10);
    body.left_ = bytes.value_or(0);
    body.state_ = !bytes ? State::kBroken : *bytes > 0 ? State::kBytes : State::kDone;
  }
  return body;
}

HttpBody HttpBody::Of(const HttpRequest& request) { return Framed(request.headers, State::kDone); }

HttpBody HttpBody::Of(const HttpResponseHead& response, std::string_view method) {
  if (method == "HEAD" || HasNoBody(response.status)) return HttpBody();
  return Framed(response.headers, State::kUntilClose);
}

size_t HttpBody::Take(std::string_view bytes, std::string* content) {
  size_t taken = 0;
  while (taken < bytes.size() && !done() && !broken()) {
    if (state_ == State::kBytes || state_ == State::kUntilClose || state_ == State::kChunk) {
      taken += TakeContent(bytes.substr(taken), content);
      continue;
    }
    line_ += bytes[taken++];
    if (line_.ends_with(kLineEnd)) {
      TakeLine();
      line_.clear();
    } else if (line_.size() > kLineBytesMax) {
      state_ = State::kBroken;
    }
  }
  return taken;
}

size_t HttpBody::TakeContent(std::string_view bytes, std::string* content) {
  if (state_ != State::kUntilClose) {
    bytes = bytes.substr(0, static_cast<size_t>(left_));
    left_ -= static_cast<int64_t>(bytes.size());
    if (left_ == 0) state_ = state_ == State::kBytes ? State::kDone : State::kAfterChunk;
  }
  if (content != nullptr) content->append(bytes);
  return bytes.size();
}

void HttpBody::TakeLine() {
  std::string_view line = line_;
  line.remove_suffix(kLineEnd.size());
  if (state_ == State::kSize) {
    const std::optional<int64_t> bytes = ParseNumber(Trimmed(Split(line, ";")), 16);
    left_ = bytes.value_or(0);
    state_ = !bytes ? State::kBroken : *bytes > 0 ? State::kChunk : State::kTrailer;
  } else if (state_ == State::kAfterChunk) {
    state_ = line.empty() ? State::kSize : State::kBroken;
  } else if (line.empty()) {
    state_ = State::kDone;
  }
}

bool Outlet::SendHead(std::string_view bytes) { return SendUpTo(bytes, std::nullopt, 0); }

bool Outlet::SendBody(std::string_view bytes) {
  const int64_t before = body_sent_;
  body_sent_ += static_cast<int64_t>(bytes.size());
  return SendUpTo(bytes, how_.stop_after_body, before);
}

bool Outlet::SendUpTo(std::string_view bytes, std::optional<int64_t> limit, int64_t sent) {
  if (cut_ || failed_) return false;
  constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
  const int64_t may =
      std::min(how_.stop_after.value_or(kNoLimit) - sent_, limit.value_or(kNoLimit) - sent);
  cut_ = static_cast<int64_t>(bytes.size()) > may;
  if (cut_) bytes = bytes.substr(0, static_cast<size_t>(may));
  failed_ = !SendPaced(bytes);
  return !cut_ && !failed_;
}

bool Outlet::SendPaced(std::string_view bytes) {
  using Clock = std::chrono::steady_clock;
  if (!start_) {
    if (!to_.stop().WaitUntil(Clock::now() + how_.delay)) return false;
    start_ = Clock::now();
  }
  while (!bytes.empty()) {
    std::string_view piece = bytes;
    if (how_.bytes_per_second > 0) {
      piece =
          piece.substr(0, static_cast<size_t>(std::max<int64_t>(1, how_.bytes_per_second / 50)));
      const std::chrono::duration<double> due(static_cast<double>(sent_) /
                                              static_cast<double>(how_.bytes_per_second));
      if (!to_.stop().WaitUntil(*start_ + std::chrono::duration_cast<Clock::duration>(due))) {
        return false;
      }
    }
    if (!to_.Send(piece)) return false;
    sent_ += static_cast<int64_t>(piece.size());
    bytes.remove_prefix(piece.size());
  }
  return true;
}

bool Outlet::Finish() {
  if (!cut_ && !failed_ && how_.then == Then::kKeepAlive) return true;
  if (!failed_ && how_.then == Then::kStall) to_.WaitForHangup();
  if (!failed_ && how_.then == Then::kReset) to_.Reset();
  to_.Close();
  return false;
}

bool SendReply(TcpStream& to, const HttpReply& reply, std::string_view method) {
  Delivery delivery = reply.delivery;
  if (!reply.raw && reply.framing == HttpReply::Framing::kClose &&
      delivery.then == Then::kKeepAlive) {
    delivery.then = Then::kClose;
  }
  Outlet outlet(to, delivery);
  if (reply.raw) {
    outlet.SendHead(*reply.raw);
  } else {
    outlet.SendHead(FramedHead(reply));
    if (method != "HEAD" && !HasNoBody(reply.status)) {
      const bool chunked = reply.framing == HttpReply::Framing::kChunked;
      outlet.SendBody(chunked ? InChunks(reply.body) : reply.body);
    }
  }
  return outlet.Finish();
}

bool ReceiveBody(TcpStream& from, const HttpRequest& head, std::string* content) {
  HttpBody body = HttpBody::Of(head);
  if (!body.done() && SameText(head.Header("expect"), "100-continue") &&
      !from.Send("HTTP/1.1 100 Continue\r\n\r\n")) {
    return false;
  }
  while (!body.done()) {
    if (body.broken() || (from.buffered().empty() && !from.Fill())) return false;
    from.Consume(body.Take(from.buffered(), content));
  }
  return true;
}

}  // namespace coffer::inline v0::testing
