// A file is opened without waiting (a pipe without a writer must not hang), looked at, and read
// into one buffer of the largest size allowed, so that no smaller copy of a secret stays behind.
#include "kvstore/s3/environment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kvstore/s3/text.h"
#include "src/base/wipe.h"

namespace coffer::inline v0 {

namespace {

Status FileError(const std::string& path, int error) {
  const std::string text = "file \"" + path + "\": " + std::strerror(error);
  return error == EACCES || error == EPERM ? PermissionDeniedError(text) : UnavailableError(text);
}

Result<std::string> ReadAll(int file, const std::string& path, size_t size_max) {
  std::string text(size_max + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = read(file, text.data() + size, text.size() - size);
    if (count == 0) break;
    if (count > 0) {
      size += static_cast<size_t>(count);
    } else if (errno != EINTR) {
      const int error = errno;
      Wipe(&text);
      return FileError(path, error);
    }
  }
  if (size > size_max) {
    Wipe(&text);
    return ResourceExhaustedError("file \"" + path + "\": larger than " + std::to_string(size_max) +
                                  " bytes");
  }
  text.resize(size);
  return text;
}

Result<std::optional<std::string>> ReadFile(const std::string& path, size_t size_max) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>();
    return FileError(path, errno);
  }
  struct stat info = {};
  Result<std::string> text = std::string();
  if (fstat(file, &info) != 0) {
    text = FileError(path, errno);
  } else if (!S_ISREG(info.st_mode) && !S_ISCHR(info.st_mode)) {  // /dev/null is usual.
    text = InvalidArgumentError("file \"" + path + "\": not a regular file");
  } else {
    text = ReadAll(file, path, size_max);
  }
  close(file);
  if (!text.ok()) return text.status();
  return std::optional<std::string>(*std::move(text));
}

std::optional<std::string> GetVariable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

AwsEnvironment AwsEnvironment::OfProcess() {
  return {GetVariable, ReadFile, [] { return std::chrono::system_clock::now(); }};
}

std::string AwsEnvironment::Variable(const std::string& name) const {
  return get_variable(name).value_or("");
}

bool AwsEnvironment::IsTrue(const std::string& name) const {
  return LowerCase(Variable(name)) == "true";
}

}  // namespace coffer::inline v0
