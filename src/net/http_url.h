// HttpUrl: an http or https URL in its parts, by libcurl's parser, which also sends it.
#ifndef COFFER_SRC_NET_HTTP_URL_H_
#define COFFER_SRC_NET_HTTP_URL_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "coffer/base/result.h"

namespace coffer::inline v0 {

struct HttpUrl {
  std::string scheme;  ///< "http" or "https".
  std::string host;    ///< Lower case, without port; an IPv6 address keeps its brackets.
  std::string port;    ///< Empty: the scheme's.
  std::string path;    ///< As written, percent-encoded; begins with "/".
  std::string query;   ///< As written, without "?".

  /// Errors: InvalidArgument, which shows the URL without its query, for another scheme, a user, a
  /// fragment, or no URL at all.
  static Result<HttpUrl> Parse(std::string_view text);
  /// What `location` means where `base` was asked for. Its fragment is the reader's affair.
  static Result<HttpUrl> Resolve(const HttpUrl& base, std::string_view location);

  /// "host:port", as the Host header has it: without the scheme's own port.
  std::string authority() const;
  /// "https://host:port".
  std::string origin() const { return scheme + "://" + authority(); }
  std::string text() const;
  /// 127.0.0.0/8, [::1] or "localhost": what does not leave the machine.
  bool is_loopback() const;
  /// The host is written as an address that is.
  bool is_link_local() const;
  bool tls() const { return scheme == "https"; }
};

/// Whether an address of 4 (IPv4) or 16 bytes (IPv6) is link-local, or of fd00:ec2::/32, where AWS
/// has what it offers link-local by IPv4: the metadata service above all.
bool IsLinkLocal(std::span<const uint8_t> address);

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_NET_HTTP_URL_H_
