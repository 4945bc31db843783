// MakeUserStore: a store as a user would write one who knows only Read and Write (and keeps a
// sorted map, so that it can list): everything else is the interface's defaults.
#ifndef COFFER_TESTS_SUPPORT_USER_STORE_H_
#define COFFER_TESTS_SUPPORT_USER_STORE_H_

#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

KvStorePtr MakeUserStore();

}  // namespace coffer::inline v0

#endif  // COFFER_TESTS_SUPPORT_USER_STORE_H_
