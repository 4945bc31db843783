// 1. Begin() hands the request to libcurl: no redirects, no decoding, no signals, http(s) only.
// 2. Header lines are collected; an empty one ends the head. An interim answer (1xx) is forgotten
//    when the next status line comes.
// 3. When the head of a success is there, on_head says which part of the body to keep.
// 4. The body goes to the destination, or to memory that grows with what has really come: a length
//    that a head claims is taken at its word up to kTrusted only.
// 5. What is given to libcurl may be long in its buffer, and in the socket's: an upload has moved
//    when the peer acknowledged it. Many that share a slow link would look stalled else, each with
//    a buffer full that takes minutes to leave.
// 6. A callback that fails leaves its Status in failure_, and libcurl gives up.
#include "src/net/transfer.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "coffer/base/version.h"
#include "src/base/shown.h"
#include "src/net/http_url.h"

namespace coffer::inline v0 {

namespace {

constexpr int64_t kTrusted = MiB(64);
constexpr int64_t kErrorBodyMax = KiB(64);
constexpr long kSocketBuffer = 512 * 1024;  // NOLINT: libcurl's type

std::string HostOf(std::string_view url) {
  const size_t scheme = url.find("://");
  const size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  return std::string(url.substr(0, std::min(url.find_first_of("/?#", begin), url.size())));
}

std::string Text(std::chrono::milliseconds time) { return std::to_string(time.count()) + " ms"; }

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

bool LeadsToLinkLocal(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof(v4));
    uint8_t bytes[4];
    std::memcpy(bytes, &v4.sin_addr, sizeof(bytes));
    return IsLinkLocal(bytes);
  }
  if (address.sa_family != AF_INET6) return false;
  sockaddr_in6 v6;
  std::memcpy(&v6, &address, sizeof(v6));
  return IsLinkLocal(v6.sin6_addr.s6_addr);
}

/// What libcurl says of a proxy may be the value of a variable, and hold a password: a blank, a "#"
/// or a "/" in that makes the URL none.
Status ProxyError(bool is_usable) {
  constexpr std::string_view kVariables = " (http_proxy, https_proxy, all_proxy)";
  if (is_usable) {
    return UnavailableError("the host of the environment's proxy" + std::string(kVariables) +
                            " could not be resolved");
  }
  return InvalidArgumentError("the environment's proxy" + std::string(kVariables) +
                              " cannot be used: expected http://USER:PASSWORD@HOST:PORT, with what "
                              "is no letter or digit of a password percent-encoded");
}

Status LinkLocalError() {
  return PermissionDeniedError(
      "the host's address is link-local, which only the metadata service may be asked at");
}

}  // namespace

Transfer::Transfer(HttpRequest request, std::shared_ptr<Executor> executor)
    : request_(std::move(request)), promise_(std::move(executor)), host_(HostOf(request_.url)) {}

void Transfer::WatchCancel(const std::function<void()>& wake) {
  const auto fire = [self = weak_from_this(), wake] {
    if (const std::shared_ptr<Transfer> transfer = self.lock()) {
      transfer->cancelled_.store(true, std::memory_order_release);
      wake();
    }
  };
  cancel_ids_[0] = request_.cancel.OnCancel(fire);
  cancel_ids_[1] = promise_.cancel_token().OnCancel(fire);
}

bool Transfer::waits_for_answer() const { return request_.waits_once_sent && IsOut(); }

bool Transfer::IsOut() const { return sends_ > 0 && !HasBodyToSend(); }

bool Transfer::HasBodyToSend() const {
  return request_.body && sent_ < static_cast<int64_t>(request_.body->size());
}

Status Transfer::Named(const Status& status) const { return status.Annotate(request_.Name()); }

Status Transfer::Check() {
  COFFER_ASSIGN_OR_RETURN(const HttpUrl url, HttpUrl::Parse(request_.url));
  // By a proxy the address would be asked for all the same.
  if (url.is_link_local() && !request_.allow_link_local) return LinkLocalError();
  is_direct_ = url.is_loopback() || request_.allow_link_local;
  return Status();
}

