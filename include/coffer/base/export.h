// COFFER_EXPORT: marks what the shared library offers to its users.
//
// The library is compiled with hidden visibility, so a symbol leaves libcoffer.so only when its
// declaration says so. Put the macro on every public class, and on every public function or
// variable that is not inline:
//
//     class COFFER_EXPORT Array { ... };
//     COFFER_EXPORT Result<Array> OpenArray(std::string_view url);
//
// Templates, inline functions and enums need no mark, and neither do members of a marked class. A
// class without it can still be used in tests, which link the static library, but fails at link
// time for a user of the shared one; its typeinfo, too, stays private, so mark what users derive
// from.
#ifndef COFFER_BASE_EXPORT_H_
#define COFFER_BASE_EXPORT_H_

#define COFFER_EXPORT [[gnu::visibility("default")]]

#endif  // COFFER_BASE_EXPORT_H_
