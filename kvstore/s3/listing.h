// Listing the keys of a bucket, and deleting many.
#ifndef COFFER_KVSTORE_S3_LISTING_H_
#define COFFER_KVSTORE_S3_LISTING_H_

#include <memory>
#include <string>

#include "coffer/kvstore/kvstore.h"
#include "kvstore/s3/bucket.h"

namespace coffer::inline v0 {

/// Whether the objects of probes (abilities.h) show.
enum class Probes { kHidden, kShown };

/// ListObjectsV2, page by page.
std::unique_ptr<KvListing> ListS3(std::shared_ptr<S3Bucket> bucket, ListOptions options,
                                  Probes probes = Probes::kHidden);

/// A prefix that all keys of a range share: whole characters.
std::string CommonPrefix(const KeyRange& range);

/// A request that deletes one key.
S3Request DeleteRequest(const S3Bucket& bucket, std::string key);

/// DeleteObjects, a thousand at a time. An error names the first key that could not be deleted.
Future<void> DeleteS3Range(std::shared_ptr<S3Bucket> bucket, KeyRange range);

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_LISTING_H_