Status Transfer::Begin(CURL* easy, OpenSockets* sockets) {
  easy_ = easy;
  sockets_ = sockets;
  const auto set = [&](auto option, auto value) { curl_easy_setopt(easy, option, value); };
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, error_.data());
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));  // NOLINT: libcurl's type
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set(CURLOPT_USERAGENT, (std::string("coffer/") + std::string(kVersion)).c_str());
  set(CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_PREREQFUNCTION, &Transfer::OnSending);
  set(CURLOPT_PREREQDATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::OnSocket);
  set(CURLOPT_OPENSOCKETDATA, this);
  set(CURLOPT_CLOSESOCKETFUNCTION, &Transfer::OnClose);
  set(CURLOPT_CLOSESOCKETDATA, sockets);  // The connection may outlive this transfer.
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (is_direct_) set(CURLOPT_PROXY, "");
  if (!request_.ca_file.empty()) set(CURLOPT_CAINFO, request_.ca_file.c_str());
  if (request_.insecure_skip_verify) {
    set(CURLOPT_SSL_VERIFYPEER, 0L);
    set(CURLOPT_SSL_VERIFYHOST, 0L);
  }
  SetLimits(easy);
  SetBody(easy);
  curl_slist* list = curl_slist_append(nullptr, "Expect:");
  for (const HttpHeader& header : request_.headers) {
    // A value that is empty is sent as such: "Name;" is libcurl's way to say it.
    const std::string line =
        header.value.empty() ? header.name + ";" : header.name + ": " + header.value;
    curl_slist* longer = list == nullptr ? nullptr : curl_slist_append(list, line.c_str());
    if (longer == nullptr) {
      curl_slist_free_all(list);
      return ResourceExhaustedError("no memory for the request's headers");
    }
    list = longer;
  }
  header_list_.reset(list);
  set(CURLOPT_HTTPHEADER, list);
  begin_ = window_begin_ = Clock::now();
  return Status();
}

void Transfer::SetLimits(CURL* easy) {
  const auto set = [&](auto option, auto value) { curl_easy_setopt(easy, option, value); };
  const auto milliseconds = [](std::chrono::milliseconds time) {
    return static_cast<long>(std::max<int64_t>(time.count(), 1));  // NOLINT: libcurl's type
  };
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // Who cancels does not wait for the name server.
  set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request_.limits.connect));
  set(CURLOPT_TIMEOUT_MS, milliseconds(request_.limits.total));
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_BUFFERSIZE, kSocketBuffer);
  set(CURLOPT_UPLOAD_BUFFERSIZE, kSocketBuffer);
}

void Transfer::SetBody(CURL* easy) {
  const auto set = [&](auto option, auto value) { curl_easy_setopt(easy, option, value); };
  if (request_.body) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request_.body->size()));
    set(CURLOPT_READFUNCTION, &Transfer::OnSend);
    set(CURLOPT_READDATA, this);
    set(CURLOPT_SEEKFUNCTION, &Transfer::OnSeek);
    set(CURLOPT_SEEKDATA, this);
  } else if (request_.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  }
  set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

size_t Transfer::OnHeader(char* data, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  const std::string_view line(data, size * count);
  transfer->window_moved_ += static_cast<int64_t>(line.size());
  transfer->header_bytes_ += static_cast<int64_t>(line.size());
  if (transfer->header_bytes_ > transfer->request_.limits.header_max_bytes) {
    transfer->failure_ = ResourceExhaustedError(
        "the answer's head has more than " +
        std::to_string(transfer->request_.limits.header_max_bytes) + " bytes");
    return 0;
  }
  transfer->TakeHeaderLine(line);
  if (!Trimmed(line).empty() || transfer->response_.status < 200) return line.size();
  transfer->failure_ = transfer->TakeHead();
  return transfer->failure_.ok() ? line.size() : 0;
}

