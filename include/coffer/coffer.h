// coffer: n-dimensional arrays, and trees of arrays, in chunks, on any store. This header has all
// of the public API; each header it includes explains itself.
#ifndef COFFER_COFFER_H_
#define COFFER_COFFER_H_

#include "coffer/array/array.h"
#include "coffer/array/chunks.h"
#include "coffer/array/copy.h"
#include "coffer/array/driver.h"
#include "coffer/array/group.h"
#include "coffer/array/repair.h"
#include "coffer/array/verify.h"
#include "coffer/async/context.h"
#include "coffer/base/secret.h"
#include "coffer/checkpoint/checkpoint.h"
#include "coffer/checkpoint/repair.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/answer.h"
#include "coffer/kvstore/http.h"
#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/network.h"
#include "coffer/kvstore/s3.h"
#include "coffer/kvstore/store_table.h"
#include "coffer/kvstore/stores.h"
#include "coffer/registry/plugin.h"

#endif  // COFFER_COFFER_H_
