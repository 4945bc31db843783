// Goal: conditional writes of several processes at one file store lose nothing, and what a process
// leaves when it is killed in the middle of a write neither shows nor stands in the way.
// Method: this binary runs itself (the DISABLED test below is what the children do).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string>
#include <vector>

#include "coffer/kvstore/stores.h"
#include "tests/support/temp_dir.h"

extern char** environ;

namespace coffer {
namespace {

constexpr int kProcesses = 4;
constexpr int kIncrements = 40;

int64_t Counter(KvStore& store, Generation* generation) {
  const ReadResult read = store.Read("d/counter").Get().OrDie();
  *generation = read.generation;
  int64_t value = 0;
  const std::string_view text = read.value.text();
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

void Increment(KvStore& store) {
  for (;;) {
    Generation generation;
    const std::string next = std::to_string(Counter(store, &generation) + 1);
    const WriteResult written =
        store.Write("d/counter", Bytes::Copy(next), {.if_equal = generation}).Get().OrDie();
    if (written.state == WriteResult::State::kWritten) return;
  }
}

pid_t RunChild(const std::string& root) {
  setenv("COFFER_TEST_ROOT", root.c_str(), 1);
  std::string filter = "--gtest_filter=FileProcesses.DISABLED_Child";
  std::string also = "--gtest_also_run_disabled_tests";
  std::string no_report = "--gtest_output=";  // Else two would write one.
  std::string name = "unit_kvstore";
  char* arguments[] = {name.data(), filter.data(), also.data(), no_report.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  EXPECT_EQ(posix_spawn(&child, "/proc/self/exe", &actions, nullptr, arguments, environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

TEST(FileProcesses, DISABLED_Child) {
  const char* root = std::getenv("COFFER_TEST_ROOT");
  ASSERT_NE(root, nullptr);
  const KvStorePtr store = MakeFileStore(root).OrDie();
  for (int i = 0; i < kIncrements; ++i) Increment(*store);
}

TEST(FileProcesses, CountersLoseNoIncrement) {
  const TempDir dir;
  const std::string root = dir / "root";
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) children.push_back(RunChild(root));
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  Generation generation;
  EXPECT_EQ(Counter(*MakeFileStore(root).OrDie(), &generation), kProcesses * kIncrements);
}

TEST(FileProcesses, KilledWritersLeaveTheStoreUsable) {
  const TempDir dir;
  const std::string root = dir / "root";
  const KvStorePtr store = MakeFileStore(root, {.sync = false}).OrDie();
  for (int round = 0; round < 5; ++round) {
    const pid_t child = RunChild(root);
    Generation before;
    const int64_t start = Counter(*store, &before);
    for (int64_t now = start; now == start;) now = Counter(*store, &before);
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    const int64_t left = Counter(*store, &before);
    Increment(*store);
    EXPECT_EQ(Counter(*store, &before), left + 1);
    const std::vector<ListEntry> entries = ListAll(*store).OrDie();
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries[0].key, "d/counter");
  }
}

}  // namespace
}  // namespace coffer
