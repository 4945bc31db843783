// The HTTP store: values of a web server, read only.
//
//     KvStorePtr data = MakeHttpStore("https://data.example.org/volume.zarr").OrThrow();
//     data->Read("zarr.json").Get().OrThrow();   // GET .../volume.zarr/zarr.json
//
// Errors of reads, besides those of KvStore: PermissionDenied (401, 403, a certificate that does
// not hold), Unavailable (no connection, 5xx, after retries), DeadlineExceeded, DataLoss (an answer
// that contradicts itself). Writes are FailedPrecondition; there are no listings. Thread safety:
// that of KvStore. See kvstore/http/README.md for what is asked of servers.
#ifndef COFFER_KVSTORE_HTTP_H_
#define COFFER_KVSTORE_HTTP_H_

#include <string>
#include <string_view>
#include <vector>

#include "coffer/async/context.h"
#include "coffer/base/export.h"
#include "coffer/base/result.h"
#include "coffer/base/secret.h"
#include "coffer/kvstore/kvstore.h"
#include "coffer/kvstore/network.h"

namespace coffer::inline v0 {

struct COFFER_EXPORT HttpStoreHeader {
  std::string name;
  Secret value;  ///< It may be a token, so it is never shown.
};

struct COFFER_EXPORT HttpStoreOptions {
  /// Sent with every request to the store's own host, never to another one; with headers,
  /// redirects to other hosts are refused.
  std::vector<HttpStoreHeader> headers = {};
  /// Some servers say 403 of a key that does not exist to those who may not list. Without this it
  /// is an error, since a key that does exist would read as missing.
  bool forbidden_is_missing = false;
  NetworkOptions network = {};
};

/// The store whose keys stand below `url`; a query of the URL is sent with every request and never
/// shown. It goes the way that the URL says, also without TLS or to a host that is not verified:
/// most queries are no secret, unlike headers. Who has a token in one writes https. Errors:
/// InvalidArgument for what is no http or https URL, one with a user or a fragment, a header that
/// cannot be sent, or headers without TLS to a host that is not loopback.
COFFER_EXPORT Result<KvStorePtr> MakeHttpStore(std::string_view url,
                                               const HttpStoreOptions& options = {},
                                               const Context& context = Context::Default());

}  // namespace coffer::inline v0

#endif  // COFFER_KVSTORE_HTTP_H_
