#include "src/base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace coffer::inline v0 {

uint32_t Crc32c(std::span<const std::byte> bytes, uint32_t crc) {
  constexpr size_t kPieceMax = size_t{1} << 30;
  uint32_t state = ~crc;  // ISA-L leaves the inversions to its caller.
  while (!bytes.empty()) {
    const size_t size = std::min(bytes.size(), kPieceMax);
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(bytes.data()));
    state = crc32_iscsi(data, static_cast<int>(size), state);
    bytes = bytes.subspan(size);
  }
  return ~state;
}

}  // namespace coffer::inline v0
