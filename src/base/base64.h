// Base64 (RFC 4648, section 4, with padding), for bytes inside JSON.
#ifndef COFFER_SRC_BASE_BASE64_H_
#define COFFER_SRC_BASE_BASE64_H_

#include <optional>
#include <string>
#include <string_view>

namespace coffer::inline v0 {

std::string EncodeBase64(std::string_view bytes);
/// nullopt unless `text` is exactly what EncodeBase64 gives for some bytes.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_BASE64_H_
