// S3Bucket: signed requests to one bucket, repeated while that may help.
//
// It knows where the bucket is: at an endpoint by path or by host name, and in which region, which
// an answer of AWS may correct. It knows who asks, and the difference between our clock and the
// server's, if that was ever too great for a signature.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_KVSTORE_S3_BUCKET_H_
#define COFFER_KVSTORE_S3_BUCKET_H_

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "coffer/kvstore/s3.h"
#include "kvstore/s3/credentials.h"
#include "kvstore/s3/sigv4.h"
#include "kvstore/s3/xml.h"
#include "src/async/key_queue.h"
#include "src/base/mutex.h"
#include "src/kvstore/network.h"
#include "src/net/http_client.h"
#include "src/net/http_url.h"

namespace coffer::inline v0 {

/// The ETag of a value that was written by one PUT, where that is its MD5: `"` and 32 digits.
std::string S3PlainETag(std::span<const std::byte> body);

/// The crc32c of a body as S3 writes it.
std::string S3Checksum(const BytesChain& body);

/// A request as this layer's users see it: all raw, nothing signed.
struct S3Request {
  std::string method = "GET";
  std::string key;  ///< Empty: the bucket itself.
  SigV4Pairs query;
  SigV4Pairs headers;  ///< Lower case; signed.
  std::optional<BytesChain> body;
  bool checks_body = false;  ///< crc32c of the body is sent, and checked by the server.
  /// An answer 200 may carry an error, which must not pass for success.
  bool error_in_success = false;
  int64_t answer_max_bytes = MiB(1);
  CancelToken cancel;
};

class S3Bucket : public std::enable_shared_from_this<S3Bucket> {
 public:
  S3Bucket(std::string name, S3StoreOptions options, std::optional<HttpUrl> endpoint,
           CredentialsProviderPtr credentials, AwsEnvironment environment, const Context& context);

  const std::string& name() const { return name_; }
  const S3StoreOptions& options() const { return options_; }
  const Context& context() const { return client_.context(); }
  const HttpClient& client() const { return client_; }
  LinkEstimate& link() { return link_; }
  /// Of AWS itself, whose abilities are known.
  bool is_aws() const { return !endpoint_; }
  bool is_loopback() const { return endpoint_ && endpoint_->is_loopback(); }
  /// "s3://bucket/key", for messages.
  std::string Describe(std::string_view key) const;

  /// One operation of several attempts: Make() and Judge() for HttpClient::Send. Keeps the bucket.
  class Attempts;
  std::shared_ptr<Attempts> NewAttempts(S3Request request);

  /// Any answer that is final, 2xx or not.
  Future<HttpResponse> Send(S3Request request);

  /// What an answer that is no success means; names `what`.
  static Status ErrorOf(const HttpResponse& answer, std::string_view what);

  /// Whether an answer proves that the key does not exist: 404 with the code for that. One to HEAD,
  /// which cannot have the code, may have none once the bucket is known to be there; any other
  /// without it may be a proxy's.
  bool ProvesMissing(const HttpResponse& answer, bool is_of_head = false) const;
  /// Whether an answer is a 403 that S3 said of who asked, not of the signature.
  static bool IsAccessDenied(const HttpResponse& answer);
  /// Whether an answer says that there is no such bucket.
  static bool IsNoBucket(const HttpResponse& answer);
  /// Whether it is a 503 after which what was asked may be done all the same: of a proxy, whose
  /// server may have done it, or of a server (MinIO) whose disks did not all answer.
  static bool MayHaveActed(const HttpResponse& answer);

  /// Headers of every request: who pays.
  SigV4Pairs Headers() const;
  /// And those of one for an object's bytes: the customer's key.
  SigV4Pairs ReadHeaders() const;
  /// And those of one that makes an object: encryption.
  SigV4Pairs WriteHeaders() const;

  /// Of this bucket's keys: writes of one key reach the server one after the other, in the order
  /// of the calls.
  KeyQueue& writes() { return writes_; }

  // What this session has learnt.
  std::atomic<bool> seen{false};  ///< The bucket exists.

 private:
  struct Place {
    std::string origin;  // "https://bucket.s3.region.amazonaws.com"
    std::string host;
    std::string prefix;  // "/bucket/" or "/"
  };
  Place PlaceOf(std::string_view region) const;
  std::string region() const;
  /// Whether the answer tells of another region that may be tried.
  bool LearnRegion(const HttpResponse& answer, const S3Error& error);
  void LearnClock(const HttpResponse& answer);

  const std::string name_;
  const S3StoreOptions options_;
  const std::optional<HttpUrl> endpoint_;
  const CredentialsProviderPtr credentials_;
  const AwsEnvironment environment_;
  const HttpClient client_;
  LinkEstimate link_;
  KeyQueue writes_;
  std::atomic<int64_t> clock_offset_s_{0};
  mutable Mutex mutex_;
  std::shared_ptr<const SigV4Signer> signer_ COFFER_GUARDED_BY(mutex_);
};

/// See S3Bucket::NewAttempts. One step follows the other.
class S3Bucket::Attempts : public std::enable_shared_from_this<Attempts> {
 public:
  Attempts(std::shared_ptr<S3Bucket> bucket, S3Request request);

  Future<HttpRequest> Make(int attempt);
  HttpVerdict Judge(const Result<HttpResponse>& outcome);
  /// An error in an answer 200 gives it the status that the error has elsewhere.
  void Uncover(HttpResponse* answer) const;
  S3Request& request() { return request_; }

 private:
  Result<HttpRequest> Sign(const AwsCredentials& credentials);
  HttpVerdict JudgeCode(const HttpResponse& answer, const S3Error& error);

  const std::shared_ptr<S3Bucket> bucket_;
  S3Request request_;
  std::string payload_hash_;  // Both are the same for every attempt.
  std::string checksum_;
  std::shared_ptr<const AwsCredentials> credentials_;
  int unclear_ = 0;  // Answers 200 that turned out to be none.
  bool refreshed_ = false;
  bool moved_ = false;
  bool beside_again_ = false;
  bool clock_set_ = false;
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_BUCKET_H_
