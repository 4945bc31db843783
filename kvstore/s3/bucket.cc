// 1. Make() asks for credentials, and signs the request with the time of now.
// 2. Judge() reads the error's code, in the body or in a header. It repeats at once, and only once
//    for each reason: with new credentials (they had expired), in another region (AWS told which),
//    with a corrected clock (the server's Date).
// 3. What may pass is repeated after a wait, by the rules of HttpClient.
#include "kvstore/s3/bucket.h"

#include <curl/curl.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "src/base/base64.h"
#include "src/base/crc32c.h"
#include "src/base/sha256.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {

namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

constexpr std::string_view kTransientCodes[] = {"InternalError",
                                                "SlowDown",
                                                "SlowDownRead",
                                                "SlowDownWrite",
                                                "Throttling",
                                                "ThrottlingException",
                                                "ThrottledException",
                                                "RequestThrottled",
                                                "RequestThrottledException",
                                                "TooManyRequests",
                                                "TooManyRequestsException",
                                                "RequestLimitExceeded",
                                                "BandwidthLimitExceeded",
                                                "RequestTimeout",
                                                "RequestTimeoutException",
                                                "ServiceUnavailable",
                                                "RequestExpired",
                                                "OperationAborted",
                                                "ConditionalRequestConflict",
                                                "PriorRequestNotComplete",
                                                "ReplicationInProgress",
                                                "XMinioServerNotInitialized",
                                                "BadDigest",
                                                "XAmzContentChecksumMismatch"};
/// Of these, those that do not say that nothing was done.
constexpr std::string_view kUnclearCodes[] = {"ServiceUnavailable", "SlowDownWrite"};
constexpr std::string_view kExpiredCodes[] = {"ExpiredToken", "ExpiredTokenException",
                                              "TokenRefreshRequired", "InvalidToken"};
/// A key beside keys that lie below it, where files and folders hold the values.
constexpr std::string_view kBesidePrefixCodes[] = {"ExistingObjectIsDirectory",
                                                   "ObjectParentIsFile", "XMinioParentIsObject",
                                                   "XMinioObjectExistsAsDirectory"};

/// The status that goes with an error's code, for those that come as 200.
constexpr std::pair<std::string_view, int> kStatuses[] = {
    {"AccessDenied", 403},      {"PreconditionFailed", 412},
    {"NoSuchKey", 404},         {"NoSuchUpload", 404},
    {"NoSuchBucket", 404},      {"ConditionalRequestConflict", 409},
    {"OperationAborted", 409},  {"InvalidPart", 400},
    {"InvalidPartOrder", 400},  {"EntityTooSmall", 400},
    {"InvalidRequest", 400},    {"InvalidArgument", 400},
    {"MalformedXML", 400},      {"BadDigest", 400},
    {"ExpiredToken", 400},      {"SignatureDoesNotMatch", 403},
    {"NotImplemented", 501},    {"SlowDown", 503},
    {"ServiceUnavailable", 503}};

template <size_t N>
bool IsOneOf(std::string_view code, const std::string_view (&codes)[N]) {
  return std::find(std::begin(codes), std::end(codes), code) != std::end(codes);
}

bool IsRegion(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

S3Error ErrorIn(const HttpResponse& answer) {
  S3Error error = ParseS3Error(answer.body.text());
  if (error.code.empty()) {  // HEAD has no body.
    error.code = S3CodeText(answer.Find("x-amzn-errortype").value_or(""));
  }
  return error;
}

std::string Md5(std::span<const std::byte> bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

}  // namespace

std::string S3PlainETag(std::span<const std::byte> body) {
  return "\"" + HexOf(AsBytes(Md5(body))) + "\"";
}

std::string S3Checksum(const BytesChain& body) {
  uint32_t crc = 0;
  for (const Bytes& piece : body.pieces()) crc = Crc32c(piece, crc);
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(crc >> shift));
  return EncodeBase64(bytes);
}

