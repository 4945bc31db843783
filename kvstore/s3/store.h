// MakeStoreOfBucket: a bucket as a KvStore.
#ifndef COFFER_KVSTORE_S3_STORE_H_
#define COFFER_KVSTORE_S3_STORE_H_

#include <memory>

#include "coffer/kvstore/kvstore.h"
#include "kvstore/s3/bucket.h"

namespace coffer::inline v0 {

KvStorePtr MakeStoreOfBucket(std::shared_ptr<S3Bucket> bucket);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_STORE_H_
