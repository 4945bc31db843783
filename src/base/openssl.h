// KeepOpenSsl: to be called before OpenSSL is used.
//
// OpenSSL takes itself down when exit() begins, unless it is told not to before its first use. But
// a context's threads may be in it then: those that wind down, and those of a context that nobody
// destroys. What it holds ends with the process. In a program that has used OpenSSL before coffer
// did, its own choice stands.
#ifndef COFFER_SRC_BASE_OPENSSL_H_
#define COFFER_SRC_BASE_OPENSSL_H_

#include <openssl/crypto.h>

namespace coffer::inline v0 {

inline void KeepOpenSsl() { OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr); }

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_OPENSSL_H_
