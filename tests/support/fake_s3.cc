// One request:
// 1. What is asked: operation and key by method, path and query. It is recorded.
// 2. The test's word: an answer of its own, in place of what follows.
// 3. The clock, the signature, the headers are checked; then it is done, all under one lock.
// 4. The test's word again: something between, other headers, a cut answer.
//
// A page of a list ends with a token that names its last key or common prefix. An ETag is made of
// the bytes alone, as AWS does it: the same value has the same.
#include "tests/support/fake_s3.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

#include "kvstore/s3/bucket.h"
#include "kvstore/s3/sigv4.h"
#include "kvstore/s3/text.h"
#include "kvstore/s3/xml.h"
#include "src/base/base64.h"
#include "src/base/json.h"
#include "src/base/sha256.h"
#include "src/kvstore/url.h"
#include "src/net/http.h"

namespace coffer::inline v0::testing {

namespace {

using std::chrono::system_clock;

constexpr std::string_view kCustomerHeader = "x-amz-server-side-encryption-customer-";
constexpr std::string_view kEncryptionHeader = "x-amz-server-side-encryption";
constexpr std::chrono::minutes kSkewMax{15};
constexpr size_t kKeyMax = 1024;

std::string ETagOf(std::string_view body) {
  return "\"" + HexOf(coffer::Sha256(body).OrDie()).substr(0, 32) + "\"";
}

std::string ChecksumOf(std::string_view body) { return S3Checksum(Bytes::Copy(body)); }

HttpReply Xml(const std::string& root, const std::string& content) {
  return {.headers = {{"Content-Type", "application/xml"}},
          .body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<" + root +
                  " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + content + "</" + root +
                  ">"};
}

std::string Element(const std::string& name, const std::string& text) {
  return "<" + name + ">" + coffer::EscapeXml(text).value_or("?") + "</" + name + ">";
}

/// As encoding-type=url does it.
std::string FormText(std::string_view key) {
  std::string text = coffer::PercentEncode(key, coffer::Slash::kKept);
  for (size_t at = 0; (at = text.find("%20", at)) != std::string::npos;) text.replace(at, 3, "+");
  return text;
}

std::string QueryText(const S3Call& call, const std::string& name) {
  const auto found = call.query.find(name);
  return found == call.query.end() ? "" : found->second;
}

/// What comes of the x-amz-meta-... and of encryption: what is kept with the object.
std::map<std::string, std::string> Metadata(const S3Call& call) {
  std::map<std::string, std::string> metadata;
  for (const auto& [name, value] : call.http.headers) {
    const std::string lower = coffer::LowerCase(name);
    const bool key_itself = lower == std::string(kCustomerHeader) + "key";
    if (lower.starts_with("x-amz-meta-")) metadata[lower] = value;
    if (lower.starts_with(kEncryptionHeader) && !key_itself) metadata[lower] = value;
  }
  return metadata;
}

std::optional<system_clock::time_point> ParseDate(const std::string& text) {
  std::tm parts = {};
  char end = 0;
  if (std::sscanf(text.c_str(), "%4d%2d%2dT%2d%2d%2d%c", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &end) != 7 ||
      end != 'Z') {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return system_clock::from_time_t(timegm(&parts));
}

std::string HttpDate(system_clock::time_point time) {
  const time_t seconds = system_clock::to_time_t(time);
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  char text[64] = {};
  const size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text, size};
}

/// The text between a name and the next ",", of an Authorization.
std::string Part(std::string_view authorization, std::string_view name) {
  const size_t begin = authorization.find(name);
  if (begin == authorization.npos) return "";
  const std::string_view rest = authorization.substr(begin + name.size());
  return std::string(rest.substr(0, rest.find(',')));
}

std::string OperationOf(const S3Call& call) {
  const std::string& method = call.http.method;
  const auto has = [&](const char* name) { return call.query.contains(name); };
  if (call.key.empty()) {
    if (method == "POST" && has("delete")) return "DeleteObjects";
    if (method == "GET" && has("uploads")) return "ListMultipartUploads";
    return method == "GET" && has("list-type") ? "ListObjectsV2" : "";
  }
  if (method == "GET") return "GetObject";
  if (method == "HEAD") return "HeadObject";
  if (method == "PUT") return has("partNumber") ? "UploadPart" : "PutObject";
  if (method == "DELETE") return has("uploadId") ? "AbortMultipartUpload" : "DeleteObject";
  if (method != "POST") return "";
  if (has("uploads")) return "CreateMultipartUpload";
  return has("uploadId") ? "CompleteMultipartUpload" : "";
}

}  // namespace

HttpReply S3ErrorReply(int status, std::string_view code, std::string_view more) {
  HttpReply reply = {.status = status, .headers = {{"Content-Type", "application/xml"}}};
  reply.body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>" + std::string(code) +
               "</Code>" + std::string(more) + "</Error>";
  return reply;
}

S3Fault S3Fault::Error(int status, std::string_view code) {
  return {.instead = S3ErrorReply(status, code, "<Message>as the test wants it</Message>")};
}

FakeS3::FakeS3(Options options)
    : options_(std::move(options)), access_key_id_(options_.access_key_id) {
  server_ =
      std::make_unique<HttpServer>([this](const HttpRequest& request) { return Handle(request); });
}

FakeS3::~FakeS3() { server_.reset(); }

S3StoreOptions FakeS3::options() const {
  S3StoreOptions options;
  options.endpoint = url();
  options.region = options_.region;
  if (options_.anonymous) {
    options.credentials.source = S3Credentials::Source::kAnonymous;
  } else {
    options.credentials.source = S3Credentials::Source::kGiven;
    options.credentials.access_key_id = options_.access_key_id;
    options.credentials.secret_access_key = Secret::Copy(options_.secret_access_key);
    options.credentials.session_token = Secret::Copy(options_.session_token);
  }
  options.network.attempts_max = 3;
  return options;
}

void FakeS3::Misbehave(std::function<S3Fault(const S3Call& call)> how) {
  const MutexLock lock(mutex_);
  misbehave_ = std::move(how);
}

void FakeS3::Rotate(std::string access_key_id) {
  const MutexLock lock(mutex_);
  expired_ids_.insert(std::exchange(access_key_id_, std::move(access_key_id)));
}

std::optional<FakeS3::Object> FakeS3::Get(const std::string& key) const {
  const MutexLock lock(mutex_);
  const auto found = objects_.find(key);
  return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

void FakeS3::Put(const std::string& key, std::string body,
                 std::map<std::string, std::string> metadata) {
  Object object{.body = std::move(body), .metadata = std::move(metadata)};
  object.etag = ETagOf(object.body);
  const MutexLock lock(mutex_);
  objects_[key] = std::move(object);
}

void FakeS3::Delete(const std::string& key) {
  const MutexLock lock(mutex_);
  objects_.erase(key);
}

std::vector<std::string> FakeS3::keys() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, object] : objects_) keys.push_back(key);
  return keys;
}

