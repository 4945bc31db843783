// ArrayLayout, FileArray: where the elements of an array stand inside a plain file, and reading
// and writing boxes of it in bounded memory.
//
// Every format of this folder, once its header is understood, is an ArrayLayout: data type, shape,
// byte strides (C or Fortran order), byte order, offset. Compressed files are first unpacked into
// an unlinked temporary file (see Unpack), so that any box of any file can be read at any time: the
// boxes that a chunked destination wants are never those that a stream offers.
//
//     FileArray source = ...;                       // from tools/formats/array_file.h
//     source.Read(box, destination).OrThrow();        // native byte order, any strides
//
// Memory: each call holds at most 1 MiB beside the caller's. Thread safety: any thread.
#ifndef COFFER_TOOLS_FORMATS_LAYOUT_H_
#define COFFER_TOOLS_FORMATS_LAYOUT_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/base/data_type.h"
#include "coffer/base/result.h"
#include "coffer/nd/shape.h"
#include "coffer/nd/view.h"
#include "src/base/json.h"
#include "tools/formats/file.h"

namespace coffer::inline v0::formats {

enum class Order { kC, kFortran };

struct ArrayLayout {
  DataType data_type = DataType::kUint8;
  Shape shape;
  Strides strides;       ///< In bytes.
  int64_t offset = 0;    ///< Of the first element.
  int64_t bytes = 0;     ///< Of all elements; they stand without gaps.
  bool swapped = false;  ///< Big-endian.

  /// Checks the shape and its size in bytes. InvalidArgument for a negative extent, a rank above
  /// kMaxRank, or a size that overflows.
  static Result<ArrayLayout> Make(DataType type, std::span<const int64_t> shape, Order order,
                                  int64_t offset);
  /// DataLoss unless the elements end within a file of `file_size` bytes.
  Status CheckFits(int64_t file_size) const;
};

/// One array inside a file.
struct FileArray {
  std::string name;  ///< Within the file: a member or tensor; empty if the file is one array.
  std::shared_ptr<const File> file;
  ArrayLayout layout;
  Json attributes = Json(Json::Object());  ///< What the format knows beside the elements.

  /// Fills `destination` (of the box's shape and the array's data type) with the elements of `box`.
  Status Read(const Box& box, const View& destination) const;
};

/// Reads or writes the elements of `box` of an array that `layout` describes.
Status ReadBox(const File& file, const ArrayLayout& layout, const Box& box, const View& out);
Status WriteBox(const File& file, const ArrayLayout& layout, const Box& box, const ConstView& in);

/// Appends `head` and then what `reader` gives to a temporary file, which must hold `size` bytes in
/// the end (a longer stream is read to its end, so that its checksum is verified, but not stored).
/// DataLoss if it ends before. `name` stands in errors.
Result<std::shared_ptr<File>> Unpack(std::span<const std::byte> head, const ByteReader& reader,
                                     int64_t size, const std::string& name);

}  // namespace coffer::inline v0::formats

#endif  // COFFER_TOOLS_FORMATS_LAYOUT_H_
