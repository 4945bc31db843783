// 1. The canonical request: method, path, query, headers (lower case, sorted, those of one name
//    joined by commas, white space squeezed), names of the headers, hash of the body.
// 2. The string to sign: algorithm, time, scope, hash of the canonical request.
// 3. The key: HMAC of the date under the secret, of the region under that, of the service under
//    that, of "aws4_request" under that.
// 4. The signature: HMAC of the string to sign under the key, in hex.
#include "kvstore/s3/sigv4.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>

#include "kvstore/s3/text.h"
#include "src/base/sha256.h"
#include "src/base/wipe.h"
#include "src/kvstore/url.h"

namespace coffer::inline v0 {

namespace {

using std::chrono::system_clock;

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Without outer white space, and every inner run of it one blank.
std::string Squeeze(std::string_view text) {
  std::string squeezed;
  bool gap = false;
  for (const char c : text) {
    if (IsSpace(c)) {
      gap = !squeezed.empty();
      continue;
    }
    if (gap) squeezed.push_back(' ');
    gap = false;
    squeezed.push_back(c);
  }
  return squeezed;
}

/// Empty segments and "." go, ".." takes the one before along; a "/" at the end stays.
std::string Normalize(std::string_view path) {
  std::vector<std::string_view> kept;
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else if (!segment.empty() && segment != ".") {
      kept.push_back(segment);
    }
    begin = end + 1;
  }
  std::string normal;
  for (const std::string_view segment : kept) normal.append("/").append(segment);
  if (kept.empty() || path.ends_with('/')) normal.push_back('/');
  return normal;
}

std::string TwoDigits(unsigned number) {
  return {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
}

std::string Date(system_clock::time_point time) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return std::to_string(static_cast<int>(day.year())) +
         TwoDigits(static_cast<unsigned>(day.month())) +
         TwoDigits(static_cast<unsigned>(day.day()));
}

/// RFC 9110: a token.
bool IsHeaderName(std::string_view name) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return IsAlphanumeric(c) || kOther.find(c) != std::string_view::npos;
  });
}

bool HasControl(std::string_view value) {
  return std::any_of(value.begin(), value.end(), [](char c) { return IsControl(c) && c != '\t'; });
}

Status CheckSigner(const AwsCredentials& credentials, std::string_view region) {
  if (HasControl(credentials.access_key_id) || HasControl(credentials.session_token.Reveal())) {
    return InvalidArgumentError("the access key id or session token has a control character");
  }
  if (HasControl(region)) return InvalidArgumentError("the region has a control character");
  return Status();
}

Status CheckRequest(const SigV4Request& request) {
  constexpr std::string_view kOurs[] = {"host", "x-amz-date", "x-amz-content-sha256",
                                        "x-amz-security-token", "authorization"};
  for (const auto& [name, value] : request.headers) {
    if (!IsHeaderName(name)) return InvalidArgumentError("cannot sign a header without a name");
    const std::string lower = LowerCase(name);
    if (std::find(std::begin(kOurs), std::end(kOurs), lower) != std::end(kOurs)) {
      return InvalidArgumentError("header \"" + lower + "\" is set by the signature itself");
    }
    if (HasControl(value)) {
      return InvalidArgumentError("header \"" + lower + "\" has a control character");
    }
  }
  if (request.host.empty() || HasControl(request.host)) {
    return InvalidArgumentError("cannot sign a request without a host");
  }
  if (HasControl(request.payload_hash)) {
    return InvalidArgumentError("the hash of the body has a control character");
  }
  return Status();
}

/// The HMAC of a text under a secret, as a secret.
Result<Secret> Derive(std::string_view key, std::string_view text) {
  Result<Sha256Digest> digest = HmacSha256(AsBytes(key), text);
  if (!digest.ok()) return digest.status();
  Secret derived = Secret::Copy(AsText(*digest));
  Wipe(std::span(*digest));
  return derived;
}

}  // namespace

std::string SigV4Path(std::string_view path) { return PercentEncode(path, Slash::kKept); }

std::string SigV4Query(const SigV4Pairs& query) {
  SigV4Pairs encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) {
    encoded.emplace_back(PercentEncode(name, Slash::kEncoded),
                         PercentEncode(value, Slash::kEncoded));
  }
  // By name, then by value: "a=1" sorts before "a-b=1", though "-" is less than "=".
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded) {
    if (!text.empty()) text.push_back('&');
    text.append(name).append("=").append(value);
  }
  return text;
}

