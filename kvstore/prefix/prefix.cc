// Keys gain the prefix on the way in; keys and ranges lose it on the way out. Writers and listings
// keep the store behind alive, which those of that store may refer to.
#include <utility>

#include "coffer/kvstore/adapters.h"

namespace coffer::inline v0 {

namespace {

class PrefixWriter final : public KvWriter {
 public:
  PrefixWriter(KvStorePtr store, std::unique_ptr<KvWriter> base)
      : store_(std::move(store)), base_(std::move(base)) {}
  Status Append(std::span<const std::byte> bytes) override { return base_->Append(bytes); }
  Future<WriteResult> Commit() override { return base_->Commit(); }

 private:
  const KvStorePtr store_;
  const std::unique_ptr<KvWriter> base_;
};

class PrefixListing final : public KvListing {
 public:
  PrefixListing(KvStorePtr store, std::unique_ptr<KvListing> base, size_t prefix_size)
      : store_(std::move(store)), base_(std::move(base)), prefix_size_(prefix_size) {}

  Future<std::vector<ListEntry>> Next() override {
    Promise<std::vector<ListEntry>> promise;
    base_->Next().OnReady(
        [promise, size = prefix_size_](const Result<std::vector<ListEntry>>& page) {
          if (!page.ok()) return void(promise.Set(page.status()));
          std::vector<ListEntry> stripped = *page;
          for (ListEntry& entry : stripped) entry.key.erase(0, size);
          promise.Set(std::move(stripped));
        });
    return promise.future();
  }

 private:
  const KvStorePtr store_;
  const std::unique_ptr<KvListing> base_;
  const size_t prefix_size_;
};

class PrefixStore final : public KvStore {
 public:
  PrefixStore(KvStorePtr base, std::string prefix)
      : base_(std::move(base)), prefix_(std::move(prefix)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return base_->Read(prefix_ + key, std::move(options));
  }
  Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                              ReadOptions options) override {
    return base_->ReadInto(prefix_ + key, destination, std::move(options));
  }
  Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                      ReadOptions options) override {
    return base_->ReadRanges(prefix_ + key, std::move(ranges), std::move(options));
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    return base_->Write(prefix_ + key, std::move(value), std::move(options));
  }
  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override {
    COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvWriter> writer,
                            base_->OpenWriter(prefix_ + key, std::move(options)));
    return std::make_unique<PrefixWriter>(base_, std::move(writer));
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    options.range = WithPrefix(options.range);
    COFFER_ASSIGN_OR_RETURN(std::unique_ptr<KvListing> listing, base_->List(std::move(options)));
    return std::make_unique<PrefixListing>(base_, std::move(listing), prefix_.size());
  }
  Future<void> DeleteRange(KeyRange range) override {
    return base_->DeleteRange(WithPrefix(range));
  }
  Future<void> RenamePrefix(std::string from, std::string to) override {
    return base_->RenamePrefix(prefix_ + from, prefix_ + to);
  }
  Future<std::vector<Debris>> ClearDebris(KeyRange range, ClearDebrisOptions options) override {
    Promise<std::vector<Debris>> promise;
    base_->ClearDebris(WithPrefix(range), options)
        .OnReady([promise, size = prefix_.size()](const Result<std::vector<Debris>>& found) {
          if (!found.ok()) return void(promise.Set(found.status()));
          std::vector<Debris> stripped = *found;
          for (Debris& debris : stripped) debris.name.erase(0, size);
          promise.Set(std::move(stripped));
        });
    return promise.future();
  }
  Capabilities capabilities() const override { return base_->capabilities(); }
  std::string Describe(std::string_view key) const override {
    return base_->Describe(prefix_ + std::string(key));
  }

 private:
  KeyRange WithPrefix(const KeyRange& range) const {
    KeyRange all = KeyRange::Prefix(prefix_);
    all.begin += range.begin;
    if (!range.end.empty()) all.end = prefix_ + range.end;
    return all;
  }

  const KvStorePtr base_;
  const std::string prefix_;
};

}  // namespace

KvStorePtr MakePrefixStore(KvStorePtr base, std::string prefix) {
  return std::make_shared<PrefixStore>(std::move(base), std::move(prefix));
}

}  // namespace coffer::inline v0
