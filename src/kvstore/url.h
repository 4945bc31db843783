// Url: the parts of a store's URL, checked and percent-decoded; and Encode, the way back.
// UrlAdapter: the last part of a URL that goes through one ("file:///x.zip|zip:a/").
#ifndef COFFER_SRC_KVSTORE_URL_H_
#define COFFER_SRC_KVSTORE_URL_H_

#include <optional>
#include <string>
#include <string_view>

#include "coffer/base/result.h"

namespace coffer::inline v0 {

/// The scheme of "scheme://...", lower case; empty if the text is none (a plain path).
std::string UrlScheme(std::string_view text);

struct Url {
  std::string scheme;     ///< Lower case.
  std::string authority;  ///< Between "//" and the next "/", percent-decoded.
  std::string path;       ///< From that "/" on, percent-decoded; may be empty.

  /// Errors, InvalidArgument: no scheme, a query ("?") or fragment ("#"), which no store here
  /// takes, an adapter ("|"), a bad percent escape.
  static Result<Url> Parse(std::string_view text);
};

/// %XX becomes the byte; nullopt for a "%" that is followed by anything else.
std::optional<std::string> PercentDecode(std::string_view text);

/// The last adapter of "base|name:path", of which the name is checked, nothing else.
struct UrlAdapter {
  std::string_view base;
  std::string_view name;  ///< Lower-case letters, digits and "_".
  std::string_view path;  ///< As it is written: percent-encoded.

  /// nullopt if there is no "|", or no name behind the last one. The ":" may be left out with the
  /// path.
  static std::optional<UrlAdapter> Find(std::string_view text);
};

/// A part of a URL without its percent escapes. Errors: InvalidArgument, which names a bad one.
Result<std::string> DecodeUrlPath(std::string_view url, std::string_view part);

/// The path with every byte escaped that could not stand in a URL or would garble a message.
std::string EncodeUrlPath(std::string_view path);

/// RFC 3986 to the letter: every byte that is not A-Z a-z 0-9 - . _ ~ becomes %XX (upper case); "/"
/// stays where that is asked for. What signatures are made of.
enum class Slash { kKept, kEncoded };
std::string PercentEncode(std::string_view text, Slash slash);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_KVSTORE_URL_H_
