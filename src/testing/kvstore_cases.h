// The parts of the conformance suite of stores, and the words they are written in.
#ifndef COFFER_SRC_TESTING_KVSTORE_CASES_H_
#define COFFER_SRC_TESTING_KVSTORE_CASES_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coffer/kvstore/kvstore.h"
#include "coffer/testing/kvstore_conformance.h"

namespace coffer::inline v0::testing {

/// The store under test.
struct KvSubject {
  KvStorePtr store;
  KvStorePtr writer;  ///< Puts the values: the store itself, unless that is read-only.
  const KvStoreConformance& parameters;

  KvStore* operator->() const { return store.get(); }
  bool read_only() const { return writer != store; }

  /// Writes a value by the writer; the test fails unless it is written. Gives its generation, as
  /// the store under test tells it.
  Generation Put(const std::string& key, std::string_view text) const;
  /// The value, "(missing)", "(condition not met)", or the status of an error.
  std::string Get(const std::string& key, ReadOptions options = {}) const;
  /// By the writer: "written", "(condition not met)", or the status of an error.
  std::string Write(const std::string& key, std::optional<std::string_view> text,
                    WriteOptions options = {}) const;
  StatusCode ReadCode(const std::string& key, ReadOptions options) const;
  /// All keys of a range, sorted.
  std::vector<std::string> Keys(KeyRange range = {}, size_t page_size = 1000) const;
};

/// A new, empty store, and its writer.
KvSubject MakeKvSubject(const KvStoreConformance& parameters);

/// What a case changes through the store itself, not by the writer.
enum class KvChange { kNone, kWrite, kDelete, kOpenWriter, kDeleteRange, kRename };

struct KvCase {
  const char* name;
  void (*run)(const KvSubject& subject);
  /// Where the store is read-only, ExpectChangeIsRefused is run in place of a case with changes.
  KvChange changes = KvChange::kNone;
};

/// That a read-only store refuses the change, whatever key and condition, and still has its value.
void ExpectChangeIsRefused(const KvSubject& subject, KvChange change);

std::span<const KvCase> KvReadCases();
std::span<const KvCase> KvReadManyCases();
std::span<const KvCase> KvWriteCases();
std::span<const KvCase> KvWriterCases();
std::span<const KvCase> KvTreeCases();
std::span<const KvCase> KvThreadCases();

}  // namespace coffer::inline v0::testing

#endif  // COFFER_SRC_TESTING_KVSTORE_CASES_H_
