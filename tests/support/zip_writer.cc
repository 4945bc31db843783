#include "tests/support/zip_writer.h"

#include <map>
#include <utility>

#include "src/base/compress.h"
#include "src/base/mutex.h"

namespace coffer::inline v0 {

namespace {

constexpr uint16_t kDescriptorFlag = 1 << 3;
constexpr uint16_t kUtf8Flag = 1 << 11;
constexpr uint32_t kMax32 = 0xffffffff;

template <class T>
void Put(std::string* out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out->push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

/// A zip64 extra field of these numbers.
std::string Zip64Extra(const std::vector<int64_t>& numbers) {
  std::string extra;
  Put(&extra, uint16_t{1});
  Put(&extra, static_cast<uint16_t>(8 * numbers.size()));
  for (const int64_t number : numbers) Put(&extra, static_cast<uint64_t>(number));
  return extra;
}

uint32_t Narrow(int64_t number, const ZipForm& form) {
  return form.zip64 ? kMax32 : static_cast<uint32_t>(number);
}

/// What a local header and a directory entry have in common.
void PutCommon(std::string* out, const ZipMember& member, const ZipForm& form, bool local) {
  const bool later = local && form.descriptors;
  Put(out, uint16_t{45});
  Put(out,
      static_cast<uint16_t>(member.flags | kUtf8Flag | (form.descriptors ? kDescriptorFlag : 0)));
  Put(out, member.method);
  Put(out, uint32_t{0x00210000});  // Time and date.
  Put(out, later ? 0 : member.crc32);
  Put(out, later ? 0 : Narrow(static_cast<int64_t>(member.stored.size()), form));
  Put(out, later ? 0 : Narrow(member.size, form));
  Put(out, static_cast<uint16_t>(member.name.size()));
}

void PutLocal(std::string* out, const ZipMember& member, const ZipForm& form) {
  const auto stored_size = static_cast<int64_t>(member.stored.size());
  const std::string extra =
      form.zip64 && !form.descriptors ? Zip64Extra({member.size, stored_size}) : "";
  Put(out, uint32_t{0x04034b50});
  PutCommon(out, member, form, /*local=*/true);
  Put(out, static_cast<uint16_t>(extra.size()));
  *out += member.name + extra + member.stored;
  if (!form.descriptors) return;
  Put(out, uint32_t{0x08074b50});
  Put(out, member.crc32);
  if (form.zip64) {
    Put(out, static_cast<uint64_t>(stored_size));
    Put(out, static_cast<uint64_t>(member.size));
  } else {
    Put(out, static_cast<uint32_t>(stored_size));
    Put(out, static_cast<uint32_t>(member.size));
  }
}

void PutEntry(std::string* out, const ZipMember& member, int64_t offset, const ZipForm& form) {
  const auto stored_size = static_cast<int64_t>(member.stored.size());
  const std::string extra = form.zip64 ? Zip64Extra({member.size, stored_size, offset}) : "";
  Put(out, uint32_t{0x02014b50});
  Put(out, uint16_t{45});
  PutCommon(out, member, form, /*local=*/false);
  Put(out, static_cast<uint16_t>(extra.size()));
  Put(out, uint16_t{0});  // Comment.
  Put(out, uint16_t{0});  // Disk.
  Put(out, uint16_t{0});
  Put(out, uint32_t{0});
  Put(out, Narrow(offset, form));
  *out += member.name + extra;
}

void PutEnd(std::string* out, size_t members, int64_t size, int64_t begin, const ZipForm& form) {
  const int64_t record = begin + size;
  if (form.zip64) {
    Put(out, uint32_t{0x06064b50});
    Put(out, uint64_t{44});
    Put(out, uint16_t{45});
    Put(out, uint16_t{45});
    Put(out, uint64_t{0});  // Disks.
    Put(out, uint64_t{members});
    Put(out, uint64_t{members});
    Put(out, static_cast<uint64_t>(size));
    Put(out, static_cast<uint64_t>(begin));
    Put(out, uint32_t{0x07064b50});
    Put(out, uint32_t{0});
    Put(out, static_cast<uint64_t>(record));
    Put(out, uint32_t{1});
  }
  const auto count = static_cast<uint16_t>(form.zip64 ? 0xffff : members);
  Put(out, uint32_t{0x06054b50});
  Put(out, uint32_t{0});  // Disks.
  Put(out, count);
  Put(out, count);
  Put(out, Narrow(size, form));
  Put(out, Narrow(begin, form));
  Put(out, static_cast<uint16_t>(form.comment.size()));
  *out += form.comment;
}

class ZippingStore final : public KvStore {
 public:
  ZippingStore(KvStorePtr base, std::string key, ZipForm form)
      : base_(std::move(base)), key_(std::move(key)), form_(std::move(form)) {
    MutexLock lock(mutex_);
    WriteArchive().OrDie();
  }

  Future<ReadResult> Read(std::string key, ReadOptions) override {
    return Future<ReadResult>::Ready(UnimplementedError(Describe(key)));
  }
  Future<WriteResult> Write(std::string key, std::optional<BytesChain> value,
                            WriteOptions) override {
    std::optional<ZipMember> member;
    if (value) member = MakeZipMember(key, value->Flatten().text(), form_.deflate);
    MutexLock lock(mutex_);
    if (member) {
      members_[key] = *std::move(member);
    } else {
      members_.erase(key);
    }
    Result<WriteResult> written = WriteArchive();
    if (written.ok() && !value) written->generation = Generation::Missing();
    return Future<WriteResult>::Ready(std::move(written));
  }
  Future<void> DeleteRange(KeyRange range) override {
    MutexLock lock(mutex_);
    std::erase_if(members_, [&](const auto& member) { return range.Contains(member.first); });
    return Future<void>::Ready(WriteArchive().status());
  }
  Capabilities capabilities() const override {
    Capabilities can;
    can.local = true;
    can.listable = false;
    return can;
  }
  std::string Describe(std::string_view key) const override {
    return "zipping " + std::string(key);
  }

 private:
  Result<WriteResult> WriteArchive() COFFER_REQUIRES(mutex_) {
    std::vector<ZipMember> members;
    for (const auto& [key, member] : members_) members.push_back(member);
    return base_->Write(key_, Bytes::Take(MakeZip(members, form_))).Get();
  }

  const KvStorePtr base_;
  const std::string key_;
  const ZipForm form_;
  Mutex mutex_;
  std::map<std::string, ZipMember> members_ COFFER_GUARDED_BY(mutex_);
};

}  // namespace

ZipMember MakeZipMember(std::string name, std::string_view value, bool deflate) {
  ZipMember member;
  member.name = std::move(name);
  member.stored = value;
  member.size = static_cast<int64_t>(value.size());
  member.crc32 = Crc32(AsBytes(value));
  if (!deflate) return member;
  constexpr size_t kZlibHeaderBytes = 2;
  constexpr size_t kZlibTrailerBytes = 4;
  std::vector<std::byte> zlib(ZlibBound(value.size()));
  zlib.resize(ZlibCompress(AsBytes(value), 1, zlib).OrDie() - kZlibTrailerBytes);
  member.stored = AsText(std::span<const std::byte>(zlib).subspan(kZlibHeaderBytes));
  member.method = 8;
  return member;
}

std::string MakeZip(const std::vector<ZipMember>& members, const ZipForm& form) {
  std::string archive;
  std::string directory;
  for (const ZipMember& member : members) {
    PutEntry(&directory, member, static_cast<int64_t>(archive.size()), form);
    PutLocal(&archive, member, form);
  }
  const auto begin = static_cast<int64_t>(archive.size());
  archive += directory;
  PutEnd(&archive, members.size(), static_cast<int64_t>(directory.size()), begin, form);
  return form.prefix + archive;
}

KvStorePtr MakeZippingStore(KvStorePtr base, std::string key, const ZipForm& form) {
  return std::make_shared<ZippingStore>(std::move(base), std::move(key), form);
}

}  // namespace coffer::inline v0
