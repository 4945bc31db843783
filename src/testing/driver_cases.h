// The parts of the conformance suite of array formats, and the words they are written in.
#ifndef COFFER_SRC_TESTING_DRIVER_CASES_H_
#define COFFER_SRC_TESTING_DRIVER_CASES_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "coffer/kvstore/kvstore.h"
#include "coffer/testing/driver_conformance.h"

namespace coffer::inline v0::testing {

/// A store that shows every write before it is done, and may hide that it knows conditions.
class WatchedStore final : public KvStore {
 public:
  using Watch =
      std::function<void(const std::string& key, bool deletes, const Generation& if_equal)>;
  explicit WatchedStore(KvStorePtr base) : base_(std::move(base)) {}

  Watch before_write;               ///< Called without a lock; may use the store behind.
  bool conditional = true;          ///< false: a write with a condition fails,
  bool conditional_create = false;  ///< unless it is that the key must not exist, and this is set.

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return base_->Read(std::move(key), std::move(options));
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override;
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return base_->List(std::move(options));
  }
  Capabilities capabilities() const override;
  std::string Describe(std::string_view key) const override { return base_->Describe(key); }

 private:
  KvStorePtr base_;
};

/// The driver under test, and an empty store.
struct DriverSubject {
  const DriverConformance& parameters;
  Context context;
  const ArrayDriver& driver;
  KvStorePtr store;

  CreateOptions Options(const Shape& shape, const Shape& chunk_shape = {}) const;
  /// A new array; nullptr, and the test fails, if there is none.
  StoredArrayPtr Create(const std::string& prefix, const CreateOptions& options) const;
  StoredArrayPtr Open(const std::string& prefix) const;
  /// Every key of the store with its generation, for comparisons: "a/x=1 ".
  std::string State() const;
  std::vector<std::string> Keys() const;
  /// As URL adapters and specs name it.
  std::string Name() const { return std::string(driver.name()); }
};

struct DriverCase {
  const char* name;
  void (*run)(const DriverSubject& subject);
};

std::span<const DriverCase> DriverNodeCases();
std::span<const DriverCase> DriverChangeCases();
std::span<const DriverCase> DriverKeyCases();
std::span<const DriverCase> DriverArrayCases();

}  // namespace coffer::inline v0::testing

#endif  // COFFER_SRC_TESTING_DRIVER_CASES_H_
