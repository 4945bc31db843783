// InterceptingStore: a store that passes every operation on another through one function.
//
// What an adapter does around an operation is the same for all of them; its policy says it once:
//
//     class Policy {
//      public:
//       /// Runs `run`, or not, now or later, and gives the outcome.
//       template <class T> Future<T> Around(const KvCall& call, std::function<Future<T>()> run);
//       /// The same for OpenWriter, which has no future: an error keeps it from being opened.
//       Status BeforeOpen(const KvCall& call);
//       /// What became of an OpenWriter() or List() that began at `begin`.
//       void AfterOpen(const KvCall& call, steady_clock::time_point begin, const Status&);
//       Capabilities Change(Capabilities base) const;
//     };
//
// Writers, listings and pending calls keep policy and base alive. Thread safety: the policy's.
#ifndef COFFER_SRC_KVSTORE_INTERCEPTING_STORE_H_
#define COFFER_SRC_KVSTORE_INTERCEPTING_STORE_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0 {

/// One operation, as a policy sees it.
struct KvCall {
  KvOperation operation = KvOperation::kRead;
  std::string key;
  ByteRange range;
  int64_t bytes = 0;  ///< Of values, as far as known before the operation.
  CancelToken cancel;
};

// Bytes of values in an answer that the call does not tell.
inline int64_t AnsweredBytes(const ReadResult& result) {
  return static_cast<int64_t>(result.value.size());
}
inline int64_t AnsweredBytes(const ReadRangesResult& result) {
  int64_t sum = 0;
  for (const Bytes& value : result.values) sum += static_cast<int64_t>(value.size());
  return sum;
}
template <class T>
int64_t AnsweredBytes(const T&) {
  return 0;
}

template <class Policy>
class InterceptingWriter final : public KvWriter {
 public:
  InterceptingWriter(KvStorePtr store, std::unique_ptr<KvWriter> base,
                     std::shared_ptr<Policy> policy, KvCall call)
      : store_(std::move(store)),
        base_(std::move(base)),
        policy_(std::move(policy)),
        call_(std::move(call)) {}

  Status Append(std::span<const std::byte> bytes) override {
    call_.bytes += static_cast<int64_t>(bytes.size());
    return base_->Append(bytes);
  }
  Future<WriteResult> Commit() override {
    call_.operation = KvOperation::kCommit;
    return policy_->template Around<WriteResult>(
        call_, [store = store_, base = base_] { return base->Commit(); });
  }

 private:
  const KvStorePtr store_;  // Writers may refer to it.
  const std::shared_ptr<KvWriter> base_;
  const std::shared_ptr<Policy> policy_;
  KvCall call_;
};

template <class Policy>
class InterceptingListing final : public KvListing {
 public:
  InterceptingListing(KvStorePtr store, std::unique_ptr<KvListing> base,
                      std::shared_ptr<Policy> policy, KvCall call)
      : store_(std::move(store)),
        base_(std::move(base)),
        policy_(std::move(policy)),
        call_(std::move(call)) {}

  Future<std::vector<ListEntry>> Next() override {
    return policy_->template Around<std::vector<ListEntry>>(
        call_, [store = store_, base = base_] { return base->Next(); });
  }

 private:
  const KvStorePtr store_;
  const std::shared_ptr<KvListing> base_;
  const std::shared_ptr<Policy> policy_;
  const KvCall call_;
};

template <class Policy, class Interface = KvStore>
class InterceptingStore : public Interface {
 public:
  InterceptingStore(KvStorePtr base, std::shared_ptr<Policy> policy)
      : base_(std::move(base)), policy_(std::move(policy)) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    const KvCall call{KvOperation::kRead, key, options.range, 0, options.cancel};
    return policy_->template Around<ReadResult>(
        call, [base = base_, key, options] { return base->Read(key, options); });
  }
  Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                              ReadOptions options) override {
    const KvCall call{KvOperation::kReadInto, key, options.range,
                      static_cast<int64_t>(destination.size()), options.cancel};
    return policy_->template Around<ReadResult>(call, [base = base_, key, destination, options] {
      return base->ReadInto(key, destination, options);
    });
  }
  Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                      ReadOptions options) override {
    const KvCall call{KvOperation::kReadRanges, key, ByteRange::All(), 0, options.cancel};
    return policy_->template Around<ReadRangesResult>(call, [base = base_, key, ranges, options] {
      return base->ReadRanges(key, ranges, options);
    });
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    const KvCall call{value ? KvOperation::kWrite : KvOperation::kDelete, key, ByteRange::All(),
                      value ? static_cast<int64_t>(value->size()) : 0, options.cancel};
    return policy_->template Around<WriteResult>(
        call, [base = base_, key, value, options] { return base->Write(key, value, options); });
  }
  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override {
    KvCall call{KvOperation::kOpenWriter, key, ByteRange::All(), 0, options.cancel};
    COFFER_RETURN_IF_ERROR(policy_->BeforeOpen(call));
    const auto begin = std::chrono::steady_clock::now();
    Result<std::unique_ptr<KvWriter>> writer =
        base_->OpenWriter(std::move(key), std::move(options));
    policy_->AfterOpen(call, begin, writer.status());
    if (!writer.ok()) return writer;
    return std::make_unique<InterceptingWriter<Policy>>(base_, *std::move(writer), policy_,
                                                        std::move(call));
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    KvCall call{KvOperation::kList, options.range.begin, ByteRange::All(), 0, CancelToken()};
    const auto begin = std::chrono::steady_clock::now();
    Result<std::unique_ptr<KvListing>> listing = base_->List(std::move(options));
    policy_->AfterOpen(call, begin, listing.status());
    if (!listing.ok()) return listing;
    return std::make_unique<InterceptingListing<Policy>>(base_, *std::move(listing), policy_,
                                                         std::move(call));
  }
  Future<void> DeleteRange(KeyRange range) override {
    const KvCall call{KvOperation::kDeleteRange, range.begin, ByteRange::All(), 0, CancelToken()};
    return policy_->template Around<void>(
        call, [base = base_, range] { return base->DeleteRange(range); });
  }
  Future<void> RenamePrefix(std::string from, std::string to) override {
    const KvCall call{KvOperation::kRenamePrefix, from, ByteRange::All(), 0, CancelToken()};
    return policy_->template Around<void>(
        call, [base = base_, from, to] { return base->RenamePrefix(from, to); });
  }
  Future<std::vector<Debris>> ClearDebris(KeyRange range, ClearDebrisOptions options) override {
    const KvCall call{KvOperation::kClearDebris, range.begin, ByteRange::All(), 0, CancelToken()};
    return policy_->template Around<std::vector<Debris>>(
        call, [base = base_, range, options] { return base->ClearDebris(range, options); });
  }
  Capabilities capabilities() const override { return policy_->Change(base_->capabilities()); }
  std::string Describe(std::string_view key) const override { return base_->Describe(key); }

 protected:
  Policy& policy() const { return *policy_; }

 private:
  const KvStorePtr base_;
  const std::shared_ptr<Policy> policy_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_KVSTORE_INTERCEPTING_STORE_H_