void Transfer::TakeHeaderLine(std::string_view line) {
  if (head_taken_) return;  // A trailer behind a chunked body.
  if (line.substr(0, 5) == "HTTP/") {
    response_.headers.clear();
    long status = 0;  // NOLINT: libcurl's type
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    return;
  }
  if ((line[0] == ' ' || line[0] == '\t') && !response_.headers.empty()) {
    // The last value goes on, as old servers write long ones.
    response_.headers.back().value += " " + std::string(Trimmed(line));
    return;
  }
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  HttpHeader header{std::string(line.substr(0, colon)),
                    std::string(Trimmed(line.substr(colon + 1)))};
  for (char& c : header.name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  response_.headers.push_back(std::move(header));
}

Status Transfer::TakeHead() {
  if (head_taken_) return Status();
  head_taken_ = true;
  if (!response_.ok()) return Status();
  COFFER_RETURN_IF_ERROR(CheckFraming(response_));
  const std::optional<std::string_view> encoding = response_.Find("content-encoding");
  if (encoding && *encoding != "identity" && !encoding->empty() &&
      !request_.allow_content_encoding) {
    return DataLossError(
        "the answer is encoded (Content-Encoding: " + ShownServerText(*encoding).substr(0, 100) +
        ") though nobody asked for that");
  }
  if (request_.on_head) {
    COFFER_ASSIGN_OR_RETURN(window_, request_.on_head(response_));
  }
  return Status();
}

size_t Transfer::OnBody(char* data, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size * count);
  transfer->window_moved_ += static_cast<int64_t>(bytes.size());
  transfer->last_received_ = Clock::now();
  if (transfer->received_ == 0) transfer->body_begin_ = transfer->last_received_;
  transfer->failure_ = transfer->TakeBody(bytes);
  return transfer->failure_.ok() && !transfer->complete_ ? bytes.size() : 0;
}

Status Transfer::TakeBody(std::span<const std::byte> bytes) {
  const int64_t begin = received_;
  received_ += static_cast<int64_t>(bytes.size());
  if (!response_.ok()) {  // The beginning of an error's text is enough.
    const int64_t room = std::min(kErrorBodyMax - kept_, static_cast<int64_t>(bytes.size()));
    complete_ = received_ >= kErrorBodyMax;
    return Keep(bytes.first(static_cast<size_t>(std::max<int64_t>(room, 0))));
  }
  const int64_t keep_begin = std::max(begin, window_.begin);
  const int64_t keep_end = window_.end < 0 ? received_ : std::min(received_, window_.end);
  if (keep_begin < keep_end) {
    COFFER_RETURN_IF_ERROR(Keep(bytes.subspan(static_cast<size_t>(keep_begin - begin),
                                              static_cast<size_t>(keep_end - keep_begin))));
  }
  // What is all there ends by itself, and its connection is kept.
  const bool all = received_ == response_.content_length();
  complete_ = window_.end >= 0 && received_ >= window_.end && !all;
  return Status();
}

Status Transfer::Keep(std::span<const std::byte> bytes) {
  if (bytes.empty()) return Status();
  const int64_t end = kept_ + static_cast<int64_t>(bytes.size());
  std::byte* to = nullptr;
  if (response_.ok() && request_.destination) {
    if (end > static_cast<int64_t>(request_.destination->size())) {
      return OutOfRangeError("the answer has more than the " +
                             std::to_string(request_.destination->size()) + " bytes asked for");
    }
    to = request_.destination->data();
  } else {
    if (response_.ok() && end > request_.limits.body_max_bytes) {
      return ResourceExhaustedError("the answer has more than " +
                                    std::to_string(request_.limits.body_max_bytes) + " bytes");
    }
    COFFER_RETURN_IF_ERROR(Grow(end));
    to = request_.buffers != nullptr ? buffer_.data() : heap_.data();
  }
  std::memcpy(to + kept_, bytes.data(), bytes.size());
  kept_ = end;
  return Status();
}

