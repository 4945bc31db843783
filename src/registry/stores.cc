// The stores that coffer comes with: one line each. The only file that sees them all.
#include "kvstore/cache/cache.h"
#include "kvstore/file/file.h"
#include "kvstore/http/http.h"
#include "kvstore/memory/memory.h"
#include "kvstore/s3/s3.h"
#include "kvstore/zip/zip.h"
#include "src/kvstore/builtin_stores.h"

namespace coffer::inline v0 {

void AddBuiltinStores(StoreTable& table) {
  for (const auto& driver : {MemoryStoreDriver(), FileStoreDriver(), HttpStoreDriver(),
                             S3StoreDriver(), CacheStoreDriver(), ZipStoreDriver()}) {
    table.Add(driver).OrDie();
  }
}

}  // namespace coffer::inline v0
