// File calls that go wrong on demand, for stores made with MakeFileStore(..., ops).
//
//     BentOps ops;
//     ops.Fail("Write", -ENOSPC);        // the next write(2) fails
//     ops.write_max = 3;                 // writes come out short
//     ops.sync_gate.Close();             // fsync waits (but not on the thread that made the ops)
#ifndef COFFER_TESTS_SUPPORT_FILE_OPS_H_
#define COFFER_TESTS_SUPPORT_FILE_OPS_H_

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "src/base/mutex.h"
#include "src/base/platform_file.h"

namespace coffer::inline v0 {

/// A door that threads wait at while it is closed.
class Gate {
 public:
  void Close() {
    MutexLock lock(mutex_);
    open_ = false;
  }
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Pass() {
    MutexLock lock(mutex_);
    while (!open_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ COFFER_GUARDED_BY(mutex_) = true;
};

class BentOps : public SystemFileOps {
 public:
  std::atomic<size_t> write_max{SIZE_MAX};  ///< Bytes one write takes.
  std::atomic<size_t> read_max{SIZE_MAX};   ///< Bytes one read gives.
  std::atomic<bool> no_disk{false};         ///< fsync does nothing, at once.
  std::atomic<int64_t> clock_ns{0};         ///< What the clock shows; 0: the real time.
  std::atomic<int64_t> mtime_granularity_ns{1};
  Gate sync_gate;       ///< Of every fsync.
  Gate directory_gate;  ///< Of those of directories.

  /// The call after the next `skip` ones of this name fails; only on names that contain `name`.
  void Fail(const std::string& call, int error, int skip = 0, const std::string& name = "") {
    MutexLock lock(mutex_);
    failures_.push_back({call, error, skip, name, false});
  }
  /// It and all that follow, until Mend().
  void FailForEver(const std::string& call, int error, int skip = 0) {
    MutexLock lock(mutex_);
    failures_.push_back({call, error, skip, "", true});
  }
  void Mend() {
    MutexLock lock(mutex_);
    failures_.clear();
  }

  /// What was called so far, one line a call: "Sync d:a/b", "Rename k".
  std::vector<std::string> TakeLog() {
    MutexLock lock(mutex_);
    return std::exchange(log_, {});
  }
  int Count(std::string_view line) {
    MutexLock lock(mutex_);
    return static_cast<int>(std::count(log_.begin(), log_.end(), line));
  }
  /// Waits until a line has come this often.
  void WaitFor(const std::string& line, int times) {
    MutexLock lock(mutex_);
    while (std::count(log_.begin(), log_.end(), line) < times) logged_.Wait(mutex_);
  }

  /// Descriptors that were opened and not closed.
  int open_files() const { return open_files_; }

  int OpenDirectory(const char* path) override {
    const int error = Due("OpenDirectory", LastOf(path));
    return Opened(error != 0 ? error : SystemFileOps::OpenDirectory(path));
  }
  int OpenBeneath(int root, const char* path, int flags) override {
    const int error = Due("OpenBeneath", path);
    return Opened(error != 0 ? error : SystemFileOps::OpenBeneath(root, path, flags));
  }
  int OpenWithoutLinks(const char* path, int flags) override {
    const int error = Due("OpenWithoutLinks", LastOf(path));
    return Opened(error != 0 ? error : SystemFileOps::OpenWithoutLinks(path, flags));
  }
  int OpenAt(int directory, const char* name, int flags, mode_t mode) override {
    const int error = Due("OpenAt", name);
    return Opened(error != 0 ? error : SystemFileOps::OpenAt(directory, name, flags, mode));
  }
  int Close(int file) override {
    --open_files_;
    return SystemFileOps::Close(file);
  }
  int Stat(int file, FileStat* stat) override {
    const int error = Due("Stat", "");
    return error != 0 ? error : SystemFileOps::Stat(file, stat);
  }
  int StatAt(int directory, const char* name, FileStat* stat) override {
    const int error = Due("StatAt", name);
    return error != 0 ? error : SystemFileOps::StatAt(directory, name, stat);
  }
  int StatPath(const char* path, FileStat* stat) override {
    const int error = Due("StatPath", LastOf(path));
    return error != 0 ? error : SystemFileOps::StatPath(path, stat);
  }
  ssize_t ReadAt(int file, std::span<std::byte> destination, int64_t offset) override {
    const int error = Due("ReadAt", "");
    if (error != 0) return error == kEndOfFile ? 0 : error;
    return SystemFileOps::ReadAt(
        file, destination.first(std::min(destination.size(), read_max.load())), offset);
  }
  ssize_t ReadPiecesAt(int file, std::span<const iovec> pieces, int64_t offset) override {
    const int error = Due("ReadPiecesAt", "");
    if (error != 0) return error == kEndOfFile ? 0 : error;
    if (read_max == SIZE_MAX) return SystemFileOps::ReadPiecesAt(file, pieces, offset);
    const iovec part = FirstOf(pieces, read_max);
    return SystemFileOps::ReadPiecesAt(file, {&part, 1}, offset);
  }
  DIR* OpenListing(int directory, int* error) override {
    *error = Due("OpenListing", "");
    if (*error != 0) return nullptr;
    return SystemFileOps::OpenListing(directory, error);  // Counted by OpenAt().
  }
  void CloseListing(DIR* listing) override {
    --open_files_;
    SystemFileOps::CloseListing(listing);
  }
  int NextEntry(DIR* listing, const dirent** entry) override {
    const int error = Due("NextEntry", "");
    return error != 0 ? error : SystemFileOps::NextEntry(listing, entry);
  }
  ssize_t Write(int file, std::span<const iovec> pieces) override {
    const int error = Due("Write", "");
    if (error != 0) return error;
    if (write_max == SIZE_MAX) return SystemFileOps::Write(file, pieces);
    const iovec part = FirstOf(pieces, write_max);
    return SystemFileOps::Write(file, {&part, 1});
  }
  int Truncate(int file, int64_t size) override {
    const int error = Due("Truncate", NameOf(file));
    return error != 0 ? error : SystemFileOps::Truncate(file, size);
  }
  int Preallocate(int file, int64_t offset, int64_t size) override {
    const int error = Due("Preallocate", NameOf(file));
    return error != 0 ? error : SystemFileOps::Preallocate(file, offset, size);
  }
  int SetDirect(int file, bool direct) override {
    const int error = Due(direct ? "SetDirect on" : "SetDirect off", NameOf(file));
    return error != 0 ? error : SystemFileOps::SetDirect(file, direct);
  }
  int SetMtime(int file, int64_t mtime_ns) override {
    const int error = Due("SetMtime", "");
    if (error != 0) return error;
    return SystemFileOps::SetMtime(file, mtime_ns - mtime_ns % mtime_granularity_ns);
  }
  int MakeDirectory(int directory, const char* name, mode_t mode) override {
    const int error = Due("MakeDirectory", name);
    return error != 0 ? error : SystemFileOps::MakeDirectory(directory, name, mode);
  }
  int MakeDirectory(const char* path, mode_t mode) override {
    const int error = Due("MakeDirectory", LastOf(path));
    return error != 0 ? error : SystemFileOps::MakeDirectory(path, mode);
  }
  int Remove(int directory, const char* name) override {
    const int error = Due("Remove", name);
    return error != 0 ? error : SystemFileOps::Remove(directory, name);
  }
  int RemoveDirectory(int directory, const char* name) override {
    const int error = Due("RemoveDirectory", name);
    return error != 0 ? error : SystemFileOps::RemoveDirectory(directory, name);
  }
  int Rename(int from_directory, const char* from, int to_directory, const char* to) override {
    const int error = Due("Rename", to);
    return error != 0 ? error : SystemFileOps::Rename(from_directory, from, to_directory, to);
  }
  int RenameNew(int from_directory, const char* from, int to_directory, const char* to) override {
    const int error = Due("RenameNew", to);
    return error != 0 ? error : SystemFileOps::RenameNew(from_directory, from, to_directory, to);
  }
  int Link(int from_directory, const char* from, int to_directory, const char* to) override {
    const int error = Due("Link", to);
    return error != 0 ? error : SystemFileOps::Link(from_directory, from, to_directory, to);
  }
  int RenameDirectory(int from_directory, const char* from, int to_directory,
                      const char* to) override {
    const int error = Due("RenameDirectory", to);
    return error != 0 ? error
                      : SystemFileOps::RenameDirectory(from_directory, from, to_directory, to);
  }
  int Sync(int file) override {
    const std::string name = NameOf(file);
    const int error = Due("Sync", name);
    if (std::this_thread::get_id() != maker_) {
      sync_gate.Pass();
      if (name.starts_with("d:")) directory_gate.Pass();
    }
    return error != 0 || no_disk ? error : SystemFileOps::Sync(file);
  }
  int Flush(int file) override {
    const int error = Due("Flush", NameOf(file));
    if (error != 0) return error;
    ++open_files_;  // It opens a duplicate, and closes it.
    return SystemFileOps::Flush(file);
  }
  int TryLock(int file) override {
    const int error = Due("TryLock", NameOf(file));
    return error != 0 ? error : SystemFileOps::TryLock(file);
  }
  int64_t NowNs() override { return clock_ns != 0 ? clock_ns.load() : SystemFileOps::NowNs(); }

  static constexpr int kEndOfFile = -1'000'000;

 private:
  struct Failure {
    std::string call;
    int error;
    int skip;
    std::string name;
    bool for_ever;
  };

  /// "d:<name>" for a directory, else the name, as the kernel knows it now.
  std::string NameOf(int file) {
    char path[4096] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(file);
    if (readlink(link.c_str(), path, sizeof(path) - 1) < 0) return "?";
    FileStat stat;
    SystemFileOps::Stat(file, &stat);
    const std::string_view all(path);
    return (stat.kind == FileStat::Kind::kDirectory ? "d:" : "") +
           std::string(all.substr(all.rfind('/') + 1));
  }

  static std::string_view LastOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

  int Due(const std::string& call, std::string_view name) {
    MutexLock lock(mutex_);
    log_.push_back(call + " " + std::string(name));
    logged_.NotifyAll();
    for (auto it = failures_.begin(); it != failures_.end(); ++it) {
      if (it->call != call || name.find(it->name) == std::string_view::npos) continue;
      if (it->skip-- > 0) continue;
      const int error = it->error;
      if (it->for_ever) {
        it->skip = 0;
      } else {
        failures_.erase(it);
      }
      return error;
    }
    return 0;
  }

  /// The beginning of the pieces, as one that is not empty.
  static iovec FirstOf(std::span<const iovec> pieces, size_t max) {
    const auto piece = std::find_if(pieces.begin(), pieces.end(),
                                    [](const iovec& each) { return each.iov_len > 0; });
    if (piece == pieces.end()) return {nullptr, 0};
    return {piece->iov_base, std::min(piece->iov_len, max)};
  }
  int Opened(int file) {
    if (file >= 0) ++open_files_;
    return file;
  }

  const std::thread::id maker_ = std::this_thread::get_id();
  Mutex mutex_;
  CondVar logged_;
  std::vector<Failure> failures_ COFFER_GUARDED_BY(mutex_);
  std::vector<std::string> log_ COFFER_GUARDED_BY(mutex_);
  std::atomic<int> open_files_{0};
};

}  // namespace coffer::inline v0

#endif  // COFFER_TESTS_SUPPORT_FILE_OPS_H_
