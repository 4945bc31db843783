// AWS Signature Version 4 in the Authorization header.
//
// Pure functions from a request to its canonical form, to the string to sign, to the signature; and
// SigV4Signer, which puts them together and keeps the key derived for the day. The time is given,
// never asked of a clock.
//
//     const SigV4Signer signer("eu-central-1");
//     COFFER_ASSIGN_OR_RETURN(auto headers, signer.Sign(request, credentials));
//     // send to SigV4Path(request.path), "?" + SigV4Query(request.query), with these headers, too
//
// What is sent must be what was signed: the path and the query as SigV4Path() and SigV4Query()
// write them, and every header of the request with the very value that was signed.
//
// Secrets: the values of "authorization" and "x-amz-security-token" go into the request and nowhere
// else. No Status here names a value of the request.
#ifndef COFFER_KVSTORE_S3_SIGV4_H_
#define COFFER_KVSTORE_S3_SIGV4_H_

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coffer/base/result.h"
#include "coffer/base/secret.h"
#include "kvstore/s3/aws_credentials.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

/// Names and values, in any order; names may repeat.
using SigV4Pairs = std::vector<std::pair<std::string, std::string>>;

/// In place of a body's SHA-256, where TLS alone protects it.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
/// SHA-256 of no bytes.
inline constexpr std::string_view kEmptyPayload =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct SigV4Request {
  std::string method = "GET";
  std::string host = {};  ///< As in the Host header: with the port, unless it is the scheme's own.
  std::string path = {};  ///< Raw bytes, not encoded; begins with "/".
  SigV4Pairs query = {};  ///< Raw bytes, not encoded.
  SigV4Pairs headers = {};  ///< All are signed. Not host, and not those that Sign() gives.
  std::string payload_hash = std::string(kEmptyPayload);  ///< Hex, or kUnsignedPayload.
  std::chrono::system_clock::time_point time = {};
};

/// How services differ. The default is S3's way: a key may hold "//" and "..", which mean
/// themselves.
struct SigV4Rules {
  bool normalize_path = false;     ///< "//", "." and ".." are resolved before signing.
  bool encode_path_twice = false;  ///< The path as sent is encoded once more.
  bool payload_header = true;      ///< x-amz-content-sha256 is sent, and signed.
  /// Those of the other services.
  static constexpr SigV4Rules General() { return {true, true, false}; }
};

/// The path as it is sent: every byte percent-encoded but A-Z a-z 0-9 - . _ ~ and "/".
std::string SigV4Path(std::string_view path);
/// The query as it is sent and signed: encoded, sorted, without "?". Empty if there is none.
std::string SigV4Query(const SigV4Pairs& query);

struct SigV4Canonical {
  std::string request;
  std::string signed_headers;  ///< "host;x-amz-date"
};
/// Signs request.headers and the host, nothing else: for the pieces that Sign() is made of.
SigV4Canonical SigV4CanonicalRequest(const SigV4Request& request, const SigV4Rules& rules);

/// "20130524T000000Z", UTC.
std::string SigV4Time(std::chrono::system_clock::time_point time);
/// "20130524/us-east-1/s3/aws4_request"
std::string SigV4Scope(std::chrono::system_clock::time_point time, std::string_view region,
                       std::string_view service);
Result<std::string> SigV4StringToSign(std::string_view canonical_request,
                                      std::chrono::system_clock::time_point time,
                                      std::string_view scope);
/// Good for one day, region and service.
Result<Secret> SigV4SigningKey(const Secret& secret_access_key,
                               std::chrono::system_clock::time_point time, std::string_view region,
                               std::string_view service);
/// 64 hex digits.
Result<std::string> SigV4Signature(const Secret& signing_key, std::string_view string_to_sign);

/// Thread safety: all methods from any thread.
class SigV4Signer {
 public:
  explicit SigV4Signer(std::string region, std::string service = "s3",
                       const SigV4Rules& rules = SigV4Rules());

  const std::string& region() const { return region_; }

  /// The headers to send besides those of the request (lower case): x-amz-date; by the rules
  /// x-amz-content-sha256; x-amz-security-token, if there is one; authorization. None for anonymous
  /// credentials.
  /// Errors: InvalidArgument if a header of the request is one of these, or host, is no header's
  /// name; if any text that becomes part of a header has a control character; Internal, see
  /// src/base/sha256.h.
  Result<SigV4Pairs> Sign(const SigV4Request& request, const AwsCredentials& credentials) const;

 private:
  /// Of the day and the secret; derived anew only when either is another than last time.
  Result<Secret> SigningKey(const Secret& secret_access_key,
                            std::chrono::system_clock::time_point time) const;

  const std::string region_;
  const std::string service_;
  const SigV4Rules rules_;
  struct Derived {
    std::string scope;
    Secret secret_access_key;
    Secret signing_key;
  };
  mutable Mutex mutex_;
  mutable Derived derived_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_SIGV4_H_
