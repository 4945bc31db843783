// What this project offers: two stores, a codec and an array format, as parts for coffer's tables.
#ifndef OUTSIDE_PARTS_H_
#define OUTSIDE_PARTS_H_

#include <coffer/array/driver.h>
#include <coffer/codec/codec.h>
#include <coffer/kvstore/kvstore.h>
#include <coffer/kvstore/store_table.h>
#include <coffer/registry/plugin.h>

#include <memory>
#include <string>

/// Opens "<name>://..." and {"driver": "<name>", ...}: one store for each text and process, empty,
/// or, of "<name>:///folder" and {"driver": "<name>", "path": "/folder"}, with that folder's files.
coffer::StoreDriver NamedStores(const std::string& name, coffer::KvStorePtr (*make)());

coffer::KvStorePtr MakeShelfStore();
coffer::StoreDriver ShelfDriver();

/// Values on a thread of its own, which answers later.
coffer::KvStorePtr MakeRemoteStore();
coffer::StoreDriver RemoteDriver();

/// XORs every byte with 0x5A.
coffer::CodecDriver MaskDriver();

/// The format "tile": a header of text lines, and one value a chunk.
std::shared_ptr<const coffer::ArrayDriver> MakeTileDriver();

/// All of it.
coffer::Status AddAllParts(coffer::PluginParts& parts);

#endif  // OUTSIDE_PARTS_H_
