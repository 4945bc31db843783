// Goal: a program may fork while threads of its own write arrays and checkpoints: the child works
// with contexts and stores of its own, the parent goes on as if nothing had been.
// Method: the child of each fork writes and reads an array by itself and tells by its exit status;
// an alarm ends one that hangs.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "coffer/array/array.h"
#include "coffer/checkpoint/checkpoint.h"
#include "coffer/kvstore/stores.h"
#include "tests/support/temp_dir.h"

namespace coffer {
namespace {

constexpr int64_t kElements = 4096;

std::vector<uint16_t> Elements(uint16_t start) {
  std::vector<uint16_t> elements(kElements);
  for (uint16_t& element : elements) element = start++;
  return elements;
}

Status WriteAndReadArray(const std::string& place, uint16_t start) {
  COFFER_ASSIGN_OR_RETURN(const Array array, Array::Create(place, {.shape = {kElements},
                                                                   .data_type = DataType::kUint16,
                                                                   .chunk_shape = {256},
                                                                   .shard_shape = {1024}}));
  const std::vector<uint16_t> elements = Elements(start);
  COFFER_RETURN_IF_ERROR(
      array.Write(Box::Full(array.shape()), Ref(elements.data(), array.shape())));
  std::vector<uint16_t> found(elements.size());
  COFFER_RETURN_IF_ERROR(array.Read(Box::Full(array.shape()), Ref(found.data(), array.shape())));
  return found == elements ? Status() : DataLossError("other elements");
}

Status SaveAndRestore(const std::string& place, uint16_t start) {
  const std::vector<uint16_t> elements = Elements(start);
  Tree tree = Tree::Dict();
  tree.Set("w", Tree(Ref(elements.data(), {kElements})));
  COFFER_RETURN_IF_ERROR(checkpoint::Save(place, tree, {.chunk_bytes = 1024, .shard_bytes = 4096}));
  COFFER_ASSIGN_OR_RETURN(const Tree found, checkpoint::Restore(place));
  const ConstView view = found.Find("w")->array();
  const bool same =
      std::equal(elements.begin(), elements.end(), reinterpret_cast<const uint16_t*>(view.data));
  return same ? Status() : DataLossError("other elements");
}

/// 0 if all went well.
int Work(const std::string& place) {
  const Status array = WriteAndReadArray(place + ".zarr", 7);
  if (!array.ok()) return 1;
  return SaveAndRestore(place + ".ckpt", 9).ok() ? 0 : 2;
}

TEST(ForkDuringWork, ChildrenWorkAndTheParentGoesOn) {
  const TempDir dir;
  std::atomic<bool> stop{false};
  std::atomic<int> rounds{0};
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 2; ++worker) {
    workers.emplace_back([&, worker] {
      for (int round = 0; !stop || round == 0; ++round, ++rounds) {
        const std::string place =
            dir / ("parent" + std::to_string(worker) + "_" + std::to_string(round));
        EXPECT_EQ(Work(place), 0) << place;
      }
    });
  }
  for (int fork_number = 0; fork_number < 25; ++fork_number) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(120);
      _exit(Work(dir / ("child" + std::to_string(fork_number))));
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  stop = true;
  for (std::thread& worker : workers) worker.join();
  EXPECT_GE(rounds, 2);
}

// Writers of the parent share a lock that a rename takes alone.
TEST(ForkDuringWork, ARenameInTheChildWaitsForNoThreadOfTheParent) {
  const TempDir dir;
  const KvStorePtr store = MakeFileStore(dir / "root", {.sync = false}).OrDie();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) store->Write("busy", Bytes::Copy("v")).Get().OrDie();
  });
  for (int fork_number = 0; fork_number < 40; ++fork_number) {
    const std::string from = "from" + std::to_string(fork_number) + "/";
    store->Write(from + "k", Bytes::Copy("v")).Get().OrDie();
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      _exit(store->RenamePrefix(from, "to" + from).Get().ok() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    if (HasFailure()) break;
  }
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace coffer