S3Bucket::S3Bucket(std::string name, S3StoreOptions options, std::optional<HttpUrl> endpoint,
                   CredentialsProviderPtr credentials, AwsEnvironment environment,
                   const Context& context)
    : name_(std::move(name)),
      options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      credentials_(std::move(credentials)),
      environment_(std::move(environment)),
      client_(context, RetryOf(options_.network)),
      signer_(std::make_shared<const SigV4Signer>(options_.region.empty() ? "us-east-1"
                                                                          : options_.region)) {}

std::string S3Bucket::Describe(std::string_view key) const {
  return "s3://" + name_ + "/" + EncodeUrlPath(key);
}

std::string S3Bucket::region() const {
  MutexLock lock(mutex_);
  return signer_->region();
}

S3Bucket::Place S3Bucket::PlaceOf(std::string_view region) const {
  const bool dns_name = name_.find('.') == std::string::npos;
  const bool by_host =
      options_.addressing == S3StoreOptions::Addressing::kVirtualHost ||
      (options_.addressing == S3StoreOptions::Addressing::kAuto && !endpoint_ && dns_name);
  HttpUrl url;
  if (endpoint_) {
    url = *endpoint_;
  } else {
    url.scheme = "https";
    url.host = "s3." + std::string(region) + ".amazonaws.com";
    if (region.substr(0, 3) == "cn-") url.host += ".cn";
  }
  if (by_host) url.host = name_ + "." + url.host;
  std::string prefix = PercentDecode(url.path).value_or(url.path);  // It is encoded again.
  if (!prefix.ends_with('/')) prefix += '/';
  if (!by_host) prefix += name_ + "/";
  return {url.origin(), url.authority(), std::move(prefix)};
}

SigV4Pairs S3Bucket::Headers() const {
  if (!options_.requester_pays) return {};
  return {{"x-amz-request-payer", "requester"}};
}

SigV4Pairs S3Bucket::ReadHeaders() const {
  SigV4Pairs headers = Headers();
  if (!options_.encryption.customer_key.empty()) {
    const std::string_view key = options_.encryption.customer_key.Reveal();
    headers.emplace_back("x-amz-server-side-encryption-customer-algorithm", "AES256");
    headers.emplace_back("x-amz-server-side-encryption-customer-key", EncodeBase64(key));
    headers.emplace_back("x-amz-server-side-encryption-customer-key-md5",
                         EncodeBase64(Md5(AsBytes(key))));
  }
  return headers;
}

SigV4Pairs S3Bucket::WriteHeaders() const {
  SigV4Pairs headers = ReadHeaders();
  const S3Encryption& encryption = options_.encryption;
  if (!encryption.algorithm.empty()) {
    headers.emplace_back("x-amz-server-side-encryption", encryption.algorithm);
  }
  if (!encryption.kms_key_id.empty()) {
    headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", encryption.kms_key_id);
  }
  return headers;
}

Status S3Bucket::ErrorOf(const HttpResponse& answer, std::string_view what) {
  const S3Error error = ErrorIn(answer);
  const std::string detail = error.message.empty() ? error.code : error.code + ": " + error.message;
  if (IsOneOf(error.code, kBesidePrefixCodes)) {
    return FailedPreconditionError(
        std::string(what) + ": this server cannot hold a value beside values below it: " + detail);
  }
  const Status status = HttpError(answer, what, detail);
  if (IsOneOf(error.code, kTransientCodes)) return UnavailableError(std::string(status.message()));
  const bool about_identity = IsOneOf(error.code, kExpiredCodes) ||
                              error.code == "AuthorizationHeaderMalformed" ||
                              error.code == "XAdminUserNotFound";  // Of versitygw.
  if (!about_identity) return status;
  return PermissionDeniedError(std::string(status.message()));  // Though it comes as 400 or 404.
}

bool S3Bucket::ProvesMissing(const HttpResponse& answer, bool is_of_head) const {
  if (answer.status != 404) return false;
  const std::string code = ErrorIn(answer).code;
  return code == "NoSuchKey" || (code.empty() && is_of_head && seen);
}

