// CRC-32C (Castagnoli), by ISA-L. Of any length: ISA-L's own takes an int.
#ifndef COFFER_SRC_BASE_CRC32C_H_
#define COFFER_SRC_BASE_CRC32C_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace coffer::inline v0 {

/// The checksum of `bytes`, continuing from `crc` (that of the bytes before them).
/// Crc32c("123456789") = 0xe3069283.
uint32_t Crc32c(std::span<const std::byte> bytes, uint32_t crc = 0);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_CRC32C_H_
