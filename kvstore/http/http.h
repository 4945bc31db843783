// The HTTP store's entry for the table of stores. Its function is in coffer/kvstore/http.h.
#ifndef COFFER_KVSTORE_HTTP_HTTP_H_
#define COFFER_KVSTORE_HTTP_HTTP_H_

#include "coffer/kvstore/store_table.h"

namespace coffer::inline v0 {

/// "http://host/path", "https://host/path?query", and {"driver": "http", "base_url":
/// "https://host", "path": "prefix/"}; see README.md for the other members.
StoreDriver HttpStoreDriver();

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_HTTP_HTTP_H_