Status Transfer::Grow(int64_t size) {
  const auto room =
      static_cast<int64_t>(request_.buffers != nullptr ? buffer_.size() : heap_.size());
  if (size <= room) return Status();
  int64_t wanted = std::max({size, 2 * room, KiB(4)});
  if (const std::optional<int64_t> length = response_.content_length(); length && room == 0) {
    const int64_t window_end = window_.end < 0 ? *length : std::min(window_.end, *length);
    wanted = std::max(size, std::min(window_end - window_.begin, kTrusted));
  }
  const int64_t limit = response_.ok() ? request_.limits.body_max_bytes : kErrorBodyMax;
  wanted = std::max(size, std::min(wanted, limit));
  if (request_.buffers == nullptr) {
    heap_.resize(static_cast<size_t>(wanted));
    return Status();
  }
  COFFER_ASSIGN_OR_RETURN(Buffer larger, request_.buffers->Allocate(static_cast<size_t>(wanted)));
  if (kept_ > 0) std::memcpy(larger.data(), buffer_.data(), static_cast<size_t>(kept_));
  buffer_ = std::move(larger);
  return Status();
}

size_t Transfer::OnSend(char* data, size_t size, size_t count, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  const std::span<const Bytes> pieces = transfer->request_.body->pieces();
  size_t filled = 0;
  while (filled < size * count && transfer->piece_ < pieces.size()) {
    const Bytes& piece = pieces[transfer->piece_];
    const size_t part = std::min(size * count - filled, piece.size() - transfer->piece_offset_);
    std::memcpy(data + filled, piece.data() + transfer->piece_offset_, part);
    filled += part;
    transfer->piece_offset_ += part;
    if (transfer->piece_offset_ == piece.size()) {
      ++transfer->piece_;
      transfer->piece_offset_ = 0;
    }
  }
  transfer->sent_ += static_cast<int64_t>(filled);
  return filled;
}

int Transfer::OnSeek(void* self, curl_off_t offset, int origin) {
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;  // It only ever starts anew.
  auto* transfer = static_cast<Transfer*>(self);
  transfer->went_out_ = transfer->went_out_ || transfer->IsOut();
  transfer->piece_ = transfer->piece_offset_ = 0;
  transfer->sent_ = 0;
  return CURL_SEEKFUNC_OK;
}

int Transfer::OnSending(void* self, char* to, char* from, int to_port, int from_port) {
  auto* transfer = static_cast<Transfer*>(self);
  ++transfer->sends_;
  transfer->sending_begin_ = transfer->last_sent_ = transfer->window_begin_ = Clock::now();
  transfer->delivered_ = 0;
  transfer->sending_ = transfer->request_.body.has_value();
  if (transfer->sending_) {
    transfer->socket_ = transfer->sockets_->Find(from, from_port, to, to_port);
  }
  return CURL_PREREQFUNC_OK;
}

curl_socket_t Transfer::OnSocket(void* self, curlsocktype /*purpose*/, curl_sockaddr* address) {
  auto* transfer = static_cast<Transfer*>(self);
  if (!transfer->request_.allow_link_local && LeadsToLinkLocal(address->addr)) {
    transfer->failure_ = LinkLocalError();
    return CURL_SOCKET_BAD;
  }
  return transfer->sockets_->Open(address->family, address->socktype, address->protocol);
}

int Transfer::OnClose(void* sockets, curl_socket_t socket) {
  static_cast<OpenSockets*>(sockets)->Close(socket);
  return 0;
}

void Transfer::LookAtUpload(Clock::time_point now) {
  curl_off_t uploaded = 0;
  curl_easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &uploaded);
  const int64_t on_its_way = UnacknowledgedBytes(socket_);
  const int64_t delivered = uploaded - on_its_way;
  if (delivered > delivered_) {
    window_moved_ += delivered - delivered_;
    delivered_ = delivered;
    last_sent_ = now;
  }
  const auto size = static_cast<int64_t>(request_.body->size());
  sending_ = sent_ < size || uploaded < size || on_its_way > 0;
}

