// Goal: of many that append to one array at once each gets a range of its own, nothing of which is
// lost; and whoever resizes, reads or writes an array while others do the same sees what array.h
// says: nothing comes back that a shrinking has deleted, nothing is deleted that came after.
// Method: threads and processes that append, a trace that acts between two steps of another's
// operation, handles that are older than the array.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <latch>
#include <map>
#include <thread>

#include "coffer/array/array.h"
#include "coffer/array/copy.h"
#include "coffer/array/verify.h"
#include "coffer/kvstore/adapters.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/array/forwarding_store.h"
#include "tests/unit/array/model.h"

extern char** environ;

namespace coffer {
namespace {

using testing::Later;
using testing::NewStore;

CreateOptions Log(bool sharded, int64_t length = 0) {
  return {.shape = {2, length},
          .data_type = DataType::kUint32,
          .chunk_shape = {2, 4},
          .shard_shape = sharded ? Shape{2, 12} : Shape{}};
}

/// Runs it on a thread of its own, since a trace is told inside a future's callback, where nothing
/// may wait for other futures.
void Elsewhere(const std::function<void()>& body) { std::thread(body).join(); }

/// Appends `count` columns of `value`.
Result<Box> AppendColumns(Array& array, int64_t count, uint32_t value) {
  const std::vector<uint32_t> columns(static_cast<size_t>(2 * count), value);
  return array.Append(1, Ref(columns.data(), {2, count}));
}

/// Every value 1 ... writers * rounds stands in its own run of columns: as long as it is to be.
void ExpectRuns(const Array& array, uint32_t values) {
  const NdArray<uint32_t> all = array.Read<uint32_t>({}).OrDie();
  std::map<uint32_t, int64_t> columns;
  for (int64_t j = 0; j < array.shape()[1]; ++j) {
    ASSERT_EQ(all(0, j), all(1, j)) << j;
    ++columns[all(0, j)];
    if (j > 0 && all(0, j) != all(0, j - 1)) {
      ASSERT_EQ(columns[all(0, j)], 1) << "the run of " << all(0, j) << " is broken at " << j;
    }
  }
  ASSERT_EQ(columns.size(), values);
  for (uint32_t value = 1; value <= values; ++value) EXPECT_EQ(columns[value], 1 + value % 5);
}

TEST(AppendTest, OneWriterAppends) {
  for (const bool sharded : {false, true}) {
    Array array = Array::Create(NewStore(), "", Log(sharded)).OrDie();
    EXPECT_EQ(AppendColumns(array, 3, 1).OrDie(), Box::FromSize({0, 0}, {2, 3}));
    EXPECT_EQ(AppendColumns(array, 4, 2).OrDie(), Box::FromSize({0, 3}, {2, 4}));
    EXPECT_EQ(AppendColumns(array, 0, 9).OrDie(), Box::FromSize({0, 7}, {2, 0}));
    EXPECT_EQ(array.shape(), Shape({2, 7}));
    const NdArray<uint32_t> all = array.Read<uint32_t>({}).OrDie();
    const uint32_t row[] = {1, 1, 1, 2, 2, 2, 2};
    for (int64_t j = 0; j < 7; ++j) EXPECT_EQ(all(1, j), row[j]);
  }
}

TEST(AppendTest, RefusesWhatDoesNotFit) {
  Array array = Array::Create(NewStore(), "", Log(false, 5)).OrDie();
  const std::vector<uint32_t> values(16);
  for (const auto& [dim, shape] :
       {std::pair(0, Shape{1, 4}), std::pair(1, Shape{3, 1}), std::pair(2, Shape{2, 1}),
        std::pair(-1, Shape{2, 1}), std::pair(0, Shape{5})}) {
    const Status status = array.Append(dim, Ref(values.data(), shape)).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(
        status.message().find("a source of shape " + ToString(shape) +
                              " cannot be appended to [2, 5] in dimension " + std::to_string(dim)),
        std::string::npos)
        << status;
  }
  const std::vector<float> floats(2);
  EXPECT_EQ(array.Append(1, Ref(floats.data(), {2, 1})).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_EQ(array.shape(), Shape({2, 5}));
}

TEST(AppendTest, ThreadsGetRangesOfTheirOwn) {
  for (const bool sharded : {false, true}) {
    for (const bool later : {false, true}) {
      KvStorePtr store = NewStore();
      if (later) store = Later(store);
      Array::Create(store, "", Log(sharded)).OrDie();
      std::latch start(4);
      std::vector<std::thread> writers;
      for (uint32_t w = 0; w < 4; ++w) {
        writers.emplace_back([&, w] {
          Array array = Array::Open(store, "").OrDie();
          start.arrive_and_wait();
          int64_t end = 0;
          for (uint32_t round = 0; round < 10; ++round) {
            const uint32_t value = 1 + w * 10 + round;
            const Result<Box> box = AppendColumns(array, 1 + value % 5, value);
            ASSERT_TRUE(box.ok()) << box.status();
            EXPECT_GE(box->origin[1], end);  // In the order of its own calls.
            end = box->end(1);
          }
        });
      }
      for (std::thread& writer : writers) writer.join();
      const Array array = Array::Open(store, "").OrDie();
      EXPECT_EQ(array.shape(), Shape({2, 120}));
      ASSERT_NO_FATAL_FAILURE(ExpectRuns(array, 40));
      EXPECT_EQ(VerifyArray(array, {.deep = true}).OrDie().num_findings, 0);
    }
  }
}

// What a child of the next test does.
TEST(AppendTest, DISABLED_Child) {
  Array array = Array::Open(std::getenv("COFFER_TEST_ROOT")).OrDie();
  const auto w =
      static_cast<uint32_t>(std::strtoul(std::getenv("COFFER_TEST_WRITER"), nullptr, 10));
  for (uint32_t round = 0; round < 10; ++round) {
    const uint32_t value = 1 + w * 10 + round;
    AppendColumns(array, 1 + value % 5, value).OrDie();
  }
}

TEST(AppendTest, ProcessesGetRangesOfTheirOwn) {
  const TempDir dir;
  for (const bool sharded : {false, true}) {
    const std::string root = dir / (sharded ? "sharded" : "plain");
    Array::Create(root, Log(sharded)).OrDie();
    std::vector<pid_t> children;
    for (int w = 0; w < 4; ++w) {
      setenv("COFFER_TEST_ROOT", root.c_str(), 1);
      setenv("COFFER_TEST_WRITER", std::to_string(w).c_str(), 1);
      std::string arguments[] = {"unit_array", "--gtest_filter=AppendTest.DISABLED_Child",
                                 "--gtest_also_run_disabled_tests",
                                 "--gtest_output="};  // Else two would write one report.
      char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                      arguments[3].data(), nullptr};
      posix_spawn_file_actions_t actions;
      posix_spawn_file_actions_init(&actions);
      posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
      pid_t child = -1;
      ASSERT_EQ(posix_spawn(&child, "/proc/self/exe", &actions, nullptr, argv, environ), 0);
      posix_spawn_file_actions_destroy(&actions);
      children.push_back(child);
    }
    for (const pid_t child : children) {
      int status = -1;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      EXPECT_EQ(status, 0);
    }
    const Array array = Array::Open(root).OrDie();
    EXPECT_EQ(array.shape(), Shape({2, 120}));
    ASSERT_NO_FATAL_FAILURE(ExpectRuns(array, 40));
  }
}

TEST(AppendTest, AWriterThatDiesInBetweenLeavesFillValues) {
  const auto store = MakeFaultStore(NewStore());
  Array array = Array::Create(store, "", Log(false)).OrDie();
  AppendColumns(array, 4, 1).OrDie();
  store->Inject({.operation = KvOperation::kWrite, .key_prefix = "c/"});
  const Status failed = AppendColumns(array, 4, 2).status();
  EXPECT_EQ(failed.code(), StatusCode::kUnavailable);
  EXPECT_NE(
      failed.message().find("[0, 2) x [4, 8) is the array's now, but not all of it is written"),
      std::string::npos)
      << failed;
  Array other = Array::Open(store, "").OrDie();
  EXPECT_EQ(AppendColumns(other, 2, 3).OrDie(), Box::FromSize({0, 8}, {2, 2}));
  const NdArray<uint32_t> all = other.Read<uint32_t>({}).OrDie();
  const uint32_t row[] = {1, 1, 1, 1, 0, 0, 0, 0, 3, 3};
  for (int64_t j = 0; j < 10; ++j) EXPECT_EQ(all(0, j), row[j]) << j;
}

TEST(AppendTest, GivesUpWhenOthersAlwaysComeFirst) {
  const KvStorePtr base = NewStore();
  Array::Create(base, "", Log(false)).OrDie();
  std::atomic<int> changes = 0;
  const KvStorePtr store = MakeTraceStore(base, [&](const TraceEvent& event) {
    if (event.operation != KvOperation::kRead || event.key != "zarr.json" || event.bytes == 0)
      return;
    Elsewhere([&] {
      Array other = Array::Open(base, "").OrDie();
      other.SetAttributes(R"({"n": )" + std::to_string(++changes) + "}").OrDie();
    });
  });
  Array array = Array::Open(store, "").OrDie();
  const Status status = AppendColumns(array, 1, 1).status();
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_NE(status.message().find("others changed the metadata 100 times"), std::string::npos)
      << status;
  EXPECT_EQ(changes, 101);
}

class Resized : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Shards, Resized, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Sharded" : "Plain"; });

std::vector<uint32_t> Row(const Array& array) {
  const NdArray<uint32_t> row = array.Read<uint32_t>({{.dim = 0, .at = 1}}).OrDie();
  return {row.values().begin(), row.values().end()};
}

std::vector<uint32_t> Runs(std::initializer_list<std::pair<int, uint32_t>> runs) {
  std::vector<uint32_t> row;
  for (const auto& [count, value] : runs) row.insert(row.end(), static_cast<size_t>(count), value);
  return row;
}

Status WriteColumns(const Array& array, int64_t begin, int64_t end, uint32_t value) {
  const std::vector<uint32_t> columns(static_cast<size_t>(2 * (end - begin)), value);
  return array.Write(Box::FromSize({0, begin}, {2, end - begin}),
                     Ref(columns.data(), {2, end - begin}));
}

TEST_P(Resized, AnOldHandleReadsFillValuesWhereTheArrayWasShrunk) {
  const KvStorePtr store = NewStore();
  const Array old = Array::Create(store, "", Log(GetParam(), 40)).OrDie();
  WriteColumns(old, 0, 40, 7).OrDie();
  EXPECT_EQ(Row(old), Runs({{40, 7}}));  // Its shard indexes are cached now.
  Array::Open(store, "").OrDie().Resize({2, 18}).OrDie();
  EXPECT_EQ(Row(old), Runs({{18, 7}, {22, 0}}));
  Array::Open(store, "").OrDie().Resize({2, 50}).OrDie();
  WriteColumns(Array::Open(store, "").OrDie(), 18, 50, 8).OrDie();
  EXPECT_EQ(Row(old), Runs({{18, 7}, {22, 8}}));
}

TEST_P(Resized, AWriteThroughAnOldHandleLeavesNothingOutside) {
  const KvStorePtr store = NewStore();
  const Array old = Array::Create(store, "", Log(GetParam(), 40)).OrDie();
  WriteColumns(old, 0, 40, 7).OrDie();
  Array now = old;
  now.Resize({2, 18}).OrDie();
  const Status status = WriteColumns(old, 10, 40, 9);
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("somebody else has changed the shape to [2, 18] while "
                                  "[0, 2) x [10, 40) was written"),
            std::string::npos)
      << status;
  EXPECT_EQ(WriteColumns(old, 0, 3, 6), Status());  // This is inside.
  EXPECT_EQ(VerifyArray(now).OrDie().num_findings, 0);
  now.Resize({2, 40}).OrDie();
  EXPECT_EQ(Row(now), Runs({{3, 6}, {7, 7}, {8, 9}, {22, 0}}));
}

TEST_P(Resized, AWriteThroughAHandleOfAnotherArrayIsToldSo) {
  const std::vector<std::function<void(CreateOptions&)>> others = {
      [](CreateOptions& options) { options.data_type = DataType::kInt32; },
      [](CreateOptions& options) { options.codec = Gzip(1); },
      [](CreateOptions& options) { options.chunk_shape = {1, 4}; },
      [](CreateOptions& options) { options.format.fill_value = "1"; },
      [](CreateOptions& options) { options.format.chunk_key_separator = '.'; },
      [](CreateOptions& options) {
        options.shape = {40};
        options.chunk_shape = {8};
        options.shard_shape = {};
      },
  };
  for (const auto& change : others) {
    const KvStorePtr store = NewStore();
    Array old = Array::Create(store, "", Log(GetParam(), 40)).OrDie();
    CreateOptions options = Log(GetParam(), 40);
    options.format.delete_existing = true;
    change(options);
    Array::Create(store, "", options).OrDie();
    const Status written = WriteColumns(old, 0, 40, 7);
    EXPECT_EQ(written.code(), StatusCode::kFailedPrecondition);
    EXPECT_NE(written.message().find("another array has taken its place"), std::string::npos)
        << written;
    EXPECT_EQ(AppendColumns(old, 1, 1).status().code(), StatusCode::kFailedPrecondition);
  }
}

TEST_P(Resized, AShrinkingLooksOnlyAtWhatIsStored) {
  std::atomic<int64_t> cells_asked = 0;
  const KvStorePtr store = MakeTraceStore(NewStore(), [&](const TraceEvent& event) {
    if (event.key.starts_with("c/")) ++cells_asked;
  });
  Array array = Array::Create(store, "", Log(GetParam(), int64_t{1} << 40)).OrDie();
  WriteColumns(array, 0, 40, 7).OrDie();
  cells_asked = 0;
  array.Resize({1, int64_t{1} << 39}).OrDie();
  EXPECT_LT(cells_asked, 30);
  uint32_t last = 0;
  array.Read(Box::FromSize({0, 39}, {1, 1}), Ref(&last, {1, 1})).OrDie();
  EXPECT_EQ(last, 7);
  array.Resize({2, 50}).OrDie();
  EXPECT_EQ(Row(array), Runs({{50, 0}}));
}

TEST_P(Resized, NothingShrinksWhereNothingCanBeListed) {
  const auto store = std::make_shared<testing::ForwardingStore>(NewStore());  // Does not say so.
  Array array = Array::Create(store, "", Log(GetParam(), 40)).OrDie();
  WriteColumns(array, 0, 40, 7).OrDie();
  const Status shrunk = array.Resize({2, 18});
  EXPECT_EQ(shrunk.code(), StatusCode::kUnimplemented);
  EXPECT_EQ(array.shape(), Shape({2, 40}));
  array.Resize({2, 44}).OrDie();
  EXPECT_EQ(Row(array), Runs({{40, 7}, {4, 0}}));
}

TEST_P(Resized, TheSameOfAnAsynchronousWriteAndOfACopy) {
  for (const bool copies : {false, true}) {
    const KvStorePtr store = Later(NewStore());
    const Array old = Array::Create(store, "", Log(GetParam(), 40)).OrDie();
    Array now = old;
    now.Resize({2, 18}).OrDie();
    const std::vector<uint32_t> columns(80, 9);
    const Status status =
        copies ? Copy(
                     [&] {
                       const Array from = Array::Create(NewStore(), "", Log(false, 40)).OrDie();
                       WriteColumns(from, 0, 40, 9).OrDie();
                       return from;
                     }(),
                     old)
               : old.WriteAsync(Box::Full({2, 40}), Ref(columns.data(), {2, 40})).committed.Get();
    EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(VerifyArray(now).OrDie().num_findings, 0);
    now.Resize({2, 40}).OrDie();
    EXPECT_EQ(Row(now), Runs({{18, 9}, {22, 0}}));
  }
}

// Another shrinks the array at the moment between a write's reading and its writing.
TEST_P(Resized, AWriteThatIsOvertakenByAShrinkingLeavesNothingOutside) {
  const KvStorePtr base = NewStore();
  Array::Create(base, "", Log(GetParam(), 40)).OrDie();
  for (const int64_t begin : {12, 14}) {
    Array other = Array::Open(base, "", {.context = Context::Create({.threads = 1})}).OrDie();
    other.Resize({2, 40}).OrDie();
    std::atomic<bool> armed = true;
    const KvStorePtr store = MakeTraceStore(base, [&](const TraceEvent& event) {
      if (!event.key.starts_with("c/") || !armed.exchange(false)) return;
      Elsewhere([&] { other.Resize({2, 5}).OrDie(); });
    });
    const Array array = Array::Open(store, "").OrDie();
    EXPECT_EQ(WriteColumns(array, begin, 24, 9).code(), StatusCode::kFailedPrecondition);
    EXPECT_FALSE(armed);
    EXPECT_EQ(ListAll(*base).OrDie().size(), 1u);
    other.Resize({2, 40}).OrDie();
    EXPECT_EQ(Row(other), Runs({{40, 0}}));
  }
}

// Another makes the array larger again, and writes there, while a shrinking deletes.
TEST_P(Resized, AShrinkingDoesNotDeleteWhatWasWrittenAfterTheArrayGrewAgain) {
  const KvStorePtr base = NewStore();
  const Array before = Array::Create(base, "", Log(GetParam(), 48)).OrDie();
  WriteColumns(before, 0, 48, 7).OrDie();
  std::atomic<bool> armed = false;
  const KvStorePtr store = MakeTraceStore(base, [&](const TraceEvent& event) {
    // The first look at a cell that is to go.
    if (event.operation != KvOperation::kRead || !event.key.starts_with("c/")) return;
    if (!armed.exchange(false)) return;
    Elsewhere([&] {
      Array other = Array::Open(base, "", {.context = Context::Create({.threads = 1})}).OrDie();
      other.Resize({2, 48}).OrDie();
      WriteColumns(other, 5, 48, 8).OrDie();
    });
  });
  Array array = Array::Open(store, "").OrDie();
  armed = true;
  const Status status = array.Resize({2, 5});
  EXPECT_FALSE(armed);
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_NE(status.message().find("somebody else has changed the shape to [2, 48]"),
            std::string::npos)
      << status;
  EXPECT_EQ(Row(Array::Open(base, "").OrDie()), Runs({{5, 7}, {43, 8}}));
}

// The same, but after the shrinking has looked at the metadata once more: only the condition of its
// deletes is left.
TEST_P(Resized, NorWhatWasWrittenBetweenTheLookAndTheDeleting) {
  const KvStorePtr base = NewStore();
  const Array before = Array::Create(base, "", Log(GetParam(), 48)).OrDie();
  WriteColumns(before, 0, 48, 7).OrDie();
  std::atomic<bool> armed = false;
  const KvStorePtr store = MakeTraceStore(base, [&](const TraceEvent& event) {
    const bool looks = event.key == "zarr.json" && event.range == ByteRange::Stat();
    if (!looks || event.operation != KvOperation::kRead || !armed.exchange(false)) return;
    Elsewhere([&] {
      Array other = Array::Open(base, "", {.context = Context::Create({.threads = 1})}).OrDie();
      other.Resize({2, 48}).OrDie();
      WriteColumns(other, 5, 48, 8).OrDie();
    });
  });
  Array array = Array::Open(store, "").OrDie();
  armed = true;
  EXPECT_EQ(array.Resize({2, 5}).code(), StatusCode::kAborted);
  EXPECT_FALSE(armed);
  EXPECT_EQ(Row(Array::Open(base, "").OrDie()), Runs({{5, 7}, {43, 8}}));
}

TEST_P(Resized, WhatCannotBeLookedAtIsNotDeleted) {
  const KvStorePtr base = NewStore();
  const auto store = MakeFaultStore(base);
  Array array = Array::Create(store, "", Log(GetParam(), 40)).OrDie();
  WriteColumns(array, 0, 40, 7).OrDie();
  const std::string last = GetParam() ? "c/0/3" : "c/0/9";
  store->Inject({.operation = KvOperation::kRead, .key_prefix = last});
  const Status status = array.Resize({2, 12});
  EXPECT_EQ(status.code(), StatusCode::kUnavailable) << status;
  EXPECT_NE(status.message().find("the shape is [2, 12] now, but not all outside it is deleted"),
            std::string::npos)
      << status;
  const std::vector<ListEntry> left = ListAll(*base, {.range = KeyRange::Prefix("c/0/")}).OrDie();
  ASSERT_EQ(left.size(), GetParam() ? 2u : 4u);  // What is inside, and the one.
  EXPECT_EQ(left.back().key, last);
}

TEST_P(Resized, WritersAndAResizerAtOnce) {
  // Whatever comes when: in the end nothing stands outside, and what is inside is the fill value or
  // what somebody wrote there.
  const KvStorePtr store = NewStore();
  Array::Create(store, "", Log(GetParam(), 48)).OrDie();
  std::atomic<bool> stop = false;
  std::vector<std::thread> writers;
  for (uint32_t w = 1; w <= 3; ++w) {
    writers.emplace_back([&, w] {
      while (!stop) {
        const Array array = Array::Open(store, "").OrDie();
        const int64_t end = array.shape()[1];
        const Status status = WriteColumns(array, std::min<int64_t>(5 * w, end), end, w);
        EXPECT_TRUE(status.ok() || status.code() == StatusCode::kFailedPrecondition) << status;
      }
    });
  }
  Array array = Array::Open(store, "").OrDie();
  for (int round = 0; round < 60; ++round) {
    array.Resize({2, round % 2 == 0 ? 17 : 48}).OrDie();
  }
  array.Resize({2, 17}).OrDie();
  stop = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(VerifyArray(array, {.deep = true}).OrDie().num_findings, 0);
  array.Resize({2, 48}).OrDie();
  const std::vector<uint32_t> row = Row(array);
  for (size_t j = 17; j < row.size(); ++j) EXPECT_EQ(row[j], 0u) << j;
  for (size_t j = 0; j < 17; ++j) EXPECT_LE(row[j], 3u);
}

// A copy into an array through a handle that is older than its growth.
TEST_P(Resized, ACopyKeepsWhatWasWrittenBeyondItsEdge) {
  const KvStorePtr store = NewStore();
  const Array old = Array::Create(store, "", Log(GetParam(), 7)).OrDie();
  Array now = old;
  now.Resize({2, 12}).OrDie();
  WriteColumns(now, 0, 12, 8).OrDie();
  const Array from = Array::Create(NewStore(), "", Log(false, 7)).OrDie();
  WriteColumns(from, 0, 7, 9).OrDie();
  Copy(from, old).OrDie();
  EXPECT_EQ(Row(now), Runs({{7, 9}, {5, 8}}));
}

}  // namespace
}  // namespace coffer
