// ShownUrl, ShownPlace, ShownServerText: a URL, a place or a server's words as messages show them,
// without what may be a secret.
#ifndef COFFER_SRC_BASE_SHOWN_H_
#define COFFER_SRC_BASE_SHOWN_H_

#include <string>
#include <string_view>

namespace coffer::inline v0 {

/// The URL without user, query and fragment. A "user:password@" is recognised also where a "/"
/// stands in the password, as in secret access keys, and what stands for a port but is none is left
/// out with all behind it.
std::string ShownUrl(std::string_view url);

/// A path as it stands; a URL as ShownUrl has it, with the adapters behind its query; of a JSON
/// spec the members that say where it leads.
std::string ShownPlace(std::string_view place);

/// Words of a server, in one line of at most about 500 characters, without what it may repeat of a
/// request: identities, tokens, keys and signatures are long words.
std::string ShownServerText(std::string_view text);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_SHOWN_H_
