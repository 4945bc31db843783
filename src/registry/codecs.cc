// The built-in codecs, in the order of Zarr v3's three kinds.
#include "drivers/codecs/blosc.h"
#include "drivers/codecs/bytes.h"
#include "drivers/codecs/crc32c.h"
#include "drivers/codecs/gzip.h"
#include "drivers/codecs/sharding_indexed.h"
#include "drivers/codecs/transpose.h"
#include "drivers/codecs/zstd.h"
#include "src/codec/builtin.h"

namespace coffer::inline v0 {

void AddBuiltinCodecs(CodecTable& table) {
  table.Add({"transpose", MakeTransposeCodec}).OrDie();

  table.Add({"bytes", MakeBytesCodec}).OrDie();
  table.Add({"endian", MakeBytesCodec}).OrDie();  // The name that drafts of Zarr v3 gave to bytes.
  table.Add({"sharding_indexed", MakeShardingIndexedCodec}).OrDie();

  table.Add({"blosc", MakeBloscCodec}).OrDie();
  table.Add({"crc32c", MakeCrc32cCodec}).OrDie();
  table.Add({"gzip", MakeGzipCodec}).OrDie();
  table.Add({"zstd", MakeZstdCodec}).OrDie();
}

}  // namespace coffer::inline v0
