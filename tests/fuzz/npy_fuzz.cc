// Goal: no .npy header crashes the parser, and no layout it accepts reaches beyond the file.
#include <cstdint>
#include <cstdlib>

#include "coffer/base/bytes.h"
#include "tools/formats/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::span<const std::byte> start(reinterpret_cast<const std::byte*>(data), size);
  coffer::Result<coffer::formats::ArrayLayout> layout =
      coffer::formats::ParseNpy(start, static_cast<int64_t>(size));
  if (layout.ok() && layout->offset + layout->bytes != static_cast<int64_t>(size)) abort();
  return 0;
}
