// MakeZip: zip archives for tests, plain and odd ones. MakeZippingStore: a store that keeps what is
// written to it as one archive in another store.
#ifndef COFFER_TESTS_SUPPORT_ZIP_WRITER_H_
#define COFFER_TESTS_SUPPORT_ZIP_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// How an archive is written.
struct ZipForm {
  bool deflate = false;
  bool zip64 = false;        ///< Every number that can be stands in zip64 fields.
  bool descriptors = false;  ///< Sizes and checksums stand behind the data, not in local headers.
  std::string prefix = {};   ///< Before the archive; no offset counts it.
  std::string comment = {};
};

/// A member, ready to be put into any archive of its form.
struct ZipMember {
  std::string name;
  std::string stored;
  int64_t size = 0;  ///< Of the value.
  uint32_t crc32 = 0;
  uint16_t method = 0;
  uint16_t flags = 0;
};

ZipMember MakeZipMember(std::string name, std::string_view value, bool deflate);
std::string MakeZip(const std::vector<ZipMember>& members, const ZipForm& form = {});

/// Of values and deletes alone. When a write is acknowledged, key `key` of `base` is the archive of
/// all that was written; it is there from the beginning. Reads and lists nothing itself.
KvStorePtr MakeZippingStore(KvStorePtr base, std::string key, const ZipForm& form);

}  // namespace coffer::inline v0

#endif  // COFFER_TESTS_SUPPORT_ZIP_WRITER_H_
