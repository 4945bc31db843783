// Goal: a shard that is wanted whole from a remote store is one request, whatever stands in it, and
// only there: where a part is wanted, or the budget is small, its index comes first.
// Method: arrays over a memory store that answers later; what reaches that store, line by line; and
// shards that are cut, padded or absent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "tests/unit/array/traced.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Later;
using testing::NewStore;
using testing::Traced;
using ::testing::UnorderedElementsAre;

constexpr int64_t kSize = 32;  // Of both dimensions; shards of 16, inner chunks of 4.

/// An array of four shards on a remote store, each element its own number.
struct Subject {
  explicit Subject(int64_t budget = MiB(64))
      : context(Context::Create({.threads = 2, .budget_bytes = budget})) {
    CreateOptions options{.shape = {kSize, kSize},
                          .data_type = DataType::kUint32,
                          .chunk_shape = {4, 4},
                          .shard_shape = Shape{16, 16},
                          .context = context};
    array.emplace(Array::Create(Later(traced.store), "", options).OrDie());
    values.resize(kSize * kSize);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint32_t>(i * 2654435761U);
    array->Write(Box::Full(array->shape()), Ref(values.data(), array->shape())).OrDie();
    traced.Take();
  }
  std::vector<uint32_t> Read() {
    std::vector<uint32_t> out(values.size());
    array->Read(Box::Full(array->shape()), Ref(out.data(), array->shape())).OrDie();
    return out;
  }
  Status ReadStatus() {
    std::vector<uint32_t> out(values.size());
    return array->Read(Box::Full(array->shape()), Ref(out.data(), array->shape()));
  }
  std::string Value(const std::string& key) const {
    return std::string(base->Read(key).Get().OrDie().value.text());
  }
  /// The operations on chunks, without sizes.
  std::vector<std::string> Asked() const {
    std::vector<std::string> lines;
    for (const std::string& line : traced.Take()) {
      if (line.find(" c/") != std::string::npos) lines.push_back(line.substr(0, line.rfind(' ')));
    }
    return lines;
  }

  const Context context;
  const KvStorePtr base = NewStore();
  const Traced traced{base};
  std::optional<Array> array;
  std::vector<uint32_t> values;
};

TEST(WholeShards, AreOneRequestEach) {
  Subject s;
  EXPECT_EQ(s.Read(), s.values);
  EXPECT_THAT(s.Asked(),
              UnorderedElementsAre("Read c/0/0", "Read c/0/1", "Read c/1/0", "Read c/1/1"));
}

TEST(WholeShards, OfWhichAPartIsWantedComeByTheirIndex) {
  Subject s;
  std::vector<uint32_t> out(16 * 12);
  s.array->Read(Box::FromSize({0, 0}, {16, 12}), Ref(out.data(), {16, 12})).OrDie();
  const std::vector<std::string> asked = s.Asked();
  ASSERT_GE(asked.size(), 2u);
  EXPECT_EQ(asked[0], "Read c/0/0");
  EXPECT_EQ(asked[1], "ReadInto c/0/0");
  for (int64_t y = 0; y < 16; ++y) {
    for (int64_t x = 0; x < 12; ++x) {
      ASSERT_EQ(out[static_cast<size_t>(y * 12 + x)], s.values[static_cast<size_t>(y * kSize + x)]);
    }
  }
}

TEST(WholeShards, ThatDoNotFitIntoAPartOfTheBudgetComeInSpans) {
  Subject s(3000);  // A shard has a bound of 1,024 bytes of elements and more.
  EXPECT_EQ(s.Read(), s.values);
  const std::vector<std::string> asked = s.Asked();
  EXPECT_GT(std::count(asked.begin(), asked.end(), "ReadInto c/0/0"), 0);
  EXPECT_LE(s.context.budget().held_bytes_peak(),
            std::max<int64_t>(3000, s.array->largest_task_bytes()));
}

TEST(RemoteSpans, AreAsLargeAsTheBudgetAllows) {
  const Context context = Context::Create({.threads = 2, .budget_bytes = MiB(8)});
  const Traced traced;
  const Shape shape = {2048, 2048};
  CreateOptions options{.shape = shape,
                        .data_type = DataType::kUint8,
                        .chunk_shape = {64, 1024},
                        .shard_shape = shape,
                        .context = context};
  const Array array = Array::Create(Later(traced.store), "", options).OrDie();
  std::vector<uint8_t> values(2048 * 2048);
  std::mt19937_64 random(1);
  for (uint8_t& value : values) value = static_cast<uint8_t>(random());
  array.Write(Box::Full(shape), Ref(values.data(), shape)).OrDie();
  traced.Take();
  std::vector<uint8_t> out(values.size());
  array.Read(Box::Full(shape), Ref(out.data(), shape)).OrDie();
  EXPECT_EQ(out, values);
  EXPECT_LE(traced.Take().size(), 6u);  // The index, and 4 MiB in spans of about one.
}

TEST(WholeShards, AbsentOnesAreFillValues) {
  Subject s;
  s.base->Write("c/0/1", std::nullopt).Get().OrDie();
  const std::vector<uint32_t> out = s.Read();
  EXPECT_EQ(out[0], s.values[0]);
  EXPECT_EQ(out[16], 0u);
  EXPECT_THAT(s.array
                  ->Read(Box::Full(s.array->shape()), Ref(s.values.data(), s.array->shape()),
                         {.missing = ArrayReadOptions::Missing::kError})
                  .ToString(),
              HasSubstr("c/0/1"));
}

TEST(WholeShards, ThatAreCutOrFlippedAreDataLoss) {
  Subject s;
  const std::string whole = s.Value("c/0/0");
  for (const size_t size : {size_t{0}, size_t{10}, whole.size() / 2, whole.size() - 1}) {
    s.base->Write("c/0/0", Bytes::Copy(whole.substr(0, size))).Get().OrDie();
    const Status status = s.ReadStatus();
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << size << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("c/0/0"));
  }
  for (size_t at = 0; at < whole.size(); at += 7) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 16);
    s.base->Write("c/0/0", Bytes::Copy(flipped)).Get().OrDie();
    EXPECT_EQ(s.ReadStatus().code(), StatusCode::kDataLoss) << at;
  }
}

TEST(WholeShards, LongerThanWeWouldWriteThemAreReadByTheirIndex) {
  Subject s;
  // Another writer's, with a hole: offsets count from the start, the index stands at the end.
  const std::string whole = s.Value("c/1/1");
  const size_t index_size = 16 * 16 + 4;
  s.base
      ->Write("c/1/1",
              Bytes::Copy(whole.substr(0, whole.size() - index_size) + std::string(100'000, '#') +
                          whole.substr(whole.size() - index_size)))
      .Get()
      .OrDie();
  EXPECT_EQ(s.Read(), s.values);
  const std::vector<std::string> asked = s.Asked();
  EXPECT_GT(std::count(asked.begin(), asked.end(), "ReadInto c/1/1"), 0);
}

}  // namespace
}  // namespace coffer
