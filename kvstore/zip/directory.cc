// From the end of an archive to its members:
//  1. The end record is the last one whose comment ends with the archive. Before it a zip64 locator
//     may stand, which leads to a zip64 record; where both records have a number, they agree.
//  2. The directory ends where the (first) end record begins, so its size says where it begins.
//     What its claimed offset lacks to that is a prefix, as self-extracting archives have one.
//  3. As many members as the end claims are read one after the other, and fill the directory.
//  4. A member may use the bytes up to the next member's header, or the directory: so none overlaps
//     another. Two that begin at the same place have none.
#include "kvstore/zip/directory.h"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <string>
#include <utility>

namespace coffer::inline v0 {

namespace {

constexpr uint32_t kEndMagic = 0x06054b50;
constexpr uint32_t kZip64LocatorMagic = 0x07064b50;
constexpr uint32_t kZip64EndMagic = 0x06064b50;
constexpr uint32_t kMemberMagic = 0x02014b50;
constexpr uint32_t kLocalMagic = 0x04034b50;

constexpr size_t kEndBytes = 22;
constexpr size_t kZip64LocatorBytes = 20;
constexpr size_t kZip64EndBytes = 56;
constexpr size_t kZip64EndUncounted = 12;  // Magic and size, which the size does not count.
constexpr size_t kMemberBytes = 46;
constexpr uint16_t kZip64ExtraId = 1;

constexpr uint16_t kMax16 = 0xffff;
constexpr uint32_t kMax32 = 0xffffffff;
constexpr uint16_t kEncrypted = 1 << 0 | 1 << 6 | 1 << 13;
constexpr uint16_t kPatch = 1 << 5;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;
// No deflate code makes more than 258 bytes of 2 bits.
constexpr int64_t kDeflateRatioMax = 1032;

template <class T>
T Load(std::span<const std::byte> bytes, size_t at) {
  T value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(T));  // Little-endian, as we are.
  return value;
}

std::string Text(std::integral auto value) { return std::to_string(value); }

Status Damaged(const std::string& what) { return DataLossError("damaged zip archive: " + what); }

/// What the end records say, unchecked.
struct Claim {
  uint64_t disk, directory_disk, members_here, members, directory_size, directory_begin;
};

/// The position of the end record in the tail.
Result<size_t> FindEndRecord(std::span<const std::byte> tail) {
  if (tail.size() >= kEndBytes) {
    for (size_t at = tail.size() - kEndBytes + 1; at-- > 0;) {
      if (tail.size() - kEndBytes - at > kMax16) break;
      if (Load<uint32_t>(tail, at) != kEndMagic) continue;
      if (at + kEndBytes + Load<uint16_t>(tail, at + 20) == tail.size()) return at;
    }
  }
  return DataLossError("no zip archive: it does not end with an end record and its comment");
}

/// The position of the zip64 end record: where the locator says, or, in an archive with a prefix,
/// before the locator.
Result<size_t> FindZip64Record(std::span<const std::byte> tail, size_t locator,
                               int64_t archive_size) {
  const auto tail_begin = static_cast<uint64_t>(archive_size) - tail.size();
  const uint64_t said = Load<uint64_t>(tail, locator + 8) - tail_begin;  // Or wraps: too large.
  for (const uint64_t at : {said, uint64_t{locator} - kZip64EndBytes}) {
    if (at > locator || locator - at < kZip64EndBytes) continue;
    if (Load<uint32_t>(tail, at) != kZip64EndMagic) continue;
    if (Load<uint64_t>(tail, at + 4) == locator - at - kZip64EndUncounted) return at;
  }
  return Damaged("its zip64 end record is not where the locator says");
}

/// Replaces what the end record has no room for, and requires that the rest agrees.
Status ApplyZip64(std::span<const std::byte> tail, size_t record, Claim* claim) {
  const Claim wide = {
      Load<uint32_t>(tail, record + 16), Load<uint32_t>(tail, record + 20),
      Load<uint64_t>(tail, record + 24), Load<uint64_t>(tail, record + 32),
      Load<uint64_t>(tail, record + 40), Load<uint64_t>(tail, record + 48),
  };
  const auto agree = [](uint64_t narrow, uint64_t full, uint64_t max) {
    return narrow == max || narrow == full;
  };
  if (!agree(claim->disk, wide.disk, kMax16) ||
      !agree(claim->directory_disk, wide.directory_disk, kMax16) ||
      !agree(claim->members_here, wide.members_here, kMax16) ||
      !agree(claim->members, wide.members, kMax16) ||
      !agree(claim->directory_size, wide.directory_size, kMax32) ||
      !agree(claim->directory_begin, wide.directory_begin, kMax32)) {
    return Damaged("its two end records disagree");
  }
  *claim = wide;
  return Status();
}

/// Takes the fields of a zip64 extra field, in the order in which the member lacks them.
class Zip64Extra {
 public:
  explicit Zip64Extra(std::span<const std::byte> extra) {
    while (extra.size() >= 4) {
      const size_t size = Load<uint16_t>(extra, 2);
      if (extra.size() - 4 < size) return;
      if (Load<uint16_t>(extra, 0) == kZip64ExtraId) {
        rest_ = extra.subspan(4, size);
        return;
      }
      extra = extra.subspan(4 + size);
    }
  }
  /// `narrow`, or if that is all ones the next field; -1 if it is not there or more than any size.
  int64_t Take(uint32_t narrow) {
    if (narrow != kMax32) return narrow;
    if (rest_.size() < 8) return -1;
    const auto wide = Load<uint64_t>(rest_, 0);
    rest_ = rest_.subspan(8);
    return wide > INT64_MAX ? -1 : static_cast<int64_t>(wide);
  }
  bool TakeOtherDisk(uint16_t narrow) {
    if (narrow != kMax16) return narrow != 0;
    return rest_.size() < 4 || Load<uint32_t>(rest_, 0) != 0;
  }

