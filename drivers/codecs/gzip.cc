#include "drivers/codecs/gzip.h"

#include "drivers/codecs/deflate.h"
#include "src/base/compress.h"
#include "src/base/json.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0 {
namespace {

constexpr DeflateFormat kGzip{"gzip", GzipBound, GzipCompress, GzipDecompress};

}  // namespace

Result<CodecPtr> MakeGzipCodec(std::string_view configuration, const CodecTable&) {
  COFFER_ASSIGN_OR_RETURN(const Json json, ParseConfiguration(configuration, {"level"}));
  COFFER_ASSIGN_OR_RETURN(const Json* member, RequireMember(json, "level"));
  COFFER_ASSIGN_OR_RETURN(const int64_t level, member->AsInt64("$.level", 0, kGzipLevelMax));
  return MakeDeflateCodec(kGzip, static_cast<int>(level));
}

}  // namespace coffer::inline v0
