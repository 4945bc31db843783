// What the tests of the file formats share: the committed files, whose every byte is known from a
// formula (tests/data/make_formats.py), scratch files, and reading arrays whole.
#ifndef COFFER_TESTS_UNIT_TOOLS_FORMATS_SUPPORT_H_
#define COFFER_TESTS_UNIT_TOOLS_FORMATS_SUPPORT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "coffer/base/bytes.h"
#include "tests/support/temp_dir.h"
#include "tools/formats/array_file.h"

namespace coffer::inline v0::formats {

inline std::string DataFile(const std::string& name) {
  return std::string(COFFER_TESTS_DATA) + "/formats/" + name;
}

inline std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A folder that goes away with the test.
class ScratchFolder {
 public:
  std::string Path(const std::string& name) const { return folder_ / name; }
  std::string Write(const std::string& name, std::string_view text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
    return Path(name);
  }
  size_t NumFiles() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder_.path()),
                                             std::filesystem::directory_iterator()));
  }

 private:
  const TempDir folder_;
};

/// The bytes of the pattern of make_formats.py, in C order.
inline std::string Pattern(DataType type, const Shape& shape) {
  std::string bytes;
  for (int64_t k = 0; k < *NumElements(shape); ++k) {
    for (int64_t j = 0; j < type.size(); ++j) {
      int64_t byte = type == DataType::kBool ? (k % 3 == 0 ? 1 : 0) : 7 * k + 13 * j + 1;
      bytes += static_cast<char>(byte & 0xff);
    }
  }
  return bytes;
}

/// A box of a stored array, as C-order bytes.
inline std::string ReadBoxText(const FileArray& array, const Box& box) {
  std::string bytes(static_cast<size_t>(*NumElements(box.shape) * array.layout.data_type.size()),
                    '?');
  View view(reinterpret_cast<std::byte*>(bytes.data()), array.layout.data_type, box.shape);
  Status status = array.Read(box, view);
  return status.ok() ? bytes : status.ToString();
}
inline std::string ReadAllText(const FileArray& array) {
  return ReadBoxText(array, Box::Full(array.layout.shape));
}

/// "OK", or the error of opening and unpacking every array of a file, without its folder.
inline std::string OpenError(const std::string& path) {
  auto shorten = [&](const Status& status) {
    std::string text = status.ToString();
    size_t at = text.find(path);
    if (at == std::string::npos) return "(path missing) " + text;
    return text.replace(at, path.rfind('/') + 1, "");
  };
  Result<ArrayFile> file = OpenArrayFile(path);
  if (!file.ok()) return shorten(file.status());
  for (size_t i = 0; i < file->names.size(); ++i) {
    Result<FileArray> array = file->get(i);
    if (!array.ok()) return shorten(array.status());
  }
  return "OK";
}

inline FileArray OpenOnly(const std::string& path) {
  return OpenArrayFile(path).OrDie().get(0).OrDie();
}

}  // namespace coffer::inline v0::formats

#endif  // COFFER_TESTS_UNIT_TOOLS_FORMATS_SUPPORT_H_
