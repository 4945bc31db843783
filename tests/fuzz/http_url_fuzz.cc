// Goal: no text crashes the reading of a URL; what is taken is http or https, without user and
// fragment, means the same when it is written and read again, and what is refused is refused
// without a word of its user or query.
// Method: the input is a URL and, behind a line break, a location that a redirect gives. Canaries
// are set into both where secrets stand.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "coffer/kvstore/http.h"
#include "src/base/shown.h"
#include "src/net/http.h"
#include "src/net/http_url.h"

namespace {

using coffer::HttpUrl;
using coffer::Result;

constexpr std::string_view kCanary = "CANARY0secret1value2";

void Require(bool condition) {
  if (!condition) std::abort();
}

bool Tells(std::string_view text) { return text.find(kCanary) != std::string_view::npos; }

void CheckTaken(const HttpUrl& url) {
  Require(url.scheme == "http" || url.scheme == "https");
  Require(!url.host.empty() && url.path.starts_with('/'));
  Require(url.host.find_first_of("@/?#") == std::string::npos);
  Require(url.path.find_first_of("?#") == std::string::npos);
  for (const char c : url.text()) Require(static_cast<unsigned char>(c) > 0x20 && c != 0x7F);
  const HttpUrl again = HttpUrl::Parse(url.text()).OrDie();
  Require(again.text() == url.text() && again.origin() == url.origin());
  Require(again.is_loopback() == url.is_loopback());
  Require(!(url.is_loopback() && url.is_link_local()));
}

void CheckUrl(const std::string& text) {
  const Result<HttpUrl> url = HttpUrl::Parse(text);
  if (url.ok()) {
    CheckTaken(*url);
  } else {
    Require(url.status().code() == coffer::StatusCode::kInvalidArgument);
  }
  Require(!Tells(coffer::ShownUrl(text + "?" + std::string(kCanary))));
  const Result<HttpUrl> with_query = HttpUrl::Parse(text + "?" + std::string(kCanary));
  Require(with_query.ok() || !Tells(with_query.status().message()));
  for (const std::string scheme : {"http://", "https://", "ftp://"}) {
    const auto with_user = HttpUrl::Parse(scheme + std::string(kCanary) + "@" + text);
    Require(!with_user.ok() && !Tells(with_user.status().message()));
  }
  const auto store = coffer::MakeHttpStore(text + "?" + std::string(kCanary));
  Require(!Tells(store.ok() ? (*store)->Describe("k") : store.status().ToString()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = input.find('\n');
  const std::string text(input.substr(0, line));
  const std::string location(line == std::string_view::npos ? "" : input.substr(line + 1));
  CheckUrl(text);
  Result<HttpUrl> base = HttpUrl::Parse(text);
  if (!base.ok()) base = HttpUrl::Parse("http://h/a/b?q");
  const Result<HttpUrl> target = HttpUrl::Resolve(*base, location);
  if (target.ok()) CheckTaken(*target);
  const auto secret = HttpUrl::Resolve(*base, location + "?" + std::string(kCanary));
  Require(secret.ok() || !Tells(secret.status().message()));
  return 0;
}
