// Stores for the tests of checkpoints.
#ifndef COFFER_TESTS_UNIT_CHECKPOINT_STORES_H_
#define COFFER_TESTS_UNIT_CHECKPOINT_STORES_H_

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/stores.h"

namespace coffer::inline v0::testing {

/// Another store with fewer capabilities, which fails one mutating operation on demand.
class LesserStore : public KvStore {
 public:
  struct Options {
    bool rename = true;
    bool conditional_write = true;
    bool local = true;
  };
  LesserStore(KvStorePtr base, Options options) : base_(std::move(base)), options_(options) {}

  /// Lets `n` operations that change something go well, then fails all that follow until the next
  /// call. after: the first that fails has been done all the same. -1: none fails.
  void FailFrom(int64_t n, bool after = false) {
    left_ = n;
    after_ = after;
  }
  int64_t mutations() const { return mutations_; }

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return base_->Read(std::move(key), std::move(options));
  }
  Future<ReadResult> ReadInto(std::string key, std::span<std::byte> destination,
                              ReadOptions options) override {
    return base_->ReadInto(std::move(key), destination, std::move(options));
  }
  Future<ReadRangesResult> ReadRanges(std::string key, std::vector<ByteRange> ranges,
                                      ReadOptions options) override {
    return base_->ReadRanges(std::move(key), std::move(ranges), std::move(options));
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    return Mutate<WriteResult>(
        [&] { return base_->Write(std::move(key), std::move(value), std::move(options)); });
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return base_->List(std::move(options));
  }
  Future<void> DeleteRange(KeyRange range) override {
    return Mutate<void>([&] { return base_->DeleteRange(std::move(range)); });
  }
  Future<void> RenamePrefix(std::string from, std::string to) override {
    if (!options_.rename) return Future<void>::Ready(UnimplementedError("RenamePrefix"));
    return Mutate<void>([&] { return base_->RenamePrefix(std::move(from), std::move(to)); });
  }
  Capabilities capabilities() const override {
    Capabilities can = base_->capabilities();
    can.atomic_rename = can.atomic_rename && options_.rename;
    can.conditional_write = can.conditional_write && options_.conditional_write;
    can.local = can.local && options_.local;
    can.streaming_write = false;  // OpenWriter is the default: by Write.
    return can;
  }
  std::string Describe(std::string_view key) const override { return base_->Describe(key); }

 private:
  template <class T, class F>
  Future<T> Mutate(F operation) {
    ++mutations_;
    const int64_t left = left_.load() < 0 ? INT64_MAX : left_.fetch_sub(1);
    if (left > 0) return operation();
    if (left == 0 && after_) operation().Wait();
    left_ = 0;
    after_ = false;
    return Future<T>::Ready(UnavailableError("injected"));
  }

  const KvStorePtr base_;
  const Options options_;
  std::atomic<int64_t> left_{-1};
  std::atomic<bool> after_{false};
  std::atomic<int64_t> mutations_{0};
};

/// An empty one in memory.
inline std::shared_ptr<LesserStore> Lesser(LesserStore::Options options) {
  return std::make_shared<LesserStore>(MakeMemoryStore(), options);
}

/// A store that calls `act` once, on a thread of its own, after the first such operation on a key
/// with this end.
inline KvStorePtr ActingAfter(KvStorePtr base, KvOperation operation, std::string end,
                              std::function<void()> act) {
  auto done = std::make_shared<std::atomic<bool>>(false);
  return MakeTraceStore(std::move(base), [=](const TraceEvent& event) {
    if (event.operation != operation || !event.key.ends_with(end) || done->exchange(true)) return;
    std::thread(act).join();  // This one is amid its callbacks.
  });
}

/// All keys, or those below a prefix, sorted.
inline std::vector<std::string> KeysOf(KvStore& store, const std::string& prefix = "") {
  ListOptions options;
  options.range = KeyRange::Prefix(prefix);
  std::vector<std::string> keys;
  for (const ListEntry& entry : ListAll(store, options).OrDie()) keys.push_back(entry.key);
  return keys;
}

inline std::string KeyEndingWith(KvStore& store, const std::string& end) {
  for (const std::string& key : KeysOf(store)) {
    if (key.ends_with(end)) return key;
  }
  ADD_FAILURE() << "no key ends with " << end;
  return "";
}

inline std::string ValueOf(KvStore& store, const std::string& key) {
  return std::string(store.Read(key).Get().OrDie().value.text());
}

inline void SetValue(KvStore& store, const std::string& key, std::string value) {
  store.Write(key, BytesChain(Bytes::Take(std::move(value)))).Get().OrDie();
}

inline void Remove(KvStore& store, const std::string& key) {
  store.Write(key, std::nullopt).Get().OrDie();
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_CHECKPOINT_STORES_H_
