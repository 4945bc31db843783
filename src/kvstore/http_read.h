// HttpRead: KvStore::Read as a GET or HEAD, for the stores that speak HTTP.
//
//     HttpRead read(store->Describe(key), options, destination, rules);
//     read.Prepare(&request);                     // method, Range, conditions, what to keep
//     client.Send(...).Then([read](const Result<HttpResponse>& answer) {
//       return read.Answer(answer);               // ReadResult, or what is wrong
//     });
//
// What the server is asked is not taken on trust: its answer's head is compared with the range, the
// conditions and the limit before a byte of the body is kept.
//   * A server that ignores Range and sends the whole value is cut to the range while it sends.
//   * A range that the server clips is OutOfRange, as is 416.
//   * HTTP has no word for an empty range: that is a HEAD, or, where HEAD is refused, the first
//   byte.
//   * Generations are strong ETags; else "m" and Last-Modified; else unknown. A date is compared
//   here, by a HEAD first: a server's "not modified since" is also true of a value that is older.
//
// Thread safety: one read belongs to one request at a time; Answer() after the request has ended.
#ifndef COFFER_SRC_KVSTORE_HTTP_READ_H_
#define COFFER_SRC_KVSTORE_HTTP_READ_H_

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "coffer/kvstore/kvstore.h"
#include "src/net/http.h"

namespace coffer::inline v0 {

struct HttpReadRules {
  /// The generation of an answer by its head; default: HttpGeneration.
  std::function<Generation(const HttpResponse& head)> generation = nullptr;
  /// The entity tag of a generation, for If-Match; default: HttpEntityTag.
  std::function<std::optional<std::string>(const Generation& generation)> entity_tag = nullptr;
  /// What an answer that is no success means; a success: what HTTP says of it. Default: that.
  std::function<Status(const HttpResponse& answer)> refused = nullptr;
  /// The server always tells where a whole value ends: one that came without that is refused.
  bool tells_length = false;
  bool forbidden_is_missing = false;  ///< 403 reads as "missing".
  bool has_head = true;               ///< The server answers HEAD.
};

/// See above.
Generation HttpGeneration(const HttpResponse& head);
/// The ETag of a generation that HttpGeneration made of one.
std::optional<std::string> HttpEntityTag(const Generation& generation);

class HttpRead {
 public:
  HttpRead(std::string name, ReadOptions options, std::optional<std::span<std::byte>> destination,
           HttpReadRules rules);

  /// InvalidArgument for options that no value can satisfy.
  const Status& status() const;

  /// "GET" or "HEAD", of the next request: for stores that sign it before Prepare().
  std::string method() const;

  /// Sets method, Range, conditions, destination and limit of a request for the value. May be
  /// called again for another attempt.
  void Prepare(HttpRequest* request) const;

  /// What the finished request says. An answer that only another request can complete (a HEAD that
  /// is refused, an empty range at the end) gives nullopt: Prepare() asks for the other then.
  Result<std::optional<ReadResult>> Answer(const Result<HttpResponse>& answer) const;

  /// After Answer(): all bytes of the value, if that answer brought them all as a whole (200).
  std::optional<std::span<const std::byte>> whole() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_KVSTORE_HTTP_READ_H_
