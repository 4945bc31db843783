// The plain POSIX twin of platform_file_linux.cc: compiled by the preset `posix`, and where coffer
// is carried to another system. What is lost: links beneath the root are refused even if they stay
// in it, write-back starts with the fsync, room is not asked for beforehand, and nothing is written
// past the page cache. Its locks (flock) do not see those of the Linux
// build.
#include <sys/file.h>

#include <cerrno>

#include "src/base/platform_file.h"

namespace coffer::inline v0 {

int SystemFileOps::OpenBeneath(int root, const char* path, int flags) {
  return OpenBeneathBySteps(root, path, flags);
}

int SystemFileOps::OpenWithoutLinks(const char*, int) { return -ENOSYS; }

int SystemFileOps::RenameNew(int, const char*, int, const char*) { return -EINVAL; }

int SystemFileOps::RenameDirectory(int from_directory, const char* from, int to_directory,
                                   const char* to) {
  // POSIX lets a directory replace nothing but an empty directory.
  return Rename(from_directory, from, to_directory, to);
}

// posix_fallocate would change the size, and may write zeros.
int SystemFileOps::Preallocate(int, int64_t, int64_t) { return -EOPNOTSUPP; }

int SystemFileOps::SetDirect(int, bool direct) { return direct ? -EINVAL : 0; }

void SystemFileOps::StartWriteback(int, int64_t, int64_t) {}

int SystemFileOps::TryLock(int file) {
  for (;;) {
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return 0;
    if (errno == EINTR) continue;
    return errno == EWOULDBLOCK ? -EAGAIN : -errno;
  }
}

}  // namespace coffer::inline v0
