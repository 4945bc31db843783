// Goal: every store that coffer comes with, and every adapter, keeps the promises of KvStore.
// Method: the conformance suite, registered once for each; and a check that nothing fell out of it.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "coffer/testing/kvstore_conformance.h"
#include "kvstore/file/file.h"
#include "src/base/platform_file.h"
#include "src/kvstore/guarded_store.h"
#include "tests/support/temp_dir.h"
#include "tests/support/user_store.h"

namespace coffer {
namespace {

using testing::RegisterKvStoreConformance;

KvStorePtr Memory() { return MakeMemoryStore(); }

/// A file store in a fresh directory, which is removed when the program ends: futures outlive
/// stores.
KvStorePtr Files(const FileStoreOptions& options) {
  static const TempDir dir;
  static std::atomic<int> count{0};
  return MakeFileStore(dir / std::to_string(++count), options).OrDie();
}

/// A file system that keeps times to the second, as old ones do.
class CoarseOps final : public SystemFileOps {
 public:
  int SetMtime(int file, int64_t mtime_ns) override {
    constexpr int64_t kGranularity = 1'000'000'000;
    return SystemFileOps::SetMtime(file, mtime_ns - mtime_ns % kGranularity);
  }
};

KvStorePtr CoarseFiles() {
  static const TempDir dir;
  static std::atomic<int> count{0};
  static CoarseOps& ops = *new CoarseOps();  // Outlives every context.
  return MakeFileStore(dir / std::to_string(++count), {.sync = false}, Context::Default(), ops)
      .OrDie();
}

const std::vector<std::string> kRefusedByFile = {"",
                                                 "/",
                                                 "/a",
                                                 "a/",
                                                 "a//b",
                                                 ".",
                                                 "..",
                                                 "a/..",
                                                 "../a",
                                                 "a/./b",
                                                 "a/../../b",
                                                 "k.__lock",
                                                 "a.__lock/b",
                                                 std::string("a\0b", 3),
                                                 std::string(256, 's'),
                                                 std::string(4001, 'a')};

const int kCount[] = {
    RegisterKvStoreConformance({.name = "Memory", .make = Memory}),
    RegisterKvStoreConformance({.name = "File",
                                .make = [] { return Files({}); },
                                .refused_keys = kRefusedByFile,
                                .effort = 0.5}),
    RegisterKvStoreConformance({.name = "FileUnsynced",
                                .make = [] { return Files({.sync = false}); },
                                .refused_keys = kRefusedByFile}),
    RegisterKvStoreConformance(
        {.name = "FileUnlocked",
         .make = [] { return Files({.sync = false, .locking = FileStoreOptions::Locking::kNone}); },
         .refused_keys = kRefusedByFile}),
    RegisterKvStoreConformance(
        {.name = "FileLockfile",
         .make =
             [] { return Files({.sync = false, .locking = FileStoreOptions::Locking::kLockfile}); },
         .refused_keys = kRefusedByFile}),
    RegisterKvStoreConformance({.name = "FileDirect",
                                .make = [] { return Files({.direct_streams = true}); },
                                .refused_keys = kRefusedByFile,
                                .effort = 0.5}),
    RegisterKvStoreConformance(
        {.name = "FileCoarse", .make = CoarseFiles, .refused_keys = kRefusedByFile}),
    RegisterKvStoreConformance(
        {.name = "PrefixOverMemory", .make = [] { return MakePrefixStore(Memory(), "p/q/"); }}),
    RegisterKvStoreConformance(
        {.name = "PrefixOverFile",
         .make = [] { return MakePrefixStore(Files({.sync = false}), "p/q/"); },
         .refused_keys = {"", "/", "a//b", "..", "k.__lock"}}),
    RegisterKvStoreConformance({.name = "FaultOverMemory",
                                .make = []() -> KvStorePtr { return MakeFaultStore(Memory()); }}),
    RegisterKvStoreConformance(
        {.name = "TraceOverMemory",
         .make = [] { return MakeTraceStore(Memory(), [](const TraceEvent&) {}); }}),
    RegisterKvStoreConformance(
        {.name = "GuardOverMemory", .make = [] { return GuardStore(Memory(), "mine").OrDie(); }}),
    RegisterKvStoreConformance(
        {.name = "GuardOverFile",
         .make = [] { return GuardStore(Files({.sync = false}), "mine").OrDie(); },
         .refused_keys = kRefusedByFile}),
    RegisterKvStoreConformance({.name = "LatencyOverMemory",
                                .make =
                                    [] {
                                      return MakeLatencyStore(
                                          Memory(), {.per_request = std::chrono::microseconds(100),
                                                     .bytes_per_second = 4'000'000'000});
                                    },
                                .effort = 0.5}),
    RegisterKvStoreConformance({.name = "LatencyOverFile",
                                .make =
                                    [] {
                                      return MakeLatencyStore(
                                          Files({.sync = false}),
                                          {.per_request = std::chrono::microseconds(100)});
                                    },
                                .refused_keys = kRefusedByFile,
                                .effort = 0.5}),
    RegisterKvStoreConformance(
        {.name = "DefaultsOfTheInterface", .make = [] { return MakeUserStore(); }}),
};

TEST(KvStoreConformance, HasItsCases) {
  for (const int count : kCount) EXPECT_EQ(count, kCount[0]);
  EXPECT_GE(kCount[0], 90);
}

}  // namespace
}  // namespace coffer
