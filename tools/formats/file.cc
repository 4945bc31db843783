#include "tools/formats/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "coffer/base/bytes.h"
#include "src/base/shown.h"

namespace coffer::inline v0::formats {
namespace {

Status ErrnoError(const std::string& path, const std::string& action, int error) {
  std::string text = ShownPlace(path) + ": cannot " + action + ": " + std::strerror(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return NotFoundError(text);
    case EACCES:
    case EPERM:
    case EROFS:
      return PermissionDeniedError(text);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ResourceExhaustedError(text);
    default:
      return UnavailableError(text);
  }
}

std::string DirectoryOf(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status WriteAll(int fd, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(path, "write", errno);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return Status();
}

}  // namespace

Result<std::shared_ptr<File>> File::Open(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoError(path, "open", errno);
  struct stat info;
  if (fstat(fd, &info) != 0) {
    int error = errno;
    close(fd);
    return ErrnoError(path, "stat", error);
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return InvalidArgumentError(ShownPlace(path) + ": not a regular file");
  }
  return std::make_shared<File>(fd, path, info.st_size);
}

Result<std::shared_ptr<File>> File::Temporary(const std::string& purpose) {
  const char* configured = std::getenv("TMPDIR");
  std::string folder = configured != nullptr && *configured != '\0' ? configured : "/tmp";
  std::string path = folder + "/coffer-XXXXXX";
  int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return ErrnoError(folder, "make a temporary file for " + purpose, errno);
  unlink(path.c_str());
  return std::make_shared<File>(fd, "temporary file in " + folder + " for " + purpose, 0);
}

File::~File() { close(fd_); }

Status File::ReadAt(int64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    ssize_t n = pread(fd_, out.data(), out.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(path_, "read", errno);
    if (n == 0) {
      return DataLossError(path_ + ": ends at byte " + std::to_string(offset) + ", " +
                           std::to_string(out.size()) + " bytes too early");
    }
    out = out.subspan(static_cast<size_t>(n));
    offset += n;
  }
  return Status();
}

Status File::WriteAt(int64_t offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(path_, "write", errno);
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += n;
  }
  return Status();
}

Result<std::shared_ptr<const std::byte>> File::Map() const {
  if (size_ == 0) return std::shared_ptr<const std::byte>();
  auto size = static_cast<size_t>(size_);
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd_, 0);
  if (address == MAP_FAILED) return ErrnoError(path_, "map", errno);
  return std::shared_ptr<const std::byte>(
      static_cast<const std::byte*>(address),
      [size](const std::byte* begin) { munmap(const_cast<std::byte*>(begin), size); });
}

Status File::Resize(int64_t size) {
  if (ftruncate(fd_, size) != 0) return ErrnoError(path_, "resize", errno);
  size_ = size;
  return Status();
}

Result<std::unique_ptr<OutputFile>> OutputFile::Create(const std::string& path) {
  std::unique_ptr<OutputFile> output(new OutputFile);
  output->path_ = path;
  struct stat info;
  bool is_there = path != "-" && stat(path.c_str(), &info) == 0;
  if (is_there && S_ISDIR(info.st_mode))
    return InvalidArgumentError(ShownPlace(path) + ": is a directory");
  if (path == "-" || (is_there && !S_ISREG(info.st_mode))) {
    COFFER_ASSIGN_OR_RETURN(output->file_, File::Temporary("the output"));
    return output;
  }
  for (int attempt = 0;; ++attempt) {
    output->temporary_path_ =
        path + ".tmp" + std::to_string(getpid()) + "-" + std::to_string(attempt);
    int fd = open(output->temporary_path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
      output->file_ = std::make_shared<File>(fd, path, 0);
      return output;
    }
    if (errno != EEXIST || attempt == 100) {
      int error = errno;
      output->temporary_path_.clear();
      return ErrnoError(path, "create", error);
    }
  }
}

OutputFile::~OutputFile() {
  if (!temporary_path_.empty()) unlink(temporary_path_.c_str());
}

Status OutputFile::Commit() {
  if (temporary_path_.empty()) return Send();
  if (fsync(file_->fd()) != 0) return ErrnoError(path_, "sync", errno);
  if (rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    return ErrnoError(path_, "rename", errno);
  }
  temporary_path_.clear();
  std::string folder = DirectoryOf(path_);
  int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(folder, "open", errno);
  int failed = fsync(fd) != 0 ? errno : 0;
  close(fd);
  // Some file systems cannot sync a folder; then there is nothing more to be done.
  return failed == 0 || failed == EINVAL ? Status() : ErrnoError(folder, "sync", failed);
}

Status OutputFile::Send() const {
  std::string name = path_ == "-" ? "standard output" : path_;
  int fd = path_ == "-" ? dup(STDOUT_FILENO) : open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(name, "open", errno);
  File sink(fd, name, 0);
  std::vector<std::byte> piece(size_t{1} << 20);
  for (int64_t at = 0; at < file_->size(); at += std::ssize(piece)) {
    auto size = static_cast<size_t>(std::min<int64_t>(std::ssize(piece), file_->size() - at));
    std::span<std::byte> part(piece.data(), size);
    COFFER_RETURN_IF_ERROR(file_->ReadAt(at, part));
    COFFER_RETURN_IF_ERROR(WriteAll(fd, part, name));
  }
  return Status();
}

Result<size_t> ReadFully(const ByteReader& reader, std::span<std::byte> out) {
  size_t filled = 0;
  while (filled < out.size()) {
    COFFER_ASSIGN_OR_RETURN(size_t n, reader(out.subspan(filled)));
    if (n == 0) break;
    filled += n;
  }
  return filled;
}

}  // namespace coffer::inline v0::formats
