#include "tools/formats/array_file.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "coffer/base/bytes.h"
#include "src/base/shown.h"
#include "tools/formats/gzip.h"
#include "tools/formats/nifti.h"
#include "tools/formats/npy.h"
#include "tools/formats/npz.h"
#include "tools/formats/safetensors.h"

namespace coffer::inline v0::formats {
namespace {

using FilePtr = std::shared_ptr<File>;

Result<std::vector<std::byte>> ReadStart(const File& file, int64_t size_max) {
  std::vector<std::byte> start(static_cast<size_t>(std::min(size_max, file.size())));
  COFFER_RETURN_IF_ERROR(file.ReadAt(0, start));
  return start;
}

ArrayFile Single(std::string format, FileArray array) {
  ArrayFile file;
  file.format = std::move(format);
  file.names = {""};
  file.get = [array = std::move(array)](size_t) -> Result<FileArray> { return array; };
  return file;
}

Result<ArrayFile> OpenNpy(const FilePtr& file) {
  COFFER_ASSIGN_OR_RETURN(std::vector<std::byte> start, ReadStart(*file, kNpyHeaderMax));
  COFFER_ASSIGN_OR_RETURN(ArrayLayout layout, ParseNpy(start, file->size()));
  return Single("npy", FileArray{"", file, layout});
}

Result<ArrayFile> OpenNifti(const FilePtr& file) {
  COFFER_ASSIGN_OR_RETURN(std::vector<std::byte> start, ReadStart(*file, kNiftiHeaderMax));
  COFFER_ASSIGN_OR_RETURN(Nifti nifti, ParseNifti(start));
  COFFER_RETURN_IF_ERROR(nifti.layout.CheckFits(file->size()));
  return Single("nifti", FileArray{"", file, nifti.layout, std::move(nifti.attributes)});
}

// The header is parsed before anything is unpacked, so its claim bounds the temporary file.
Result<ArrayFile> OpenNiftiGzip(const FilePtr& file) {
  COFFER_ASSIGN_OR_RETURN(ByteReader reader, OpenGzip(file));
  std::vector<std::byte> start(static_cast<size_t>(kNiftiHeaderMax));
  COFFER_ASSIGN_OR_RETURN(size_t got, ReadFully(reader, start));
  start.resize(got);
  COFFER_ASSIGN_OR_RETURN(Nifti nifti, ParseNifti(start));
  const ArrayLayout& layout = nifti.layout;
  COFFER_ASSIGN_OR_RETURN(FilePtr unpacked,
                          Unpack(start, reader, layout.offset + layout.bytes, file->path()));
  return Single("nifti", FileArray{"", std::move(unpacked), layout, std::move(nifti.attributes)});
}

Result<ArrayFile> OpenNpz(const FilePtr& file) {
  COFFER_ASSIGN_OR_RETURN(std::unique_ptr<NpzReader> opened, NpzReader::Open(file->path()));
  std::shared_ptr<NpzReader> reader = std::move(opened);
  ArrayFile result;
  result.format = "npz";
  result.is_single = false;
  result.names = reader->names();
  result.get = [reader](size_t index) { return reader->Unpack(index); };
  return result;
}

Result<ArrayFile> OpenSafetensors(const FilePtr& file) {
  COFFER_ASSIGN_OR_RETURN(std::vector<std::byte> first8, ReadStart(*file, 8));
  COFFER_ASSIGN_OR_RETURN(int64_t header_size, SafetensorsHeaderSize(first8, file->size()));
  COFFER_ASSIGN_OR_RETURN(std::vector<std::byte> header, ReadStart(*file, header_size));
  COFFER_ASSIGN_OR_RETURN(Safetensors parsed, ParseSafetensors(header, file->size()));
  ArrayFile result;
  result.format = "safetensors";
  result.is_single = false;
  result.metadata = std::move(parsed.metadata);
  for (const Tensor& tensor : parsed.tensors) result.names.push_back(tensor.name);
  result.get = [file, tensors = std::move(parsed.tensors)](size_t i) -> Result<FileArray> {
    FileArray array{tensors[i].name, file, tensors[i].layout};
    if (!tensors[i].lacking_type.empty()) {
      array.attributes.Set("safetensors_dtype", tensors[i].lacking_type);
    }
    return array;
  };
  return result;
}

bool LooksLikeNifti(std::string_view magic) {
  static constexpr std::string_view kLengths[] = {{"\x5c\x01\x00\x00", 4},
                                                  {"\x00\x00\x01\x5c", 4},
                                                  {"\x1c\x02\x00\x00", 4},
                                                  {"\x00\x00\x02\x1c", 4}};
  return std::find(std::begin(kLengths), std::end(kLengths), magic.substr(0, 4)) !=
         std::end(kLengths);
}

Result<ArrayFile> OpenByMagic(const FilePtr& file) {
  COFFER_ASSIGN_OR_RETURN(std::vector<std::byte> start, ReadStart(*file, 9));
  std::string_view magic = AsText(start);
  if (magic.starts_with("\x93NUMPY")) return OpenNpy(file);
  if (magic.starts_with("PK\x03\x04") || magic.starts_with("PK\x05\x06")) return OpenNpz(file);
  if (magic.starts_with("\x1f\x8b")) return OpenNiftiGzip(file);
  // A safetensors header of 348 bytes begins like a NIfTI one; its ninth byte tells.
  if (magic.size() == 9 && magic[8] == '{') return OpenSafetensors(file);
  if (LooksLikeNifti(magic)) return OpenNifti(file);
  return InvalidArgumentError("neither .npy, .npz, NIfTI nor safetensors");
}

class SafetensorsWriter : public ArrayFileWriter {
 public:
  static Result<std::unique_ptr<ArrayFileWriter>> Create(
      const std::string& path, const std::vector<Spec>& arrays,
      const std::map<std::string, std::string>& metadata) {
    std::vector<TensorSpec> specs;
    for (const Spec& spec : arrays) specs.push_back({spec.name, spec.data_type, spec.shape});
    Result<SafetensorsPlan> plan = PlanSafetensors(specs, metadata);
    if (!plan.ok()) return plan.status().Annotate(ShownPlace(path));
    COFFER_ASSIGN_OR_RETURN(std::unique_ptr<OutputFile> output, OutputFile::Create(path));
    COFFER_RETURN_IF_ERROR(output->file().Resize(plan->file_size));
    COFFER_RETURN_IF_ERROR(output->file().WriteAt(0, AsBytes(plan->header)));
    auto writer = std::make_unique<SafetensorsWriter>();
    for (size_t i = 0; i < arrays.size(); ++i) {
      writer->arrays_.push_back({arrays[i].name, output->shared_file(), plan->layouts[i]});
    }
    writer->output_ = std::move(output);
    return std::unique_ptr<ArrayFileWriter>(std::move(writer));
  }
  const FileArray& array(size_t index) const override { return arrays_[index]; }
  Status Commit() override { return output_->Commit(); }

