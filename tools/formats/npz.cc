// Writing:
// 1. Every member gets its place when it is added, so that elements may be written in any order,
//    straight into the output.
// 2. Commit() reads each member back for its CRC-32, fills in its local header, and appends the
//    directory. All sizes and offsets stand in zip64 fields, whatever their value: one form for
//    all archives, and so one that is always tested.
#include "tools/formats/npz.h"

#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <set>
#include <utility>

#include "coffer/base/bytes.h"
#include "tools/formats/npy.h"

namespace coffer::inline v0::formats {
namespace {

constexpr std::string_view kSuffix = ".npy";

std::string ErrorText(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using Member = std::unique_ptr<zip_file_t, Discard>;

class Reader : public NpzReader {
 public:
  Reader(Archive archive, std::string path)
      : archive_(std::move(archive)), path_(std::move(path)) {}

  Status ReadNames() {
    zip_int64_t count = zip_get_num_entries(archive_.get(), 0);
    std::set<std::string_view> seen;
    for (zip_int64_t i = 0; i < count; ++i) {
      const char* name =
          zip_get_name(archive_.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_GUESS);
      std::string_view text = name != nullptr ? name : "";
      if (!text.ends_with(kSuffix)) {
        return InvalidArgumentError(path_ + ": member \"" + std::string(text) +
                                    "\" is no .npy file");
      }
      if (!seen.insert(text).second) {
        return InvalidArgumentError(path_ + ": two members are named \"" + std::string(text) +
                                    "\"");
      }
      names_.emplace_back(text.substr(0, text.size() - kSuffix.size()));
    }
    return Status();
  }

  const std::vector<std::string>& names() const override { return names_; }

  Result<FileArray> Unpack(size_t index) const override {
    std::string where = path_ + ": " + names_[index] + std::string(kSuffix);
    zip_stat_t info;
    zip_stat_init(&info);
    if (zip_stat_index(archive_.get(), index, 0, &info) != 0 || (info.valid & ZIP_STAT_SIZE) == 0 ||
        info.size > INT64_MAX) {
      return DataLossError(where + ": the zip directory does not say its size");
    }
    auto size = static_cast<int64_t>(info.size);
    Member member(zip_fopen_index(archive_.get(), index, 0));
    if (member == nullptr) return DataLossError(where + ": " + zip_strerror(archive_.get()));
    ByteReader reader = [&](std::span<std::byte> out) -> Result<size_t> {
      zip_int64_t n = zip_fread(member.get(), out.data(), out.size());
      if (n >= 0) return static_cast<size_t>(n);
      return DataLossError(where + ": " + zip_file_strerror(member.get()));
    };
    std::vector<std::byte> head(static_cast<size_t>(std::min(kNpyHeaderMax, size)));
    COFFER_ASSIGN_OR_RETURN(size_t got, ReadFully(reader, head));
    head.resize(got);
    Result<ArrayLayout> layout = ParseNpy(head, size);
    if (!layout.ok()) return layout.status().Annotate(where);
    COFFER_ASSIGN_OR_RETURN(std::shared_ptr<File> file, formats::Unpack(head, reader, size, where));
    return FileArray{names_[index], std::move(file), *layout};
  }

 private:
  Archive archive_;
  std::string path_;
  std::vector<std::string> names_;
};

// Little-endian fields of a zip record.
class Record {
 public:
  Record& U16(uint64_t value) { return Append(value, 2); }
  Record& U32(uint64_t value) { return Append(value, 4); }
  Record& U64(uint64_t value) { return Append(value, 8); }
  Record& Text(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& Append(uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes_ += static_cast<char>((value >> (8 * i)) & 0xff);
    return *this;
  }
  std::string bytes_;
};

constexpr uint64_t kIn64 = 0xffffffff;  // "See the zip64 field."
constexpr uint64_t kVersion = 45;       // The first that knows zip64.
constexpr uint64_t kUtf8Names = 0x800;
constexpr uint64_t kDate1980 = 0x21;  // Archives of equal arrays are equal.

struct Place {
  std::string name;  // With the suffix.
  int64_t local_header;
  int64_t begin;
  int64_t end;
  uint64_t crc = 0;

  auto size() const { return static_cast<uint64_t>(end - begin); }
};

std::string LocalHeader(const Place& place) {
  Record record;
  record.U32(0x04034b50).U16(kVersion).U16(kUtf8Names).U16(0).U16(0).U16(kDate1980);
  record.U32(place.crc).U32(kIn64).U32(kIn64).U16(place.name.size()).U16(20).Text(place.name);
  record.U16(1).U16(16).U64(place.size()).U64(place.size());
  return record.bytes();
}

std::string DirectoryEntry(const Place& place) {
  constexpr uint64_t kUnixFile = uint64_t{0100644} << 16;
  Record record;
  record.U32(0x02014b50).U16(3 << 8 | kVersion).U16(kVersion).U16(kUtf8Names).U16(0);
  record.U16(0).U16(kDate1980).U32(place.crc).U32(kIn64).U32(kIn64).U16(place.name.size());
  record.U16(28).U16(0).U16(0).U16(0).U32(kUnixFile).U32(kIn64).Text(place.name);
  record.U16(1).U16(24).U64(place.size()).U64(place.size());
  record.U64(static_cast<uint64_t>(place.local_header));
  return record.bytes();
}

std::string DirectoryEnd(uint64_t count, uint64_t begin, uint64_t size) {
  Record record;
  record.U32(0x06064b50).U64(44).U16(3 << 8 | kVersion).U16(kVersion).U32(0).U32(0);
  record.U64(count).U64(count).U64(size).U64(begin);
  record.U32(0x07064b50).U32(0).U64(begin + size).U32(1);
  record.U32(0x06054b50).U16(0).U16(0).U16(0xffff).U16(0xffff).U32(kIn64).U32(kIn64).U16(0);
  return record.bytes();
}

class Writer : public NpzWriter {
 public:
  Writer(std::unique_ptr<OutputFile> output, std::string path)
      : output_(std::move(output)), path_(std::move(path)) {}

  Result<FileArray> Add(const std::string& name, DataType type, const Shape& shape) override {
    if (name.size() > 65000) {
      return InvalidArgumentError(path_ + ": a name of " + std::to_string(name.size()) +
                                  " bytes is longer than zip allows");
    }
    if (!names_.insert(name).second) {
      return AlreadyExistsError(path_ + ": two arrays are named \"" + name + "\"");
    }
    Place place = {.name = name + std::string(kSuffix), .local_header = end_, .begin = 0, .end = 0};
    place.begin = end_ + std::ssize(LocalHeader(place));
    std::string header = NpyHeader(type, shape);
    COFFER_ASSIGN_OR_RETURN(
        ArrayLayout layout,
        ArrayLayout::Make(type, shape.span(), Order::kC, place.begin + std::ssize(header)));
    place.end = layout.offset + layout.bytes;
    COFFER_RETURN_IF_ERROR(output_->file().WriteAt(place.begin, AsBytes(header)));
    end_ = place.end;
    places_.push_back(std::move(place));
    return FileArray{name, output_->shared_file(), layout};
  }

  Status Commit() override {
    File& file = output_->file();
    COFFER_RETURN_IF_ERROR(file.Resize(end_));
    std::string directory;
    for (Place& place : places_) {
      COFFER_RETURN_IF_ERROR(Checksum(&place));
      COFFER_RETURN_IF_ERROR(file.WriteAt(place.local_header, AsBytes(LocalHeader(place))));
      directory += DirectoryEntry(place);
    }
    std::string end = DirectoryEnd(places_.size(), static_cast<uint64_t>(end_), directory.size());
    COFFER_RETURN_IF_ERROR(file.WriteAt(end_, AsBytes(directory + end)));
    COFFER_RETURN_IF_ERROR(file.Resize(end_ + std::ssize(directory) + std::ssize(end)));
    return output_->Commit();
  }

 private:
  Status Checksum(Place* place) {
    std::vector<std::byte> piece(size_t{1} << 20);
    uLong crc = crc32_z(0, nullptr, 0);
    for (int64_t at = place->begin; at < place->end; at += std::ssize(piece)) {
      auto size = static_cast<size_t>(std::min<int64_t>(std::ssize(piece), place->end - at));
      COFFER_RETURN_IF_ERROR(output_->file().ReadAt(at, std::span(piece).first(size)));
      crc = crc32_z(crc, reinterpret_cast<const Bytef*>(piece.data()), size);
    }
    place->crc = crc;
    return Status();
  }

  std::unique_ptr<OutputFile> output_;
  std::string path_;
  std::vector<Place> places_;
  std::set<std::string> names_;
  int64_t end_ = 0;
};

}  // namespace

Result<std::unique_ptr<NpzReader>> NpzReader::Open(const std::string& path) {
  COFFER_RETURN_IF_ERROR(File::Open(path));  // Names what is not there better than libzip does.
  int code = 0;
  Archive archive(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  if (archive == nullptr) {
    return InvalidArgumentError(path + ": not a whole .npz archive: " + ErrorText(code));
  }
  auto reader = std::make_unique<Reader>(std::move(archive), path);
  COFFER_RETURN_IF_ERROR(reader->ReadNames());
  return std::unique_ptr<NpzReader>(std::move(reader));
}

Result<std::unique_ptr<NpzWriter>> NpzWriter::Create(const std::string& path) {
  COFFER_ASSIGN_OR_RETURN(std::unique_ptr<OutputFile> output, OutputFile::Create(path));
  return std::unique_ptr<NpzWriter>(std::make_unique<Writer>(std::move(output), path));
}

}  // namespace coffer::inline v0::formats