std::vector<std::string> FakeS3::uploads() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [id, upload] : uploads_) keys.push_back(upload.key);
  return keys;
}

std::string FakeS3::BeginUpload(const std::string& key) {
  const MutexLock lock(mutex_);
  std::string id = "upload-" + std::to_string(++upload_count_);
  uploads_[id].key = key;
  return id;
}

std::vector<S3Call> FakeS3::calls() const {
  const MutexLock lock(mutex_);
  return calls_;
}

int FakeS3::count(std::string_view operation) const {
  const MutexLock lock(mutex_);
  return static_cast<int>(std::count_if(calls_.begin(), calls_.end(), [&](const S3Call& call) {
    return call.operation == operation;
  }));
}

bool FakeS3::WaitUntil(const std::function<bool()>& reached) const {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (;;) {
    MutexLock lock(mutex_);
    const int before = handled_;
    lock.Unlock();
    if (reached()) return true;
    lock.Lock();
    while (handled_ == before) {
      if (!handled_one_.WaitUntil(mutex_, deadline)) return false;
    }
  }
}

HttpReply FakeS3::Handle(const HttpRequest& request) {
  S3Call call = Understand(request);
  std::function<S3Fault(const S3Call&)> misbehave;
  {
    const MutexLock lock(mutex_);
    call.number = ++numbers_[call.operation + " " + call.key];
    calls_.push_back(call);
    misbehave = misbehave_;
  }
  const S3Fault fault = misbehave ? misbehave(call) : S3Fault();
  HttpReply reply;
  if (fault.instead) {
    reply = *fault.instead;
  } else {
    const MutexLock lock(mutex_);
    Maybe refused = CheckSignature(call);
    if (!refused) refused = CheckHeaders(call);
    reply = refused ? *refused : Do(call);
  }
  reply.headers.emplace_back("Date", HttpDate(system_clock::now() + options_.clock));
  reply.headers.emplace_back("x-amz-request-id", "0123456789ABCDEF");
  if (fault.between) fault.between();
  if (fault.edit) fault.edit(reply);
  if (fault.delivery) reply.delivery = *fault.delivery;
  const MutexLock lock(mutex_);
  ++handled_;
  handled_one_.NotifyAll();
  return reply;
}

