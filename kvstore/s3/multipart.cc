#include "kvstore/s3/multipart.h"

#include <algorithm>
#include <utility>

#include "kvstore/s3/object.h"

namespace coffer::inline v0 {

namespace {

/// Of a request that alone shows nothing it does not matter whether it was carried out.
bool WasGivenUp(const CancelToken& cancel, const Result<HttpResponse>& answer) {
  return cancel.cancelled() && !(answer.ok() && answer->ok());
}

}  // namespace

Future<std::shared_ptr<S3Upload>> S3Upload::Begin(std::shared_ptr<S3Bucket> bucket, std::string key,
                                                  std::string write_ids, CancelToken cancel) {
  S3Request request;
  request.method = "POST";
  request.key = key;
  request.query = {{"uploads", ""}};
  request.headers = bucket->WriteHeaders();
  request.headers.emplace_back("x-amz-checksum-algorithm", "CRC32C");
  if (!write_ids.empty()) request.headers.emplace_back(kWriteIdHeader, std::move(write_ids));
  request.body.emplace();
  request.cancel = cancel;
  return bucket->Send(std::move(request))
      .Then([bucket, key,
             cancel](const Result<HttpResponse>& answer) -> Result<std::shared_ptr<S3Upload>> {
        if (WasGivenUp(cancel, answer))
          return CancelledError(bucket->Describe(key) + ": cancelled");
        COFFER_RETURN_IF_ERROR(answer.status());
        if (!answer->ok()) return S3Bucket::ErrorOf(*answer, bucket->Describe(key));
        const Result<std::string> id = ParseS3UploadCreated(answer->body.text());
        if (!id.ok()) return id.status().Annotate(bucket->Describe(key));
        return std::make_shared<S3Upload>(bucket, key, *id, cancel);
      });
}

S3Upload::S3Upload(std::shared_ptr<S3Bucket> bucket, std::string key, std::string id,
                   CancelToken cancel)
    : bucket_(std::move(bucket)),
      key_(std::move(key)),
      id_(std::move(id)),
      cancel_(std::move(cancel)) {}

S3Upload::~S3Upload() {
  if (completed_) return;
  S3Request request = Request("DELETE", bucket_->Headers());
  request.cancel = CancelToken();
  // Nobody waits. Should it fail, the upload is left as if this process had been killed.
  bucket_->Send(std::move(request)).OnReady([](const Result<HttpResponse>&) {});
}

S3Request S3Upload::Request(std::string method, SigV4Pairs headers) const {
  S3Request request;
  request.method = std::move(method);
  request.key = key_;
  request.query = {{"uploadId", id_}};
  request.headers = std::move(headers);
  request.cancel = cancel_;
  return request;
}

Future<void> S3Upload::Put(const std::shared_ptr<S3Upload>& upload, int number, BytesChain part) {
  S3Request request = upload->Request("PUT", upload->bucket_->ReadHeaders());
  request.query.emplace_back("partNumber", std::to_string(number));
  request.body = std::move(part);
  const std::string checksum = S3Checksum(*request.body);
  request.headers.emplace_back("x-amz-checksum-crc32c", checksum);
  upload->bucket_->context().stats().write_requests += 1;
  return upload->bucket_->Send(std::move(request))
      .Then([upload, number, checksum](const Result<HttpResponse>& answer) -> Status {
        const std::string name =
            upload->bucket_->Describe(upload->key_) + ", part " + std::to_string(number);
        if (WasGivenUp(upload->cancel_, answer)) return CancelledError(name + ": cancelled");
        COFFER_RETURN_IF_ERROR(answer.status());
        if (!answer->ok()) return S3Bucket::ErrorOf(*answer, name);
        const std::optional<std::string_view> etag = answer->Find("etag");
        if (!etag) return DataLossError(name + ": the server's answer has no ETag");
        MutexLock lock(upload->mutex_);
        upload->parts_[number] = {std::string(*etag), checksum};
        return Status();
      });
}

Future<HttpResponse> S3Upload::Complete(const std::shared_ptr<S3Upload>& upload,
                                        const SigV4Pairs& conditions) {
  std::string xml = "<CompleteMultipartUpload>";
  {
    MutexLock lock(upload->mutex_);
    for (const auto& [number, part] : upload->parts_) {
      xml += "<Part><ETag>" + EscapeXml(part.etag).value_or("") + "</ETag><ChecksumCRC32C>" +
             part.checksum + "</ChecksumCRC32C><PartNumber>" + std::to_string(number) +
             "</PartNumber></Part>";
    }
  }
  xml += "</CompleteMultipartUpload>";
  S3Request request = upload->Request("POST", upload->bucket_->ReadHeaders());
  request.headers.insert(request.headers.end(), conditions.begin(), conditions.end());
  request.body = Bytes::Take(std::move(xml));
  request.error_in_success = true;
  const Promise<HttpResponse> promise(upload->bucket_->context().shared_executor());
  upload->bucket_->Send(std::move(request))
      .OnReady([upload, promise](const Result<HttpResponse>& answer) {
        {
          // Of one that may yet be completed nothing must be taken away.
          const bool pending =
              answer.ok() ? answer->pending : answer.status().code() != StatusCode::kCancelled;
          MutexLock lock(upload->mutex_);
          upload->completed_ = pending || (answer.ok() && (answer->ok() || answer->status == 404));
        }
        promise.Set(answer);
      });
  return promise.future();
}

Result<std::string> CompletedETag(const HttpResponse& answer) {
  COFFER_ASSIGN_OR_RETURN(std::string etag, ParseS3UploadCompleted(answer.body.text()));
  // As headers have it.
  return etag.starts_with('"') ? etag : "\"" + etag + "\"";
}

namespace {

/// Bytes [begin, begin + size) of a chain, shared.
BytesChain SliceOf(const BytesChain& chain, size_t begin, size_t size) {
  BytesChain slice;
  for (const Bytes& piece : chain.pieces()) {
    if (size == 0) break;
    if (begin >= piece.size()) {
      begin -= piece.size();
      continue;
    }
    const size_t part = std::min(size, piece.size() - begin);
    slice.Append(piece.Slice(begin, part));
    size -= part;
    begin = 0;
  }
  return slice;
}

/// The parts of one value on their way. It resolves when none is, since they are the caller's
/// bytes.
struct PartsUnderWay : std::enable_shared_from_this<PartsUnderWay> {
  PartsUnderWay(BytesChain whole, size_t size_of_part, const Context& context)
      : value(std::move(whole)),
        part_size(size_of_part),
        count(static_cast<int>(std::max<size_t>((value.size() + part_size - 1) / part_size, 1))),
        promise(context.shared_executor()) {}

