// Goal: whatever call of the file store fails with whatever error, once or from then on: what is
// there is never taken for missing, the error has the code that says what to do and names the
// store, the old value or the new one is there whole, no descriptor and no file is left.
// Method: each operation is run once to see which calls it makes; then anew for each of them and
// each error, on a store of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/kvstore/file_store_test.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kOld = "the old value";
constexpr std::string_view kNew = "new";

struct Errno {
  int error;
  StatusCode code;
  bool also_for_ever = false;  ///< Tried once, and from one call on.
};
constexpr Errno kErrors[] = {
    {EIO, StatusCode::kUnavailable, true},
    {ESTALE, StatusCode::kUnavailable},
    {EBUSY, StatusCode::kUnavailable},
    {EINTR, StatusCode::kUnavailable},
    {EAGAIN, StatusCode::kUnavailable, true},
    {ENODEV, StatusCode::kUnavailable},
    {EACCES, StatusCode::kPermissionDenied, true},
    {EPERM, StatusCode::kPermissionDenied},
    {EROFS, StatusCode::kPermissionDenied},
    {ENOSPC, StatusCode::kResourceExhausted, true},
    {EDQUOT, StatusCode::kResourceExhausted},
    {EFBIG, StatusCode::kResourceExhausted},
    {EMFILE, StatusCode::kResourceExhausted, true},
    {ENFILE, StatusCode::kResourceExhausted},
    {ENOMEM, StatusCode::kResourceExhausted},
    {ENAMETOOLONG, StatusCode::kInvalidArgument},
    {EINVAL, StatusCode::kInvalidArgument},
    {ENOTDIR, StatusCode::kFailedPrecondition},
    {ELOOP, StatusCode::kFailedPrecondition},
    {EXDEV, StatusCode::kFailedPrecondition},
    {ENXIO, StatusCode::kFailedPrecondition},
    {ENOLCK, StatusCode::kFailedPrecondition},
    {EOPNOTSUPP, StatusCode::kFailedPrecondition},
};

/// One operation on a store where "a/k" has the old value and "b/l" lies beside it.
struct Operation {
  const char* name;
  std::function<Status(KvStore&)> run;  ///< Fails the test if OK comes with a wrong answer.
  std::function<bool(KvStore&, bool done)> holds;  ///< What must be true after it; done: it was OK.
};

std::string Text(KvStore& store, const std::string& key) {
  const Result<ReadResult> read = store.Read(key).Get();
  if (!read.ok()) return read.status().ToString();
  return read->state == ReadResult::State::kValue ? std::string(read->value.text()) : "(missing)";
}

bool Unchanged(KvStore& store, bool) { return Text(store, "a/k") == kOld; }

/// The new value, or, unless it is done, perhaps the old one.
bool OldOrNew(KvStore& store, bool done) {
  const std::string text = Text(store, "a/k");
  return text == kNew || (!done && text == kOld);
}

Status StatusOf(const Result<ReadResult>& read) {
  if (read.ok()) {
    EXPECT_EQ(read->state, ReadResult::State::kValue) << "taken for missing";
  }
  return read.status();
}

std::vector<Operation> ReadingOperations() {
  return {
      {"Read",
       [](KvStore& store) {
         const Result<ReadResult> read = store.Read("a/k").Get();
         if (read.ok()) {
           EXPECT_EQ(read->value.text(), kOld);
         }
         return StatusOf(read);
       },
       Unchanged},
      {"Stat",
       [](KvStore& store) {
         return StatusOf(store.Read("a/k", {.range = ByteRange::Stat()}).Get());
       },
       Unchanged},
      {"ReadRanges",
       [](KvStore& store) {
         const auto read =
             store.ReadRanges("a/k", {ByteRange::Span(0, 3), ByteRange::Span(8, 13)}).Get();
         if (read.ok()) {
           EXPECT_EQ(read->values.size(), 2u) << "taken for missing";
           if (read->values.size() == 2) {
             EXPECT_EQ(read->values[1].text(), "value");
           }
         }
         return read.status();
       },
       Unchanged},
      {"List",
       [](KvStore& store) {
         const Result<std::vector<ListEntry>> all = ListAll(store);
         if (all.ok()) {
           EXPECT_EQ(all->size(), 2u) << "taken for missing";
         }
         return all.status();
       },
       Unchanged},
      {"ClearDebris", [](KvStore& store) { return store.ClearDebris({}).Get().status(); },
       Unchanged},
  };
}