S3Call FakeS3::Understand(const HttpRequest& request) {
  S3Call call;
  call.http = request;
  const size_t mark = request.target.find('?');
  std::string_view rest =
      mark == std::string::npos ? "" : std::string_view(request.target).substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    call.query[coffer::PercentDecode(pair.substr(0, equals)).value_or("")] =
        coffer::PercentDecode(pair.substr(std::min(equals + 1, pair.size()))).value_or("");
  }
  const std::string path =
      coffer::PercentDecode(std::string_view(request.target).substr(0, mark)).value_or("");
  const bool by_host = request.Header("host").starts_with(options_.bucket + ".");
  const std::string root = by_host ? "/" : "/" + options_.bucket + "/";
  if (!path.starts_with(root)) return call;  // No operation: another bucket.
  call.key = path.substr(root.size());
  call.operation = OperationOf(call);
  return call;
}

FakeS3::Maybe FakeS3::CheckSignature(const S3Call& call) const {
  const std::string authorization = call.http.Header("authorization");
  if (authorization.empty()) {
    return options_.anonymous ? std::nullopt : Maybe(S3ErrorReply(403, "AccessDenied"));
  }
  const std::string credential = Part(authorization, "Credential=");
  const std::string id = credential.substr(0, credential.find('/'));
  if (expired_ids_.contains(id)) return S3ErrorReply(400, "ExpiredToken");
  if (id != access_key_id_) return S3ErrorReply(403, "InvalidAccessKeyId");
  if (call.http.Header("x-amz-security-token") != options_.session_token) {
    return S3ErrorReply(400, "InvalidToken");
  }
  const auto date = ParseDate(call.http.Header("x-amz-date"));
  if (!date) return S3ErrorReply(403, "AccessDenied");
  if (std::chrono::abs(system_clock::now() + options_.clock - *date) > kSkewMax) {
    return S3ErrorReply(403, "RequestTimeTooSkewed");
  }
  if (credential != id + "/" + coffer::SigV4Scope(*date, options_.region, "s3")) {
    return S3ErrorReply(400, "AuthorizationHeaderMalformed", Element("Region", options_.region));
  }
  const std::string hash = call.http.Header("x-amz-content-sha256");
  if (hash != coffer::kUnsignedPayload &&
      hash != HexOf(coffer::Sha256(std::string_view(call.http.body)).OrDie())) {
    return S3ErrorReply(400, "XAmzContentSHA256Mismatch");
  }
  return CheckSignedHeaders(call, authorization);
}

FakeS3::Maybe FakeS3::CheckSignedHeaders(const S3Call& call, std::string_view authorization) const {
  const std::string names = ";" + Part(authorization, "SignedHeaders=") + ";";
  coffer::SigV4Request signed_request;
  signed_request.method = call.http.method;
  signed_request.host = call.http.Header("host");
  signed_request.query.assign(call.query.begin(), call.query.end());
  signed_request.payload_hash = call.http.Header("x-amz-content-sha256");
  const std::string path = call.http.target.substr(0, call.http.target.find('?'));
  signed_request.path = coffer::PercentDecode(path).value_or("");
  for (const auto& [name, value] : call.http.headers) {
    const std::string lower = coffer::LowerCase(name);
    const bool is_signed = names.find(";" + lower + ";") != std::string::npos;
    if (lower != "host" && is_signed) signed_request.headers.emplace_back(lower, value);
    if (!is_signed && (lower.starts_with("x-amz-") || lower == "host")) {
      return S3ErrorReply(403, "AccessDenied", Element("HeadersNotSigned", lower));
    }
  }
  const auto date = ParseDate(call.http.Header("x-amz-date")).value();
  const std::string scope = coffer::SigV4Scope(date, options_.region, "s3");
  const std::string to_sign =
      coffer::SigV4StringToSign(coffer::SigV4CanonicalRequest(signed_request, {}).request, date,
                                scope)
          .OrDie();
  const Secret key =
      coffer::SigV4SigningKey(Secret::Copy(options_.secret_access_key), date, options_.region, "s3")
          .OrDie();
  const std::string query = coffer::SigV4Query(signed_request.query);
  const bool as_signed = call.http.target == coffer::SigV4Path(signed_request.path) +
                                                 (query.empty() ? "" : "?") + query;
  if (as_signed &&
      Part(authorization, "Signature=") == coffer::SigV4Signature(key, to_sign).OrDie()) {
    return std::nullopt;
  }
  // As AWS does, with what must not be shown.
  return S3ErrorReply(403, "SignatureDoesNotMatch",
                      Element("Message", "The signature does not match.") +
                          Element("AWSAccessKeyId", access_key_id_) +
                          Element("StringToSign", to_sign));
}

