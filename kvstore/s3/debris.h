// What writers that died have left in a bucket.
#ifndef COFFER_KVSTORE_S3_DEBRIS_H_
#define COFFER_KVSTORE_S3_DEBRIS_H_

#include <memory>
#include <vector>

#include "coffer/kvstore/kvstore.h"
#include "kvstore/s3/bucket.h"

namespace coffer::inline v0 {

/// KvStore::ClearDebris: uploads that were begun and not completed, and objects of probes. Nobody
/// can tell whether their writers live, so it refuses unless the options vouch for it.
Future<std::vector<Debris>> ClearS3Debris(std::shared_ptr<S3Bucket> bucket, KeyRange range,
                                          ClearDebrisOptions options);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_DEBRIS_H_