  const BytesChain value;
  const size_t part_size;
  const int count;
  const Promise<std::shared_ptr<S3Upload>> promise;
  std::shared_ptr<S3Upload> upload;
  Mutex mutex;
  int next COFFER_GUARDED_BY(mutex) = 1;
  int under_way COFFER_GUARDED_BY(mutex) = 0;
  Status failure COFFER_GUARDED_BY(mutex);

  void PutNext() {
    int number = 0;
    {
      MutexLock lock(mutex);
      if (next > count || !failure.ok()) return;
      number = next++;
      ++under_way;
    }
    const size_t begin = static_cast<size_t>(number - 1) * part_size;
    S3Upload::Put(upload, number, SliceOf(value, begin, part_size))
        .OnReady([self = shared_from_this()](const Status& status) { self->TakePart(status); });
  }
  void TakePart(const Status& status) {
    bool last = false;
    Status outcome;
    {
      MutexLock lock(mutex);
      if (failure.ok()) failure = status;
      outcome = failure;
      last = --under_way == 0 && (next > count || !outcome.ok());
    }
    if (!last) return PutNext();
    if (outcome.ok()) {
      promise.Set(std::exchange(upload, nullptr));
    } else {
      promise.Set(outcome);
    }
  }
};

}  // namespace

Future<std::shared_ptr<S3Upload>> UploadParts(const std::shared_ptr<S3Bucket>& bucket,
                                              const std::string& key, BytesChain value,
                                              std::string write_ids, const CancelToken& cancel) {
  const size_t part_size =
      std::max(static_cast<size_t>(bucket->options().part_bytes), value.size() / kS3PartsMax + 1);
  const auto parts =
      std::make_shared<PartsUnderWay>(std::move(value), part_size, bucket->context());
  S3Upload::Begin(bucket, key, std::move(write_ids), cancel)
      .OnReady([parts](const Result<std::shared_ptr<S3Upload>>& upload) {
        if (!upload.ok()) {
          parts->promise.Set(upload.status());
          return;
        }
        parts->upload = *upload;
        for (int i = 0; i < kS3PartsAtOnce; ++i) parts->PutNext();
      });
  return parts->promise.future();
}

}  // namespace coffer::inline v0
