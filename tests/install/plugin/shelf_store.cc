// A store that knows only blocking Read and Write, whole: all else is coffer's default. Opens
// "shelf://name" and {"driver": "shelf", "name": "..."}, one store for each text and process.
#include <coffer/kvstore/answer.h>

#include <map>
#include <mutex>

#include "parts.h"

using coffer::Future, coffer::Generation, coffer::ReadResult, coffer::WriteResult;
namespace {
class ShelfStore final : public coffer::KvStore {
 public:
  Future<ReadResult> Read(std::string key, coffer::ReadOptions options) override {
    if (options.cancel.cancelled()) return Future<ReadResult>::Ready(Cancelled(key));
    std::lock_guard lock(mutex_);
    auto book = books_.find(key);
    if (book == books_.end()) return Future<ReadResult>::Ready(coffer::AnswerMissing(options));
    auto answer = coffer::AnswerValue(book->second.first, book->second.second, options);
    if (answer.ok()) return Future<ReadResult>::Ready(std::move(answer));
    return Future<ReadResult>::Ready(answer.status().Annotate(Describe(key)));
  }
  Future<WriteResult> Write(std::string key, std::optional<coffer::BytesChain> value,
                            coffer::WriteOptions options) override {
    if (options.cancel.cancelled()) return Future<WriteResult>::Ready(Cancelled(key));
    std::lock_guard lock(mutex_);
    auto book = books_.find(key);
    WriteResult result{WriteResult::State::kWritten, Generation::Missing()};
    if (!MayWrite(options, book == books_.end() ? Generation::Missing() : book->second.second)) {
      result = {WriteResult::State::kConditionNotMet, Generation()};
    } else if (value) {
      result.generation = {std::to_string(++count_)};
      books_[key] = {coffer::Bytes::Copy(value->Flatten().text()), result.generation};
    } else {
      books_.erase(key);
    }
    return Future<WriteResult>::Ready(std::move(result));
  }
  coffer::Capabilities capabilities() const override {
    return {
        .local = true, .listable = false, .conditional_write = true, .conditional_delete = true};
  }
  std::string Describe(std::string_view key) const override { return "shelf:" + std::string(key); }

 private:
  coffer::Status Cancelled(const std::string& key) const {
    return coffer::CancelledError(Describe(key));
  }

  std::mutex mutex_;  // Guards the rest.
  std::map<std::string, std::pair<coffer::Bytes, Generation>> books_;
  int count_ = 0;
};
}  // namespace

coffer::KvStorePtr MakeShelfStore() { return std::make_shared<ShelfStore>(); }
coffer::StoreDriver ShelfDriver() { return NamedStores("shelf", MakeShelfStore); }
