// Reads are those of any HTTP store (src/kvstore/http_read.h), signed; a whole value's checksum is
// compared where the server tells it. No HEAD is sent: its answer could not tell a missing key from
// a missing bucket, or from what a proxy says.
#include "kvstore/s3/store.h"

#include <algorithm>
#include <utility>

#include "kvstore/s3/abilities.h"
#include "kvstore/s3/debris.h"
#include "kvstore/s3/listing.h"
#include "kvstore/s3/object.h"
#include "kvstore/s3/write.h"
#include "kvstore/s3/writer.h"
#include "src/base/json.h"
#include "src/base/shown.h"
#include "src/kvstore/network.h"

namespace coffer::inline v0 {

namespace {

constexpr size_t kKeyBytesMax = 1024;
constexpr size_t kPlainETagSize = 34;     // An MD5 in quotes; of parts it is longer.
constexpr int kRequestConcurrency = 128;  // Of small objects, at 20 ms each, 6,400 a second.

Status CheckKey(std::string_view key) {
  if (key.empty() || key.size() > kKeyBytesMax) {
    return InvalidArgumentError("a key of S3 has 1 to 1,024 bytes, not " +
                                std::to_string(key.size()));
  }
  if (!IsUtf8(key) || key.find('\0') != std::string_view::npos) {
    return InvalidArgumentError("a key of S3 is UTF-8, without NUL");
  }
  // Servers and what stands before them resolve such segments, so that two keys would be one value.
  for (size_t begin = 0, end = 0; begin <= key.size(); begin = end + 1) {
    end = std::min(key.find('/', begin), key.size());
    const std::string_view segment = key.substr(begin, end - begin);
    if (segment == "." || segment == "..") {
      return InvalidArgumentError("a key of S3 has no \".\" or \"..\" segment here");
    }
  }
  if (IsProbeKey(key)) return InvalidArgumentError("this name is that of a probe's object");
  return Status();
}

/// versitygw reads a value, its metadata and its ETag one after the other, so that an answer may
/// have the ETag of the next value: who then writes under it loses that. DataLoss, if a whole body
/// is not what such a server's ETag says.
Status CheckETag(const HttpResponse& answer, std::span<const std::byte> body) {
  const std::optional<std::string_view> etag = answer.Find("etag");
  if (answer.Find("server") != "VERSITYGW" || !etag || etag->size() != kPlainETagSize) {
    return Status();
  }
  if (S3PlainETag(body) == *etag) return Status();
  return DataLossError("the value's bytes and its ETag are of two versions");
}

/// DataLoss if a whole body is not what the answer's checksum says. One made of parts' checksums
/// says nothing of the whole.
Status CheckChecksum(const HttpResponse& answer, std::span<const std::byte> body) {
  const std::optional<std::string_view> told = answer.Find("x-amz-checksum-crc32c");
  if (!told || told->find('-') != std::string_view::npos ||
      answer.Find("x-amz-checksum-type") == "COMPOSITE") {
    return Status();
  }
  const std::string found = S3Checksum(Bytes::Unowned(body));
  if (found == *told) return Status();
  return DataLossError("the value's crc32c is " + found + ", the server's " +
                       ShownServerText(told->substr(0, 100)));
}

class S3Store final : public KvStore, public std::enable_shared_from_this<S3Store> {
 public:
  explicit S3Store(std::shared_ptr<S3Bucket> bucket)
      : bucket_(std::move(bucket)), prober_(std::make_shared<S3Prober>(bucket_)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return Fetch(std::move(key), std::move(options), std::nullopt);
  }

  Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                              ReadOptions options) override {
    return Fetch(std::move(key), std::move(options), destination);
  }

  Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                      ReadOptions options) override {
    return ReadRangesAgain(shared_from_this(), std::move(key), std::move(ranges),
                           std::move(options), [] { return true; });
  }

  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    if (const Status status = CheckKey(key); !status.ok()) {
      return Future<WriteResult>::Ready(status.Annotate(Describe(key)));
    }
    Stats& stats = bucket_->context().stats();
    stats.write_requests += 1;
    if (value) stats.bytes_written += static_cast<int64_t>(value->size());
    return S3Write(bucket_, prober_, std::move(key), std::move(value), std::move(options));
  }

  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override {
    if (const Status status = CheckKey(key); !status.ok()) return status.Annotate(Describe(key));
    return OpenS3Writer(bucket_, prober_, std::move(key), std::move(options));
  }

  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return ListS3(bucket_, std::move(options));
  }

  Future<void> DeleteRange(KeyRange range) override {
    return DeleteS3Range(bucket_, std::move(range));
  }

  Future<std::vector<Debris>> ClearDebris(KeyRange range, ClearDebrisOptions options) override {
    return ClearS3Debris(bucket_, std::move(range), std::move(options));
  }

  Capabilities capabilities() const override {
    // A condition that the server does not keep is refused, so it is exact either way. Deletes have
    // another way out (not to delete), so of them, as of keys beside others, only what is known is
    // promised.
    const std::optional<S3Abilities> known = prober_->known(S3Question::kRequests);
    Capabilities can;
    can.fold_listing = true;
    can.conditional_write = true;
    can.conditional_create = true;
    can.conditional_delete = known && known->conditional_delete;
    can.key_beside_prefix = known && known->key_beside_prefix;
    can.durable = true;
    can.streaming_write = true;
    can.stream_bytes = S3StreamBytes(bucket_->options().part_bytes);
    can.coalesce_gap_bytes = bucket_->link().gap_bytes();
    can.request_concurrency = kRequestConcurrency;
    return can;
  }

  std::string Describe(std::string_view key) const override { return bucket_->Describe(key); }

 private:
  Future<ReadResult> Fetch(std::string key, ReadOptions options,
                           std::optional<std::span<std::byte>> destination) {
    const std::string name = Describe(key);
    if (const Status status = CheckKey(key); !status.ok()) {
      return Future<ReadResult>::Ready(status.Annotate(name));
    }
    HttpReadRules rules;
    rules.generation = [](const HttpResponse& head) { return S3Generation(head); };
    rules.entity_tag = S3EntityTag;
    rules.forbidden_is_missing = bucket_->options().forbidden_is_missing;
    rules.has_head = false;
    rules.tells_length = true;
    rules.refused = [bucket = bucket_](const HttpResponse& answer) {
      return Refused(*bucket, answer);
    };
    const CancelToken cancel = options.cancel;
    HttpRead read(name, std::move(options), destination, std::move(rules));
    if (!read.status().ok()) return Future<ReadResult>::Ready(read.status());
    S3Request request;
    request.key = std::move(key);
    request.headers = bucket_->ReadHeaders();
    request.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
    const auto attempts = bucket_->NewAttempts(std::move(request));
    return FetchRead(
        bucket_->client(), read,
        [attempts, read, bucket = bucket_](int attempt) {
          bucket->context().stats().read_requests += 1;
          attempts->request().method = read.method();
          return attempts->Make(attempt);
        },
        [attempts](const Result<HttpResponse>& outcome) { return attempts->Judge(outcome); },
        cancel,
        [bucket = bucket_, name](const HttpResponse& answer, const auto& whole) {
          Learn(*bucket, answer);
          return whole ? CheckWhole(answer, *whole).Annotate(name) : Status();
        });
  }

  /// What only S3 knows of an answer that is no success.
  static Status Refused(const S3Bucket& bucket, const HttpResponse& answer) {
    const int status = answer.status;
    const bool told_by_http =
        status == 304 || status == 405 || status == 412 || status == 416 ||
        (bucket.options().forbidden_is_missing && bucket.IsAccessDenied(answer)) ||
        bucket.ProvesMissing(answer);
    return told_by_http ? Status() : S3Bucket::ErrorOf(answer, "GET");
  }

  static Status CheckWhole(const HttpResponse& answer, std::span<const std::byte> whole) {
    COFFER_RETURN_IF_ERROR(CheckChecksum(answer, whole));
    return CheckETag(answer, whole);
  }

  static void Learn(S3Bucket& bucket, const HttpResponse& answer) {
    if (!answer.ok()) return;
    bucket.seen = true;
    bucket.link().Add(answer);
    bucket.context().stats().bytes_read += answer.body_size;
  }

  const std::shared_ptr<S3Bucket> bucket_;
  const std::shared_ptr<S3Prober> prober_;
};

}  // namespace

KvStorePtr MakeStoreOfBucket(std::shared_ptr<S3Bucket> bucket) {
  return std::make_shared<S3Store>(std::move(bucket));
}

}  // namespace coffer::inline v0
