// What `coffer import` does to a new array of one chunk, with one file call that fails or kills, at
// the seam: outside_test.py does the same to the real command with strace, and the outcome must be
// the same.
//
//     seam_tool ROOT CALL N ERROR      the Nth (from 1) CALL of FileOps is -ERROR
//     seam_tool ROOT CALL N KILL       the process dies before it
//
// Prints the status as the command does; exits with 1 if it is an error, as that does.
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/array/array.h"
#include "kvstore/file/file.h"
#include "src/base/platform_file.h"

namespace coffer {
namespace {

/// Used by one thread at a time: there is one chunk, which is written after the metadata.
class OneFault final : public SystemFileOps {
 public:
  OneFault(std::string_view call, int nth, int error) : call_(call), left_(nth), error_(error) {}

  int OpenDirectory(const char* path) override {
    const int error = Due("OpenDirectory");
    return error != 0 ? error : SystemFileOps::OpenDirectory(path);
  }
  int OpenAt(int directory, const char* name, int flags, mode_t mode) override {
    const int error = Due("OpenAt");
    return error != 0 ? error : SystemFileOps::OpenAt(directory, name, flags, mode);
  }
  ssize_t Write(int file, std::span<const iovec> pieces) override {
    const int error = Due("Write");
    return error != 0 ? error : SystemFileOps::Write(file, pieces);
  }
  int SetMtime(int file, int64_t mtime_ns) override {
    const int error = Due("SetMtime");
    return error != 0 ? error : SystemFileOps::SetMtime(file, mtime_ns);
  }
  int MakeDirectory(int directory, const char* name, mode_t mode) override {
    const int error = Due("MakeDirectory");
    return error != 0 ? error : SystemFileOps::MakeDirectory(directory, name, mode);
  }
  int MakeDirectory(const char* path, mode_t mode) override {
    const int error = Due("MakeDirectory");
    return error != 0 ? error : SystemFileOps::MakeDirectory(path, mode);
  }
  int Rename(int from_directory, const char* from, int to_directory, const char* to) override {
    const int error = Due("Rename");
    return error != 0 ? error : SystemFileOps::Rename(from_directory, from, to_directory, to);
  }
  int Sync(int file) override {
    FileStat stat;
    const bool directory = Stat(file, &stat) == 0 && stat.kind == FileStat::Kind::kDirectory;
    const int error = Due(directory ? "SyncDirectory" : "Sync");
    return error != 0 ? error : SystemFileOps::Sync(file);
  }
  int TryLock(int file) override {
    const int error = Due("TryLock");
    return error != 0 ? error : SystemFileOps::TryLock(file);
  }

 private:
  int Due(std::string_view call) {
    if (call != call_ || --left_ != 0) return 0;
    if (error_ == 0) raise(SIGKILL);
    return -error_;
  }

  const std::string_view call_;
  int left_;
  const int error_;
};

Status Import(const std::string& root, OneFault& ops, const Context& context) {
  COFFER_ASSIGN_OR_RETURN(const KvStorePtr store, MakeFileStore(root, {}, context, ops));
  COFFER_ASSIGN_OR_RETURN(const Array array, Array::Create(store, "",
                                                           {.shape = {64, 64},
                                                            .data_type = DataType::kInt32,
                                                            .chunk_shape = {64, 64},
                                                            .context = context}));
  std::vector<int32_t> elements(size_t{64} * 64);
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<int32_t>(i);
  return array.Write(Box::Full(array.shape()), Ref(elements.data(), array.shape()));
}

int Main(std::span<char*> arguments) {
  if (arguments.size() != 5) return 2;
  const int error = arguments[4] == std::string_view("KILL") ? 0 : std::atoi(arguments[4]);
  OneFault ops(arguments[2], std::atoi(arguments[3]), error);
  const Status status = Import(arguments[1], ops, Context::Create({.threads = 1}));
  if (!status.ok()) std::fprintf(stderr, "coffer: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace coffer

int main(int argc, char** argv) { return coffer::Main({argv, static_cast<size_t>(argc)}); }
