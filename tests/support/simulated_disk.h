// SimulatedDisk: a disk in memory behind FileOps, which fails on demand and loses at a power cut
// what was not synced.
//
//     SimulatedDisk::Ptr disk = SimulatedDisk::Make();
//     KvStorePtr store = MakeFileStore("/root", {}, context, *disk).OrDie();
//     disk->CutAt(5);                                   // the power goes before the 6th change
//     store->Write("k", value).Wait();
//     SimulatedDisk::Ptr image = disk->AfterPowerCut(seed);   // what is found afterwards
//
// Strict: what is sure to be found is no more than POSIX promises.
//  * A file's bytes, size and time are sure once the file was synced; a name once its directory
//    was. A new directory's name is its parent's.
//  * All else is undecided: each change for itself is there or not, in any order. A write may be
//    torn at 512 bytes or leave garbage. Only a rename is one change, also between two directories,
//    and sure when both were synced.
//  * A sync that fails leaves undecided for ever what it was to make sure, as Linux does: a second
//    one that succeeds says nothing of it.
//
// How an image comes out is a function of the seed alone. The first four are the extremes: all
// undecided changes lost, all kept, names without data, data without names.
//
// Not simulated: symbolic links, permissions, access times, how much room there is, other processes
// (two opened stores exclude each other by their descriptors, as OFD locks do).
//
// Lifetime: threads may come late with a Close; so a disk that its Ptr gives up is emptied and
// unplugged (every call is -EIO) but its shell is never freed. Thread safety: all from any thread.
#ifndef COFFER_TESTS_SUPPORT_SIMULATED_DISK_H_
#define COFFER_TESTS_SUPPORT_SIMULATED_DISK_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/mutex.h"
#include "src/base/platform_file.h"

namespace coffer::inline v0 {

class SimulatedDisk final : public FileOps {
 public:
  struct Unplug {
    void operator()(SimulatedDisk* disk) const;
  };
  using Ptr = std::unique_ptr<SimulatedDisk, Unplug>;

  static Ptr Make();  ///< Nothing but "/".
  /// The same content and the same numbers, all of it sure, nothing open, nothing to fail.
  Ptr Copy() const;
  /// What is found when the power comes back.
  Ptr AfterPowerCut(uint64_t seed) const;

  static constexpr uint64_t kAllLost = 0;
  static constexpr uint64_t kAllKept = 1;
  static constexpr uint64_t kNamesOnly = 2;
  static constexpr uint64_t kDataOnly = 3;

  /// The power goes before the change that comes after `n` more: from then on every call is -EIO.
  void CutAt(int64_t n);
  /// Takes the power cut back: only the process died. Nothing is lost, but what it had open.
  void OnlyTheProcessDied();
  /// The call that comes after `n` more fails (negative errno) and does nothing; `forever`: all
  /// from there on.
  void FailAt(int64_t n, int error, bool forever = false);
  /// At most so many open descriptors; the next is -EMFILE.
  void LimitDescriptors(size_t count);

  int64_t changes() const;  ///< Calls so far that change something, as CutAt counts them.
  int64_t calls() const;    ///< Calls so far that can fail, as FailAt counts them.
  size_t open_descriptors() const;
  size_t undecided() const;  ///< Changes that a power cut might lose.

  int OpenDirectory(const char* path) override;
  int OpenBeneath(int root, const char* path, int flags) override;
  int OpenWithoutLinks(const char*, int) override { return -ENOSYS; }
  int OpenAt(int directory, const char* name, int flags, mode_t mode) override;
  int Close(int file) override;
  int Stat(int file, FileStat* stat) override;
  int StatAt(int directory, const char* name, FileStat* stat) override;
  int StatPath(const char* path, FileStat* stat) override;
  ssize_t ReadAt(int file, std::span<std::byte> destination, int64_t offset) override;
  ssize_t ReadPiecesAt(int file, std::span<const iovec> pieces, int64_t offset) override;
  DIR* OpenListing(int directory, int* error) override;
  int NextEntry(DIR* listing, const dirent** entry) override;
  void CloseListing(DIR* listing) override;
  ssize_t Write(int file, std::span<const iovec> pieces) override;
  int Truncate(int file, int64_t size) override;
  int Preallocate(int file, int64_t offset, int64_t size) override;
  int SetDirect(int file, bool direct) override;
  int SetMtime(int file, int64_t mtime_ns) override;
  int MakeDirectory(int directory, const char* name, mode_t mode) override;
  int MakeDirectory(const char* path, mode_t mode) override;
  int Remove(int directory, const char* name) override;
  int RemoveDirectory(int directory, const char* name) override;
  int Rename(int from_directory, const char* from, int to_directory, const char* to) override;
  int RenameNew(int from_directory, const char* from, int to_directory, const char* to) override;
  int Link(int from_directory, const char* from, int to_directory, const char* to) override;
  int RenameDirectory(int from_directory, const char* from, int to_directory,
                      const char* to) override;
  int Sync(int file) override;
  int Flush(int file) override;
  void StartWriteback(int file, int64_t offset, int64_t size) override;
  int TryLock(int file) override;
  int64_t NowNs() override;

