#include "drivers/codecs/zlib.h"

#include "drivers/codecs/deflate.h"
#include "src/base/compress.h"
#include "src/base/json.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0 {
namespace {

constexpr int kDefaultLevel = 6;  // What zlib makes of -1.

Result<size_t> Compress(std::span<const std::byte> in, int level, std::span<std::byte> out) {
  return ZlibCompress(in, level < 0 ? kDefaultLevel : level, out);
}

constexpr DeflateFormat kZlib{"zlib", ZlibBound, Compress, ZlibDecompress};

}  // namespace

Result<CodecPtr> MakeZlibCodec(std::string_view configuration, const CodecTable&) {
  COFFER_ASSIGN_OR_RETURN(const Json json, ParseConfiguration(configuration, {"level"}));
  const Json* const member = json.Find("level");
  if (member == nullptr) return MakeDeflateCodec(kZlib, 1);
  COFFER_ASSIGN_OR_RETURN(const int64_t level, member->AsInt64("$.level", -1, kGzipLevelMax));
  return MakeDeflateCodec(kZlib, static_cast<int>(level));
}

}  // namespace coffer::inline v0