bool S3Bucket::IsAccessDenied(const HttpResponse& answer) {
  return answer.status == 403 && ErrorIn(answer).code == "AccessDenied";
}

bool S3Bucket::IsNoBucket(const HttpResponse& answer) {
  return answer.status == 404 && ErrorIn(answer).code == "NoSuchBucket";
}

bool S3Bucket::MayHaveActed(const HttpResponse& answer) {
  if (answer.status != 503) return false;
  const std::string code = ErrorIn(answer).code;
  return code.empty() || IsOneOf(code, kUnclearCodes);
}

bool S3Bucket::LearnRegion(const HttpResponse& answer, const S3Error& error) {
  if (endpoint_ && error.code != "AuthorizationHeaderMalformed") return false;
  std::string told(answer.Find("x-amz-bucket-region").value_or(""));
  if (told.empty()) told = error.region;
  if (!IsRegion(told)) return false;
  MutexLock lock(mutex_);
  if (signer_->region() != told) signer_ = std::make_shared<const SigV4Signer>(told);
  return true;
}

void S3Bucket::LearnClock(const HttpResponse& answer) {
  const std::optional<std::string_view> date = answer.Find("date");
  if (!date) return;
  const time_t theirs = curl_getdate(std::string(*date).c_str(), nullptr);
  if (theirs < 0) return;
  clock_offset_s_ = static_cast<int64_t>(theirs) - system_clock::to_time_t(environment_.now());
}

std::shared_ptr<S3Bucket::Attempts> S3Bucket::NewAttempts(S3Request request) {
  return std::make_shared<Attempts>(shared_from_this(), std::move(request));
}

Future<HttpResponse> S3Bucket::Send(S3Request request) {
  const CancelToken cancel = request.cancel;
  const bool judges_success = request.error_in_success;
  const std::shared_ptr<Attempts> attempts = NewAttempts(std::move(request));
  Future<HttpResponse> answer = client_.Send(
      [attempts](int attempt) { return attempts->Make(attempt); },
      [attempts](const Result<HttpResponse>& outcome) { return attempts->Judge(outcome); }, cancel,
      judges_success);
  if (!judges_success) return answer;
  return answer.Then([attempts](const Result<HttpResponse>& outcome) {
    if (!outcome.ok()) return Future<HttpResponse>::Ready(outcome.status());
    HttpResponse uncovered = *outcome;
    attempts->Uncover(&uncovered);
    return Future<HttpResponse>::Ready(std::move(uncovered));
  });
}

S3Bucket::Attempts::Attempts(std::shared_ptr<S3Bucket> bucket, S3Request request)
    : bucket_(std::move(bucket)), request_(std::move(request)) {}

Future<HttpRequest> S3Bucket::Attempts::Make(int /*attempt*/) {
  const auto sign =
      [self = shared_from_this()](
          const Result<std::shared_ptr<const AwsCredentials>>& credentials) -> Result<HttpRequest> {
    COFFER_RETURN_IF_ERROR(credentials.status());
    self->credentials_ = *credentials;
    return self->Sign(**credentials);
  };
  Future<std::shared_ptr<const AwsCredentials>> credentials = bucket_->credentials_->Get();
  if (credentials.ready()) return Future<HttpRequest>::Ready(sign(credentials.Get()));
  return credentials.Then(sign);
}

