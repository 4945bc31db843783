// FileOps: every system call that the file store makes, as one narrow seam.
//
// The store does its work through these functions only, so that tests can put a simulated disk, an
// error, a short write or a coarse clock in their place, by deriving from SystemFileOps and
// overriding what they want to bend.
//
// Calls return what the kernel's do, but an error as -errno, and none is interrupted by signals.
// Paths are relative to a directory's descriptor and never leave it: a name is one segment.
//
// Thread safety: all methods from any thread.
#ifndef COFFER_SRC_BASE_PLATFORM_FILE_H_
#define COFFER_SRC_BASE_PLATFORM_FILE_H_

#include <dirent.h>
#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "coffer/base/status.h"

namespace coffer::inline v0 {

struct FileStat {
  enum class Kind { kRegular, kDirectory, kSymlink, kOther };
  Kind kind = Kind::kOther;
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t mtime_ns = 0;  ///< Since 1970; as far as that can be counted, until 2262.
  int64_t room = 0;      ///< Bytes on the disk, also those beyond its size (Preallocate).

  bool IsSameFileAs(const FileStat& other) const {
    return device == other.device && inode == other.inode;
  }
};

class FileOps {
 public:
  virtual ~FileOps();

  // Opening. A descriptor is closed on exec.
  virtual int OpenDirectory(const char* path) = 0;  ///< Any path; follows links.
  /// `path` may have segments; it is an error (-EXDEV or -ELOOP) if links lead out of `root`.
  virtual int OpenBeneath(int root, const char* path, int flags) = 0;
  /// Any path in which no link stands: -ELOOP if one does, -ENOSYS where that cannot be asked for.
  virtual int OpenWithoutLinks(const char* path, int flags) = 0;
  /// One segment, no link. `flags` may have O_CREAT, then `mode` counts.
  virtual int OpenAt(int directory, const char* name, int flags, mode_t mode) = 0;
  virtual int Close(int file) = 0;

  // Reading.
  virtual int Stat(int file, FileStat* stat) = 0;
  virtual int StatAt(int directory, const char* name,
                     FileStat* stat) = 0;                      ///< Of a link: the link.
  virtual int StatPath(const char* path, FileStat* stat) = 0;  ///< Any path; follows links.
  virtual ssize_t ReadAt(int file, std::span<std::byte> destination, int64_t offset) = 0;
  /// The same into several places, one after the other.
  virtual ssize_t ReadPiecesAt(int file, std::span<const iovec> pieces, int64_t offset) = 0;
  virtual DIR* OpenListing(int directory, int* error) = 0;        ///< A position of its own.
  virtual int NextEntry(DIR* listing, const dirent** entry) = 0;  ///< 1, 0 at the end, or -errno.
  virtual void CloseListing(DIR* listing) = 0;

  // Changing.
  virtual ssize_t Write(int file, std::span<const iovec> pieces) = 0;  ///< At the file's position.
  virtual int Truncate(int file, int64_t size) = 0;
  /// Asks for room for these bytes without changing the file's size. -ENOSPC is meant; -EOPNOTSUPP
  /// where the file system cannot.
  virtual int Preallocate(int file, int64_t offset, int64_t size) = 0;
  /// From here on Write() goes past the page cache (O_DIRECT), or again through it. Then memory,
  /// sizes and positions are multiples of kDirectAlignment. -EINVAL where that cannot be.
  virtual int SetDirect(int file, bool direct) = 0;
  virtual int SetMtime(int file, int64_t mtime_ns) = 0;
  virtual int MakeDirectory(int directory, const char* name, mode_t mode) = 0;
  virtual int MakeDirectory(const char* path, mode_t mode) = 0;      ///< Above a root.
  virtual int Remove(int directory, const char* name) = 0;           ///< A file or a link.
  virtual int RemoveDirectory(int directory, const char* name) = 0;  ///< An empty one.
  virtual int Rename(int from_directory, const char* from, int to_directory, const char* to) = 0;
  /// Rename() that never replaces: -EEXIST if `to` exists; -EINVAL where the file system cannot.
  virtual int RenameNew(int from_directory, const char* from, int to_directory, const char* to) = 0;
  /// A second name for a file, on which `from` may then be removed; -EEXIST if `to` exists.
  virtual int Link(int from_directory, const char* from, int to_directory, const char* to) = 0;
  /// Renames a directory; -EEXIST or -ENOTEMPTY if `to` exists and is not an empty directory.
  virtual int RenameDirectory(int from_directory, const char* from, int to_directory,
                              const char* to) = 0;

  // Durability.
  virtual int Sync(int file) = 0;  ///< fsync, of a file or a directory.
  /// What closing the file would report, without giving it or its lock up: errors of earlier writes
  /// on file systems that tell them then, such as NFS.
  virtual int Flush(int file) = 0;
  /// Asks the kernel to begin writing these bytes; only a hint.
  virtual void StartWriteback(int file, int64_t offset, int64_t size) = 0;

  // Locks and time.
  /// Takes an exclusive lock that belongs to the open file; -EAGAIN if another has it.
  virtual int TryLock(int file) = 0;
  virtual int64_t NowNs() = 0;  ///< Of the clock that stamps files, since 1970.

  /// Enough for every disk we know.
  static constexpr size_t kDirectAlignment = 4096;
};

/// The real ones: of Linux (openat2, OFD locks, sync_file_range) or their plain POSIX twins.
class SystemFileOps : public FileOps {
 public:
  int OpenDirectory(const char* path) override;
  int OpenBeneath(int root, const char* path, int flags) override;
  int OpenWithoutLinks(const char* path, int flags) override;
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

  /// The one that stores use unless told otherwise; never destroyed.
  static SystemFileOps& Get();

 protected:
  /// OpenBeneath segment by segment, following no link at all: for where openat2 is missing.
  static int OpenBeneathBySteps(int root, const char* path, int flags);
};

/// A descriptor that is closed when this is destroyed. Belongs to one thread at a time.
class File {
 public:
  File() = default;
  File(FileOps& ops, int descriptor) : ops_(&ops), descriptor_(descriptor) {}
  File(File&& other) noexcept
      : ops_(other.ops_), descriptor_(std::exchange(other.descriptor_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(ops_, other.ops_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~File() {
    if (descriptor_ >= 0) ops_->Close(descriptor_);
  }

  bool valid() const { return descriptor_ >= 0; }
  int get() const { return descriptor_; }

 private:
  FileOps* ops_ = nullptr;
  int descriptor_ = -1;
};

/// The Status of a call that returned -error: "<what>: <the system's text>", with the code that
/// says what the caller can do about it. Requires error > 0.
Status ErrnoError(int error, const std::string& what);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_PLATFORM_FILE_H_
