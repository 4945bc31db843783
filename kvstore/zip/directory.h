// ZipDirectory: the central directory of a zip archive (APPNOTE.TXT 6.3.10), checked and sorted.
//
//     COFFER_ASSIGN_OR_RETURN(const ZipEnd end, FindZipEnd(tail, archive_size));
//     COFFER_ASSIGN_OR_RETURN(ZipDirectoryPtr directory, ZipDirectory::Parse(bytes, end));
//     const ZipDirectory::Entry* entry = directory->Find("c/0/0");
//
// All input is from outside. No number in it is multiplied, added or trusted unchecked, and none
// decides how much memory is taken: a parsed directory holds its bytes and 64 bytes a member, and
// both are limited. What is wrong with the directory as a whole fails it; what is wrong with one
// member only fails those who read it.
//
// Errors: DataLoss for what contradicts itself or the archive's size, Unimplemented for archives of
// several disks, ResourceExhausted for a directory beyond the limits.
//
// Thread safety: a directory is immutable but for the remembered places of its members' data, which
// any thread may add.
#ifndef COFFER_KVSTORE_ZIP_DIRECTORY_H_
#define COFFER_KVSTORE_ZIP_DIRECTORY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "coffer/base/bytes.h"
#include "coffer/base/checked.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

/// The longest comment, the three records of an archive's end, and room for a longer one of them.
inline constexpr int64_t kZipTailBytes = KiB(66);
inline constexpr int64_t kZipDirectoryBytesMax = MiB(64);
inline constexpr int64_t kZipMembersMax = int64_t{1} << 22;
/// Of a local header, without the name and what follows it.
inline constexpr int64_t kZipLocalHeaderBytes = 30;

/// Where the directory is, as the end of the archive says.
struct ZipEnd {
  int64_t directory_begin = 0;
  int64_t directory_size = 0;
  int64_t members = 0;
  /// Bytes before the archive proper, which its own offsets do not count.
  int64_t prefix_size = 0;
};

/// `tail` is the last bytes of the archive: all, or at least kZipTailBytes.
Result<ZipEnd> FindZipEnd(std::span<const std::byte> tail, int64_t archive_size);

class ZipDirectory;
using ZipDirectoryPtr = std::shared_ptr<const ZipDirectory>;

class ZipDirectory {
 public:
  struct Entry {
    int64_t header_begin = 0;  ///< Of the local header, in the archive; -1: beyond any.
    int64_t limit = 0;         ///< Where the next member, or the directory, begins.
    int64_t stored_size = 0;   ///< Of the data in the archive; -1: more than any.
    int64_t size = 0;          ///< Of the value; -1: more than any.
    uint32_t name_begin = 0;
    uint32_t crc32 = 0;
    uint16_t name_size = 0;
    uint16_t flags = 0;
    uint16_t method = 0;
    bool other_disk = false;

    bool deflated() const { return method == 8; }
  };

  /// `bytes` has end.directory_size bytes.
  static Result<ZipDirectoryPtr> Parse(Bytes bytes, const ZipEnd& end);

  /// Members by name; folders (names that end with "/") are none. Of several with one name the one
  /// that the directory has last.
  std::span<const Entry> entries() const { return entries_; }
  std::string_view name(const Entry& entry) const {
    return bytes_.text().substr(entry.name_begin, entry.name_size);
  }
  const Entry* Find(std::string_view name) const;
  /// The place of the first whose name is no less.
  size_t LowerBound(std::string_view name) const;

  /// Whether the member's data can be read: DataLoss if it lies outside the archive or over another
  /// member, or its sizes cannot be; Unimplemented for what is encrypted, on another disk or of
  /// another method than stored and deflated.
  Status CheckReadable(const Entry& entry) const;

  /// Where the member's data begins, if that is known; else -1.
  int64_t data_begin(const Entry& entry) const {
    return data_begins_[Place(entry)].load(std::memory_order_relaxed);
  }
  /// The same by the member's local header (its first kZipLocalHeaderBytes + name_size bytes, or
  /// more), which must agree with the directory; remembered. Requires CheckReadable() to be OK.
  Result<int64_t> FindData(const Entry& entry, std::span<const std::byte> header) const;

 private:
  ZipDirectory(Bytes bytes, std::vector<Entry> entries);
  size_t Place(const Entry& entry) const { return static_cast<size_t>(&entry - entries_.data()); }

  const Bytes bytes_;
  const std::vector<Entry> entries_;
  const std::unique_ptr<std::atomic<int64_t>[]> data_begins_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_ZIP_DIRECTORY_H_
