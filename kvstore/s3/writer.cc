// A value that fits into one part is written by S3Write, like any other. Else the upload begins
// with its first full part; before that, a condition must be one that the server keeps on uploads.
#include "kvstore/s3/writer.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>

#include "kvstore/s3/multipart.h"
#include "kvstore/s3/object.h"
#include "kvstore/s3/write.h"

namespace coffer::inline v0 {

namespace {

constexpr size_t kPartsUnderWay = 2;
constexpr int kPartsOfOneSize = 1000;

class S3Writer final : public KvWriter {
 public:
  S3Writer(std::shared_ptr<S3Bucket> bucket, std::shared_ptr<S3Prober> prober, std::string key,
           WriteOptions options)
      : bucket_(std::move(bucket)),
        prober_(std::move(prober)),
        key_(std::move(key)),
        options_(std::move(options)),
        write_ids_(WriteIds(NewWriteId(), options_.if_equal)) {}

  Status Append(std::span<const std::byte> bytes) override {
    if (!failure_.ok()) return failure_;
    failure_ = Take(bytes);
    const std::string name = bucket_->Describe(key_);
    if (!failure_.message().starts_with(name)) failure_ = failure_.Annotate(name);
    return failure_;
  }

  Future<WriteResult> Commit() override {
    if (!failure_.ok()) return Future<WriteResult>::Ready(failure_);
    failure_ = FailedPreconditionError(bucket_->Describe(key_) + ": already committed");
    BytesChain rest = TakePart();
    if (upload_ == nullptr) {
      Stats& stats = bucket_->context().stats();
      stats.write_requests += 1;
      stats.bytes_written += static_cast<int64_t>(rest.size());
      return S3Write(bucket_, prober_, key_, std::move(rest), options_);
    }
    if (!rest.empty()) Put(std::move(rest));
    return Await(std::move(under_way_), std::move(upload_), bucket_, key_, write_ids_, options_);
  }

 private:
  Status Take(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      if (part_.size() == 0) {
        COFFER_ASSIGN_OR_RETURN(part_, bucket_->context().buffers().Allocate(PartSize()));
      }
      const size_t size = std::min(bytes.size(), part_.size() - filled_);
      std::memcpy(part_.data() + filled_, bytes.data(), size);
      filled_ += size;
      bytes = bytes.subspan(size);
      if (filled_ == part_.size() && !bytes.empty()) COFFER_RETURN_IF_ERROR(Flush());
    }
    return Status();
  }

  size_t PartSize() const {
    const int doublings = std::min(number_ / kPartsOfOneSize, 9);
    return static_cast<size_t>(bucket_->options().part_bytes) << doublings;
  }

  BytesChain TakePart() {
    if (part_.size() == 0) return BytesChain();
    return std::move(part_).ToBytes(std::exchange(filled_, 0));
  }

  Status Flush() {
    if (upload_ == nullptr) COFFER_RETURN_IF_ERROR(BeginUpload());
    while (under_way_.size() >= kPartsUnderWay) {
      COFFER_RETURN_IF_ERROR(under_way_.front().Get());
      under_way_.pop_front();
    }
    if (number_ == kS3PartsMax) {
      return FailedPreconditionError("the value has more bytes than " +
                                     std::to_string(kS3PartsMax) + " parts hold");
    }
    Put(TakePart());
    return Status();
  }

  Status BeginUpload() {
    if (options_.if_equal.known()) {
      COFFER_ASSIGN_OR_RETURN(const S3Abilities can,
                              prober_->Get(key_, S3Question::kUploads).Get());
      if (!can.conditional_multipart) {
        return FailedPreconditionError(
            "this server keeps no conditions on uploads in parts, and without it others' data "
            "could be lost");
      }
    }
    COFFER_ASSIGN_OR_RETURN(upload_,
                            S3Upload::Begin(bucket_, key_, write_ids_, options_.cancel).Get());
    return Status();
  }

  void Put(BytesChain part) {
    bucket_->context().stats().bytes_written += static_cast<int64_t>(part.size());
    under_way_.push_back(S3Upload::Put(upload_, ++number_, std::move(part)));
  }

  /// Completes the upload when all parts are there; one after the other is waited for.
  static Future<WriteResult> Await(std::deque<Future<void>> parts, std::shared_ptr<S3Upload> upload,
                                   std::shared_ptr<S3Bucket> bucket, std::string key,
                                   std::string write_ids, WriteOptions options) {
    if (parts.empty()) {
      return S3CompleteWrite(upload, bucket, std::move(key), std::move(write_ids),
                             std::move(options));
    }
    const Future<void> first = std::move(parts.front());
    parts.pop_front();
    return first.Then([=](const Status& status) {
      if (!status.ok()) return Future<WriteResult>::Ready(status);
      return Await(parts, upload, bucket, key, write_ids, options);
    });
  }

  const std::shared_ptr<S3Bucket> bucket_;
  const std::shared_ptr<S3Prober> prober_;
  const std::string key_;
  const WriteOptions options_;
  const std::string write_ids_;
  Status failure_;
  Buffer part_;
  size_t filled_ = 0;
  std::shared_ptr<S3Upload> upload_;
  std::deque<Future<void>> under_way_;
  int number_ = 0;
};

}  // namespace

int64_t S3StreamBytes(int64_t part_bytes) {
  return static_cast<int64_t>(kPartsUnderWay + 1) * BufferPool::CapacityFor(part_bytes);
}

std::unique_ptr<KvWriter> OpenS3Writer(std::shared_ptr<S3Bucket> bucket,
                                       std::shared_ptr<S3Prober> prober, std::string key,
                                       WriteOptions options) {
  return std::make_unique<S3Writer>(std::move(bucket), std::move(prober), std::move(key),
                                    std::move(options));
}

}  // namespace coffer::inline v0
