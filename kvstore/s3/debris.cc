// 1. ListMultipartUploads, page by page, and the objects of probes: all that is in the range.
// 2. If there is any, and it is to be removed, somebody must vouch that nobody writes.
// 3. AbortMultipartUpload and DELETE, one after the other.
#include "kvstore/s3/debris.h"

#include <bit>
#include <utility>

#include "kvstore/s3/abilities.h"
#include "kvstore/s3/listing.h"

namespace coffer::inline v0 {

namespace {

constexpr int64_t kPageBytesMax = MiB(16);
constexpr size_t kFoundMax = 100'000;  // All are told at the end.

class Clearing : public std::enable_shared_from_this<Clearing> {
 public:
  using Found = std::vector<Debris>;

  Clearing(std::shared_ptr<S3Bucket> bucket, KeyRange range, const ClearDebrisOptions& options)
      : bucket_(std::move(bucket)),
        range_(std::move(range)),
        options_(options),
        probes_(ListS3(bucket_, {.range = range_}, Probes::kShown)) {}

  Future<Found> FindUploads() {
    S3Request request;
    request.query = {{"uploads", ""}, {"encoding-type", "url"}, {"prefix", CommonPrefix(range_)}};
    if (!next_key_.empty()) {
      request.query.emplace_back("key-marker", next_key_);
      request.query.emplace_back("upload-id-marker", next_id_);
    }
    request.headers = bucket_->Headers();
    request.answer_max_bytes = kPageBytesMax;
    return bucket_->Send(std::move(request))
        .Then([self = shared_from_this()](const Result<HttpResponse>& answer) {
          const Result<bool> more = self->TakeUploads(answer);
          if (!more.ok()) {
            return Future<Found>::Ready(
                more.status().Annotate(self->bucket_->Describe(self->range_.begin)));
          }
          return *more ? self->FindUploads() : self->FindProbes();
        });
  }

 private:
  Result<bool> TakeUploads(const Result<HttpResponse>& answer) {
    COFFER_RETURN_IF_ERROR(answer.status());
    if (!answer->ok()) return S3Bucket::ErrorOf(*answer, "listing uploads");
    COFFER_ASSIGN_OR_RETURN(S3UploadPage page, ParseS3UploadPage(answer->body.text()));
    for (S3ListedUpload& upload : page.uploads) {
      if (!range_.Contains(upload.key)) continue;
      S3Request abort = DeleteRequest(*bucket_, upload.key);
      abort.query = {{"uploadId", upload.id}};
      removals_.push_back(std::move(abort));
      found_.push_back({upload.key, -1,
                        "an upload begun at " + upload.initiated.substr(0, 40) +
                            " and not completed; nobody can tell whether its writer lives"});
    }
    if (found_.size() > kFoundMax) {
      return ResourceExhaustedError("more than " + std::to_string(kFoundMax) +
                                    " unfinished uploads; look at a smaller part of the bucket");
    }
    if (page.truncated && std::pair(page.next_key, page.next_id) == milestone_) {
      return DataLossError("the server gives the same pages of uploads again and again");
    }
    next_key_ = std::move(page.next_key);
    next_id_ = std::move(page.next_id);
    if (std::has_single_bit(++pages_)) milestone_ = {next_key_, next_id_};
    return page.truncated;
  }

  Future<Found> FindProbes() {
    return probes_->Next().Then(
        [self = shared_from_this()](const Result<std::vector<ListEntry>>& page) {
          if (!page.ok()) return Future<Found>::Ready(page.status());
          for (const ListEntry& entry : *page) {
            if (!IsProbeKey(entry.key)) continue;
            self->removals_.push_back(DeleteRequest(*self->bucket_, entry.key));
            self->found_.push_back({entry.key, entry.size, "the object of a probe"});
          }
          return page->empty() ? self->Remove(0) : self->FindProbes();
        });
  }

  Future<Found> Remove(size_t number) {
    if (number == removals_.size() || options_.dry_run) return Future<Found>::Ready(found_);
    if (!options_.assume_no_writers) {
      return Future<Found>::Ready(FailedPreconditionError(
          bucket_->Describe(found_[0].name) + ": " + found_[0].reason +
          ", so it is only removed on the word that nobody writes (assume_no_writers)"));
    }
    return bucket_->Send(removals_[number])
        .Then([self = shared_from_this(), number](const Result<HttpResponse>& answer) {
          if (!answer.ok()) return Future<Found>::Ready(answer.status());
          if (!answer->ok() && answer->status != 404) {
            return Future<Found>::Ready(
                S3Bucket::ErrorOf(*answer, self->bucket_->Describe(self->found_[number].name)));
          }
          return self->Remove(number + 1);
        });
  }

  const std::shared_ptr<S3Bucket> bucket_;
  const KeyRange range_;
  const ClearDebrisOptions options_;
  const std::unique_ptr<KvListing> probes_;
  // One step follows the other.
  std::vector<S3Request> removals_;
  Found found_;
  std::string next_key_;
  std::string next_id_;
  // Of page 1, 2, 4, 8 ...: any circle comes by it again (Brent).
  std::pair<std::string, std::string> milestone_;
  size_t pages_ = 0;
};

}  // namespace

Future<std::vector<Debris>> ClearS3Debris(std::shared_ptr<S3Bucket> bucket, KeyRange range,
                                          ClearDebrisOptions options) {
  return std::make_shared<Clearing>(std::move(bucket), std::move(range), options)->FindUploads();
}

}  // namespace coffer::inline v0
