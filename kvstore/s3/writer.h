// OpenS3Writer: a value written piece by piece, uploaded in parts as it grows.
//
// It holds the part that is being filled and at most two that are under way: S3StreamBytes(), and
// twice as much for each thousand parts. Append() blocks while two are under way.
#ifndef COFFER_KVSTORE_S3_WRITER_H_
#define COFFER_KVSTORE_S3_WRITER_H_

#include <memory>
#include <string>

#include "coffer/kvstore/kvstore.h"
#include "kvstore/s3/abilities.h"
#include "kvstore/s3/bucket.h"

namespace coffer::inline v0 {

/// What a writer of values of up to a thousand parts holds at most.
int64_t S3StreamBytes(int64_t part_bytes);

std::unique_ptr<KvWriter> OpenS3Writer(std::shared_ptr<S3Bucket> bucket,
                                       std::shared_ptr<S3Prober> prober, std::string key,
                                       WriteOptions options);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_WRITER_H_
