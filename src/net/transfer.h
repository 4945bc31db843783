// Transfer: one request on one of libcurl's handles, and what comes back.
//
// Made by HttpTransport::Send on any thread; from then on it belongs to the event thread, but for
// what cancels it. libcurl's callbacks into it run inside curl_multi_perform.
#ifndef COFFER_SRC_NET_TRANSFER_H_
#define COFFER_SRC_NET_TRANSFER_H_

#include <curl/curl.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coffer/async/future.h"
#include "src/net/http.h"
#include "src/net/open_sockets.h"

namespace coffer::inline v0 {

class Transfer : public std::enable_shared_from_this<Transfer> {
 public:
  using Clock = std::chrono::steady_clock;

  Transfer(HttpRequest request, std::shared_ptr<Executor> executor);

  Future<HttpResponse> future() const { return promise_.future(); }
  /// "http://host:port": whose turn it takes.
  const std::string& host() const { return host_; }

  /// `wake` is called, once or more and from any thread, when it is to be cancelled.
  void WatchCancel(const std::function<void()>& wake);
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }
  /// Of one that has begun: whether it has gone out and waits for its answer whatever happens.
  bool waits_for_answer() const;

  /// InvalidArgument for a URL that is none, PermissionDenied for one that may not be asked.
  Status Check();
  /// Sets up the handle. The transfer must outlive its use, and the sockets its connections.
  Status Begin(CURL* easy, OpenSockets* sockets);
  /// An error if a limit of time that libcurl does not watch has passed.
  Status Overdue(Clock::time_point now);
  /// The outcome by libcurl's; the handle is free for others then.
  Result<HttpResponse> Outcome(CURLcode code);
  /// Resolves the future.
  void Finish(Result<HttpResponse> outcome);

  Status Named(const Status& status) const;

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self);
  static size_t OnBody(char* data, size_t size, size_t count, void* self);
  static size_t OnSend(char* data, size_t size, size_t count, void* self);
  static int OnSeek(void* self, curl_off_t offset, int origin);
  static int OnSending(void* self, char* to, char* from, int to_port, int from_port);
  static curl_socket_t OnSocket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int OnClose(void* sockets, curl_socket_t socket);

  void SetLimits(CURL* easy);
  void SetBody(CURL* easy);
  void TakeHeaderLine(std::string_view line);
  Status TakeHead();
  void LookAtUpload(Clock::time_point now);
  Clock::duration Lost(Clock::time_point now) const;
  Status TakeBody(std::span<const std::byte> bytes);
  Status Keep(std::span<const std::byte> bytes);
  Status Grow(int64_t size);
  bool HasBodyToSend() const;
  bool IsOut() const;
  Status StatusOf(CURLcode code) const;

  HttpRequest request_;
  const Promise<HttpResponse> promise_;
  const std::string host_;
  bool is_direct_ = false;  // Without a proxy: what is asked is this machine's own.
  std::atomic<bool> cancelled_{false};
  uint64_t cancel_ids_[2] = {0, 0};

  // Of the event thread.
  CURL* easy_ = nullptr;
  OpenSockets* sockets_ = nullptr;
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> header_list_{nullptr, curl_slist_free_all};
  std::array<char, CURL_ERROR_SIZE> error_{};
  Status failure_;  // What a callback found; libcurl only knows that one failed.
  HttpResponse response_;
  int64_t header_bytes_ = 0;
  bool head_taken_ = false;
  bool complete_ = false;  // The window is full; the rest is not waited for.
  HttpWindow window_;
  bool went_out_ = false;  // Whole, before it is sent again.
  int sends_ = 0;          // More than one where a kept connection turned out to be dead.
  int64_t received_ = 0;   // Of the body, kept or not.
  int64_t kept_ = 0;
  Buffer buffer_;                // Of the pool, or
  std::vector<std::byte> heap_;  // of the heap.
  size_t piece_ = 0;             // Of the request's body: what is sent next.
  size_t piece_offset_ = 0;
  int64_t sent_ = 0;       // Given to libcurl.
  int64_t delivered_ = 0;  // Of that, what the peer has acknowledged; about, under TLS.
  int socket_ = -1;        // On which a body is sent.
  bool sending_ = false;   // Some of the body is in a buffer of ours.
  Clock::time_point begin_;
  Clock::time_point sending_begin_;
  Clock::time_point last_sent_;
  Clock::time_point body_begin_;
  Clock::time_point last_received_;
  // Limits of time: what has moved since the last look that found enough.
  Clock::time_point window_begin_;
  int64_t window_moved_ = 0;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_NET_TRANSFER_H_
