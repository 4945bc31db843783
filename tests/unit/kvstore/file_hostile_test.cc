// Goal: a hostile or narrow surrounding does no harm: directories that turn into links while we
// work, FIFOs and devices, a sandbox without openat2, a full disk, a limit on file sizes.
// Method: threads; and this binary running itself, where a child limits itself (the DISABLED tests
// are what the children do). What needs root says so and is skipped without.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/soak.h"
#include "tests/unit/kvstore/file_store_test.h"

extern char** environ;

namespace coffer {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kCannot = 77;  // A child's exit status: this machine does not let it.

/// Runs a DISABLED test of this binary in a process of its own; gives its exit status.
int RunChild(const std::string& test, const std::string& root) {
  setenv("COFFER_TEST_ROOT", root.c_str(), 1);
  std::string filter = "--gtest_filter=" + test;
  std::string also = "--gtest_also_run_disabled_tests";
  std::string name = "unit_kvstore";
  char* arguments[] = {name.data(), filter.data(), also.data(), nullptr};
  pid_t child = -1;
  EXPECT_EQ(posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, arguments, environ), 0);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class FileHostileTest : public FileStoreTest {};

/// For children: the root they are given.
class FileHostileChild : public ::testing::Test {
 protected:
  static std::string Root() {
    const char* root = std::getenv("COFFER_TEST_ROOT");
    return root != nullptr ? root : "";
  }
  static Status Put(KvStore& store, const std::string& key, std::string_view text) {
    return store.Write(key, Bytes::Copy(text)).Get().status();
  }
  static std::string Get(KvStore& store, const std::string& key) {
    const Result<ReadResult> read = store.Read(key).Get();
    if (!read.ok()) return read.status().ToString();
    return read->state == ReadResult::State::kValue ? std::string(read->value.text()) : "(missing)";
  }
  static std::vector<std::string> Names(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
};

TEST_F(FileHostileTest, ADirectoryThatTurnsIntoALinkLeadsNowhere) {
  fs::create_directories(dir_ / "outside/sub");
  std::ofstream(dir_ / "outside/k") << "secret";
  std::ofstream(dir_ / "outside/k.__lock") << "secret";
  std::ofstream(dir_ / "outside/sub/k") << "secret";
  fs::create_directories(root_ + "/d/sub");
  fs::create_directory_symlink(dir_ / "outside", root_ + "/link");
  const int root = open(root_.c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_GE(root, 0);
  std::atomic<bool> done{false};
  std::atomic<int> worked{0};
  const KvStorePtr store = Make({.sync = false});
  const auto loop = [&](auto work) {
    return std::thread([&, work] {
      while (!done) work();
    });
  };
  std::vector<std::thread> threads;
  threads.push_back(loop([&] {
    for (const std::string key : {"d/k", "d/sub/k"}) {
      const std::string text = Get(*store, key);
      EXPECT_EQ(text.find("secret"), std::string::npos) << text;
      if (text == "v") ++worked;
    }
    const auto listed = ListAll(*store, {.range = KeyRange::Prefix("d/")});
    if (listed.ok()) {
      for (const ListEntry& entry : *listed) EXPECT_NE(entry.size, 6) << entry.key;
    }
  }));
  threads.push_back(loop([&] {
    for (const std::string key : {"d/k", "d/sub/k", "d/new/k"}) (void)Put(*store, key, "v");
    const auto writer = store->OpenWriter("d/stream");
    if (writer.ok()) (void)(*writer)->Commit().Get();
  }));
  threads.push_back(loop([&] {
    (void)store->Write("d/k", std::nullopt).Get();
    (void)store->DeleteRange(KeyRange::Prefix("d/")).Get();
    (void)store->ClearDebris(KeyRange::Prefix("d/")).Get();
    (void)store->RenamePrefix("d/sub/", "d/new/").Get();
  }));
  const auto swaps = static_cast<int>(Soaked(3'000));
  for (int i = 0; i < swaps || worked < 10; ++i) {
    if (renameat2(root, "d", root, "link", RENAME_EXCHANGE) != 0) {
      ASSERT_EQ(errno, ENOENT);  // Deleted; made again by the writer or here.
      mkdirat(root, "d", 0700);
      continue;
    }
    renameat2(root, "d", root, "link", RENAME_EXCHANGE);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  close(root);
  EXPECT_EQ(std::distance(fs::recursive_directory_iterator(dir_ / "outside"), {}), 4);
  for (const std::string name : {"outside/k", "outside/k.__lock", "outside/sub/k"}) {
    EXPECT_EQ(fs::file_size(dir_ / name), 6u) << name;
  }
}

TEST_F(FileHostileTest, FifosAndDevicesAreErrorsAtOnce) {
  const KvStorePtr store = Make();
  EXPECT_TRUE(Put(*store, "d/k", "v").ok());
  ASSERT_EQ(mkfifo((root_ + "/d/fifo").c_str(), 0600), 0);
  std::vector<std::string> keys = {"d/fifo"};
  if (mknod((root_ + "/d/zero").c_str(), S_IFCHR | 0600, makedev(1, 5)) == 0) {
    keys.push_back("d/zero");  // Root only.
  }
  for (const std::string& key : keys) {
    for (const ByteRange range : {ByteRange::All(), ByteRange::Stat(), ByteRange::Last(1)}) {
      EXPECT_EQ(store->Read(key, {.range = range}).Get().status().ToString(),
                "FailedPrecondition: " + url_ + key + ": opening: not a regular file");
    }
    EXPECT_EQ(store->ReadRanges(key, {}).Get().status().code(), StatusCode::kFailedPrecondition);
    EXPECT_EQ(Put(*store, key, "v").ToString(),
              "FailedPrecondition: " + url_ + key + ": not a regular file");
    // As a lock, too.
    fs::rename(root_ + "/" + key, root_ + "/d/k.__lock");
    EXPECT_EQ(Put(*store, "d/k", "w").code(), StatusCode::kFailedPrecondition);
    fs::rename(root_ + "/d/k.__lock", root_ + "/" + key);
  }
  EXPECT_EQ(Get(*store, "d/k"), "v");
  EXPECT_EQ(ops_.open_files(), 0);
  EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  EXPECT_FALSE(fs::exists(root_ + "/d"));
}

/// From here on openat2 fails with `error` in this process.
bool ForbidOpenat2(int error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {static_cast<unsigned short>(std::size(program)), program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

void WorkWithoutOpenat2(const std::string& root, int error) {
  if (!ForbidOpenat2(error)) _exit(kCannot);
  const int probe = static_cast<int>(syscall(SYS_openat2, -1, "x", nullptr, 0));
  ASSERT_EQ(probe, -1);
  ASSERT_EQ(errno, error);
  const KvStorePtr store = MakeFileStore(root).OrDie();
  const auto get = [&](const std::string& key) {
    const Result<ReadResult> read = store->Read(key).Get();
    if (!read.ok()) return std::string(StatusCodeName(read.status().code()));
    return read->state == ReadResult::State::kValue ? std::string(read->value.text())
                                                    : std::string("(missing)");
  };
  EXPECT_TRUE(store->Write("a/b/k", Bytes::Copy("value")).Get().ok());
  EXPECT_EQ(get("a/b/k"), "value");
  EXPECT_EQ(get("a/b/l"), "(missing)");
  EXPECT_EQ(get("a/b/k/m"), "(missing)");
  EXPECT_EQ(get("a/b"), "(missing)");
  // Links lead out of the root, or are not followed.
  fs::create_directory_symlink("../..", root + "/a/out");
  fs::create_symlink("/etc/passwd", root + "/a/file");
  fs::create_directory_symlink("b", root + "/a/in");
  for (const std::string key : {"a/out/x", "a/file", "a/in/k"}) {
    EXPECT_EQ(get(key), "FailedPrecondition") << key;
  }
  EXPECT_FALSE(store->Write("a/out/x", Bytes::Copy("v")).Get().ok());
  EXPECT_EQ(ListAll(*store).OrDie().size(), 4u);
  EXPECT_TRUE(store->DeleteRange({}).Get().ok());
  EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(FileHostileChild, DISABLED_WorksWithoutOpenat2Missing) {
  WorkWithoutOpenat2(Root() + "/root", ENOSYS);
}
TEST_F(FileHostileChild, DISABLED_WorksWithoutOpenat2Forbidden) {
  WorkWithoutOpenat2(Root() + "/root", EPERM);
}

TEST_F(FileHostileTest, WorksWhereASandboxLacksOpenat2) {
  for (const std::string which : {"Missing", "Forbidden"}) {
    fs::remove_all(dir_ / "root");
    const int status =
        RunChild("FileHostileChild.DISABLED_WorksWithoutOpenat2" + which, dir_.path());
    if (status == kCannot) GTEST_SKIP() << "SKIPPED: this machine allows no seccomp filter";
    EXPECT_EQ(status, 0) << which;
  }
}

TEST_F(FileHostileChild, DISABLED_FillsASmallDisk) {
  const std::string root = Root();
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", root.c_str(), "tmpfs", 0, "size=1m") != 0) {
    _exit(kCannot);
  }
  for (const bool direct : {false, true}) {
    const KvStorePtr store = MakeFileStore(root + "/root", {.direct_streams = direct}).OrDie();
    ASSERT_TRUE(Put(*store, "k", "old").ok());
    for (const size_t size : {size_t{900} << 10, size_t{3} << 20, size_t{9} << 20}) {
      SCOPED_TRACE(size);
      ASSERT_TRUE(Put(*store, "ballast", std::string(300'000, 'b')).ok());
      const std::string large(size, 'v');
      const Status put = Put(*store, "k", large);
      EXPECT_EQ(put.code(), StatusCode::kResourceExhausted) << put;
      EXPECT_THAT(put.ToString(), HasSubstr("No space left on device"));
      auto writer = store->OpenWriter("k").OrDie();
      Status streamed = writer->Append(AsBytes(large));
      if (streamed.ok()) streamed = writer->Commit().Get().status();
      EXPECT_EQ(streamed.code(), StatusCode::kResourceExhausted) << streamed;
      EXPECT_EQ(Get(*store, "k"), "old");
      EXPECT_EQ(Names(root + "/root").size(), 2u);
      // Where there is room again, all goes well.
      EXPECT_TRUE(store->Write("ballast", std::nullopt).Get().ok());
      EXPECT_TRUE(Put(*store, "l", std::string(500'000, 'w')).ok());
      EXPECT_TRUE(store->Write("l", std::nullopt).Get().ok());
    }
  }
}

TEST_F(FileHostileTest, AFullDiskLeavesOldValuesAndComesBack) {
  const int status = RunChild("FileHostileChild.DISABLED_FillsASmallDisk", dir_.path());
  if (status == kCannot) GTEST_SKIP() << "SKIPPED: mounting a small tmpfs needs root";
  EXPECT_EQ(status, 0);
}

TEST_F(FileHostileChild, DISABLED_ReachesTheLimitOfFileSizes) {
  const std::string root = Root() + "/root";
  const KvStorePtr store = MakeFileStore(root).OrDie();
  ASSERT_TRUE(Put(*store, "k", "old").ok());
  signal(SIGXFSZ, SIG_IGN);  // The kernel then says EFBIG, after a short write.
  const rlimit limit = {100'000, RLIM_INFINITY};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  for (const size_t size : {size_t{300'000}, size_t{3} << 20}) {
    const std::string large(size, 'v');
    const Status put = Put(*store, "k", large);
    EXPECT_EQ(put.code(), StatusCode::kResourceExhausted) << put;
    EXPECT_THAT(put.ToString(), HasSubstr("File too large"));
    auto writer = store->OpenWriter("k").OrDie();
    EXPECT_EQ(writer->Append(AsBytes(large)).code(), StatusCode::kResourceExhausted);
    EXPECT_EQ(writer->Commit().Get().status().code(), StatusCode::kFailedPrecondition);
    EXPECT_EQ(Get(*store, "k"), "old");
    EXPECT_THAT(Names(root), ElementsAre("k"));
  }
  EXPECT_TRUE(Put(*store, "k", std::string(100'000, 'w')).ok());
}

TEST_F(FileHostileTest, AShortWriteAtTheLimitOfFileSizesIsNoticed) {
  EXPECT_EQ(RunChild("FileHostileChild.DISABLED_ReachesTheLimitOfFileSizes", dir_.path()), 0);
}

}  // namespace
}  // namespace coffer