Status Transfer::Overdue(Clock::time_point now) {
  const HttpLimits& limits = request_.limits;
  if (sends_ == 0) return Status();  // Connecting has a limit of its own.
  if (sending_) LookAtUpload(now);
  if (!head_taken_ && !sending_) {
    if (now - last_sent_ > limits.first_byte) {
      return DeadlineExceededError("no answer within " + Text(limits.first_byte));
    }
    window_begin_ = now;
    window_moved_ = 0;
    return Status();
  }
  if (now - window_begin_ < limits.stall) return Status();
  if (window_moved_ < limits.stall_bytes) {
    return DeadlineExceededError("stalled: " + std::to_string(window_moved_) + " bytes in " +
                                 Text(limits.stall));
  }
  window_begin_ = now;
  window_moved_ = 0;
  return Status();
}

Status Transfer::StatusOf(CURLcode code) const {
  std::string text = error_[0] != '\0' ? error_.data() : curl_easy_strerror(code);
  if (text.starts_with("Unsupported proxy")) return ProxyError(/*is_usable=*/false);
  if (text.find('@') != std::string::npos) text = curl_easy_strerror(code);  // A user's, maybe.
  switch (code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
      return ProxyError(/*is_usable=*/true);
    case CURLE_URL_MALFORMAT:  // The request's own URL has been looked at.
    case CURLE_NOT_BUILT_IN:
      return ProxyError(/*is_usable=*/false);
    case CURLE_OPERATION_TIMEDOUT:
      if (sends_ == 0 && request_.limits.connect <= request_.limits.total) {
        return DeadlineExceededError("no connection within " + Text(request_.limits.connect));
      }
      return DeadlineExceededError("not done within " + Text(request_.limits.total));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return PermissionDeniedError("TLS: " + text);
    case CURLE_OUT_OF_MEMORY:
      return ResourceExhaustedError(text);
    case CURLE_UNSUPPORTED_PROTOCOL:  // Of the answer: the URL's has been looked at.
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return DataLossError(text);
    default:
      return UnavailableError(text);
  }
}

Result<HttpResponse> Transfer::Outcome(CURLcode code) {
  if (!failure_.ok()) return Named(failure_);
  if (code != CURLE_OK && !complete_) return Named(StatusOf(code));
  if (!head_taken_) return Named(UnavailableError("the connection ended within the answer's head"));
  response_.body_size = kept_;
  response_.received = received_;
  response_.unanswered = std::max(sends_ - 1, 0);
  curl_off_t sent = 0;
  curl_off_t first = 0;
  curl_off_t end = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &sent);
  curl_easy_getinfo(easy_, CURLINFO_STARTTRANSFER_TIME_T, &first);
  curl_easy_getinfo(easy_, CURLINFO_TOTAL_TIME_T, &end);
  response_.first_byte_seconds = static_cast<double>(first - sent) * 1e-6;
  response_.body_seconds = static_cast<double>(end - first) * 1e-6;
  if (buffer_.size() > 0) {
    response_.body = std::move(buffer_).ToBytes(static_cast<size_t>(kept_));
  } else if (!heap_.empty()) {
    heap_.resize(static_cast<size_t>(kept_));
    response_.body = Bytes::Take(std::move(heap_));
  }
  return std::move(response_);
}

Transfer::Clock::duration Transfer::Lost(Clock::time_point now) const {
  if (begin_ == Clock::time_point()) return {};  // Its turn never came.
  return now - begin_ - (last_sent_ - sending_begin_) - (last_received_ - body_begin_);
}

void Transfer::Finish(Result<HttpResponse> outcome) {
  if (request_.lost != nullptr) *request_.lost = Lost(Clock::now());
  if (request_.went_out != nullptr) *request_.went_out = went_out_ || IsOut();
  request_.cancel.RemoveCallback(cancel_ids_[0]);
  promise_.cancel_token().RemoveCallback(cancel_ids_[1]);
  promise_.Set(std::move(outcome));
}

}  // namespace coffer::inline v0
