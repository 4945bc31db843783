#include "tests/support/user_store.h"

#include <map>
#include <mutex>
#include <utility>

#include "coffer/kvstore/answer.h"

namespace coffer::inline v0 {

namespace {

struct Values {
  std::mutex mutex;  // Guards the rest.
  std::map<std::string, std::pair<Bytes, Generation>> entries;
  uint64_t writes = 0;
};

class UserListing final : public KvListing {
 public:
  UserListing(std::shared_ptr<Values> values, ListOptions options)
      : values_(std::move(values)), options_(std::move(options)), next_(options_.range.begin) {}

  Future<std::vector<ListEntry>> Next() override {
    const std::lock_guard lock(values_->mutex);
    std::vector<ListEntry> page;
    for (auto it = values_->entries.lower_bound(next_);
         it != values_->entries.end() && page.size() < options_.page_size; ++it) {
      if (!options_.range.Contains(it->first)) break;
      page.push_back({it->first});
      next_ = it->first + '\0';
    }
    return Future<std::vector<ListEntry>>::Ready(std::move(page));
  }

 private:
  const std::shared_ptr<Values> values_;
  const ListOptions options_;
  std::string next_;
};

class UserStore final : public KvStore {
 public:
  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return Future<ReadResult>::Ready(ReadNow(key, options));
  }

  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    if (options.cancel.cancelled()) {
      return Future<WriteResult>::Ready(CancelledError(Describe(key)));
    }
    const std::lock_guard lock(values_->mutex);
    auto it = values_->entries.find(key);
    const bool exists = it != values_->entries.end();
    if (!MayWrite(options, exists ? it->second.second : Generation::Missing())) {
      return Future<WriteResult>::Ready(WriteResult{WriteResult::State::kConditionNotMet, {}});
    }
    WriteResult result{WriteResult::State::kWritten, Generation::Missing()};
    if (value) {
      result.generation = {std::to_string(++values_->writes)};
      values_->entries[key] = {Bytes::Copy(value->Flatten().span()), result.generation};
    } else {
      values_->entries.erase(key);
    }
    return Future<WriteResult>::Ready(result);
  }

  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return std::make_unique<UserListing>(values_, std::move(options));
  }

  Capabilities capabilities() const override {
    return {.local = true, .conditional_write = true, .conditional_delete = true};
  }
  std::string Describe(std::string_view key) const override { return "user://" + std::string(key); }

 private:
  Result<ReadResult> ReadNow(const std::string& key, const ReadOptions& options) const {
    if (options.cancel.cancelled()) return CancelledError(Describe(key));
    const std::lock_guard lock(values_->mutex);
    auto it = values_->entries.find(key);
    if (it == values_->entries.end()) return AnswerMissing(options);
    const auto result = AnswerValue(it->second.first, it->second.second, options);
    if (!result.ok()) return result.status().Annotate(Describe(key));
    return result;
  }

  const std::shared_ptr<Values> values_ = std::make_shared<Values>();
};

}  // namespace

KvStorePtr MakeUserStore() { return std::make_shared<UserStore>(); }

}  // namespace coffer::inline v0
