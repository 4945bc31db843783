#include "kvstore/file/spec.h"

#include <charconv>
#include <chrono>
#include <optional>
#include <utility>

#include "src/base/json.h"
#include "src/kvstore/spec.h"

namespace coffer::inline v0 {

namespace {

using Locking = FileStoreOptions::Locking;

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

Status ReadLocking(const Json& member, FileStoreOptions* options) {
  const std::string path = "$.file_io_locking";
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(member, path, {"mode", "acquire_timeout"}, {}));
  if (const Json* mode = member.Find("mode")) {
    COFFER_ASSIGN_OR_RETURN(const std::string name, mode->AsString(path + ".mode"));
    if (name == "none") {
      options->locking = Locking::kNone;
    } else if (name == "lockfile") {
      options->locking = Locking::kLockfile;
    } else if (name == "non_atomic") {
      return UnimplementedError("at " + path +
                                ".mode: mode \"non_atomic\" of TensorStore is not supported "
                                "(\"os\", \"lockfile\" and \"none\" are)");
    } else if (name != "os") {
      return mode->Unexpected(path + ".mode", "\"os\", \"lockfile\" or \"none\"");
    }
  }
  if (const Json* timeout = member.Find("acquire_timeout")) {
    const std::string where = path + ".acquire_timeout";
    COFFER_ASSIGN_OR_RETURN(const std::string text, timeout->AsString(where));
    const std::optional<std::chrono::milliseconds> duration = ParseDuration(text);
    if (!duration) {
      return timeout->Unexpected(where,
                                 "a duration of at most a year, such as \"60s\" or \"1m30s\"");
    }
    options->lock_timeout = *duration;
  }
  return Status();
}

}  // namespace

Result<FileStoreSpec> ParseFileStoreSpec(std::string_view text) {
  COFFER_ASSIGN_OR_RETURN(const Json spec, Json::Parse(text));
  COFFER_RETURN_IF_ERROR(CheckSpecMembers(
      spec, "$", {"driver", "path", "file_io_sync", "file_io_locking", "file_io_direct_streams"},
      {"file_io_concurrency", "file_io_mode", "context"}));
  const Json* path = spec.Find("path");
  if (path == nullptr) {
    return InvalidArgumentError("at $: the spec of a file store needs the member \"path\"");
  }
  FileStoreSpec result;
  COFFER_ASSIGN_OR_RETURN(result.path, path->AsString("$.path"));
  if (const Json* sync = spec.Find("file_io_sync")) {
    COFFER_ASSIGN_OR_RETURN(result.options.sync, sync->AsBool("$.file_io_sync"));
  }
  if (const Json* direct = spec.Find("file_io_direct_streams")) {
    COFFER_ASSIGN_OR_RETURN(result.options.direct_streams,
                            direct->AsBool("$.file_io_direct_streams"));
  }
  if (const Json* locking = spec.Find("file_io_locking")) {
    COFFER_RETURN_IF_ERROR(ReadLocking(*locking, &result.options));
  }
  return result;
}

}  // namespace coffer::inline v0