std::vector<Operation> ChangingOperations() {
  return {
      {"Write", [](KvStore& store) { return store.Write("a/k", Bytes::Copy(kNew)).Get().status(); },
       OldOrNew},
      {"Create",
       [](KvStore& store) {
         const auto written =
             store.Write("c/d/k", Bytes::Copy(kNew), {.if_equal = Generation::Missing()}).Get();
         if (written.ok()) {
           EXPECT_EQ(written->state, WriteResult::State::kWritten);
         }
         return written.status();
       },
       [](KvStore& store, bool done) {
         const std::string text = Text(store, "c/d/k");
         return text == kNew || (!done && text == "(missing)");
       }},
      {"Delete", [](KvStore& store) { return store.Write("a/k", std::nullopt).Get().status(); },
       [](KvStore& store, bool done) {
         const std::string text = Text(store, "a/k");
         return text == "(missing)" || (!done && text == kOld);
       }},
      {"Stream",
       [](KvStore& store) -> Status {
         COFFER_ASSIGN_OR_RETURN(const auto writer, store.OpenWriter("a/k"));
         COFFER_RETURN_IF_ERROR(writer->Append(AsBytes(kNew)));
         return writer->Commit().Get().status();
       },
       OldOrNew},
      {"DeleteRange",
       [](KvStore& store) { return store.DeleteRange(KeyRange::Prefix("a/")).Get(); },
       [](KvStore& store, bool done) {
         const std::string text = Text(store, "a/k");
         return text == "(missing)" || (!done && text == kOld);
       }},
      {"RenamePrefix", [](KvStore& store) { return store.RenamePrefix("a/", "c/d/").Get(); },
       [](KvStore& store, bool done) {
         const std::string text = Text(store, "c/d/k");
         return text == kOld || (!done && Text(store, "a/k") == kOld);
       }},
  };
}

/// Calls whose failure need not fail the operation, by the call and the error.
bool MayBeAbsorbed(const std::string& call, int error) {
  if (call == "Remove" || call == "RemoveDirectory" || call == "OpenListing")
    return true;  // Tidying.
  if (call == "Write" || call == "ReadAt" || call == "ReadPiecesAt") {
    return error == EINTR || error == EAGAIN;
  }
  if (call == "RenameNew") return error == EINVAL;
  if (call == "OpenDirectory") return error == EACCES || error == EPERM;  // Above the root.
  if (call == "StatPath") return error == ENAMETOOLONG;  // Then it is asked in two parts.
  if (call == "OpenWithoutLinks") {                      // The same.
    return error == ENAMETOOLONG || error == ENOTDIR || error == ELOOP || error == ENOSYS;
  }
  if (call == "TryLock") return error == EAGAIN;  // Another has it, and lets it go.
  return false;
}

/// A directory in memory where there is one: thousands of stores are made, and no disk is meant.
struct MemoryDir {
  MemoryDir() {
    if (mkdtemp(path.data()) == nullptr) {
      path = (std::filesystem::temp_directory_path() / "coffer_test.XXXXXX").string();
      if (mkdtemp(path.data()) == nullptr) std::abort();
    }
  }
  MemoryDir(const MemoryDir&) = delete;
  MemoryDir& operator=(const MemoryDir&) = delete;
  ~MemoryDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string path = "/dev/shm/coffer_test.XXXXXX";
};

class FileErrorsTest : public FileStoreTest {
 protected:
  void SetUp() override { ops_.no_disk = true; }

  KvStorePtr Fresh() {
    root_now_ = memory_.path + "/root" + std::to_string(++roots_);
    for (const auto& [key, text] : {std::pair("a/k", kOld), std::pair("b/l", kOld)}) {
      const std::filesystem::path path = root_now_ + "/" + key;
      std::filesystem::create_directories(path.parent_path());
      std::ofstream(path) << text;
    }
    FileStoreOptions options = options_;
    options.lock_timeout = std::chrono::milliseconds(0);
    return MakeFileStore(root_now_, options, context_, ops_).OrDie();
  }