SigV4Canonical SigV4CanonicalRequest(const SigV4Request& request, const SigV4Rules& rules) {
  std::string path = request.path.empty() ? "/" : request.path;
  if (rules.normalize_path) path = Normalize(path);
  path = SigV4Path(path);
  if (rules.encode_path_twice) path = SigV4Path(path);

  std::map<std::string, std::string> headers;
  headers["host"] = Squeeze(request.host);
  for (const auto& [name, value] : request.headers) {
    const auto [entry, added] = headers.try_emplace(LowerCase(name), Squeeze(value));
    if (!added) entry->second.append(",").append(Squeeze(value));
  }

  SigV4Canonical canonical;
  std::string& text = canonical.request;
  text = request.method + "\n" + path + "\n" + SigV4Query(request.query) + "\n";
  for (const auto& [name, value] : headers) {
    text.append(name).append(":").append(value).append("\n");
    if (!canonical.signed_headers.empty()) canonical.signed_headers.push_back(';');
    canonical.signed_headers.append(name);
  }
  text.append("\n").append(canonical.signed_headers).append("\n").append(request.payload_hash);
  return canonical;
}

std::string SigV4Time(system_clock::time_point time) {
  const auto since_midnight = time - std::chrono::floor<std::chrono::days>(time);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(since_midnight));
  return Date(time) + "T" + TwoDigits(static_cast<unsigned>(clock.hours().count())) +
         TwoDigits(static_cast<unsigned>(clock.minutes().count())) +
         TwoDigits(static_cast<unsigned>(clock.seconds().count())) + "Z";
}

std::string SigV4Scope(system_clock::time_point time, std::string_view region,
                       std::string_view service) {
  std::string scope = Date(time);
  scope.append("/").append(region).append("/").append(service).append("/aws4_request");
  return scope;
}

Result<std::string> SigV4StringToSign(std::string_view canonical_request,
                                      system_clock::time_point time, std::string_view scope) {
  COFFER_ASSIGN_OR_RETURN(const Sha256Digest digest, Sha256(canonical_request));
  std::string text(kAlgorithm);
  text.append("\n").append(SigV4Time(time)).append("\n").append(scope).append("\n");
  return text + HexOf(digest);
}

Result<Secret> SigV4SigningKey(const Secret& secret_access_key, system_clock::time_point time,
                               std::string_view region, std::string_view service) {
  std::string first;
  first.reserve(4 + secret_access_key.size());  // So that no copy is left behind.
  first.append("AWS4").append(secret_access_key.Reveal());
  const WipedAtEnd wiped(&first);
  COFFER_ASSIGN_OR_RETURN(Secret key, Derive(first, Date(time)));
  for (const std::string_view part : {region, service, std::string_view("aws4_request")}) {
    COFFER_ASSIGN_OR_RETURN(key, Derive(key.Reveal(), part));
  }
  return key;
}

Result<std::string> SigV4Signature(const Secret& signing_key, std::string_view string_to_sign) {
  COFFER_ASSIGN_OR_RETURN(const Sha256Digest digest,
                          HmacSha256(AsBytes(signing_key.Reveal()), string_to_sign));
  return HexOf(digest);
}

SigV4Signer::SigV4Signer(std::string region, std::string service, const SigV4Rules& rules)
    : region_(std::move(region)), service_(std::move(service)), rules_(rules) {}

Result<Secret> SigV4Signer::SigningKey(const Secret& secret_access_key,
                                       system_clock::time_point time) const {
  std::string scope = SigV4Scope(time, region_, service_);
  MutexLock lock(mutex_);
  if (derived_.scope != scope || derived_.secret_access_key != secret_access_key) {
    COFFER_ASSIGN_OR_RETURN(Secret key,
                            SigV4SigningKey(secret_access_key, time, region_, service_));
    derived_ = {std::move(scope), secret_access_key, std::move(key)};
  }
  return derived_.signing_key;
}

Result<SigV4Pairs> SigV4Signer::Sign(const SigV4Request& request,
                                     const AwsCredentials& credentials) const {
  if (credentials.anonymous()) return SigV4Pairs();
  COFFER_RETURN_IF_ERROR(CheckRequest(request));
  COFFER_RETURN_IF_ERROR(CheckSigner(credentials, region_));
  SigV4Pairs added = {{"x-amz-date", SigV4Time(request.time)}};
  if (rules_.payload_header) added.emplace_back("x-amz-content-sha256", request.payload_hash);
  if (!credentials.session_token.empty()) {
    added.emplace_back("x-amz-security-token", credentials.session_token.Reveal());
  }
  SigV4Request whole = request;
  whole.headers.insert(whole.headers.end(), added.begin(), added.end());
  const SigV4Canonical canonical = SigV4CanonicalRequest(whole, rules_);
  const std::string scope = SigV4Scope(request.time, region_, service_);
  COFFER_ASSIGN_OR_RETURN(const std::string to_sign,
                          SigV4StringToSign(canonical.request, request.time, scope));
  COFFER_ASSIGN_OR_RETURN(const Secret key,
                          SigningKey(credentials.secret_access_key, request.time));
  COFFER_ASSIGN_OR_RETURN(const std::string signature, SigV4Signature(key, to_sign));
  std::string authorization(kAlgorithm);
  authorization.append(" Credential=").append(credentials.access_key_id).append("/").append(scope);
  authorization.append(", SignedHeaders=").append(canonical.signed_headers);
  authorization.append(", Signature=").append(signature);
  added.emplace_back("authorization", std::move(authorization));
  return added;
}

}  // namespace coffer::inline v0
