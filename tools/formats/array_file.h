// ArrayFile: a file of any format that this folder reads. ArrayFileWriter: one being written.
//
//     ArrayFile file = OpenArrayFile("model.safetensors").OrThrow();
//     for (size_t i = 0; i < file.names.size(); ++i) FileArray array = file.get(i).OrThrow();
//
// The format is told by the file's first bytes, never by its name.
#ifndef COFFER_TOOLS_FORMATS_ARRAY_FILE_H_
#define COFFER_TOOLS_FORMATS_ARRAY_FILE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "coffer/base/result.h"
#include "tools/formats/layout.h"

namespace coffer::inline v0::formats {

struct ArrayFile {
  std::string format;  ///< "npy", "npz", "nifti", "safetensors".
  /// Whether it is one array without a name (npy, nifti) or a set of named ones.
  bool is_single = true;
  std::vector<std::string> names;               ///< One "" for a single array.
  std::map<std::string, std::string> metadata;  ///< Of the whole file (safetensors).
  /// The i-th array; unpacks it if the file is compressed.
  std::function<Result<FileArray>(size_t)> get;
};

/// Errors name the path: NotFound, InvalidArgument (unknown format, malformed or unsupported),
/// DataLoss (cut short or damaged).
Result<ArrayFile> OpenArrayFile(const std::string& path);

/// A file of named arrays being written: "safetensors" or "npz", by the end of the path.
class ArrayFileWriter {
 public:
  struct Spec {
    std::string name;
    DataType data_type = DataType::kUint8;
    Shape shape;
  };
  /// All arrays, and texts beside them (which .npz cannot keep), are named beforehand.
  static Result<std::unique_ptr<ArrayFileWriter>> Create(
      const std::string& path, const std::vector<Spec>& arrays,
      const std::map<std::string, std::string>& metadata);
  virtual ~ArrayFileWriter() = default;

  /// Where the elements of the i-th array go: WriteBox(*file, layout, ...).
  virtual const FileArray& array(size_t index) const = 0;
  virtual Status Commit() = 0;
};

}  // namespace coffer::inline v0::formats

#endif  // COFFER_TOOLS_FORMATS_ARRAY_FILE_H_