  /// Which calls an operation makes, in order, and how many of the same name came before each.
  std::vector<std::pair<std::string, int>> CallsOf(const Operation& operation) {
    const KvStorePtr store = Fresh();
    ops_.TakeLog();
    EXPECT_TRUE(operation.run(*store).ok()) << operation.name;
    std::map<std::string, int> seen;
    std::vector<std::pair<std::string, int>> calls;
    for (const std::string& line : ops_.TakeLog()) {
      const std::string call = line.substr(0, line.find(' '));
      calls.emplace_back(call, seen[call]++);
    }
    return calls;
  }

  void Check(const Operation& operation, const std::string& call, int skip, const Errno& expected,
             bool for_ever) {
    SCOPED_TRACE(std::string(operation.name) + ": " + call + " no. " + std::to_string(skip) +
                 (for_ever ? " and all after" : "") + ": errno " + std::to_string(expected.error));
    const KvStorePtr store = Fresh();
    if (for_ever) {
      ops_.FailForEver(call, -expected.error, skip);
    } else {
      ops_.Fail(call, -expected.error, skip);
    }
    const Status status = operation.run(*store);
    ops_.Mend();
    ops_.TakeLog();
    if (status.ok()) {
      EXPECT_TRUE(MayBeAbsorbed(call, expected.error)) << "was not noticed";
    } else {
      ++failures_;
      const bool waited = call == "TryLock" && expected.error == EAGAIN;
      // At the target of a RenamePrefix stands a value.
      const bool is_key = expected.error == ENOTDIR &&
                          std::string(operation.name) == "RenamePrefix" &&
                          call.starts_with("Rename");
      if (is_key) {
        EXPECT_EQ(status.code(), StatusCode::kAlreadyExists) << status;
      } else if (call == "Link" && expected.error == EPERM) {  // A file system without links.
        EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition) << status;
      } else if (!waited) {
        EXPECT_EQ(status.code(), expected.code) << status;
      }
      EXPECT_THAT(status.ToString(), HasSubstr("file://" + root_now_));
    }
    EXPECT_TRUE(operation.holds(*store, status.ok()));
    EXPECT_EQ(Text(*store, "b/l"), kOld);
    // A commit thread may close the directory just after it has given the answer.
    for (int i = 0; i < 1'000'000 && ops_.open_files() != 0; ++i) std::this_thread::yield();
    EXPECT_EQ(ops_.open_files(), 0);
    // Only what could not be removed is left; and that is found.
    const bool tidies = call != "Remove" && call != "TryLock" && call != "Stat" && call != "StatAt";
    if (tidies) {
      EXPECT_EQ(Hidden(), 0);
    }
    EXPECT_TRUE(store->ClearDebris({}, {.assume_no_writers = true}).Get().ok());
    EXPECT_EQ(Hidden(), 0);
    std::filesystem::remove_all(root_now_);
  }

  int Hidden() const {
    int count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root_now_)) {
      count += entry.path().filename().string().ends_with(".__lock") ? 1 : 0;
    }
    return count;
  }

  void CheckAll(const std::vector<Operation>& operations) {
    for (const Operation& operation : operations) {
      const auto calls = CallsOf(operation);
      ASSERT_GE(calls.size(), 2u) << operation.name;
      for (const auto& [call, skip] : calls) {
        for (const Errno& expected : kErrors) {
          // A proof of absence, if it is the kernel's: a value stands where a directory should.
          if (expected.error == ENOTDIR && (call == "OpenBeneath" || call == "StatPath")) continue;
          Check(operation, call, skip, expected, false);
          if (expected.also_for_ever) Check(operation, call, skip, expected, true);
          if (HasFailure()) return;  // One is enough to read.
        }
      }
    }
  }

  const MemoryDir memory_;
  FileStoreOptions options_;
  std::string root_now_;
  int roots_ = 0;
  int failures_ = 0;
};

TEST_F(FileErrorsTest, OfReading) {
  CheckAll(ReadingOperations());
  EXPECT_GT(failures_, 400);
}

TEST_F(FileErrorsTest, OfChanging) {
  CheckAll(ChangingOperations());
  EXPECT_GT(failures_, 1'200);
}

TEST_F(FileErrorsTest, OfChangingWithoutLocks) {
  options_.locking = FileStoreOptions::Locking::kNone;
  options_.sync = false;
  std::vector<Operation> operations = ChangingOperations();
  operations.erase(operations.begin() + 4, operations.end());
  CheckAll(operations);
  EXPECT_GT(failures_, 400);
}

}  // namespace
}  // namespace coffer
