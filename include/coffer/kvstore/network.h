// NetworkOptions: time limits, retries and trust, the same for every store behind a network.
//
// One attempt of a request ends by the time limits, which all begin when its turn has come: at most
// 128 requests to one host are under way. A request that failed in a way that may pass (no
// connection, a broken one, a time limit, 408, 425, 429, 500, 502, 503, 504) is repeated, after a
// random wait that grows, while attempts and the retry budget last.
//
// The retry budget is the time that an operation may lose: the waits between attempts, and of each
// attempt that failed the time in which no body moved. Waiting for a turn does not use it up, nor
// does a transfer that takes long and then breaks: that is limited by attempts_max alone.
//
// All retries to one host together are limited, too, so that one that is down is not buried: to 512
// and 10 more a second; an answer gives back those that its request took. Where none is left, a
// request waits on for one, within its budget; its error says so then.
//
// Proxies are those of the environment (http_proxy, https_proxy, no_proxy), but never for this
// machine's own: the addresses 127.0.0.0/8 and ::1, and the names localhost and those that end with
// .localhost, which no name server is asked for. Certificates and host names are always verified,
// unless insecure_skip_verify says otherwise. Link-local addresses are never connected to. Thread
// safety: a plain value.
#ifndef COFFER_KVSTORE_NETWORK_H_
#define COFFER_KVSTORE_NETWORK_H_

#include <chrono>
#include <string>

#include "coffer/base/export.h"

namespace coffer::inline v0 {

struct COFFER_EXPORT NetworkOptions {
  std::chrono::milliseconds connect_timeout{10'000};  ///< Name, TCP and TLS.
  /// From the request's last byte's arrival at the server to the answer.
  std::chrono::milliseconds first_byte_timeout{60'000};
  /// While a body is under way, at least 1 KiB must arrive in each such time.
  std::chrono::milliseconds stall_timeout{30'000};
  std::chrono::milliseconds request_timeout{3'600'000};  ///< One attempt as a whole.
  int attempts_max = 10;                                 ///< At least 1.
  std::chrono::milliseconds retry_budget{120'000};  ///< Of lost time, as above. Zero: no retries.
  std::string ca_file = {};  ///< PEM; who is trusted instead of the system's authorities.
  /// For tests. Refused where credentials would be sent; each store says once that it is so
  /// (OnLog).
  bool insecure_skip_verify = false;
};

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_NETWORK_H_