 private:
  std::span<const std::byte> rest_;
};

/// The member that begins at `*at`, which moves behind it.
Result<ZipDirectory::Entry> ParseMember(std::span<const std::byte> bytes, const ZipEnd& end,
                                        size_t* at) {
  const std::string where = "directory entry at " + Text(*at);
  if (bytes.size() - *at < kMemberBytes) return Damaged(where + " is cut short");
  const auto member = bytes.subspan(*at);
  if (Load<uint32_t>(member, 0) != kMemberMagic) return Damaged(where + " is none");
  ZipDirectory::Entry entry;
  entry.flags = Load<uint16_t>(member, 8);
  entry.method = Load<uint16_t>(member, 10);
  entry.crc32 = Load<uint32_t>(member, 16);
  entry.name_size = Load<uint16_t>(member, 28);
  const size_t extra_size = Load<uint16_t>(member, 30);
  const size_t size = kMemberBytes + entry.name_size + extra_size + Load<uint16_t>(member, 32);
  if (size > member.size()) return Damaged(where + " is cut short");
  Zip64Extra wide(member.subspan(kMemberBytes + entry.name_size, extra_size));
  entry.size = wide.Take(Load<uint32_t>(member, 24));
  entry.stored_size = wide.Take(Load<uint32_t>(member, 20));
  const int64_t offset = wide.Take(Load<uint32_t>(member, 42));
  entry.header_begin = offset < 0 ? -1 : CheckedAdd(offset, end.prefix_size).value_or(-1);
  if (entry.header_begin >= end.directory_begin) entry.header_begin = -1;
  entry.other_disk = wide.TakeOtherDisk(Load<uint16_t>(member, 34));
  entry.name_begin = static_cast<uint32_t>(*at + kMemberBytes);
  *at += size;
  return entry;
}

/// Step 4.
void SetLimits(std::vector<ZipDirectory::Entry>* entries, int64_t directory_begin) {
  std::sort(entries->begin(), entries->end(),
            [](const auto& a, const auto& b) { return a.header_begin < b.header_begin; });
  int64_t limit = directory_begin;
  for (size_t i = entries->size(); i-- > 0;) {
    ZipDirectory::Entry& entry = (*entries)[i];
    const bool shared = i > 0 && (*entries)[i - 1].header_begin == entry.header_begin;
    entry.limit = shared ? entry.header_begin : limit;
    limit = entry.header_begin;
  }
}

std::string MethodName(uint16_t method) {
  constexpr std::pair<uint16_t, const char*> kNames[] = {
      {1, "shrink"}, {6, "implode"}, {9, "deflate64"}, {12, "bzip2"}, {14, "lzma"},
      {93, "zstd"},  {95, "xz"},     {98, "ppmd"},     {99, "AES"}};
  for (const auto& [number, name] : kNames) {
    if (number == method) return Text(method) + " (" + name + ")";
  }
  return Text(method);
}

}  // namespace

