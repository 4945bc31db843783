// A store that knows only blocking Read and Write: everything else is coffer's default.
#ifndef PLUGIN_SHELF_STORE_H_
#define PLUGIN_SHELF_STORE_H_

#include <coffer/kvstore/kvstore.h>
#include <coffer/kvstore/store_table.h>

coffer::KvStorePtr MakeShelfStore();

/// Opens "shelf://name": one store for each name and process.
coffer::StoreDriver ShelfDriver();

#endif  // PLUGIN_SHELF_STORE_H_
