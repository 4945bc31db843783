// What the codecs gzip and zlib share: deflate, with one or another header and checksum around it.
#ifndef COFFER_DRIVERS_CODECS_DEFLATE_H_
#define COFFER_DRIVERS_CODECS_DEFLATE_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "coffer/base/result.h"
#include "coffer/codec/codec.h"

namespace coffer::inline v0 {

/// A format around deflate. Its codec's configuration is {"level": ...}.
struct DeflateFormat {
  std::string_view name;
  size_t (*bound)(size_t size);
  Result<size_t> (*compress)(std::span<const std::byte> in, int level, std::span<std::byte> out);
  Result<size_t> (*decompress)(std::span<const std::byte> in, std::span<std::byte> out);
};

/// `format` must last for ever.
CodecPtr MakeDeflateCodec(const DeflateFormat& format, int level);

}  // namespace coffer::inline v0

#endif  // COFFER_DRIVERS_CODECS_DEFLATE_H_