FakeS3::Maybe FakeS3::CheckHeaders(const S3Call& call) {
  const std::string& operation = call.operation;
  const bool makes = operation == "PutObject" || operation == "CreateMultipartUpload";
  const bool moves = makes || operation == "GetObject" || operation == "HeadObject" ||
                     operation == "UploadPart" || operation == "CompleteMultipartUpload";
  for (const auto& [name, value] : call.http.headers) {
    const std::string lower = coffer::LowerCase(name);
    if (!lower.starts_with(kEncryptionHeader)) continue;
    if (lower.starts_with(kCustomerHeader) ? !moves : !makes) {
      return S3ErrorReply(400, "InvalidArgument", Element("ArgumentName", lower));
    }
  }
  if (call.key.size() > kKeyMax) return S3ErrorReply(400, "KeyTooLongError");
  for (const std::string& text : {call.key, QueryText(call, "prefix"),
                                  QueryText(call, "start-after"), QueryText(call, "key-marker")}) {
    if (!coffer::IsUtf8(text)) return S3ErrorReply(400, "InvalidURI");
    if (text.size() > kKeyMax) return S3ErrorReply(400, "InvalidArgument");
  }
  const std::string checksum = call.http.Header("x-amz-checksum-crc32c");
  if (!checksum.empty() && checksum != ChecksumOf(call.http.body)) {
    return S3ErrorReply(400, "BadDigest");
  }
  return std::nullopt;
}

FakeS3::Maybe FakeS3::CheckCondition(const S3Call& call, bool keeps_create,
                                     bool keeps_match) const {
  const auto found = objects_.find(call.key);
  if (keeps_create && call.http.Header("if-none-match") == "*" && found != objects_.end()) {
    return S3ErrorReply(412, "PreconditionFailed");
  }
  const std::string match = call.http.Header("if-match");
  if (!keeps_match || match.empty()) return std::nullopt;
  if (found == objects_.end()) return S3ErrorReply(404, "NoSuchKey");
  if (found->second.etag != match) return S3ErrorReply(412, "PreconditionFailed");
  return std::nullopt;
}

HttpReply FakeS3::Do(const S3Call& call) {
  const std::string& operation = call.operation;
  if (operation == "GetObject" || operation == "HeadObject") return DoRead(call);
  if (operation == "PutObject" || operation == "UploadPart") return DoPut(call);
  if (operation == "DeleteObject") return DoDelete(call);
  if (operation == "DeleteObjects") return DoDeleteMany(call);
  if (operation == "ListObjectsV2") return DoList(call);
  if (operation == "ListMultipartUploads") return DoListUploads(call);
  if (operation == "CreateMultipartUpload") return DoCreateUpload(call);
  if (operation == "CompleteMultipartUpload") return DoComplete(call);
  if (operation == "AbortMultipartUpload") {
    return uploads_.erase(QueryText(call, "uploadId")) == 0 ? S3ErrorReply(404, "NoSuchUpload")
                                                            : HttpReply{.status = 204};
  }
  return S3ErrorReply(404, "NoSuchBucket");
}

