// One of several processes that write parts of the same shards, for many_writers_test.py.
//
//     many_writers_tool write PATH WRITER WRITERS SEED
//     many_writers_tool append PATH WRITER COUNT SEED
//
// "write": of an array [rounds, rows, columns] writes in every round the rows WRITER, WRITER +
// WRITERS, ... in one call, each element its own number. "append": COUNT times appends some rows to
// an array [0, columns], each element WRITER * 1000 + the number of the append. Every rename of the
// file store comes up to two milliseconds late, by the seed: that is when a value would be lost
// that another process wrote in between.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "coffer/array/array.h"
#include "kvstore/file/file.h"
#include "src/base/mutex.h"

namespace coffer {
namespace {

class LateOps : public SystemFileOps {
 public:
  explicit LateOps(uint64_t seed) : random_(seed) {}
  int Rename(int from_directory, const char* from, int to_directory, const char* to) override {
    useconds_t late = 0;
    {
      MutexLock lock(mutex_);
      late = static_cast<useconds_t>(random_() % 2000);
    }
    usleep(late);
    return SystemFileOps::Rename(from_directory, from, to_directory, to);
  }

 private:
  Mutex mutex_;
  std::mt19937_64 random_ COFFER_GUARDED_BY(mutex_);
};

Status WriteParts(const Array& array, int64_t writer, int64_t writers) {
  const Shape& shape = array.shape();
  const int64_t rows = CeilDiv(shape[1] - writer, writers);
  std::vector<uint32_t> values(static_cast<size_t>(rows * shape[2]));
  for (int64_t round = 0; round < shape[0]; ++round) {
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t first = (round * shape[1] + writer + i * writers) * shape[2];
      for (int64_t j = 0; j < shape[2]; ++j) {
        values[static_cast<size_t>(i * shape[2] + j)] = static_cast<uint32_t>(first + j + 1);
      }
    }
    const Selection selections[] = {{.dim = 0, .at = round},
                                    {.dim = 1, .begin = writer, .step = writers}};
    COFFER_ASSIGN_OR_RETURN(const IndexTransform transform,
                            IndexTransform::FromSelections(shape, selections));
    COFFER_RETURN_IF_ERROR(array.Write(transform, Ref(values.data(), {rows, shape[2]})));
  }
  return Status();
}

Status AppendRows(Array& array, int64_t writer, int64_t count) {
  const int64_t columns = array.shape()[1];
  for (int64_t n = 0; n < count; ++n) {
    const int64_t rows = 1 + (writer + n) % 3;
    const std::vector<uint32_t> values(static_cast<size_t>(rows * columns),
                                       static_cast<uint32_t>(writer * 1000 + n + 1));
    COFFER_RETURN_IF_ERROR(array.Append(0, Ref(values.data(), {rows, columns})));
  }
  return Status();
}

Status Run(const std::string& what, const std::string& path, int64_t writer, int64_t number,
           uint64_t seed) {
  static LateOps ops(seed);
  const Context context = Context::Default();
  COFFER_ASSIGN_OR_RETURN(const KvStorePtr store, MakeFileStore(path, {}, context, ops));
  COFFER_ASSIGN_OR_RETURN(Array array, Array::Open(store, ""));
  return what == "append" ? AppendRows(array, writer, number) : WriteParts(array, writer, number);
}

}  // namespace
}  // namespace coffer

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: many_writers_tool write|append PATH WRITER NUMBER SEED\n");
    return 2;
  }
  const coffer::Status status =
      coffer::Run(argv[1], argv[2], std::strtoll(argv[3], nullptr, 10),
                  std::strtoll(argv[4], nullptr, 10), std::strtoull(argv[5], nullptr, 10));
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}