 private:
  std::unique_ptr<OutputFile> output_;
  std::vector<FileArray> arrays_;
};

class NpzFileWriter : public ArrayFileWriter {
 public:
  static Result<std::unique_ptr<ArrayFileWriter>> Create(const std::string& path,
                                                         const std::vector<Spec>& arrays) {
    auto writer = std::make_unique<NpzFileWriter>();
    COFFER_ASSIGN_OR_RETURN(writer->npz_, NpzWriter::Create(path));
    for (const Spec& spec : arrays) {
      COFFER_ASSIGN_OR_RETURN(FileArray array,
                              writer->npz_->Add(spec.name, spec.data_type, spec.shape));
      writer->arrays_.push_back(std::move(array));
    }
    return std::unique_ptr<ArrayFileWriter>(std::move(writer));
  }
  const FileArray& array(size_t index) const override { return arrays_[index]; }
  Status Commit() override { return npz_->Commit(); }

 private:
  std::unique_ptr<NpzWriter> npz_;
  std::vector<FileArray> arrays_;
};

}  // namespace

Result<ArrayFile> OpenArrayFile(const std::string& path) {
  COFFER_ASSIGN_OR_RETURN(FilePtr file, File::Open(path));
  Result<ArrayFile> opened = OpenByMagic(file);
  if (opened.ok() || opened.status().message().starts_with(path)) return opened;
  return opened.status().Annotate(ShownPlace(path));
}

Result<std::unique_ptr<ArrayFileWriter>> ArrayFileWriter::Create(
    const std::string& path, const std::vector<Spec>& arrays,
    const std::map<std::string, std::string>& metadata) {
  if (path.ends_with(".safetensors")) return SafetensorsWriter::Create(path, arrays, metadata);
  if (!path.ends_with(".npz")) {
    return InvalidArgumentError(ShownPlace(path) +
                                ": expected a name that ends in .safetensors or .npz");
  }
  if (metadata.empty()) return NpzFileWriter::Create(path, arrays);
  return InvalidArgumentError(ShownPlace(path) + ": .npz has no place for \"" +
                              metadata.begin()->first + "\", which is no array; .safetensors has");
}

}  // namespace coffer::inline v0::formats
