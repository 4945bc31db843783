#include "src/base/shown.h"

#include <algorithm>
#include <cctype>

#include "src/base/json.h"

namespace coffer::inline v0 {

namespace {

constexpr size_t kPortDigitsMax = 5;
constexpr size_t kServerWordMax = 19;
constexpr size_t kServerTextMax = 500;

/// Whether a token may have it inside.
bool IsOfAWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("+/=%-_.~").find(c) != std::string_view::npos;
}

/// "https:", whatever slashes follow: 6. None of the schemes with users and tokens: npos.
size_t EndOfSecretiveScheme(std::string_view text) {
  for (const std::string_view scheme : {"http:", "https:", "s3:"}) {
    const bool same = text.size() >= scheme.size() &&
                      std::equal(scheme.begin(), scheme.end(), text.begin(), [](char a, char b) {
                        return a == std::tolower(static_cast<unsigned char>(b));
                      });
    if (same) return scheme.size();
  }
  return std::string_view::npos;
}

/// Where the host begins, or a user; npos in a text without one.
size_t AuthorityBegin(std::string_view url) {
  if (const size_t colon = EndOfSecretiveScheme(url); colon != std::string_view::npos) {
    return std::min(url.find_first_not_of("/\\", colon), url.size());
  }
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos) return scheme + 3;
  return url.starts_with("//") ? 2 : std::string_view::npos;
}

std::string_view Authority(std::string_view rest) {
  return rest.substr(0, rest.find_first_of("/\\|"));
}

/// Where a ":" begins what is no port, or a "%" may be one; npos if there is none.
size_t FalsePort(std::string_view authority) {
  const size_t bracket = authority.starts_with('[') ? authority.find(']') : std::string_view::npos;
  const size_t colon =
      authority.find_first_of(":%", bracket == std::string_view::npos ? 0 : bracket);
  if (colon == std::string_view::npos || authority[colon] == '%') return colon;
  const std::string_view port = authority.substr(colon + 1);
  const bool is_port = port.size() <= kPortDigitsMax &&
                       port.find_first_not_of("0123456789") == std::string_view::npos;
  return is_port ? std::string_view::npos : colon;
}

std::string_view WithoutUser(std::string_view rest) {
  const std::string_view before = Authority(rest);
  const bool has_user =
      before.find('@') != std::string_view::npos || FalsePort(before) != std::string_view::npos;
  // The last "@" of all, since the password may have "/" and "@" in it.
  if (has_user) rest.remove_prefix(rest.rfind('@') + 1);  // npos + 1 is 0.
  return rest.substr(0, FalsePort(Authority(rest)));
}

bool IsUrl(std::string_view text) {
  if (EndOfSecretiveScheme(text) != std::string_view::npos) return true;
  const size_t colon = text.find("://");
  return colon != std::string_view::npos && colon > 0 &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '-' ||
                  c == '.';
         });
}

bool IsAdapter(std::string_view text) {
  const size_t colon = text.find(':');
  return colon != std::string_view::npos && colon > 0 &&
         std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

/// "|zip:a/|zarr3:" at the end, as far as all are adapters by their form.
std::string_view AdaptersBehindQuery(std::string_view url) {
  const size_t query = url.find_first_of("?#");
  size_t begin = url.size();
  while (query != std::string_view::npos) {
    const size_t bar = url.substr(0, begin).rfind('|');
    if (bar == std::string_view::npos || bar < query) break;
    if (!IsAdapter(url.substr(bar + 1, begin - bar - 1))) break;
    begin = bar;
  }
  return url.substr(begin);
}

/// What a spec says of where it leads. It may be as deep as Json::Parse lets it be.
Json ShownMembers(const Json& spec) {
  Json shown = Json(Json::Object());
  for (const std::string_view name : {"driver", "kvstore", "base", "base_url", "bucket", "path"}) {
    const Json* const member = spec.Find(name);
    if (member == nullptr) continue;
    if (member->is_object()) {
      shown.Set(name, ShownMembers(*member));
    } else if (!member->is_string()) {
      shown.Set(name, Json("..."));
    } else if (name == "bucket") {
      shown.Set(name, Json(ShownUrl("//" + member->string()).substr(2)));
    } else if (name == "path") {
      shown.Set(name, Json(member->string().substr(0, member->string().find('?'))));
    } else {
      shown.Set(name, Json(ShownPlace(member->string())));
    }
  }
  return shown;
}

std::string ShownSpec(std::string_view text) {
  const Result<Json> spec = Json::Parse(text);
  return spec.ok() && spec->is_object() ? ShownMembers(*spec).Dump() : "{...}";
}

}  // namespace

std::string ShownUrl(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const size_t begin = AuthorityBegin(url);
  if (begin == std::string_view::npos) return std::string(url);
  return std::string(url.substr(0, begin)) + std::string(WithoutUser(url.substr(begin)));
}

std::string ShownServerText(std::string_view text) {
  std::string shown;
  while (!text.empty() && shown.size() < kServerTextMax) {
    const auto end = std::find_if_not(text.begin(), text.end(), IsOfAWord);
    const auto size = static_cast<size_t>(end - text.begin());
    shown += size > kServerWordMax ? "..." : text.substr(0, size);
    text.remove_prefix(size);
    if (text.empty()) break;
    shown += std::iscntrl(static_cast<unsigned char>(text[0])) != 0 ? ' ' : text[0];
    text.remove_prefix(1);
  }
  return shown;
}

std::string ShownPlace(std::string_view place) {
  const size_t first = place.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && place[first] == '{') return ShownSpec(place);
  if (!IsUrl(place)) return std::string(place);
  return ShownUrl(place) + std::string(AdaptersBehindQuery(place));
}

}  // namespace coffer::inline v0
