// LayoutOptions: how an array that a command creates is laid out (--chunk-shape, --codec, ...).
#ifndef COFFER_TOOLS_COFFER_LAYOUT_OPTIONS_H_
#define COFFER_TOOLS_COFFER_LAYOUT_OPTIONS_H_

#include <optional>
#include <string>
#include <string_view>

#include "coffer/array/array.h"
#include "coffer/array/group.h"
#include "coffer/array/options.h"
#include "coffer/base/result.h"
#include "tools/coffer/command_line.h"

namespace coffer::inline v0::tool {

struct LayoutOptions {
  std::optional<Shape> chunk_shape;
  std::optional<Shape> shard_shape;  ///< Rank 0: "none".
  std::optional<CodecSpec> codec;
  bool no_checksum = false;
  std::string fill_value;  ///< As the user wrote it; "" if not.
  std::string format;      ///< "zarr2", "zarr3", or "" if not given.

  void AddTo(const CommandLine& command);
  /// Whether any option was given.
  bool any() const;
};

/// "none", "zstd[:LEVEL]", "gzip[:LEVEL]", "blosc[:CNAME[:LEVEL[:SHUFFLE]]]". InvalidArgument.
Result<CodecSpec> ParseCodec(std::string_view text);
/// The same, or of Zarr v2 "lz4[:ACCELERATION]", "zlib[:LEVEL]", "bz2[:LEVEL]", "lzma[:PRESET]".
Result<CodecSpec> ParseCodecOfAnyFormat(std::string_view text);

/// What --fill-value means: a JSON value as it stands, anything else as a JSON string ("NaN").
std::string FillValueJson(const std::string& text);

/// The place that `url` names, in the format that --zarr-format or the URL's adapter says, else
/// `otherwise`. InvalidArgument if the two differ.
Result<Place> DestinationPlace(const LayoutOptions& layout, std::string_view url,
                               std::string_view otherwise, const Context& context);

/// Options for a new array of this shape and type, as the user asked for it.
Result<CreateOptions> MakeCreateOptions(const LayoutOptions& layout, const Shape& shape,
                                        DataType type, const Context& context);

/// Options for a copy of `source` (its view `shape`): what the user did not ask for is as in the
/// source. Its codecs are kept (a checksum is added), unless the rank changes. `keeps_dimensions`:
/// whether the view has the source's dimensions in their order. `format`: of the copy; what Zarr v2
/// lacks (shards, dimension names) is left out, what Zarr v3 lacks (some compressors) becomes zstd.
Result<CreateOptions> MakeCopyOptions(const LayoutOptions& layout, const Array& source,
                                      const Shape& shape, bool keeps_dimensions,
                                      std::string_view format, const Context& context);

/// The data type that elements of `source` get when --dtype asks for `wanted`: only a renaming of
/// the same bytes (a type that files cannot say, such as bfloat16, for a raw or unsigned one).
/// Unimplemented for a conversion.
Result<DataType> RenamedType(DataType source, const std::optional<DataType>& wanted);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_LAYOUT_OPTIONS_H_
