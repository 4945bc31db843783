// Secret: a text that must not be told: a key, a token, a password.
//
//     options.secret_access_key = Secret(std::move(text));   // `text` is zeroed
//     if (given == expected) ...                             // as slow wherever they differ
//
// It cannot be printed, formatted, or converted to a string: a Secret that reaches a message or a
// log does not compile. Reveal() is the one way to the text, and tests/style/style.py lists the
// files that may call it. The text stands in memory of its own, never inside the object, and is
// zeroed before that is given back: when the Secret is destroyed, assigned to, or moved from.
//
// What it does not do: copies that others made (a string it was made of by Copy(), a buffer of the
// network) are theirs to zero, and pages may be swapped out.
//
// Thread safety: that of a std::string.
#ifndef COFFER_BASE_SECRET_H_
#define COFFER_BASE_SECRET_H_

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "coffer/base/export.h"

namespace coffer::inline v0 {

class COFFER_EXPORT Secret {
 public:
  Secret() = default;  ///< Empty.
  /// Takes the text over; the string is left as long as it was, all zeros.
  explicit Secret(std::string&& text);
  /// A copy; the caller's text stays as it is.
  static Secret Copy(std::string_view text);

  Secret(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }  ///< In bytes.

  /// The text, until *this changes. For those who sign or send it, and for nobody else.
  std::string_view Reveal() const { return {text_.get(), size_}; }

  /// In a time that depends on the sizes alone.
  friend bool operator==(const Secret& a, const Secret& b) { return a.Equals(b); }

  /// Not to be printed.
  template <class Stream>
  friend Stream& operator<<(Stream& stream, const Secret&) = delete;

 private:
  bool Equals(const Secret& other) const;
  void Wipe();

  std::unique_ptr<char[]> text_;
  size_t size_ = 0;
};

/// What GoogleTest shows of one: "<secret>". Else it would dump the object's bytes.
COFFER_EXPORT void PrintTo(const Secret& secret, std::ostream* stream);

}  // namespace coffer::inline v0

#endif  // COFFER_BASE_SECRET_H_
