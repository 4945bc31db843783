// A store that forwards Read and Write, as a base for tests that change one thing. It cannot list,
// and one that says so.
#ifndef COFFER_TESTS_UNIT_ARRAY_FORWARDING_STORE_H_
#define COFFER_TESTS_UNIT_ARRAY_FORWARDING_STORE_H_

#include <optional>
#include <string>
#include <utility>

#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0::testing {

class ForwardingStore : public KvStore {
 public:
  explicit ForwardingStore(KvStorePtr base) : base_(std::move(base)) {}
  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return base_->Read(std::move(key), std::move(options));
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    return base_->Write(std::move(key), std::move(value), std::move(options));
  }
  Capabilities capabilities() const override { return base_->capabilities(); }
  std::string Describe(std::string_view key) const override { return base_->Describe(key); }

 private:
  const KvStorePtr base_;
};

/// As plain HTTP.
class UnlistedStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  Capabilities capabilities() const override {
    Capabilities can = ForwardingStore::capabilities();
    can.listable = can.fold_listing = false;
    return can;
  }
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_ARRAY_FORWARDING_STORE_H_
