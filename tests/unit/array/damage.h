// Arrays whose bytes can be told by hand, and what can be done to them: for the tests of verifying
// and repairing. Elements are uint16, inner chunks hold 4 of them and a crc32c (12 bytes), shards 4
// chunks and an index of 68 bytes at the end.
#ifndef COFFER_TESTS_UNIT_ARRAY_DAMAGE_H_
#define COFFER_TESTS_UNIT_ARRAY_DAMAGE_H_

#include <array>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/array/repair.h"
#include "coffer/array/verify.h"
#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/kvstore.h"
#include "src/base/crc32c.h"

namespace coffer::inline v0::testing {

/// {8, 8}, counted from 1; without shards if `shard` has rank 0.
inline CreateOptions TellableOptions(const Shape& shard) {
  CreateOptions options;
  options.shape = {8, 8};
  options.data_type = DataType::kUint16;
  options.chunk_shape = {2, 2};
  options.shard_shape = shard;
  options.codec = Uncompressed();
  return options;
}
inline Array TellableArray(const KvStorePtr& store, const Shape& shard,
                           const std::string& prefix = "") {
  Array array = Array::Create(store, prefix, TellableOptions(shard)).OrDie();
  std::vector<uint16_t> values(64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i + 1);
  array.Write(Box::Full({8, 8}), Ref(values.data(), {8, 8})).OrDie();
  return array;
}

inline std::string ValueAt(KvStore& store, const std::string& key) {
  return std::string(store.Read(key).Get().OrDie().value.text());
}
inline void SetAt(KvStore& store, const std::string& key, std::string value) {
  store.Write(key, Bytes::Take(std::move(value))).Get().OrDie();
}

/// Every key with its value; "(no value)" of what is none.
inline std::map<std::string, std::string> AllValues(KvStore& store) {
  std::map<std::string, std::string> values;
  for (const ListEntry& entry : ListAll(store).OrDie()) {
    const Result<ReadResult> read = store.Read(entry.key).Get();
    values[entry.key] = read.ok() ? std::string(read->value.text()) : "(no value)";
  }
  return values;
}

constexpr size_t kIndexBytes = 68;
constexpr size_t kInnerBytes = 12;

/// Offset and size of an inner chunk.
struct Entry {
  uint64_t offset = ~uint64_t{0};
  uint64_t size = ~uint64_t{0};
};
using Entries = std::array<Entry, 4>;

inline Entries EntriesOf(const std::string& shard) {
  Entries entries;
  std::memcpy(entries.data(), shard.data() + shard.size() - kIndexBytes, 64);
  return entries;
}
/// The same chunk bytes under another index.
inline std::string WithEntries(const std::string& shard, const Entries& entries) {
  std::string changed = shard.substr(0, shard.size() - kIndexBytes);
  std::string index(64, '\0');
  std::memcpy(index.data(), entries.data(), 64);
  const uint32_t crc = Crc32c(std::as_bytes(std::span(index)));
  index.append(reinterpret_cast<const char*>(&crc), 4);
  return changed + index;
}

/// Shrinks the array at the root of `store`, and fails at everything but the metadata, as a process
/// does that is killed then.
inline void ShrinkAndDie(const KvStorePtr& store, const Shape& shape) {
  const auto faulty = MakeFaultStore(store);
  for (const KvOperation operation : {KvOperation::kWrite, KvOperation::kDelete,
                                      KvOperation::kOpenWriter, KvOperation::kCommit}) {
    faulty->Inject({.operation = operation, .key_prefix = "c/", .times = -1});
  }
  Array array = Array::Open(faulty, "").OrDie();
  EXPECT_FALSE(array.Resize(shape).ok());
  EXPECT_EQ(array.shape(), shape);
}

/// "kind key: reason" of each finding; the key without the store's name.
inline std::vector<std::string> Texts(const VerifyReport& report, const KvStore& store) {
  const size_t store_name = store.Describe("k").size() - 1;
  std::vector<std::string> texts;
  for (const VerifyReport::Finding& finding : report.findings) {
    texts.push_back(std::string(FindingKindName(finding.kind)) + " " +
                    finding.key.substr(store_name) + ": " + finding.reason);
  }
  return texts;
}
/// "outcome action kind key".
inline std::vector<std::string> Texts(const RepairReport& report, const KvStore& store) {
  const size_t store_name = store.Describe("k").size() - 1;
  std::vector<std::string> texts;
  for (const RepairReport::Item& item : report.items) {
    const char* const outcome = item.outcome == RepairReport::Outcome::kPlanned ? "planned"
                                : item.outcome == RepairReport::Outcome::kDone  ? "done"
                                                                                : "left";
    texts.push_back(std::string(outcome) + " (" + item.action + ") " +
                    std::string(FindingKindName(item.finding.kind)) + " " +
                    item.finding.key.substr(store_name));
  }
  return texts;
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_ARRAY_DAMAGE_H_
