// The S3 store's entry for the table of stores. Its function is in coffer/kvstore/s3.h.
#ifndef COFFER_KVSTORE_S3_S3_H_
#define COFFER_KVSTORE_S3_S3_H_

#include "coffer/kvstore/store_table.h"

namespace coffer::inline v0 {

/// "s3://bucket/prefix" and {"driver": "s3", "bucket": "b", "path": "prefix/"}; see README.md for
/// the other members.
StoreDriver S3StoreDriver();

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_S3_H_
