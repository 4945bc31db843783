#include "src/checkpoint/new_prefix.h"

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/answer.h"

namespace coffer::inline v0 {

namespace {

class EmptyListing final : public KvListing {
 public:
  Future<std::vector<ListEntry>> Next() override {
    return Future<std::vector<ListEntry>>::Ready(std::vector<ListEntry>());
  }
};

}  // namespace

class NewPrefix::Store final : public KvStore {
 public:
  explicit Store(KvStorePtr base) : base_(std::move(base)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    if (empty_) return Future<ReadResult>::Ready(AnswerMissing(options));
    return base_->Read(std::move(key), std::move(options));
  }
  Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                              ReadOptions options) override {
    if (empty_) return Future<ReadResult>::Ready(AnswerMissing(options));
    return base_->ReadInto(std::move(key), destination, std::move(options));
  }
  Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                      ReadOptions options) override {
    return base_->ReadRanges(std::move(key), std::move(ranges), std::move(options));
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    if (!empty_.exchange(false)) {
      return base_->Write(std::move(key), std::move(value), std::move(options));
    }
    first_key_ = key;
    first_ = base_->Write(std::move(key), std::move(value), std::move(options));
    return Future<WriteResult>::Ready(WriteResult{WriteResult::State::kWritten, {}});
  }
  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override {
    empty_ = false;
    return base_->OpenWriter(std::move(key), std::move(options));
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    if (empty_) return std::make_unique<EmptyListing>();
    return base_->List(std::move(options));
  }
  Future<void> DeleteRange(KeyRange range) override { return base_->DeleteRange(std::move(range)); }
  Future<void> RenamePrefix(std::string from, std::string to) override {
    return base_->RenamePrefix(std::move(from), std::move(to));
  }
  Future<std::vector<Debris>> ClearDebris(KeyRange range, ClearDebrisOptions options) override {
    return base_->ClearDebris(std::move(range), options);
  }
  Capabilities capabilities() const override { return base_->capabilities(); }
  std::string Describe(std::string_view key) const override { return base_->Describe(key); }

  Status Settle() const {
    if (!first_.valid()) return Status();
    COFFER_ASSIGN_OR_RETURN(const WriteResult first, first_.Get());
    if (first.state == WriteResult::State::kWritten) return Status();
    return AbortedError(Describe(first_key_) + ": somebody else has written it");
  }

 private:
  const KvStorePtr base_;
  std::atomic<bool> empty_{true};
  std::string first_key_;
  Future<WriteResult> first_;
};

NewPrefix::NewPrefix(KvStorePtr base, std::string prefix)
    : store_(std::make_shared<Store>(MakePrefixStore(std::move(base), std::move(prefix)))) {}

KvStorePtr NewPrefix::store() const { return store_; }

Status NewPrefix::Settle() const { return store_->Settle(); }

}  // namespace coffer::inline v0
