#include "src/net/http_url.h"

#include <curl/curl.h>

#include <memory>

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
  return parts;
}

}  // namespace

Result<HttpUrl> HttpUrl::Parse(std::string_view text) {
  const Handle url(curl_url(), curl_url_cleanup);
  const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(),
                                      CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME);
  if (code != CURLUE_OK || text.find('\0') != std::string_view::npos) {
    return InvalidArgumentError("URL \"" + ShownUrl(text) + "\": " + curl_url_strerror(code));
  }
  return TakeParts(url.get(), text);
}

Result<HttpUrl> HttpUrl::Resolve(const HttpUrl& base, std::string_view location) {
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
  return host == "localhost" || host == "[::1]" ||
         (host.substr(0, 4) == "127." &&
          host.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace coffer::inline v0
