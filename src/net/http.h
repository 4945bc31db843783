// HttpRequest, HttpResponse, HttpLimits: what the HTTP transport is given and gives.
//
// A request is sent once, exactly as it stands: no redirect is followed, nothing is repeated (see
// http_client.h for that). Any answer of the server, also 404 or 503, is a response; a Status means
// that there was none, or not a whole one.
//
// Secrets: header values and URL queries are never part of a Status or a log line.
#ifndef COFFER_SRC_NET_HTTP_H_
#define COFFER_SRC_NET_HTTP_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/async/buffer.h"
#include "coffer/async/cancel.h"
#include "coffer/base/bytes.h"
#include "coffer/base/checked.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

struct HttpHeader {
  std::string name;
  std::string value;
};

/// How long one attempt may take, and how much it may bring.
struct HttpLimits {
  std::chrono::milliseconds connect{10'000};  ///< Name, TCP and TLS.
  /// From the last byte of the request that the peer has acknowledged (without a body, from the
  /// request's being sent) to the end of the answer's head.
  std::chrono::milliseconds first_byte{60'000};
  /// In each such time at least `stall_bytes` must move, either way, while a body is under way.
  /// What is sent has moved when the peer acknowledges it: until then it is in a buffer of ours.
  std::chrono::milliseconds stall{30'000};
  int64_t stall_bytes = 1024;
  std::chrono::milliseconds total{3'600'000};
  int64_t body_max_bytes = MiB(1);  ///< More than this is refused without reading on.
  int64_t header_max_bytes = KiB(64);
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers = {};  ///< Names in lower case; values without outer white space.
  Bytes body = {};                       ///< Empty where it went to the destination.
  int64_t body_size = 0;                 ///< In bytes, wherever they went.
  int64_t received = 0;                  ///< With those that were dropped.
  /// How often the request may have gone out before, with no answer that says whether it was
  /// carried out: a connection broke or was not made, a time limit passed, or the answer was 500,
  /// 502 or 504.
  int unanswered = 0;
  /// Whether one of these went out and had no answer of the server's own (it may have been 502, 504
  /// or another of a proxy): it may be carried out yet.
  bool pending = false;
  std::string note = {};          ///< Why it was not asked for again, if that needs saying.
  double first_byte_seconds = 0;  ///< From the request's being sent to the first byte.
  double body_seconds = 0;        ///< From there to the end.

  bool ok() const { return status >= 200 && status < 300; }
  /// The value of the last header with this lower case name; nullopt if there is none.
  std::optional<std::string_view> Find(std::string_view name) const;
  /// Content-Length of this answer, or of what a HEAD told of. nullopt: none, no number, or one
  /// that a Transfer-Encoding overrides.
  std::optional<int64_t> content_length() const;
};

/// The part of a body that is kept.
struct HttpWindow {
  int64_t begin = 0;  ///< What comes before is dropped as it comes.
  int64_t end = -1;   ///< What comes after is not waited for; -1: all is kept.
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;  ///< Whole and percent-encoded; http or https, without a user.
  /// What messages show in place of the URL, if a server chose that; empty: as ShownUrl has it.
  std::string shown_url;
  std::vector<HttpHeader> headers;
  std::optional<BytesChain> body;  ///< Sent with its length; kept until the answer is there.
  /// The body of a success (2xx) goes here instead of into memory of its own. What has more bytes
  /// is refused; less is told by HttpResponse::body_size.
  std::optional<std::span<std::byte>> destination;
  /// Called on the event thread when the head of a success is there, before its body: an error
  /// becomes the outcome. Must be short.
  std::function<Result<HttpWindow>(const HttpResponse& head)> on_head;
  HttpLimits limits;
  BufferPool* buffers = nullptr;  ///< Where a body's memory comes from; null: the heap.
  std::string ca_file;            ///< Who is trusted; empty: whom the system trusts.
  bool insecure_skip_verify = false;
  /// Link-local addresses are refused, whatever name leads there, but for the metadata service.
  bool allow_link_local = false;
  /// A Content-Encoding that nobody asked for is refused, unless the store keeps it as a mere
  /// label.
  bool allow_content_encoding = false;
  CancelToken cancel;
  /// If set, told before the future resolves: of the time since its turn came, that in which no
  /// body moved. Must live until then.
  std::chrono::steady_clock::duration* lost = nullptr;
  /// Cancelled once all of it has gone out, it ends with its answer (or by its limits of time) all
  /// the same: who gives up would not know what the server does, and when.
  bool waits_once_sent = false;
  /// If set, told before the future resolves: whether all of it has gone out. Must live until then.
  bool* went_out = nullptr;

  /// "GET https://host/path": for messages.
  std::string Name() const;
};

/// "bytes 5-9/20" of a Content-Range.
struct ContentRange {
  int64_t begin = 0;
  int64_t end = 0;    ///< Exclusive.
  int64_t size = -1;  ///< Of the whole; -1 for "*".
  /// Errors: DataLoss for anything that is not such a range, or contradicts itself.
  static Result<ContentRange> Parse(std::string_view text);
};

/// The decimal number that the whole text is; nullopt for anything else, or above 2^63 - 1.
std::optional<int64_t> ParseDecimal(std::string_view text);

/// What follows "bytes */": the size of a value that has no such range. nullopt: anything else.
std::optional<int64_t> UnsatisfiedSize(std::string_view content_range);

/// DataLoss for a head that says where its body ends in a way that two readers may understand
/// differently: lengths that differ or are no numbers, a blank before a ":" (the header is then
/// another one), a Transfer-Encoding that is not "chunked" alone, which would stay undone.
Status CheckFraming(const HttpResponse& head);

/// What an answer that is no success means, as a Status that names `what` and the answer:
///   400 InvalidArgument; 401, 403 PermissionDenied; 404, 410 NotFound; 409 Aborted;
///   304, 412 FailedPrecondition; 413, 507 ResourceExhausted; 416 OutOfRange;
///   405, 501 Unimplemented; 408, 425, 429, 500, 502, 503, 504 Unavailable; 3xx
///   FailedPrecondition; other 4xx InvalidArgument; other 5xx Unavailable; 1xx, 2xx Internal.
/// `detail` (of the body, free of secrets) is added if it is not empty, and the answer's note.
Status HttpError(const HttpResponse& answer, std::string_view what, std::string_view detail = {});

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_NET_HTTP_H_