Result<ZipEnd> FindZipEnd(std::span<const std::byte> tail, int64_t archive_size) {
  COFFER_ASSIGN_OR_RETURN(const size_t record, FindEndRecord(tail));
  Claim claim = {
      Load<uint16_t>(tail, record + 4),  Load<uint16_t>(tail, record + 6),
      Load<uint16_t>(tail, record + 8),  Load<uint16_t>(tail, record + 10),
      Load<uint32_t>(tail, record + 12), Load<uint32_t>(tail, record + 16),
  };
  const int64_t tail_begin = archive_size - static_cast<int64_t>(tail.size());
  int64_t directory_end = tail_begin + static_cast<int64_t>(record);
  if (record >= kZip64LocatorBytes &&
      Load<uint32_t>(tail, record - kZip64LocatorBytes) == kZip64LocatorMagic) {
    const size_t locator = record - kZip64LocatorBytes;
    COFFER_ASSIGN_OR_RETURN(const size_t wide, FindZip64Record(tail, locator, archive_size));
    COFFER_RETURN_IF_ERROR(ApplyZip64(tail, wide, &claim));
    directory_end = tail_begin + static_cast<int64_t>(wide);
  }
  if (claim.disk != 0 || claim.directory_disk != 0 || claim.members_here != claim.members) {
    return UnimplementedError("a zip archive of several disks is not supported");
  }
  const auto room = static_cast<uint64_t>(directory_end);
  if (claim.directory_size > room || claim.directory_begin > room - claim.directory_size) {
    return Damaged("a directory of " + Text(claim.directory_size) + " bytes at " +
                   Text(claim.directory_begin) + " does not lie before its end at " + Text(room));
  }
  if (claim.directory_size > uint64_t{kZipDirectoryBytesMax} ||
      claim.members > uint64_t{kZipMembersMax}) {
    return ResourceExhaustedError("a zip directory of " + Text(claim.directory_size) +
                                  " bytes and " + Text(claim.members) + " members; at most " +
                                  Text(kZipDirectoryBytesMax) + " and " + Text(kZipMembersMax) +
                                  " are read");
  }
  if (claim.members > claim.directory_size / kMemberBytes) {
    return Damaged(Text(claim.members) + " members do not fit in a directory of " +
                   Text(claim.directory_size) + " bytes");
  }
  ZipEnd end;
  end.directory_size = static_cast<int64_t>(claim.directory_size);
  end.directory_begin = directory_end - end.directory_size;
  end.members = static_cast<int64_t>(claim.members);
  end.prefix_size = end.directory_begin - static_cast<int64_t>(claim.directory_begin);
  return end;
}

ZipDirectory::ZipDirectory(Bytes bytes, std::vector<Entry> entries)
    : bytes_(std::move(bytes)),
      entries_(std::move(entries)),
      data_begins_(std::make_unique<std::atomic<int64_t>[]>(entries_.size())) {
  for (size_t i = 0; i < entries_.size(); ++i) data_begins_[i] = -1;
}

