#include "tools/coffer/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "coffer/base/checked.h"

namespace coffer::inline v0::tool {
namespace {

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// Characters, not bytes: continuation bytes of UTF-8 take no column.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

// Three significant digits, without zeros at the end of the fraction.
std::string ThreeDigits(double value) {
  char text[32];
  int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  std::string result = text;
  if (decimals > 0) {
    result.erase(result.find_last_not_of('0') + 1);
    if (result.back() == '.') result.pop_back();
  }
  return result;
}

}  // namespace

Result<int64_t> ParseByteSize(std::string_view text) {
  Status wrong = InvalidArgumentError(Quoted(text) + " is no size (examples: 4096, 256M, 2G)");
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < 0) return wrong;
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (unit.ends_with("iB")) unit.remove_suffix(2);
  if (unit.empty()) return value;
  size_t power = std::string_view("KMGT").find(unit[0]);
  if (unit.size() != 1 || power == std::string_view::npos) return wrong;
  std::optional<int64_t> bytes = CheckedMul(value, int64_t{1} << (10 * (power + 1)));
  if (!bytes) return wrong;
  return *bytes;
}

Result<Shape> ParseShape(std::string_view text, int64_t min) {
  Shape shape;
  std::string_view rest = text;
  while (!rest.empty() || text.ends_with(',')) {
    std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    int64_t value = 0;
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < min) {
      return InvalidArgumentError(Quoted(text) + " is no list of integers from " +
                                  std::to_string(min) + " on (example: 64,64,32)");
    }
    if (shape.rank() == kMaxRank) return InvalidArgumentError("more than 32 dimensions");
    shape.push_back(value);
    if (rest.empty() && !text.ends_with(',')) break;
  }
  return shape;
}

std::string FormatBytes(int64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return ThreeDigits(value) + " " + kUnits[unit];
}

std::string FormatRate(int64_t bytes, double seconds) {
  auto rate = static_cast<double>(bytes) / std::max(seconds, 1e-9);
  return FormatBytes(static_cast<int64_t>(std::min(rate, 1e18))) + "/s";
}

std::string FormatSeconds(double seconds) {
  auto whole = static_cast<int64_t>(std::llround(std::min(seconds, 1e9)));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole % 3600 / 60) + " min";
}

std::string FormatRatio(int64_t bytes, int64_t stored) {
  if (stored == 0) return "-";
  return ThreeDigits(static_cast<double>(bytes) / static_cast<double>(stored)) + "x";
}

std::string FormatCount(int64_t count, std::string_view noun) {
  std::string digits = std::to_string(count);
  for (auto at = std::ssize(digits) - 3; at > 0; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits + " " + std::string(noun) + (count == 1 ? "" : "s");
}

Json ToJson(const Shape& shape) { return Json(Json::Array(shape.begin(), shape.end())); }

std::string Table::ToString(std::string_view indent) const {
  std::vector<size_t> widths(alignment_.size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line(indent);
    for (size_t i = 0; i < row.size(); ++i) {
      std::string pad(widths[i] - Width(row[i]), ' ');
      line += (i > 0 ? "  " : "") + (alignment_[i] == 'r' ? pad + row[i] : row[i] + pad);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string Printable(std::string_view text) {
  // U+0080 to U+009F, control characters that some terminals obey, are C2 80 to C2 9F in UTF-8.
  auto is_c1 = [](std::string_view rest) {
    return rest.size() > 1 && rest[0] == '\xc2' && (rest[1] & 0xe0) == 0x80;
  };
  auto is_control = [](char c) { return (c >= 0 && c < 32) || c == 127; };
  bool plain = IsUtf8(text);
  for (size_t i = 0; plain && i < text.size(); ++i) {
    plain = !is_control(text[i]) && !is_c1(text.substr(i));
  }
  if (plain) return std::string(text);
  // JSON escapes what is below 32 and replaces broken UTF-8; the quotes are not wanted.
  std::string escaped = Json(text).Dump();
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::string printable;
  for (size_t i = 1; i + 1 < escaped.size(); ++i) {
    const bool c1 = is_c1(std::string_view(escaped).substr(i));
    if (c1) ++i;
    if (!c1 && escaped[i] != 127) {
      printable += escaped[i];
      continue;
    }
    const auto code = static_cast<unsigned char>(escaped[i]);
    printable += {'\\', 'u', '0', '0', kHexDigits[code >> 4], kHexDigits[code & 15]};
  }
  return printable;
}

std::string Shortened(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  size_t end = bytes_max - 3;
  while (end > 0 && (text[end] & 0xc0) == 0x80) --end;  // Never within a character.
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace coffer::inline v0::tool
