// A store in memory that says what it can do as a test wants, and lets a test act in the middle of
// an operation.
#ifndef COFFER_TESTS_UNIT_DRIVERS_MAP_STORE_H_
#define COFFER_TESTS_UNIT_DRIVERS_MAP_STORE_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coffer/kvstore/answer.h"
#include "coffer/kvstore/kvstore.h"

namespace coffer::inline v0::testing {

class MapStore final : public KvStore {
 public:
  explicit MapStore(bool conditional_write = true) : conditional_write_(conditional_write) {}

  /// What a test sees and sets without going through the store.
  std::map<std::string, std::string> values;
  /// Every changing call, as "write a", "delete a", "delete range a/".
  std::vector<std::string> log;
  /// Called before each write; may change `values` as another writer would.
  std::function<void(const std::string& key)> before_write;
  Status read_error;

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    if (!read_error.ok()) return Future<ReadResult>::Ready(read_error);
    ReadResult result;
    const auto found = values.find(key);
    if (found == values.end()) {
      result.generation = Generation::Missing();
      return Future<ReadResult>::Ready(std::move(result));
    }
    const auto size = static_cast<int64_t>(found->second.size());
    const Status limit = CheckMaxBytes(size, options.max_bytes);
    if (!limit.ok()) return Future<ReadResult>::Ready(limit.Annotate(Describe(key)));
    result.state = ReadResult::State::kValue;
    result.generation = GenerationOf(found->second);
    result.total_size = size;
    if (options.range == ByteRange::All()) result.value = Bytes::Copy(found->second);
    return Future<ReadResult>::Ready(std::move(result));
  }

  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    if (before_write) before_write(key);
    WriteResult result;
    const auto found = values.find(key);
    const Generation now =
        found == values.end() ? Generation::Missing() : GenerationOf(found->second);
    if (options.if_equal.known() && !conditional_write_) {
      return Future<WriteResult>::Ready(UnimplementedError("no conditional writes"));
    }
    if (options.if_equal.known() && options.if_equal != now) {
      result.state = WriteResult::State::kConditionNotMet;
      return Future<WriteResult>::Ready(std::move(result));
    }
    log.push_back((value ? "write " : "delete ") + key);
    if (value) {
      values[key] = std::string(value->Flatten().text());
      result.generation = GenerationOf(values[key]);
    } else {
      values.erase(key);
      result.generation = Generation::Missing();
    }
    return Future<WriteResult>::Ready(std::move(result));
  }

  Future<void> DeleteRange(KeyRange range) override {
    log.push_back("delete range " + range.begin);
    std::erase_if(values, [&](const auto& entry) { return range.Contains(entry.first); });
    return Future<void>::Ready(Status());
  }

  Capabilities capabilities() const override {
    Capabilities capabilities;
    capabilities.conditional_write = conditional_write_;
    return capabilities;
  }
  std::string Describe(std::string_view key) const override { return "map://" + std::string(key); }

 private:
  // Values tell generations apart well enough here: no test writes a value twice.
  static Generation GenerationOf(const std::string& value) { return {"of " + value}; }

  const bool conditional_write_;
};

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_UNIT_DRIVERS_MAP_STORE_H_
