#include "src/net/http.h"

#include <algorithm>

#include "coffer/base/checked.h"
#include "src/base/shown.h"

namespace coffer::inline v0 {

std::optional<std::string_view> HttpResponse::Find(std::string_view name) const {
  const auto found = std::find_if(headers.rbegin(), headers.rend(),
                                  [&](const HttpHeader& header) { return header.name == name; });
  if (found == headers.rend()) return std::nullopt;
  return found->value;
}

std::optional<int64_t> HttpResponse::content_length() const {
  const std::optional<std::string_view> text = Find("content-length");
  if (!text || Find("transfer-encoding")) return std::nullopt;
  return ParseDecimal(*text);
}

std::string HttpRequest::Name() const {
  return method + " " + (shown_url.empty() ? ShownUrl(url) : shown_url);
}

std::optional<int64_t> ParseDecimal(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const std::optional<int64_t> tenfold = CheckedMul(value, 10);
    const std::optional<int64_t> next = tenfold ? CheckedAdd(*tenfold, c - '0') : std::nullopt;
    if (!next) return std::nullopt;
    value = *next;
  }
  return value;
}

Result<ContentRange> ContentRange::Parse(std::string_view text) {
  const Status bad = DataLossError("Content-Range \"" + ShownServerText(text).substr(0, 100) +
                                   "\": expected bytes FIRST-LAST/SIZE");
  constexpr std::string_view kUnit = "bytes ";
  if (text.substr(0, kUnit.size()) != kUnit) return bad;
  const std::string_view rest = text.substr(kUnit.size());
  const size_t dash = rest.find('-');
  const size_t slash = rest.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) return bad;
  const std::optional<int64_t> first = ParseDecimal(rest.substr(0, dash));
  const std::optional<int64_t> last = ParseDecimal(rest.substr(dash + 1, slash - dash - 1));
  if (!first || !last || *last < *first || *last == INT64_MAX) return bad;
  ContentRange range{*first, *last + 1, -1};
  if (const std::string_view size = rest.substr(slash + 1); size != "*") {
    const std::optional<int64_t> known = ParseDecimal(size);
    if (!known || *known < range.end) return bad;
    range.size = *known;
  }
  return range;
}

std::optional<int64_t> UnsatisfiedSize(std::string_view content_range) {
  constexpr std::string_view kBegin = "bytes */";
  if (content_range.substr(0, kBegin.size()) != kBegin) return std::nullopt;
  return ParseDecimal(content_range.substr(kBegin.size()));
}

Status CheckFraming(const HttpResponse& head) {
  std::optional<int64_t> length;
  bool is_encoded = false;
  for (const auto& [name, value] : head.headers) {
    const std::string shown = "\"" + ShownServerText(value).substr(0, 100) + "\"";
    if (name.ends_with(' ') || name.ends_with('\t')) {
      return DataLossError("the answer's head has a blank before a \":\"");
    }
    if (name == "content-length") {
      const std::optional<int64_t> told = ParseDecimal(value);
      if (!told) return DataLossError("the answer's Content-Length is " + shown);
      if (length.value_or(*told) != *told) {
        return DataLossError("the answer has the Content-Lengths " + std::to_string(*length) +
                             " and " + std::to_string(*told));
      }
      length = told;
    } else if (name == "transfer-encoding") {
      constexpr std::string_view kChunked = "chunked";
      const bool is_chunked = std::equal(
          value.begin(), value.end(), kChunked.begin(), kChunked.end(),
          [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a - 'A' + 'a' == b); });
      if (is_encoded || !is_chunked) {
        return DataLossError("the answer's Transfer-Encoding, " + shown +
                             ", is not \"chunked\" alone");
      }
      is_encoded = true;
    }
  }
  return Status();
}

namespace {

StatusCode CodeOf(int status) {
  switch (status) {
    case 401:
    case 403:
    case 407:
      return StatusCode::kPermissionDenied;
    case 404:
    case 410:
      return StatusCode::kNotFound;
    case 409:
      return StatusCode::kAborted;
    case 412:
      return StatusCode::kFailedPrecondition;
    case 413:
    case 507:
      return StatusCode::kResourceExhausted;
    case 416:
      return StatusCode::kOutOfRange;
    case 405:
    case 501:
      return StatusCode::kUnimplemented;
    case 408:
    case 425:
    case 429:
      return StatusCode::kUnavailable;
    default:
      break;
  }
  if (status < 300) return StatusCode::kInternal;
  if (status < 400) return StatusCode::kFailedPrecondition;
  return status < 500 ? StatusCode::kInvalidArgument : StatusCode::kUnavailable;
}

}  // namespace

Status HttpError(const HttpResponse& answer, std::string_view what, std::string_view detail) {
  std::string message(what);
  message += ": the server answered " + std::to_string(answer.status);
  if (!detail.empty()) message += ": " + std::string(detail);
  return Status(CodeOf(answer.status), message + answer.note);
}

}  // namespace coffer::inline v0
