// S3Upload: a value uploaded in parts, which shows only when it is completed.
//
// Parts may be put in any order and at once; each carries a crc32c that the server checks. An
// upload that is not completed is aborted when its last owner lets it go; what a killed process
// leaves is found by ListMultipartUploads (KvStore::ClearDebris).
//
// Thread safety: Put() from any thread; Complete() once, when all parts are there.
#ifndef COFFER_KVSTORE_S3_MULTIPART_H_
#define COFFER_KVSTORE_S3_MULTIPART_H_

#include <map>
#include <memory>
#include <string>

#include "coffer/async/future.h"
#include "coffer/base/bytes.h"
#include "kvstore/s3/bucket.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

inline constexpr int kS3PartsMax = 10'000;
inline constexpr int kS3PartsAtOnce = 4;  ///< Of one upload.

class S3Upload {
 public:
  /// `write_ids` become the object's metadata.
  static Future<std::shared_ptr<S3Upload>> Begin(std::shared_ptr<S3Bucket> bucket, std::string key,
                                                 std::string write_ids, CancelToken cancel);
  S3Upload(std::shared_ptr<S3Bucket> bucket, std::string key, std::string id, CancelToken cancel);
  ~S3Upload();
  S3Upload(const S3Upload&) = delete;
  S3Upload& operator=(const S3Upload&) = delete;

  /// Part `number`, from 1 on. The bytes are kept until the future resolves.
  static Future<void> Put(const std::shared_ptr<S3Upload>& upload, int number, BytesChain part);
  /// The server's answer to the completing request, under conditions if there are any: 412 where
  /// they are not met. 404 may mean that an earlier, unanswered request has completed it.
  static Future<HttpResponse> Complete(const std::shared_ptr<S3Upload>& upload,
                                       const SigV4Pairs& conditions);

 private:
  struct Part {
    std::string etag;
    std::string checksum;
  };
  S3Request Request(std::string method, SigV4Pairs headers) const;

  const std::shared_ptr<S3Bucket> bucket_;
  const std::string key_;
  const std::string id_;
  const CancelToken cancel_;
  Mutex mutex_;
  std::map<int, Part> parts_ COFFER_GUARDED_BY(mutex_);
  bool completed_ COFFER_GUARDED_BY(mutex_) = false;
};

/// The ETag of a completed upload. Errors: DataLoss.
Result<std::string> CompletedETag(const HttpResponse& answer);

/// All parts of a value, kS3PartsAtOnce under way: ready for Complete().
Future<std::shared_ptr<S3Upload>> UploadParts(const std::shared_ptr<S3Bucket>& bucket,
                                              const std::string& key, BytesChain value,
                                              std::string write_ids, const CancelToken& cancel);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_MULTIPART_H_
