// The file calls that only Linux has. Twin: platform_file_posix.cc.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "src/base/platform_file.h"

namespace coffer::inline v0 {

namespace {

constexpr int kRacesMax = 1000;

/// -ENOSYS before Linux 5.6, or where a sandbox forbids the call.
int OpenAt2(int directory, const char* path, int flags, uint64_t resolve) {
  static std::atomic<bool> missing{false};
  if (missing.load(std::memory_order_relaxed)) return -ENOSYS;
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = resolve;
  for (int raced = 0;;) {
    const long file = syscall(SYS_openat2, directory, path, &how, sizeof(how));
    if (file >= 0) return static_cast<int>(file);
    // EAGAIN: a rename somewhere in the path raced with the check for ".." of a link.
    if (errno == EINTR || (errno == EAGAIN && ++raced < kRacesMax)) continue;
    if (errno == ENOSYS || errno == E2BIG) {
      missing.store(true, std::memory_order_relaxed);
      return -ENOSYS;
    }
    // A sandbox's, or the file system's, which has nothing to refuse in a file to be read.
    return errno == EPERM && (flags & O_ACCMODE) == O_RDONLY ? -ENOSYS : -errno;
  }
}

}  // namespace

int SystemFileOps::OpenBeneath(int root, const char* path, int flags) {
  const int file = OpenAt2(root, path, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
  return file == -ENOSYS ? OpenBeneathBySteps(root, path, flags) : file;
}

int SystemFileOps::OpenWithoutLinks(const char* path, int flags) {
  return OpenAt2(AT_FDCWD, path, flags, RESOLVE_NO_SYMLINKS);
}

int SystemFileOps::RenameNew(int from_directory, const char* from, int to_directory,
                             const char* to) {
  for (;;) {
    if (renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno == EINTR) continue;
    return errno == ENOSYS ? -EINVAL : -errno;
  }
}

int SystemFileOps::RenameDirectory(int from_directory, const char* from, int to_directory,
                                   const char* to) {
  const int error = RenameNew(from_directory, from, to_directory, to);
  // A file system without the flag: a plain rename replaces nothing but an empty directory.
  return error == -EINVAL ? Rename(from_directory, from, to_directory, to) : error;
}

int SystemFileOps::Preallocate(int file, int64_t offset, int64_t size) {
  for (;;) {
    if (fallocate(file, FALLOC_FL_KEEP_SIZE, offset, size) == 0) return 0;
    if (errno == EINTR) continue;
    return errno == ENOSYS ? -EOPNOTSUPP : -errno;
  }
}

int SystemFileOps::SetDirect(int file, bool direct) {
  const int flags = fcntl(file, F_GETFL);
  if (flags < 0) return -errno;
  const int wanted = direct ? flags | O_DIRECT : flags & ~O_DIRECT;
  return fcntl(file, F_SETFL, wanted) == 0 ? 0 : -errno;
}

void SystemFileOps::StartWriteback(int file, int64_t offset, int64_t size) {
  sync_file_range(file, offset, size, SYNC_FILE_RANGE_WRITE);
}

int SystemFileOps::TryLock(int file) {
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  for (;;) {
    if (fcntl(file, F_OFD_SETLK, &lock) == 0) return 0;
    if (errno == EINTR) continue;
    return errno == EACCES ? -EAGAIN : -errno;
  }
}

}  // namespace coffer::inline v0
