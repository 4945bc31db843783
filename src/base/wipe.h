// Wipe: zeros over what was secret, which the compiler does not leave out.
#ifndef COFFER_SRC_BASE_WIPE_H_
#define COFFER_SRC_BASE_WIPE_H_

#include <cstddef>
#include <span>
#include <string>

namespace coffer::inline v0 {

/// Leaves the string as long as it was.
void Wipe(std::string* text);
void Wipe(std::span<std::byte> bytes);

/// Wipes a string, of which the secret is only a part, at the end of a scope.
class WipedAtEnd {
 public:
  explicit WipedAtEnd(std::string* text) : text_(text) {}
  ~WipedAtEnd() { Wipe(text_); }
  WipedAtEnd(const WipedAtEnd&) = delete;
  WipedAtEnd& operator=(const WipedAtEnd&) = delete;

 private:
  std::string* text_;
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_WIPE_H_
