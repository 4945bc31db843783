// What is the same wherever POSIX.1-2008 is spoken. The rest is in platform_file_linux.cc and its
// twin platform_file_posix.cc, of which one is compiled.
#include "src/base/platform_file.h"
#include "src/base/made_before_fork.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <system_error>

namespace coffer::inline v0 {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

/// Calls until it is not interrupted; -errno on error.
template <class Call>
auto Retry(Call call) -> decltype(call()) {
  for (;;) {
    const auto result = call();
    if (result >= 0) return result;
    if (errno != EINTR) return -errno;
  }
}

FileStat FromSystem(const struct stat& raw) {
  FileStat stat;
  stat.kind = S_ISREG(raw.st_mode)   ? FileStat::Kind::kRegular
              : S_ISDIR(raw.st_mode) ? FileStat::Kind::kDirectory
              : S_ISLNK(raw.st_mode) ? FileStat::Kind::kSymlink
                                     : FileStat::Kind::kOther;
  stat.device = raw.st_dev;
  stat.inode = raw.st_ino;
  stat.size = raw.st_size;
  // File systems keep times that nanoseconds in 64 bits cannot count: from 1677 to 2262.
  constexpr int64_t kSecondsMax = INT64_MAX / kNsPerSecond - 1;
  stat.mtime_ns =
      std::clamp<int64_t>(raw.st_mtim.tv_sec, -kSecondsMax, kSecondsMax) * kNsPerSecond +
      raw.st_mtim.tv_nsec;
  stat.room = static_cast<int64_t>(raw.st_blocks) * 512;
  return stat;
}

}  // namespace

FileOps::~FileOps() = default;

SystemFileOps& SystemFileOps::Get() {
  static auto& ops = *new SystemFileOps();
  return ops;
}
namespace {
const MadeBeforeFork kSystemFileOps([] { SystemFileOps::Get(); });
}  // namespace

