// libpng reports errors by longjmp, which must not jump over destructors: everything with one lives
// outside Encode(), and the callbacks only keep the first Status.
#include "tools/formats/png.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <string>
#include <vector>

#include "src/nd/copy.h"

namespace coffer::inline v0::formats {
namespace {

struct Sink {
  File* file;
  int64_t at = 0;
  Status status;
  std::string message;
};

void OnError(png_structp png, png_const_charp message) {
  static_cast<Sink*>(png_get_error_ptr(png))->message = message;
  png_longjmp(png, 1);
}
void OnWarning(png_structp, png_const_charp) {}

void OnWrite(png_structp png, png_bytep data, size_t size) {
  auto* sink = static_cast<Sink*>(png_get_io_ptr(png));
  Status status = sink->file->WriteAt(sink->at, {reinterpret_cast<std::byte*>(data), size});
  sink->at += static_cast<int64_t>(size);
  if (sink->status.ok()) sink->status = status;
}
void OnFlush(png_structp) {}

// Encodes rows that `next_row` fills one by one; false on an error of libpng.
template <class NextRow>
bool Encode(png_structp png, png_infop info, const Shape& shape, int bits,
            const NextRow& next_row) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_IHDR(png, info, static_cast<png_uint_32>(shape[1]), static_cast<png_uint_32>(shape[0]),
               bits, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  if (bits == 16) png_set_swap(png);
  for (int64_t row = 0; row < shape[0]; ++row) png_write_row(png, next_row(row));
  png_write_end(png, info);
  return true;
}

}  // namespace

Status WritePng(const ConstView& picture, OutputFile& output) {
  bool is_grey = picture.data_type == DataType::kUint8 || picture.data_type == DataType::kUint16;
  if (picture.rank() != 2 || !is_grey) {
    return InvalidArgumentError("a PNG picture is a uint8 or uint16 array of rank 2, not " +
                                picture.data_type.name() + " " + ToString(picture.shape));
  }
  for (int64_t side : picture.shape) {
    if (side < 1 || side > 65535) {
      return InvalidArgumentError("a PNG picture has sides of 1 to 65535, not " +
                                  ToString(picture.shape));
    }
  }
  Sink sink{.file = &output.file(), .status = {}, .message = {}};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, OnError, OnWarning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  if (info == nullptr) {
    png_destroy_write_struct(&png, nullptr);
    return ResourceExhaustedError("libpng cannot allocate its state");
  }
  png_set_write_fn(png, &sink, OnWrite, OnFlush);
  Shape row_shape = {int64_t{1}, picture.shape[1]};
  std::vector<std::byte> buffer(static_cast<size_t>(row_shape[1] * picture.data_type.size()));
  View row_view(buffer.data(), picture.data_type, row_shape);
  bool done = Encode(png, info, picture.shape, static_cast<int>(8 * picture.data_type.size()),
                     [&](int64_t row) {
                       Box box = Box::FromSize({row, int64_t{0}}, row_shape);
                       CopyView(picture.Subview(box), row_view);
                       return reinterpret_cast<png_bytep>(buffer.data());
                     });
  png_destroy_write_struct(&png, &info);
  COFFER_RETURN_IF_ERROR(sink.status);
  if (!done) return InternalError(output.file().path() + ": libpng: " + sink.message);
  return output.file().Resize(sink.at);
}

}  // namespace coffer::inline v0::formats
