// SHA-256 and HMAC-SHA-256, by OpenSSL.
//
// Errors: Internal, where OpenSSL has no SHA-256 (a configuration without it) or no memory.
// Thread safety: functions without state.
#ifndef COFFER_SRC_BASE_SHA256_H_
#define COFFER_SRC_BASE_SHA256_H_

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "coffer/base/bytes.h"
#include "coffer/base/result.h"

namespace coffer::inline v0 {

using Sha256Digest = std::array<std::byte, 32>;

/// Sha256("abc") begins with ba7816bf.
Result<Sha256Digest> Sha256(std::string_view text);
/// Of all pieces, one after the other.
Result<Sha256Digest> Sha256(const BytesChain& bytes);
Result<Sha256Digest> HmacSha256(std::span<const std::byte> key, std::string_view text);

/// Lower case, two digits a byte.
std::string HexOf(std::span<const std::byte> bytes);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_SHA256_H_
