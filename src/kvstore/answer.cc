#include "coffer/kvstore/answer.h"

#include <string>

namespace coffer::inline v0 {

namespace {

const char* const kButTheReaderTakes = " bytes, but the reader takes at most ";

bool Allows(const Generation& if_equal, const Generation& current) {
  return !if_equal.known() || if_equal == current;
}

}  // namespace

ReadResult AnswerMissing(const ReadOptions& options) {
  ReadResult result;
  result.generation = Generation::Missing();
  result.state = Allows(options.if_equal, result.generation) ? ReadResult::State::kMissing
                                                             : ReadResult::State::kConditionNotMet;
  return result;
}

std::optional<ReadResult> HeldBack(const ReadOptions& options, const Generation& generation) {
  const bool unchanged = options.if_not_equal.known() && options.if_not_equal == generation;
  if (Allows(options.if_equal, generation) && !unchanged) return std::nullopt;
  ReadResult result;
  result.state = ReadResult::State::kConditionNotMet;
  result.generation = generation;
  return result;
}

Status CheckMaxBytes(int64_t bytes, int64_t max_bytes) {
  if (max_bytes < 0 || bytes <= max_bytes) return Status();
  return ResourceExhaustedError("the value has " + std::to_string(bytes) + kButTheReaderTakes +
                                std::to_string(max_bytes));
}

bool IsMaxBytesError(const Status& status, int64_t max_bytes) {
  return status.code() == StatusCode::kResourceExhausted &&
         status.message().ends_with(kButTheReaderTakes + std::to_string(max_bytes));
}

Result<ByteRange> ResolveRead(const ReadOptions& options, int64_t total_size) {
  COFFER_ASSIGN_OR_RETURN(const ByteRange range, options.range.Resolve(total_size));
  COFFER_RETURN_IF_ERROR(CheckMaxBytes(range.end - range.begin, options.max_bytes));
  return range;
}

Result<ReadResult> AnswerValue(const Bytes& value, const Generation& generation,
                               const ReadOptions& options) {
  if (std::optional<ReadResult> held_back = HeldBack(options, generation)) return *held_back;
  const auto size = static_cast<int64_t>(value.size());
  COFFER_ASSIGN_OR_RETURN(const ByteRange range, ResolveRead(options, size));
  ReadResult result;
  result.state = ReadResult::State::kValue;
  result.value =
      value.Slice(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin));
  result.generation = generation;
  result.total_size = size;
  return result;
}

bool MayWrite(const WriteOptions& options, const Generation& current) {
  return Allows(options.if_equal, current);
}

Status ReadOnlyError(std::string_view name) {
  return FailedPreconditionError(std::string(name) + ": this store is read-only");
}

Status CheckRename(std::string_view from, std::string_view to) {
  const std::string what = "rename \"" + std::string(from) + "\" to \"" + std::string(to) + "\": ";
  if (!from.ends_with('/') || !to.ends_with('/')) {
    return InvalidArgumentError(what + "both prefixes must end with \"/\"");
  }
  if (from.starts_with(to) || to.starts_with(from)) {
    return InvalidArgumentError(what + "one prefix lies within the other");
  }
  return Status();
}

}  // namespace coffer::inline v0
