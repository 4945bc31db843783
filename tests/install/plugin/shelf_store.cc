#include "shelf_store.h"

#include <coffer/kvstore/answer.h>

#include <map>
#include <mutex>
#include <utility>

namespace {

class ShelfStore final : public coffer::KvStore {
 public:
  coffer::Future<coffer::ReadResult> Read(std::string key, coffer::ReadOptions options) override {
    using Answer = coffer::Future<coffer::ReadResult>;
    if (options.cancel.cancelled()) return Answer::Ready(coffer::CancelledError(Describe(key)));
    std::lock_guard lock(mutex_);
    auto book = books_.find(key);
    if (book == books_.end()) return Answer::Ready(coffer::AnswerMissing(options));
    auto answer = coffer::AnswerValue(book->second.value, book->second.generation, options);
    if (!answer.ok()) return Answer::Ready(answer.status().Annotate(Describe(key)));
    return Answer::Ready(std::move(answer));
  }

  coffer::Future<coffer::WriteResult> Write(std::string key,
                                            std::optional<coffer::BytesChain> value,
                                            coffer::WriteOptions options) override {
    using Answer = coffer::Future<coffer::WriteResult>;
    if (options.cancel.cancelled()) return Answer::Ready(coffer::CancelledError(Describe(key)));
    std::lock_guard lock(mutex_);
    auto book = books_.find(key);
    const auto missing = coffer::Generation::Missing();
    if (!coffer::MayWrite(options, book == books_.end() ? missing : book->second.generation)) {
      return Answer::Ready(
          coffer::WriteResult{coffer::WriteResult::State::kConditionNotMet, coffer::Generation()});
    }
    coffer::WriteResult result;
    if (value) {
      result.generation = {std::to_string(++count_)};
      books_[key] = {coffer::Bytes::Copy(value->Flatten().text()), result.generation};
    } else {
      result.generation = missing;
      books_.erase(key);
    }
    return Answer::Ready(std::move(result));
  }

  coffer::Capabilities capabilities() const override {
    return {
        .local = true, .listable = false, .conditional_write = true, .conditional_delete = true};
  }

  std::string Describe(std::string_view key) const override {
    return "shelf://" + std::string(key);
  }

 private:
  struct Book {
    coffer::Bytes value;
    coffer::Generation generation;
  };
  std::mutex mutex_;  // Guards all below.
  std::map<std::string, Book> books_;
  int count_ = 0;
};

}  // namespace

coffer::KvStorePtr MakeShelfStore() { return std::make_shared<ShelfStore>(); }

coffer::StoreDriver ShelfDriver() {
  return {.name = "shelf",
          .schemes = {"shelf"},
          .open_url = [](std::string_view url,
                         const coffer::Context&) -> coffer::Result<coffer::KvStorePtr> {
            static std::mutex mutex;
            static std::map<std::string, coffer::KvStorePtr, std::less<>> shelves;
            std::lock_guard lock(mutex);
            coffer::KvStorePtr& shelf = shelves[std::string(url)];
            if (!shelf) shelf = MakeShelfStore();
            return shelf;
          }};
}
