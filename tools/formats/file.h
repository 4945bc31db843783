// File, OutputFile: local files that the formats of this folder read and write.
//
// A File is an open descriptor with whole-buffer positional reads and writes, so that any number of
// threads may read boxes of one array at once. Pages are mapped only where Map() is asked for them:
// they count as this process's memory.
//
// An OutputFile writes beside its final name and renames on Commit(), so that a command that fails
// or is interrupted leaves the destination as it was. "-" (standard output), pipes and devices have
// no positions: there the bytes are gathered in an unlinked temporary file and sent by Commit().
//
// Errors name the path. Thread safety: ReadAt and WriteAt from any thread.
#ifndef COFFER_TOOLS_FORMATS_FILE_H_
#define COFFER_TOOLS_FORMATS_FILE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "coffer/base/result.h"

namespace coffer::inline v0::formats {

class File {
 public:
  /// A regular file, for reading. NotFound, PermissionDenied; InvalidArgument if it is no regular
  /// file.
  static Result<std::shared_ptr<File>> Open(const std::string& path);
  /// A new unlinked file in $TMPDIR (else /tmp), for reading and writing. `purpose` is its name in
  /// errors.
  static Result<std::shared_ptr<File>> Temporary(const std::string& purpose);

  File(int fd, std::string path, int64_t size) : fd_(fd), path_(std::move(path)), size_(size) {}
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }
  int fd() const { return fd_; }
  /// Size when opened, or as Resize() set it.
  int64_t size() const { return size_; }

  /// All of `out`, or DataLoss where the file ends before.
  Status ReadAt(int64_t offset, std::span<std::byte> out) const;
  Status WriteAt(int64_t offset, std::span<const std::byte> bytes) const;
  /// All of the file as read-only memory, which lives as long as the pointer (a null one for an
  /// empty file). Its pages count as this process's memory, but the kernel may drop them.
  Result<std::shared_ptr<const std::byte>> Map() const;
  /// Makes the file this long; what was not written reads as zeros.
  Status Resize(int64_t size);

 private:
  int fd_;
  std::string path_;
  int64_t size_;
};

class OutputFile {
 public:
  static Result<std::unique_ptr<OutputFile>> Create(const std::string& path);
  /// Removes what was not committed.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  File& file() { return *file_; }
  std::shared_ptr<File> shared_file() { return file_; }
  /// Makes the bytes durable under the final name, or sends them.
  Status Commit();

 private:
  OutputFile() = default;
  Status Send() const;

  std::shared_ptr<File> file_;
  std::string path_;
  std::string temporary_path_;  // Empty: unlinked, to be sent.
};

/// A stream of bytes: fills the front of the span, returns how much; 0 at the end.
using ByteReader = std::function<Result<size_t>(std::span<std::byte>)>;

/// Reads until `out` is full or the stream ends; returns how much.
Result<size_t> ReadFully(const ByteReader& reader, std::span<std::byte> out);

}  // namespace coffer::inline v0::formats

#endif  // COFFER_TOOLS_FORMATS_FILE_H_
