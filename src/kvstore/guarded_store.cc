#include "src/kvstore/guarded_store.h"

#include <memory>
#include <utility>
#include <vector>

#include "coffer/async/future.h"
#include "coffer/kvstore/adapters.h"

namespace coffer::inline v0 {
namespace {

/// What guards calls of one store and of what comes from it. Holds the store: a writer may outlive
/// the guard, and refer to it.
struct Guard {
  KvStorePtr store;
  std::string driver;
  Capabilities capabilities;  // As told when it was opened.

  std::string Describe(std::string_view key) const {
    try {
      return store->Describe(key);
    } catch (...) {
      return "a key (" + std::string(key) + ") that it cannot name";
    }
  }
  Status Blame(std::string_view operation, std::string_view key, const Status& status) const {
    return status.Annotate(operation)
        .Annotate("store driver \"" + driver + "\"")
        .Annotate(Describe(key));
  }
  template <class T, class Call>
  Future<T> Run(KvOperation operation, std::string_view key, const Call& call) const {
    Status status;
    try {
      Future<T> future = call();
      if (future.valid()) return future;
      status = InternalError("returned no future");
    } catch (...) {
      status = internal::StatusOfException();
    }
    return Future<T>::Ready(Blame(KvOperationName(operation), key, status));
  }
  /// For what a store opens: a T that takes `guard` along.
  template <class Guarded, class Call>
  static auto Open(const std::shared_ptr<const Guard>& guard, KvOperation operation,
                   const std::string& key, const Call& call) -> decltype(call()) {
    Status status;
    try {
      auto opened = call();
      if (!opened.ok()) return opened;
      if (*opened != nullptr) return std::make_unique<Guarded>(guard, *std::move(opened), key);
      status = InternalError("returned nothing");
    } catch (...) {
      status = internal::StatusOfException();
    }
    return guard->Blame(KvOperationName(operation), key, status);
  }
};
using GuardPtr = std::shared_ptr<const Guard>;

class GuardedWriter final : public KvWriter {
 public:
  GuardedWriter(GuardPtr guard, std::unique_ptr<KvWriter> base, std::string key)
      : guard_(std::move(guard)), base_(std::move(base)), key_(std::move(key)) {}
  Status Append(std::span<const std::byte> bytes) override {
    try {
      return base_->Append(bytes);
    } catch (...) {
      return guard_->Blame("Append", key_, internal::StatusOfException());
    }
  }
  Future<WriteResult> Commit() override {
    return guard_->Run<WriteResult>(KvOperation::kCommit, key_, [&] { return base_->Commit(); });
  }

 private:
  const GuardPtr guard_;
  const std::unique_ptr<KvWriter> base_;
  const std::string key_;
};

class GuardedListing final : public KvListing {
 public:
  GuardedListing(GuardPtr guard, std::unique_ptr<KvListing> base, std::string begin)
      : guard_(std::move(guard)), base_(std::move(base)), begin_(std::move(begin)) {}
  Future<std::vector<ListEntry>> Next() override {
    return guard_->Run<std::vector<ListEntry>>(KvOperation::kList, begin_,
                                               [&] { return base_->Next(); });
  }

 private:
  const GuardPtr guard_;
  const std::unique_ptr<KvListing> base_;
  const std::string begin_;
};

class GuardedStore final : public KvStore {
 public:
  explicit GuardedStore(GuardPtr guard) : guard_(std::move(guard)), base_(*guard_->store) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return guard_->Run<ReadResult>(KvOperation::kRead, key,
                                   [&] { return base_.Read(key, std::move(options)); });
  }
  Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                              ReadOptions options) override {
    return guard_->Run<ReadResult>(KvOperation::kReadInto, key, [&] {
      return base_.ReadInto(key, destination, std::move(options));
    });
  }
  Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                      ReadOptions options) override {
    return guard_->Run<ReadRangesResult>(KvOperation::kReadRanges, key, [&] {
      return base_.ReadRanges(key, std::move(ranges), std::move(options));
    });
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    return guard_->Run<WriteResult>(value ? KvOperation::kWrite : KvOperation::kDelete, key, [&] {
      return base_.Write(key, std::move(value), std::move(options));
    });
  }
  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override {
    return Guard::Open<GuardedWriter>(guard_, KvOperation::kOpenWriter, key,
                                      [&] { return base_.OpenWriter(key, std::move(options)); });
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return Guard::Open<GuardedListing>(guard_, KvOperation::kList, options.range.begin,
                                       [&] { return base_.List(options); });
  }
  Future<void> DeleteRange(KeyRange range) override {
    return guard_->Run<void>(KvOperation::kDeleteRange, range.begin,
                             [&] { return base_.DeleteRange(range); });
  }
  Future<void> RenamePrefix(std::string from, std::string to) override {
    return guard_->Run<void>(KvOperation::kRenamePrefix, from,
                             [&] { return base_.RenamePrefix(from, std::move(to)); });
  }
  Future<std::vector<Debris>> ClearDebris(KeyRange range, ClearDebrisOptions options) override {
    return guard_->Run<std::vector<Debris>>(KvOperation::kClearDebris, range.begin,
                                            [&] { return base_.ClearDebris(range, options); });
  }
  /// What it told at first, should it come to throw.
  Capabilities capabilities() const override {
    try {
      return base_.capabilities();
    } catch (...) {
      return guard_->capabilities;
    }
  }
  std::string Describe(std::string_view key) const override { return guard_->Describe(key); }

 private:
  const GuardPtr guard_;
  KvStore& base_;
};

}  // namespace

Result<KvStorePtr> GuardStore(KvStorePtr base, const std::string& driver) {
  auto guard = std::make_shared<Guard>(Guard{std::move(base), driver, {}});
  try {
    guard->capabilities = guard->store->capabilities();
  } catch (...) {
    return guard->Blame("capabilities", "", internal::StatusOfException());
  }
  return std::make_shared<GuardedStore>(std::move(guard));
}

}  // namespace coffer::inline v0