Result<ZipDirectoryPtr> ZipDirectory::Parse(Bytes bytes, const ZipEnd& end) {
  std::vector<Entry> entries;
  entries.reserve(static_cast<size_t>(end.members));
  size_t at = 0;
  for (int64_t i = 0; i < end.members; ++i) {
    COFFER_ASSIGN_OR_RETURN(entries.emplace_back(), ParseMember(bytes, end, &at));
  }
  if (at != bytes.size()) {
    return Damaged("its directory has " + Text(bytes.size() - at) + " bytes behind the " +
                   Text(entries.size()) + " members that it is to have");
  }
  SetLimits(&entries, end.directory_begin);
  const auto name = [text = bytes.text()](const Entry& entry) {
    return text.substr(entry.name_begin, entry.name_size);
  };
  std::erase_if(entries, [&](const Entry& entry) { return name(entry).ends_with('/'); });
  std::sort(entries.begin(), entries.end(), [&](const Entry& a, const Entry& b) {
    const int order = name(a).compare(name(b));
    return order != 0 ? order < 0 : a.name_begin > b.name_begin;  // The last comes first...
  });
  const auto same = [&](const Entry& a, const Entry& b) { return name(a) == name(b); };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());  // ...and stays.
  entries.shrink_to_fit();
  return ZipDirectoryPtr(new ZipDirectory(std::move(bytes), std::move(entries)));
}

size_t ZipDirectory::LowerBound(std::string_view sought) const {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), sought,
                       [&](const Entry& entry, std::string_view key) { return name(entry) < key; });
  return static_cast<size_t>(found - entries_.begin());
}

const ZipDirectory::Entry* ZipDirectory::Find(std::string_view sought) const {
  const size_t place = LowerBound(sought);
  return place < entries_.size() && name(entries_[place]) == sought ? &entries_[place] : nullptr;
}

Status ZipDirectory::CheckReadable(const Entry& entry) const {
  if ((entry.flags & kEncrypted) != 0) {
    return UnimplementedError("encrypted zip members are not supported");
  }
  if (entry.other_disk) {
    return UnimplementedError("a zip member on another disk is not supported");
  }
  if ((entry.method != kStored && entry.method != kDeflated) || (entry.flags & kPatch) != 0) {
    return UnimplementedError("zip compression method " + MethodName(entry.method) +
                              ((entry.flags & kPatch) != 0 ? " as a patch" : "") +
                              " is not supported (0, stored, and 8, deflated, are)");
  }
  if (entry.size < 0 || entry.stored_size < 0 || entry.header_begin < 0) {
    return Damaged("the member lies outside it");
  }
  const int64_t room = entry.limit - entry.header_begin - kZipLocalHeaderBytes - entry.name_size;
  if (entry.stored_size > room) {
    return Damaged("the member's " + Text(entry.stored_size) + " bytes overlap what comes next");
  }
  // No overflow: it lies in the archive.
  const int64_t size_max = entry.deflated()
                               ? CheckedMul(entry.stored_size, kDeflateRatioMax).value_or(INT64_MAX)
                               : entry.stored_size;
  if (entry.size > size_max || (!entry.deflated() && entry.size != entry.stored_size)) {
    return Damaged("the member cannot have " + Text(entry.size) + " bytes, stored in " +
                   Text(entry.stored_size));
  }
  return Status();
}

Result<int64_t> ZipDirectory::FindData(const Entry& entry,
                                       std::span<const std::byte> header) const {
  constexpr auto kHeaderBytes = static_cast<size_t>(kZipLocalHeaderBytes);
  if (header.size() < kHeaderBytes + entry.name_size || Load<uint32_t>(header, 0) != kLocalMagic) {
    return Damaged("no member begins where the directory says");
  }
  const bool alike = Load<uint16_t>(header, 8) == entry.method &&
                     ((Load<uint16_t>(header, 6) ^ entry.flags) & kEncrypted) == 0 &&
                     Load<uint16_t>(header, 26) == entry.name_size &&
                     AsText(header.subspan(kHeaderBytes, entry.name_size)) == name(entry);
  if (!alike) return Damaged("the member's own header is another than the directory's");
  const int64_t begin =
      entry.header_begin + kZipLocalHeaderBytes + entry.name_size + Load<uint16_t>(header, 28);
  if (entry.stored_size > entry.limit - begin) {
    return Damaged("the member's " + Text(entry.stored_size) + " bytes overlap what comes next");
  }
  data_begins_[Place(entry)].store(begin, std::memory_order_relaxed);
  return begin;
}

}  // namespace coffer::inline v0
