#include "src/kvstore/url.h"

#include <algorithm>

#include "src/base/shown.h"

namespace coffer::inline v0 {

namespace {

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Names the first "%" of a text that begins no escape.
std::string BadEscape(std::string_view text) {
  size_t at = text.find('%');
  while (PercentDecode(text.substr(at, 3))) at = text.find('%', at + 1);
  return ": \"" + std::string(text.substr(at, 3)) +
         "\" is no percent escape (write a percent sign as %25)";
}

/// Letters, digits and what is kept stay as they are.
std::string EncodeAllBut(std::string_view text, std::string_view kept) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (char c : text) {
    if (IsAlpha(c) || IsDigit(c) || kept.find(c) != std::string_view::npos) {
      encoded.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded.push_back('%');
    encoded.push_back(kHex[byte >> 4]);
    encoded.push_back(kHex[byte & 15]);
  }
  return encoded;
}

}  // namespace

std::optional<UrlAdapter> UrlAdapter::Find(std::string_view text) {
  const size_t bar = text.rfind('|');
  if (bar == std::string_view::npos) return std::nullopt;
  const std::string_view adapter = text.substr(bar + 1);
  const size_t colon = std::min(adapter.find(':'), adapter.size());
  const UrlAdapter found = {text.substr(0, bar), adapter.substr(0, colon),
                            adapter.substr(std::min(colon + 1, adapter.size()))};
  const bool is_name = std::all_of(found.name.begin(), found.name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '_';
  });
  if (found.name.empty() || !is_name) return std::nullopt;
  return found;
}

std::string UrlScheme(std::string_view text) {
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0 || !IsAlpha(text[0])) return "";
  std::string scheme(text.substr(0, colon));
  for (char& c : scheme) {
    if (!IsAlpha(c) && !IsDigit(c) && c != '+' && c != '-' && c != '.') return "";
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return scheme;
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

Result<std::string> DecodeUrlPath(std::string_view url, std::string_view part) {
  std::optional<std::string> decoded = PercentDecode(part);
  if (decoded) return *std::move(decoded);
  return InvalidArgumentError("URL \"" + ShownPlace(url) + "\"" + BadEscape(part));
}

Result<Url> Url::Parse(std::string_view text) {
  Url url;
  url.scheme = UrlScheme(text);
  const std::string name = "URL \"" + ShownUrl(text) + "\"";
  if (url.scheme.empty()) return InvalidArgumentError(name + ": expected scheme://");
  const std::string_view rest = text.substr(url.scheme.size() + 3);
  const size_t odd = rest.find_first_of("?#|");
  if (odd != std::string_view::npos) {
    const std::string what = rest[odd] == '?'   ? "a query (\"?\")"
                             : rest[odd] == '#' ? "a fragment (\"#\")"
                                                : "an adapter (\"|\")";
    return InvalidArgumentError(name + ": " + what +
                                " has no meaning for a store; in a path it is percent-encoded");
  }
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::optional<std::string> authority = PercentDecode(rest.substr(0, slash));
  const std::optional<std::string> path = PercentDecode(rest.substr(slash));
  if (!authority || !path) return InvalidArgumentError(name + BadEscape(rest));
  url.authority = *authority;
  url.path = *path;
  return url;
}

std::string EncodeUrlPath(std::string_view path) {
  return EncodeAllBut(path, "-._~/!$&'()*+,;=:@");
}

std::string PercentEncode(std::string_view text, Slash slash) {
  return EncodeAllBut(text, slash == Slash::kKept ? "-._~/" : "-._~");
}

}  // namespace coffer::inline v0
