// S3Write: one value written or deleted, under a condition or not.
#ifndef COFFER_KVSTORE_S3_WRITE_H_
#define COFFER_KVSTORE_S3_WRITE_H_

#include <memory>
#include <optional>
#include <string>

#include "kvstore/s3/abilities.h"
#include "kvstore/s3/bucket.h"
#include "kvstore/s3/multipart.h"

namespace coffer::inline v0 {

/// See write.cc.
Future<WriteResult> S3Write(const std::shared_ptr<S3Bucket>& bucket,
                            const std::shared_ptr<S3Prober>& prober, std::string key,
                            std::optional<BytesChain> value, WriteOptions options);

/// The same of a value whose parts are uploaded: it is completed. `write_ids` are those that the
/// upload began with.
Future<WriteResult> S3CompleteWrite(const std::shared_ptr<S3Upload>& upload,
                                    const std::shared_ptr<S3Bucket>& bucket, std::string key,
                                    std::string write_ids, WriteOptions options);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_WRITE_H_
