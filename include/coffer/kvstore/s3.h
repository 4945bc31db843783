// The S3 store: a bucket of AWS or of any service that speaks S3, read and written.
//
//     KvStorePtr run = OpenKvStore("s3://bucket/runs/7").OrThrow();   // AWS, by the environment
//     KvStorePtr here = MakeS3Store("bucket", {.endpoint = "http://127.0.0.1:9000"}).OrThrow();
//
// Endpoint, region and credentials come, as for the AWS command line, from AWS_ENDPOINT_URL_S3,
// AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID and its like, AWS_PROFILE and
// the shared files, and the metadata service, unless the options say otherwise.
//
// A value is written whole by one PUT, or by a multipart upload, and is readable at once.
// Conditions are the server's own (If-Match, If-None-Match); a lost answer to one is resolved by a
// write id in the object's metadata. What a server cannot do is probed at the first conditional
// write, and refused with FailedPrecondition from then on, never done without the condition. A
// condition on a value compares its ETag, that is its bytes: a value that was replaced and then put
// back counts as unchanged.
//
// Errors, besides those of KvStore: PermissionDenied (401, 403, signature, certificate), NotFound
// (no such bucket), Unavailable and DeadlineExceeded (after retries), DataLoss (checksum, an answer
// that contradicts itself). Thread safety: that of KvStore. See kvstore/s3/README.md and
// docs/s3.md.
#ifndef COFFER_KVSTORE_S3_H_
#define COFFER_KVSTORE_S3_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "coffer/async/context.h"
#include "coffer/base/checked.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/base/secret.h"
#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/network.h"

namespace coffer::inline v0 {

struct COFFER_EXPORT S3Credentials {
  enum class Source {
    kDefault,    ///< Environment, shared files, metadata service, in this order.
    kGiven,      ///< The keys below.
    kAnonymous,  ///< Requests go unsigned.
  };
  Source source = Source::kDefault;
  std::string profile = {};  ///< Of the shared files; with kDefault. Empty: AWS_PROFILE, "default".
  std::string access_key_id = {};
  Secret secret_access_key = {};
  Secret session_token = {};  ///< Empty unless they are temporary.
};

/// Encryption at the server's side.
struct COFFER_EXPORT S3Encryption {
  std::string algorithm = {};   ///< "AES256", "aws:kms"; empty: the bucket's own.
  std::string kms_key_id = {};  ///< With "aws:kms"; empty: the account's own.
  /// 32 bytes: SSE-C; sent with all that reads or writes bytes, only by TLS or to this machine.
  Secret customer_key = {};
};

struct COFFER_EXPORT S3StoreOptions {
  std::string endpoint = {};  ///< "https://host:port"; empty: the environment's, else AWS.
  std::string region = {};    ///< Empty: the environment's, else found (AWS), else "us-east-1".
  enum class Addressing {
    kAuto,         ///< kVirtualHost at AWS, if the bucket's name allows it; else kPath.
    kPath,         ///< https://endpoint/bucket/key
    kVirtualHost,  ///< https://bucket.endpoint/key; below this machine's own address it is refused.
  };
  Addressing addressing = Addressing::kAuto;
  S3Credentials credentials = {};
  bool requester_pays = false;
  /// Credentials are only sent by verified TLS, or to this machine, unless this is set.
  bool allow_http = false;
  /// As for HttpStoreOptions: 403 of a read, to those who may not list, reads as missing.
  bool forbidden_is_missing = false;
  S3Encryption encryption = {};
  /// Values of more than four times this are uploaded in parts of this size; a writer's are always.
  /// 5 MiB to 1 GiB.
  int64_t part_bytes = MiB(16);
  NetworkOptions network = {};
};

/// The keys of a bucket. Errors: InvalidArgument for a bucket's name or an endpoint that cannot be
/// one, or options that contradict each other; credentials are sought by the first request.
COFFER_EXPORT Result<KvStorePtr> MakeS3Store(std::string_view bucket,
                                             const S3StoreOptions& options = {},
                                             const Context& context = Context::Default());

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_H_