int SystemFileOps::OpenDirectory(const char* path) {
  return Retry([&] { return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
}

int SystemFileOps::OpenAt(int directory, const char* name, int flags, mode_t mode) {
  return Retry([&] { return openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW, mode); });
}

int SystemFileOps::OpenBeneathBySteps(int root, const char* path, int flags) {
  const std::string all(path);
  int directory = root;
  for (size_t begin = 0;;) {
    const size_t slash = all.find('/', begin);
    const bool last = slash == std::string::npos;
    const std::string segment = all.substr(begin, slash - begin);
    int next = -EXDEV;
    if (segment != "..") {
      const int step = last ? flags : O_RDONLY | O_DIRECTORY;
      next =
          Retry([&] { return openat(directory, segment.c_str(), step | O_CLOEXEC | O_NOFOLLOW); });
      // With O_DIRECTORY a link gives ENOTDIR: tell it from a file, which is no escape.
      struct stat raw = {};
      if (next == -ENOTDIR && fstatat(directory, segment.c_str(), &raw, AT_SYMLINK_NOFOLLOW) == 0 &&
          S_ISLNK(raw.st_mode)) {
        next = -ELOOP;
      }
    }
    if (directory != root) close(directory);
    if (next < 0 || last) return next;
    directory = next;
    begin = slash + 1;
  }
}

// Not repeated when interrupted: the descriptor is gone by then.
int SystemFileOps::Close(int file) { return close(file) == 0 || errno == EINTR ? 0 : -errno; }

int SystemFileOps::Stat(int file, FileStat* stat) {
  struct stat raw = {};
  if (fstat(file, &raw) != 0) return -errno;
  *stat = FromSystem(raw);
  return 0;
}

int SystemFileOps::StatAt(int directory, const char* name, FileStat* stat) {
  struct stat raw = {};
  const int error = Retry([&] { return fstatat(directory, name, &raw, AT_SYMLINK_NOFOLLOW); });
  if (error == 0) *stat = FromSystem(raw);
  return error;
}

int SystemFileOps::StatPath(const char* path, FileStat* stat) {
  struct stat raw = {};
  const int error = Retry([&] { return ::stat(path, &raw); });
  if (error == 0) *stat = FromSystem(raw);
  return error;
}

ssize_t SystemFileOps::ReadAt(int file, std::span<std::byte> destination, int64_t offset) {
  return Retry([&] { return pread(file, destination.data(), destination.size(), offset); });
}

ssize_t SystemFileOps::ReadPiecesAt(int file, std::span<const iovec> pieces, int64_t offset) {
  const auto count = static_cast<int>(std::min<size_t>(pieces.size(), IOV_MAX));
  return Retry([&] { return preadv(file, pieces.data(), count, offset); });
}

DIR* SystemFileOps::OpenListing(int directory, int* error) {
  // A duplicate would share the directory's position with other listings.
  const int own = OpenAt(directory, ".", O_RDONLY | O_DIRECTORY, 0);
  DIR* listing = own < 0 ? nullptr : fdopendir(own);
  *error = own < 0 ? own : listing == nullptr ? -errno : 0;
  if (own >= 0 && listing == nullptr) close(own);
  return listing;
}

int SystemFileOps::NextEntry(DIR* listing, const dirent** entry) {
  errno = 0;
  *entry = readdir(listing);
  return *entry != nullptr ? 1 : -errno;
}

void SystemFileOps::CloseListing(DIR* listing) { closedir(listing); }

ssize_t SystemFileOps::Write(int file, std::span<const iovec> pieces) {
  const auto count = static_cast<int>(std::min<size_t>(pieces.size(), IOV_MAX));
  return Retry([&] { return writev(file, pieces.data(), count); });
}

int SystemFileOps::Truncate(int file, int64_t size) {
  return Retry([&] { return ftruncate(file, size); });
}

int SystemFileOps::SetMtime(int file, int64_t mtime_ns) {
  timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = mtime_ns / kNsPerSecond;
  times[1].tv_nsec = mtime_ns % kNsPerSecond;
  return Retry([&] { return futimens(file, times); });
}

int SystemFileOps::MakeDirectory(int directory, const char* name, mode_t mode) {
  return Retry([&] { return mkdirat(directory, name, mode); });
}

int SystemFileOps::MakeDirectory(const char* path, mode_t mode) {
  return Retry([&] { return mkdir(path, mode); });
}

int SystemFileOps::Remove(int directory, const char* name) {
  return Retry([&] { return unlinkat(directory, name, 0); });
}

int SystemFileOps::RemoveDirectory(int directory, const char* name) {
  return Retry([&] { return unlinkat(directory, name, AT_REMOVEDIR); });
}

int SystemFileOps::Rename(int from_directory, const char* from, int to_directory, const char* to) {
  return Retry([&] { return renameat(from_directory, from, to_directory, to); });
}

int SystemFileOps::Link(int from_directory, const char* from, int to_directory, const char* to) {
  return Retry([&] { return linkat(from_directory, from, to_directory, to, 0); });
}

int SystemFileOps::Sync(int file) {
  const int error = Retry([&] { return fsync(file); });
  if (error != -EINVAL) return error;
  // Some network file systems cannot sync a directory, having nothing to sync.
  FileStat stat;
  const bool directory = Stat(file, &stat) == 0 && stat.kind == FileStat::Kind::kDirectory;
  return directory ? 0 : error;
}

int SystemFileOps::Flush(int file) {
  const int copy = Retry([&] { return fcntl(file, F_DUPFD_CLOEXEC, 0); });
  return copy < 0 ? copy : Close(copy);
}

int64_t SystemFileOps::NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

Status ErrnoError(int error, const std::string& what) {
  const std::string text = what + ": " + std::generic_category().message(error);
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return PermissionDeniedError(text);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ResourceExhaustedError(text);
    case EEXIST:
      return AlreadyExistsError(text);
    case ENOENT:
      return NotFoundError(text);
    case EINVAL:
    case ENAMETOOLONG:
      return InvalidArgumentError(text);
    case EISDIR:
    case ENOTDIR:
    case ENOTEMPTY:
    case EXDEV:
    case ELOOP:
    case ENXIO:
    case EMLINK:
    case EOPNOTSUPP:
    case ENOLCK:
    case ENOSYS:
      return FailedPreconditionError(text);
    default:  // EIO, ESTALE, EBUSY, EAGAIN, ...: another attempt may succeed.
      return UnavailableError(text);
  }
}

}  // namespace coffer::inline v0
