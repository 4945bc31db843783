// Small things about ASCII text that headers, files and answers need.
#ifndef COFFER_KVSTORE_S3_TEXT_H_
#define COFFER_KVSTORE_S3_TEXT_H_

#include <algorithm>
#include <string>
#include <string_view>

namespace coffer::inline v0 {

inline std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

/// Without these characters at either end.
inline std::string_view Trim(std::string_view text, std::string_view characters) {
  text.remove_prefix(std::min(text.find_first_not_of(characters), text.size()));
  return text.substr(0, text.find_last_not_of(characters) + 1);  // npos + 1 is 0.
}

/// 0x00 to 0x1f, and 0x7f.
inline bool IsControl(char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }
/// Without control characters, blanks and what is not ASCII.
inline bool IsVisible(char c) { return c > 0x20 && c < 0x7f; }
inline bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_S3_TEXT_H_