Result<HttpRequest> S3Bucket::Attempts::Sign(const AwsCredentials& credentials) {
  std::shared_ptr<const SigV4Signer> signer;
  {
    MutexLock lock(bucket_->mutex_);
    signer = bucket_->signer_;
  }
  const Place place = bucket_->PlaceOf(signer->region());
  const bool tls = place.origin.starts_with("https:");
  SigV4Request to_sign;
  to_sign.method = request_.method;
  to_sign.host = place.host;
  to_sign.path = place.prefix + request_.key;
  to_sign.query = request_.query;
  to_sign.headers = request_.headers;
  to_sign.time = bucket_->environment_.now() + seconds(bucket_->clock_offset_s_.load());
  if (request_.body) {
    if (request_.checks_body) {
      if (checksum_.empty()) checksum_ = S3Checksum(*request_.body);
      to_sign.headers.emplace_back("x-amz-checksum-crc32c", checksum_);
    }
    // TLS protects the body, and nobody listens on loopback; else it is hashed, once.
    if (payload_hash_.empty() && (tls || bucket_->is_loopback())) payload_hash_ = kUnsignedPayload;
    if (payload_hash_.empty()) {
      COFFER_ASSIGN_OR_RETURN(const Sha256Digest digest, Sha256(*request_.body));
      payload_hash_ = HexOf(digest);
    }
    to_sign.payload_hash = payload_hash_;
  }
  COFFER_ASSIGN_OR_RETURN(const SigV4Pairs signature, signer->Sign(to_sign, credentials));
  HttpRequest request;
  request.method = request_.method;
  request.url = place.origin + SigV4Path(to_sign.path);
  if (const std::string query = SigV4Query(request_.query); !query.empty()) {
    request.url += "?" + query;
  }
  for (const auto& [name, value] : to_sign.headers) request.headers.push_back({name, value});
  for (const auto& [name, value] : signature) request.headers.push_back({name, value});
  ApplyNetworkOptions(bucket_->options_.network, bucket_->context(), &request);
  request.body = request_.body;
  request.limits.body_max_bytes = request_.answer_max_bytes;
  request.allow_content_encoding = true;
  request.waits_once_sent = request_.method != "GET" && request_.method != "HEAD";
  return request;
}

HttpVerdict S3Bucket::Attempts::Judge(const Result<HttpResponse>& outcome) {
  if (!outcome.ok()) return JudgeTransient(outcome);
  const S3Error error = ErrorIn(*outcome);
  if (!outcome->ok()) return JudgeCode(*outcome, error);
  if (error.code.empty()) return HttpVerdict::kDone;
  ++unclear_;
  return JudgeCode(*outcome, error);
}

void S3Bucket::Attempts::Uncover(HttpResponse* answer) const {
  answer->unanswered += unclear_;
  const std::string code = answer->ok() ? ErrorIn(*answer).code : "";
  if (code.empty()) return;
  --answer->unanswered;  // This one is the answer.
  const auto* const known = std::find_if(std::begin(kStatuses), std::end(kStatuses),
                                         [&](const auto& each) { return each.first == code; });
  answer->status = known == std::end(kStatuses) ? 500 : known->second;
}

HttpVerdict S3Bucket::Attempts::JudgeCode(const HttpResponse& answer, const S3Error& error) {
  // Of HEAD there is no code; 400 is what AWS says of a token that has expired.
  const bool expired = IsOneOf(error.code, kExpiredCodes) ||
                       (request_.method == "HEAD" && answer.status == 400 && error.code.empty() &&
                        credentials_ != nullptr && !credentials_->session_token.empty());
  if (expired && credentials_ != nullptr && !refreshed_) {
    refreshed_ = true;
    bucket_->credentials_->Invalidate(*credentials_);
    return HttpVerdict::kAgain;
  }
  if (error.code == "RequestTimeTooSkewed" && !clock_set_) {
    clock_set_ = true;
    bucket_->LearnClock(answer);
    return HttpVerdict::kAgain;
  }
  const bool elsewhere = answer.status == 301 || answer.status == 307 || answer.status == 400;
  if (elsewhere && !moved_ && bucket_->LearnRegion(answer, error)) {
    moved_ = true;
    return HttpVerdict::kAgain;
  }
  if (IsOneOf(error.code, kBesidePrefixCodes) && !beside_again_) {
    beside_again_ = true;  // versitygw says so, too, of a directory that is just being removed.
    return HttpVerdict::kAgain;
  }
  if (MayHaveActed(answer)) return HttpVerdict::kRetryUnanswered;
  if (IsOneOf(error.code, kTransientCodes)) return HttpVerdict::kRetry;
  if (answer.status == 409 && error.code.empty()) return HttpVerdict::kRetry;
  return JudgeTransient(answer);
}

}  // namespace coffer::inline v0
