// A store of your own in some 35 lines: here values in a map, there perhaps a tape robot. Only
// Read, Write, capabilities and Describe are yours to write; conditions, ranges and limits come
// from answer.h, everything else from the interface's defaults.
#include <iostream>
#include <map>
#include <mutex>

#include "coffer/kvstore/answer.h"
#include "coffer/kvstore/store_table.h"

using coffer::Future, coffer::Generation, coffer::ReadResult, coffer::WriteResult;

class TapeStore final : public coffer::KvStore {
 public:
  Future<ReadResult> Read(std::string key, coffer::ReadOptions options) override {
    const std::lock_guard lock(mutex_);
    auto it = values_.find(key);
    if (it == values_.end()) return Future<ReadResult>::Ready(coffer::AnswerMissing(options));
    const auto answer = coffer::AnswerValue(it->second.first, it->second.second, options);
    if (answer.ok()) return Future<ReadResult>::Ready(answer);
    return Future<ReadResult>::Ready(answer.status().Annotate(Describe(key)));
  }

  Future<WriteResult> Write(std::string key, std::optional<coffer::BytesChain> value,
                            coffer::WriteOptions options) override {
    const std::lock_guard lock(mutex_);
    auto it = values_.find(key);
    WriteResult result{WriteResult::State::kWritten, Generation::Missing()};
    if (!MayWrite(options, it == values_.end() ? Generation::Missing() : it->second.second)) {
      result = {WriteResult::State::kConditionNotMet, Generation::Unknown()};
    } else if (value) {
      result.generation = {std::to_string(++writes_)};
      values_[key] = {coffer::Bytes::Copy(value->Flatten().span()), result.generation};
    } else {
      values_.erase(key);
    }
    return Future<WriteResult>::Ready(result);
  }

  coffer::Capabilities capabilities() const override {
    return {.local = true, .listable = false, .conditional_write = true};
  }
  std::string Describe(std::string_view key) const override { return "tape://" + std::string(key); }

 private:
  std::mutex mutex_;  // Guards the rest.
  std::map<std::string, std::pair<coffer::Bytes, Generation>> values_;
  int writes_ = 0;
};

int main() {
  const coffer::Context context = coffer::Context::Create();
  const auto open = [](std::string_view,
                       const coffer::Context&) -> coffer::Result<coffer::KvStorePtr> {
    return std::make_shared<TapeStore>();
  };
  context.Get<coffer::StoreTable>()
      .Add({.name = "tape", .schemes = {"tape"}, .open_url = open})
      .OrDie();
  const auto store = coffer::OpenKvStore("tape://robot", context).OrDie();
  store->Write("a", coffer::Bytes::Copy("hello")).Get().OrDie();
  const ReadResult read = store->Read("a", {.range = coffer::ByteRange::Last(2)}).Get().OrDie();
  std::cout << read.value.text() << "\n";
  return read.value.text() == "lo" ? 0 : 1;
}
