// Goal: every store that coffer comes with, and every adapter, keeps the promises of KvStore.
// Method: the conformance suite, registered once for each; and checks that nothing fell out of it,
// and that it fails a read-only store which takes a change.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/answer.h"
#include "coffer/kvstore/stores.h"
#include "coffer/testing/kvstore_conformance.h"
#include "kvstore/file/file.h"
#include "src/base/platform_file.h"
#include "src/kvstore/guarded_store.h"
#include "src/testing/kvstore_cases.h"
#include "tests/support/temp_dir.h"
#include "tests/support/user_store.h"
#include "tests/support/zip_writer.h"

namespace coffer {
namespace {

using testing::KvChange;
using testing::RegisterKvStoreConformance;

KvStorePtr Memory() { return MakeMemoryStore(); }

/// Members of an archive in a memory store, which is written anew with every value. With latency,
/// the archive is read as a remote one.
testing::ReadOnlyKvStore Zipped(const ZipForm& form, bool latency = false) {
  const KvStorePtr memory = Memory();
  const KvStorePtr writer = MakeZippingStore(memory, "d/archive.zip", form);
  const KvStorePtr base =
      latency ? MakeLatencyStore(memory, {.per_request = std::chrono::microseconds(100)}) : memory;
  return {MakeZipStore(base, "d/archive.zip"), writer};
}

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

/// Shows what another store has, and refuses to change it; all changes but one.
class ReadOnlyView final : public KvStore {
 public:
  explicit ReadOnlyView(KvStorePtr base, KvChange takes = KvChange::kNone)
      : base_(std::move(base)), takes_(takes) {}

  Future<ReadResult> Read(std::string key, ReadOptions options) override {
    return base_->Read(std::move(key), std::move(options));
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions options) override {
    if (takes_ == (value ? KvChange::kWrite : KvChange::kDelete)) {
      return base_->Write(std::move(key), std::move(value), std::move(options));
    }
    return Future<WriteResult>::Ready(ReadOnlyError(Describe(key)));
  }
  Result<std::unique_ptr<KvWriter>> OpenWriter(std::string key, WriteOptions options) override {
    if (takes_ == KvChange::kOpenWriter) return base_->OpenWriter(key, options);
    return KvStore::OpenWriter(std::move(key), std::move(options));
  }
  Result<std::unique_ptr<KvListing>> List(ListOptions options) override {
    return base_->List(std::move(options));
  }
  Future<void> DeleteRange(KeyRange range) override {
    if (takes_ == KvChange::kDeleteRange) return base_->DeleteRange(std::move(range));
    return KvStore::DeleteRange(std::move(range));
  }
  Future<void> RenamePrefix(std::string from, std::string to) override {
    if (takes_ == KvChange::kRename) return base_->RenamePrefix(std::move(from), std::move(to));
    return KvStore::RenamePrefix(std::move(from), std::move(to));
  }
  Capabilities capabilities() const override {
    Capabilities can;
    can.local = true;
    can.writable = false;
    can.fold_listing = base_->capabilities().fold_listing;
    return can;
  }
  std::string Describe(std::string_view key) const override { return base_->Describe(key); }

 private:
  const KvStorePtr base_;
  const KvChange takes_;
};

/// A read-only view of a memory store, and that.
testing::ReadOnlyKvStore View(KvChange takes = KvChange::kNone) {
  const KvStorePtr writer = Memory();
  return {std::make_shared<ReadOnlyView>(writer, takes), writer};
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
        {.name = "CacheOverMemory", .make = [] { return MakeCacheStore(Memory()); }}),
    RegisterKvStoreConformance(
        {.name = "TinyCacheOverMemory",
         .make = [] { return MakeCacheStore(Memory(), {.limit_bytes = 1024}); }}),
    RegisterKvStoreConformance({.name = "CacheOverFile",
                                .make = [] { return MakeCacheStore(Files({.sync = false})); },
                                .refused_keys = kRefusedByFile}),
    RegisterKvStoreConformance({.name = "CacheOverLatency",
                                .make =
                                    [] {
                                      return MakeCacheStore(MakeLatencyStore(
                                          Memory(),
                                          {.per_request = std::chrono::microseconds(100)}));
                                    },
                                .effort = 0.5}),
    RegisterKvStoreConformance(
        {.name = "DefaultsOfTheInterface", .make = [] { return MakeUserStore(); }}),
    RegisterKvStoreConformance(
        {.name = "ReadOnlyOverMemory", .make_read_only = [] { return View(); }}),
    RegisterKvStoreConformance({.name = "ZipStored", .make_read_only = [] { return Zipped({}); }}),
    RegisterKvStoreConformance(
        {.name = "ZipDeflated", .make_read_only = [] { return Zipped({.deflate = true}); }}),
    RegisterKvStoreConformance({.name = "ZipOdd",
                                .make_read_only =
                                    [] {
                                      return Zipped({.zip64 = true,
                                                     .descriptors = true,
                                                     .prefix = std::string(300, '#'),
                                                     .comment = std::string(65'535, 'c')});
                                    }}),
    RegisterKvStoreConformance({.name = "ZipStoredRemote",
                                .effort = 0.5,
                                .make_read_only = [] { return Zipped({}, /*latency=*/true); }}),
    RegisterKvStoreConformance(
        {.name = "ZipDeflatedRemote",
         .effort = 0.5,
         .make_read_only =
             [] { return Zipped({.deflate = true, .zip64 = true}, /*latency=*/true); }}),
};

TEST(KvStoreConformance, HasItsCases) {
  for (const int count : kCount) EXPECT_EQ(count, kCount[0]);
  EXPECT_GE(kCount[0], 90);
}

TEST(KvStoreConformance, MostCasesReadFromAReadOnlyStore) {
  int reading = 0;
  for (const auto cases :
       {testing::KvReadCases(), testing::KvReadManyCases(), testing::KvWriteCases(),
        testing::KvWriterCases(), testing::KvTreeCases(), testing::KvThreadCases()}) {
    for (const testing::KvCase& test : cases) reading += test.changes == KvChange::kNone ? 1 : 0;
  }
  EXPECT_GE(reading, 60);
}

TEST(KvStoreConformance, AReadOnlyStoreThatTakesAChangeFails) {
  const testing::KvStoreConformance parameters;
  const auto failures = [&](KvChange takes, KvChange tried) {
    const testing::ReadOnlyKvStore view = View(takes);
    ::testing::TestPartResultArray results;
    {
      const ::testing::ScopedFakeTestPartResultReporter reporter(
          ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
      testing::ExpectChangeIsRefused({view.store, view.writer, parameters}, tried);
    }
    return results.size();
  };
  constexpr KvChange kChanges[] = {KvChange::kWrite, KvChange::kDelete, KvChange::kOpenWriter,
                                   KvChange::kDeleteRange, KvChange::kRename};
  for (const KvChange takes : kChanges) {
    for (const KvChange tried : kChanges) {
      EXPECT_EQ(failures(takes, tried) > 0, takes == tried) << int(takes) << " " << int(tried);
    }
  }
}

}  // namespace
}  // namespace coffer