HttpReply FakeS3::DoRead(const S3Call& call) const {
  const auto found = objects_.find(call.key);
  if (found == objects_.end()) return S3ErrorReply(404, "NoSuchKey");
  const Object& object = found->second;
  const std::string digest = std::string(kCustomerHeader) + "key-md5";
  const auto needed = object.metadata.find(digest);
  if (call.http.Header(digest) != (needed == object.metadata.end() ? "" : needed->second)) {
    return S3ErrorReply(400, "InvalidRequest");
  }
  const std::string match = call.http.Header("if-match");
  if (!match.empty() && match != object.etag) return S3ErrorReply(412, "PreconditionFailed");
  HttpReply reply = {.headers = {{"ETag", object.etag}}, .body = object.body};
  if (call.http.Header("if-none-match") == object.etag) {
    reply.status = 304;
    return reply;
  }
  for (const auto& [name, value] : object.metadata) reply.headers.emplace_back(name, value);
  const std::string range = call.http.Header("range");
  if (range.empty()) {
    if (!object.checksum.empty() && call.http.Header("x-amz-checksum-mode") == "ENABLED") {
      reply.headers.emplace_back("x-amz-checksum-crc32c", object.checksum);
    }
    return reply;
  }
  const auto size = static_cast<int64_t>(object.body.size());
  const size_t dash = range.find('-');
  const auto first = coffer::ParseDecimal(range.substr(6, dash - 6));
  const auto last = coffer::ParseDecimal(range.substr(dash + 1));
  const int64_t begin = first ? *first : std::max<int64_t>(size - last.value_or(0), 0);
  const int64_t end = first && last ? std::min(*last + 1, size) : size;
  if (begin >= end) {
    reply = S3ErrorReply(416, "InvalidRange");
    reply.headers.emplace_back("Content-Range", "bytes */" + std::to_string(size));
    return reply;
  }
  reply.status = 206;
  reply.headers.emplace_back("Content-Range", "bytes " + std::to_string(begin) + "-" +
                                                  std::to_string(end - 1) + "/" +
                                                  std::to_string(size));
  reply.body = object.body.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  return reply;
}

HttpReply FakeS3::DoPut(const S3Call& call) {
  Object object{.body = call.http.body, .etag = ETagOf(call.http.body), .metadata = Metadata(call)};
  object.checksum = call.http.Header("x-amz-checksum-crc32c");
  const std::string etag = object.etag;
  if (call.operation == "UploadPart") {
    const auto upload = uploads_.find(QueryText(call, "uploadId"));
    if (upload == uploads_.end()) return S3ErrorReply(404, "NoSuchUpload");
    upload->second.parts[std::stoi(QueryText(call, "partNumber"))] = std::move(object);
    return {.headers = {{"ETag", etag}}};
  }
  if (Maybe refused = CheckCondition(call, options_.keeps_create, options_.keeps_write)) {
    return *refused;
  }
  objects_[call.key] = std::move(object);
  return {.headers = {{"ETag", etag}}};
}

HttpReply FakeS3::DoDelete(const S3Call& call) {
  if (Maybe refused = CheckCondition(call, false, options_.keeps_delete)) return *refused;
  objects_.erase(call.key);
  return {.status = 204};
}

HttpReply FakeS3::DoDeleteMany(const S3Call& call) {
  if (call.http.Header("x-amz-checksum-crc32c").empty() &&
      call.http.Header("content-md5").empty()) {
    return S3ErrorReply(400, "InvalidRequest");
  }
  std::vector<std::string> keys;
  const Status parsed = coffer::ParseXml(
      call.http.body, [](std::string_view) { return Status(); },
      [&](std::string_view path, std::string_view text) {
        if (path == "Delete/Object/Key") keys.emplace_back(text);
        return Status();
      });
  if (!parsed.ok() || keys.empty() || keys.size() > 1000) {
    return S3ErrorReply(400, "MalformedXML");
  }
  for (const std::string& key : keys) objects_.erase(key);
  return Xml("DeleteResult", "");
}

HttpReply FakeS3::DoList(const S3Call& call) const {
  const std::string prefix = QueryText(call, "prefix");
  const std::string delimiter = QueryText(call, "delimiter");
  const std::string token = QueryText(call, "continuation-token");
  std::string after = QueryText(call, "start-after");
  if (!token.empty()) {
    const auto decoded = coffer::DecodeBase64(token);
    if (!decoded) return S3ErrorReply(400, "InvalidArgument");
    after = *decoded;
  }
  if (QueryText(call, "encoding-type") != "url") return S3ErrorReply(501, "NotImplemented");
  const auto asked = coffer::ParseDecimal(QueryText(call, "max-keys")).value_or(1000);
  const size_t page = std::min(static_cast<size_t>(asked), options_.page_max);
  std::string content = Element("Name", options_.bucket) + Element("EncodingType", "url");
  std::string last;
  size_t count = 0;
  bool truncated = false;
  for (auto at = objects_.lower_bound(std::max(prefix, after));
       at != objects_.end() && at->first.starts_with(prefix); ++at) {
    const auto& [key, object] = *at;
    const size_t cut = delimiter.empty() ? key.npos : key.find(delimiter, prefix.size());
    const std::string shown = cut == key.npos ? key : key.substr(0, cut + delimiter.size());
    if (shown <= after || shown == last) continue;
    if (count == page) {
      truncated = true;
      break;
    }
    ++count;
    last = shown;
    if (cut == key.npos) {
      content += "<Contents>" + Element("Key", FormText(key)) + Element("ETag", object.etag) +
                 Element("Size", std::to_string(object.body.size())) + "</Contents>";
    } else {
      content += "<CommonPrefixes>" + Element("Prefix", FormText(shown)) + "</CommonPrefixes>";
    }
  }
  content += Element("IsTruncated", truncated ? "true" : "false");
  if (truncated) content += Element("NextContinuationToken", coffer::EncodeBase64(last));
  return Xml("ListBucketResult", content);
}

