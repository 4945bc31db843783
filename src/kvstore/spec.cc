#include "src/kvstore/spec.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

namespace coffer::inline v0 {

namespace {

/// "1m30s" as TensorStore writes it: numbers with units, added. nullopt if it is none, or more than
/// a year.
std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"ns", 1e-6}, {"us", 1e-3}, {"ms", 1.0}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}};
  constexpr double kMax = 366.0 * 24 * 3600e3;
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [next, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc() || !(number >= 0)) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(next - text.data()));
    const std::string_view unit = text.substr(0, text.find_first_of("0123456789."));
    text.remove_prefix(unit.size());
    double scale = 0;
    for (const auto& [name, milliseconds] : kUnits) {
      if (unit == name) scale = milliseconds;
    }
    sum += number * scale;
    if (scale == 0 || !(sum <= kMax)) return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<int64_t>(sum));
}

}  // namespace

Status CheckSpecMembers(const Json& spec, std::string_view path,
                        std::initializer_list<std::string_view> known,
                        std::initializer_list<std::string_view> lacking) {
  // What stands there instead is not shown: it may be a secret.
  if (!spec.is_object())
    return InvalidArgumentError("at " + std::string(path) + ": expected an object");
  for (const auto& [member, value] : spec.object()) {
    if (std::find(lacking.begin(), lacking.end(), member) != lacking.end()) {
      return UnimplementedError("at " + std::string(path) + ": member \"" + member +
                                "\" of TensorStore is not supported");
    }
  }
  return spec.CheckMembers(path, known);
}

Result<std::chrono::milliseconds> ReadDuration(const Json& member, std::string_view path) {
  COFFER_ASSIGN_OR_RETURN(const std::string text, member.AsString(path));
  const std::optional<std::chrono::milliseconds> duration = ParseDuration(text);
  if (!duration) {
    return member.Unexpected(path, "a duration of at most a year, such as \"60s\" or \"1m30s\"");
  }
  return *duration;
}

}  // namespace coffer::inline v0
