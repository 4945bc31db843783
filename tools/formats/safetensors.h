// safetensors: named arrays behind one JSON header.
//
// Reading: the header's length is checked before it is read (100 MB and the file's size at most);
// every tensor must have exactly the bytes of its type and shape, and together they must cover the
// file's data without overlap or hole, as the format asks. F8 types become r8. What the format's
// types cannot say is kept: the name of such a type becomes the attribute "safetensors_dtype", and
// a header entry that coffer wrote (below) gives the true type back.
//
// Writing: the header first, then each tensor at its place, in any order and from any thread. Data
// of wider types comes first, so that each tensor is aligned; names are sorted in the header. Types
// that safetensors lacks are stored as unsigned integers of the same width, those of no such width
// (complex128, r24) as U8 with one more dimension; the metadata entry "coffer.data_type:NAME" keeps
// the true type.
#ifndef COFFER_TOOLS_FORMATS_SAFETENSORS_H_
#define COFFER_TOOLS_FORMATS_SAFETENSORS_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/base/result.h"
#include "tools/formats/layout.h"

namespace coffer::inline v0::formats {

inline constexpr int64_t kSafetensorsHeaderMax = 100'000'000;
/// What entries that keep a true type begin with.
inline constexpr std::string_view kSafetensorsTypeKey = "coffer.data_type:";

struct Tensor {
  std::string name;
  ArrayLayout layout;
  /// The safetensors type (F8_E4M3 ...) that `layout` holds as raw bytes.
  std::string lacking_type;
};

struct Safetensors {
  std::vector<Tensor> tensors;  ///< By name.
  std::map<std::string, std::string> metadata;
};

/// The length of the whole header (the eight bytes of its length included) of a file that starts
/// with these eight bytes. InvalidArgument or DataLoss.
Result<int64_t> SafetensorsHeaderSize(std::span<const std::byte> first8, int64_t file_size);

/// `header`: as many bytes as SafetensorsHeaderSize says.
Result<Safetensors> ParseSafetensors(std::span<const std::byte> header, int64_t file_size);

struct SafetensorsPlan {
  std::string header;                ///< The bytes that the file begins with.
  std::vector<ArrayLayout> layouts;  ///< Where each tensor goes, in the order of the request.
  int64_t file_size = 0;
};

/// One tensor to be written; the layout's offset is ignored.
struct TensorSpec {
  std::string name;
  DataType data_type = DataType::kUint8;
  Shape shape;
};

/// InvalidArgument for a name that occurs twice, is "__metadata__" or no UTF-8, and for a header
/// above kSafetensorsHeaderMax.
Result<SafetensorsPlan> PlanSafetensors(const std::vector<TensorSpec>& tensors,
                                        const std::map<std::string, std::string>& metadata);

}  // namespace coffer::inline v0::formats

#endif  // COFFER_TOOLS_FORMATS_SAFETENSORS_H_