HttpReply FakeS3::DoListUploads(const S3Call& call) const {
  const std::pair<std::string, std::string> after = {QueryText(call, "key-marker"),
                                                     QueryText(call, "upload-id-marker")};
  std::map<std::pair<std::string, std::string>, bool> sorted;
  for (const auto& [id, upload] : uploads_) {
    const std::pair<std::string, std::string> place = {upload.key, id};
    if (upload.key.starts_with(QueryText(call, "prefix")) && place > after) sorted[place] = true;
  }
  std::string content = Element("EncodingType", "url");
  std::pair<std::string, std::string> last;
  size_t count = 0;
  for (const auto& [place, shown] : sorted) {
    if (count++ == options_.page_max) break;
    last = place;
    content += "<Upload>" + Element("Key", FormText(place.first)) +
               Element("UploadId", place.second) +
               Element("Initiated", "2026-01-02T03:04:05.000Z") + "</Upload>";
  }
  const bool truncated = count > options_.page_max;
  content += Element("IsTruncated", truncated ? "true" : "false");
  if (truncated) {
    content +=
        Element("NextKeyMarker", FormText(last.first)) + Element("NextUploadIdMarker", last.second);
  }
  return Xml("ListMultipartUploadsResult", content);
}

HttpReply FakeS3::DoCreateUpload(const S3Call& call) {
  const std::string id = "upload-" + std::to_string(++upload_count_);
  uploads_[id] = {call.key, Metadata(call), {}};
  return Xml("InitiateMultipartUploadResult", Element("UploadId", id));
}

HttpReply FakeS3::DoComplete(const S3Call& call) {
  const auto upload = uploads_.find(QueryText(call, "uploadId"));
  if (upload == uploads_.end()) return S3ErrorReply(404, "NoSuchUpload");
  if (Maybe refused =
          CheckCondition(call, options_.keeps_complete_create, options_.keeps_complete_replace)) {
    return *refused;
  }
  std::vector<std::pair<int, std::string>> listed;
  std::string etag;
  const Status parsed = coffer::ParseXml(
      call.http.body, [](std::string_view) { return Status(); },
      [&](std::string_view path, std::string_view text) {
        if (path == "CompleteMultipartUpload/Part/ETag") etag = std::string(text);
        if (path == "CompleteMultipartUpload/Part/PartNumber") {
          listed.emplace_back(std::stoi(std::string(text)), etag);
        }
        return Status();
      });
  if (!parsed.ok() || listed.empty()) return S3ErrorReply(400, "MalformedXML");
  if (!std::is_sorted(listed.begin(), listed.end())) return S3ErrorReply(400, "InvalidPartOrder");
  Object object{.metadata = upload->second.metadata};
  std::string digests;
  for (const auto& [number, tag] : listed) {
    const auto part = upload->second.parts.find(number);
    if (part == upload->second.parts.end() || part->second.etag != tag) {
      return S3ErrorReply(400, "InvalidPart");
    }
    object.body += part->second.body;
    digests += coffer::DecodeBase64(part->second.checksum).value_or("");
  }
  const std::string count = "-" + std::to_string(listed.size());
  object.etag = ETagOf(object.body);
  object.etag.insert(object.etag.size() - 1, count);
  object.checksum = ChecksumOf(digests) + count;
  HttpReply reply = Xml("CompleteMultipartUploadResult", Element("ETag", object.etag));
  objects_[call.key] = std::move(object);
  uploads_.erase(upload);
  return reply;
}

}  // namespace coffer::inline v0::testing
