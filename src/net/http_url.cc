#include "src/net/http_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <memory>

#include "src/base/shown.h"
#include "src/net/http.h"

namespace coffer::inline v0 {

namespace {

using Handle = std::unique_ptr<CURLU, void (*)(CURLU*)>;

std::string Part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
  std::string copy(text);
  curl_free(text);
  return copy;
}

Result<HttpUrl> TakeParts(CURLU* url, std::string_view text) {
  const std::string name = "URL \"" + ShownUrl(text) + "\"";
  HttpUrl parts{Part(url, CURLUPART_SCHEME), Part(url, CURLUPART_HOST), Part(url, CURLUPART_PORT),
                Part(url, CURLUPART_PATH), Part(url, CURLUPART_QUERY)};
  if (parts.scheme != "http" && parts.scheme != "https") {
    return InvalidArgumentError(name + ": expected http:// or https://");
  }
  if (!Part(url, CURLUPART_USER).empty() || !Part(url, CURLUPART_PASSWORD).empty()) {
    return InvalidArgumentError(name + ": a user or password has no place in a URL");
  }
  if (!Part(url, CURLUPART_FRAGMENT).empty()) {
    return InvalidArgumentError(name + ": a fragment (\"#\") is never sent; write it as %23");
  }
  if (parts.port == (parts.tls() ? "443" : "80")) parts.port.clear();
  for (char& c : parts.host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  // Escapes of a host are resolved after addresses are recognised: so it could be one in disguise.
  if (curl_url_set(url, CURLUPART_URL, parts.text().c_str(), CURLU_PATH_AS_IS) != CURLUE_OK ||
      Part(url, CURLUPART_HOST) != parts.host) {
    return InvalidArgumentError(name + ": a host is written without percent escapes");
  }
  return parts;
}

}  // namespace

Result<HttpUrl> HttpUrl::Parse(std::string_view text) {
  const Handle url(curl_url(), curl_url_cleanup);
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(),
                                      CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME);
  const bool has_zero = text.find('\0') != std::string_view::npos;
  if (code != CURLUE_OK || has_zero) {
    return InvalidArgumentError("URL \"" + ShownUrl(text) +
                                "\": " + (has_zero ? "a zero byte" : curl_url_strerror(code)));
  }
  return TakeParts(url.get(), text);
}

Result<HttpUrl> HttpUrl::Resolve(const HttpUrl& base, std::string_view location) {
  location = location.substr(0, location.find('#'));
  const Handle url(curl_url(), curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, base.text().c_str(), CURLU_PATH_AS_IS) != CURLUE_OK ||
      curl_url_set(url.get(), CURLUPART_URL, std::string(location).c_str(),
                   CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE) != CURLUE_OK) {
    return InvalidArgumentError("URL \"" + ShownUrl(location) + "\": not understood");
  }
  return TakeParts(url.get(), location);
}

std::string HttpUrl::authority() const { return port.empty() ? host : host + ":" + port; }

std::string HttpUrl::text() const { return origin() + path + (query.empty() ? "" : "?" + query); }

bool HttpUrl::is_loopback() const {
  return host == "localhost" || host.ends_with(".localhost") || host == "[::1]" ||
         (host.substr(0, 4) == "127." &&
          host.find_first_not_of("0123456789.") == std::string::npos);
}

bool HttpUrl::is_link_local() const {
  uint8_t address[16];
  if (inet_pton(AF_INET, host.c_str(), address) == 1) return IsLinkLocal({address, 4});
  if (!host.starts_with('[') || !host.ends_with(']')) return false;
  const std::string v6 = host.substr(1, host.size() - 2);
  return inet_pton(AF_INET6, v6.c_str(), address) == 1 && IsLinkLocal(address);
}

bool IsLinkLocal(std::span<const uint8_t> address) {
  if (address.size() == 4) return address[0] == 169 && address[1] == 254;
  constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (std::equal(std::begin(kMapped), std::end(kMapped), address.begin())) {
    return IsLinkLocal(address.subspan(12));
  }
  constexpr uint8_t kOfAws[4] = {0xFD, 0x00, 0x0E, 0xC2};  // Its metadata service by IPv6, others.
  if (std::equal(std::begin(kOfAws), std::end(kOfAws), address.begin())) return true;
  return address[0] == 0xFE && (address[1] & 0xC0) == 0x80;
}

}  // namespace coffer::inline v0