 private:
  using Inode = uint64_t;  // 0: none.
  using Entries = std::map<std::string, Inode, std::less<>>;

  /// What a file holds, now or on the platter.
  struct Content {
    std::string bytes;
    int64_t mtime_ns = 0;
  };
  enum class Sureness { kDirty, kSynced, kDoomed };  // kDoomed: of a sync that failed.
  struct DataChange {
    enum class Kind { kWrite, kResize, kMtime };
    Kind kind = Kind::kWrite;
    int64_t at = 0;  // The offset, the size, or the time.
    std::string bytes;
    Sureness sureness = Sureness::kDirty;
  };
  struct Node {
    bool directory = false;
    bool linked = true;  // A directory that was removed takes no entries.
    int lock = -1;       // The descriptor that holds it.
    Content now;
    Content sure;                     // What the changes apply to.
    std::vector<DataChange> changes;  // Since then, in order.
    Entries entries;
    Entries sure_entries;
  };
  struct NameChange {
    struct Entry {
      Inode directory;
      std::string name;
      Inode target;  // 0: no such name.
    };
    std::vector<Entry> entries;
    std::vector<Inode> unsynced;  // Directories whose sync it waits for.
    bool doomed = false;
  };
  struct Descriptor {
    Inode inode = 0;
    int64_t position = 0;
    bool writable = false;
    bool direct = false;
  };
  class Luck;

  SimulatedDisk() = default;

  int Enter(bool change) COFFER_REQUIRES(mutex_);
  ssize_t ReadOpen(int file, std::span<std::byte> destination, int64_t offset)
      COFFER_REQUIRES(mutex_);
  Node* Find(int file) COFFER_REQUIRES(mutex_);
  Node* FindDirectory(int file) COFFER_REQUIRES(mutex_);
  int Walk(Inode from, std::string_view path, Inode* found) COFFER_REQUIRES(mutex_);
  int OpenInode(Inode inode, int flags) COFFER_REQUIRES(mutex_);
  int MakeDirectoryIn(Inode parent, std::string_view name) COFFER_REQUIRES(mutex_);
  int Move(int from_directory, std::string_view from, int to_directory, std::string_view to,
           bool replace) COFFER_REQUIRES(mutex_);
  bool IsBelow(Inode inode, Inode above) COFFER_REQUIRES(mutex_);
  Inode NewNode(bool directory) COFFER_REQUIRES(mutex_);
  void FillStat(Inode inode, FileStat* stat) COFFER_REQUIRES(mutex_);
  void ChangeNames(std::vector<NameChange::Entry> entries) COFFER_REQUIRES(mutex_);
  void ChangeData(Node& node, DataChange change) COFFER_REQUIRES(mutex_);
  void SettleNames() COFFER_REQUIRES(mutex_);
  static void Apply(const DataChange& change, Content* content);
  static void ApplyByLuck(const DataChange& change, Luck& luck, Content* content);

  mutable Mutex mutex_;
  bool off_ COFFER_GUARDED_BY(mutex_) = false;
  int64_t cut_at_ COFFER_GUARDED_BY(mutex_) = -1;
  int64_t fail_at_ COFFER_GUARDED_BY(mutex_) = -1;
  int fail_with_ COFFER_GUARDED_BY(mutex_) = 0;
  bool fail_forever_ COFFER_GUARDED_BY(mutex_) = false;
  size_t descriptors_max_ COFFER_GUARDED_BY(mutex_) = SIZE_MAX;
  int64_t changes_ COFFER_GUARDED_BY(mutex_) = 0;
  int64_t calls_ COFFER_GUARDED_BY(mutex_) = 0;
  uint64_t device_ COFFER_GUARDED_BY(mutex_) = 0;
  int64_t now_ns_ COFFER_GUARDED_BY(mutex_) = 1'700'000'000'000'000'000;
  Inode last_inode_ COFFER_GUARDED_BY(mutex_) = 0;
  std::map<Inode, Node> nodes_ COFFER_GUARDED_BY(mutex_);
  std::vector<NameChange> names_ COFFER_GUARDED_BY(mutex_);  // Not yet sure, in order.
  std::map<int, Descriptor> open_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace coffer::inline v0

#endif  // COFFER_TESTS_SUPPORT_SIMULATED_DISK_H_
