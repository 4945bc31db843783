// A read begins as the cheapest request that can answer it, and turns to another where the server
// cannot do that:
//   kHead       no bytes are wanted (an empty range, if_equal = Missing), or none if the date is
//               still that of if_not_equal, or 416 left open whether the range is empty or beyond
//               the end;
//   kFirstByte  in its place, where HEAD is refused;
//   kGet        the range, or all;
//   kWhole      all of a value, for its last bytes, where the server tells neither ranges nor
//   length.
// TakeHead decides what the head means while the body is still to come; Answer takes it from there.
#include "src/kvstore/http_read.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "coffer/kvstore/answer.h"

namespace coffer::inline v0 {

namespace {

enum class Mode { kHead, kFirstByte, kGet, kWhole };

constexpr int kAnotherMax = 4;               // The value may change between them.
constexpr int64_t kWholeBytesMax = MiB(64);  // Of what kWhole holds.
constexpr size_t kEntityTagMax = 1024;
// What MinIO answers where the last bytes of an empty value are asked for.
constexpr std::string_view kRangeOfNothing = "bytes 0--1/0";

std::string Text(int64_t value) { return std::to_string(value); }

bool IsEmptyRange(const ByteRange& range) { return range.begin >= 0 && range.end == range.begin; }

std::string RangeValue(const ByteRange& range) {
  if (range.begin < 0) return "bytes=-" + Text(-range.begin);
  if (range.end < 0) return "bytes=" + Text(range.begin) + "-";
  return "bytes=" + Text(range.begin) + "-" + Text(range.end - 1);
}

}  // namespace

Generation HttpGeneration(const HttpResponse& head) {
  const std::optional<std::string_view> tag = head.Find("etag");
  // In quotes, so that it is neither weak nor to be mistaken for one of the others.
  if (tag && tag->size() >= 2 && tag->starts_with('"') && tag->ends_with('"') &&
      tag->size() <= kEntityTagMax) {
    return {std::string(*tag)};
  }
  // A date is as good as a strong tag if it is not of the very time of the answer (RFC 9110,
  // 8.8.2.2): the value may change again within that second.
  const std::optional<std::string_view> modified = head.Find("last-modified");
  const std::optional<std::string_view> date = head.Find("date");
  if (!modified || !date || modified->size() > kEntityTagMax) return Generation::Unknown();
  const time_t then = curl_getdate(std::string(*modified).c_str(), nullptr);
  const time_t now = curl_getdate(std::string(*date).c_str(), nullptr);
  if (then < 0 || now < then + 2) return Generation::Unknown();
  return {"m" + std::string(*modified)};
}

std::optional<std::string> HttpEntityTag(const Generation& generation) {
  if (!generation.value.starts_with('"')) return std::nullopt;
  return generation.value;
}

struct HttpRead::State {
  std::string name;
  ReadOptions options;
  std::optional<std::span<std::byte>> destination;
  HttpReadRules rules;
  Status invalid;
  Mode mode = Mode::kGet;
  int requests = 0;

  // What the head of the present answer says.
  std::optional<ReadResult> decided;  // Without the body.
  bool wants_another = false;
  int64_t total_size = -1;
  int64_t expected = -1;  // Bytes of the body that are to be kept.
  Generation generation;
  std::optional<std::span<const std::byte>> whole;  // Of what Answer() took.

  Mode WithoutBytes() const { return rules.has_head ? Mode::kHead : Mode::kFirstByte; }
  void Begin();
  void AddConditions(HttpRequest* request) const;
  Result<HttpWindow> TakeHead(const HttpResponse& head);
  Result<HttpWindow> TakeRange(const HttpResponse& head);
  Result<HttpWindow> TakeWhole(const HttpResponse& head);
  Status Expect(int64_t bytes);
  Result<std::optional<ReadResult>> Answer(const HttpResponse& answer);
  Result<std::optional<ReadResult>> AnswerRefused(const HttpResponse& answer);
  Result<std::optional<ReadResult>> AnswerWithoutBytes();
  Result<std::optional<ReadResult>> AnswerBody(const HttpResponse& answer);
  Result<std::optional<ReadResult>> Another(Mode next);
};

HttpRead::HttpRead(std::string name, ReadOptions options,
                   std::optional<std::span<std::byte>> destination, HttpReadRules rules)
    : state_(std::make_shared<State>()) {
  state_->name = std::move(name);
  state_->options = std::move(options);
  state_->destination = destination;
  state_->rules = std::move(rules);
  state_->Begin();
}

const Status& HttpRead::status() const { return state_->invalid; }

void HttpRead::State::Begin() {
  if (!rules.generation) rules.generation = HttpGeneration;
  if (!rules.entity_tag) rules.entity_tag = HttpEntityTag;
  const ByteRange& range = options.range;
  // Against the longest value there can be, only a range that is none fails.
  if (range.end < -1 || (range.end >= 0 && range.begin > range.end) ||
      (range.begin < 0 && range.end != -1) || range.begin == INT64_MIN) {
    invalid = range.Resolve(INT64_MAX).status().Annotate(name);
  }
  const bool compares_dates = options.if_not_equal.known() && !options.if_not_equal.missing() &&
                              !rules.entity_tag(options.if_not_equal);
  if (IsEmptyRange(range) || options.if_equal.missing() || compares_dates) mode = WithoutBytes();
  if (destination && IsEmptyRange(range) && !destination->empty()) {
    invalid = Expect(0).Annotate(name);
  }
}

std::string HttpRead::method() const { return state_->mode == Mode::kHead ? "HEAD" : "GET"; }

void HttpRead::Prepare(HttpRequest* request) const {
  State& state = *state_;
  state.decided.reset();
  state.wants_another = false;
  state.whole.reset();
  state.total_size = state.expected = -1;
  state.generation = Generation::Unknown();
  request->method = method();
  const ByteRange& range = state.options.range;
  if (state.mode == Mode::kFirstByte) {
    request->headers.push_back({"Range", "bytes=0-0"});
  } else if (state.mode == Mode::kGet && range != ByteRange::All()) {
    request->headers.push_back({"Range", RangeValue(range)});
  }
  state.AddConditions(request);
  request->limits.body_max_bytes = state.mode == Mode::kWhole     ? kWholeBytesMax
                                   : state.options.max_bytes >= 0 ? state.options.max_bytes
                                                                  : INT64_MAX;
  if (state.mode == Mode::kGet) request->destination = state.destination;
  request->on_head = [state = state_](const HttpResponse& head) { return state->TakeHead(head); };
}

void HttpRead::State::AddConditions(HttpRequest* request) const {
  if (const auto tag = rules.entity_tag(options.if_equal)) {
    request->headers.push_back({"If-Match", *tag});
  }
  if (const auto tag = rules.entity_tag(options.if_not_equal)) {
    request->headers.push_back({"If-None-Match", *tag});
  }
}

Result<HttpWindow> HttpRead::State::TakeHead(const HttpResponse& head) {
  constexpr HttpWindow kNothing{0, 0};
  const bool may_be_part = mode == Mode::kGet || mode == Mode::kFirstByte;
  if (head.status != 200 && !(head.status == 206 && may_be_part)) {
    return DataLossError("the server answered " + std::to_string(head.status) + " to a read");
  }
  generation = rules.generation(head);
  if ((decided = HeldBack(options, generation))) return kNothing;
  const bool has_body = mode == Mode::kGet || mode == Mode::kWhole;
  if (has_body && head.status == 200 && rules.tells_length && !head.content_length() &&
      !head.Find("transfer-encoding")) {
    return DataLossError("the answer does not tell where the value ends");
  }
  if (mode == Mode::kWhole) return HttpWindow();
  if (mode == Mode::kHead) {
    total_size = head.content_length().value_or(-1);
    return kNothing;
  }
  return head.status == 206 ? TakeRange(head) : TakeWhole(head);
}

Status HttpRead::State::Expect(int64_t bytes) {
  expected = bytes;
  COFFER_RETURN_IF_ERROR(CheckMaxBytes(bytes, options.max_bytes));
  if (destination && bytes != static_cast<int64_t>(destination->size())) {
    return OutOfRangeError("the range has " + Text(bytes) + " bytes, but the destination " +
                           Text(static_cast<int64_t>(destination->size())));
  }
  return Status();
}

Result<HttpWindow> HttpRead::State::TakeRange(const HttpResponse& head) {
  const std::optional<std::string_view> told = head.Find("content-range");
  if (!told) return DataLossError("the server answered 206 without a Content-Range");
  const bool asked_for_part = mode == Mode::kFirstByte || options.range != ByteRange::All();
  if (*told == kRangeOfNothing && asked_for_part) {
    COFFER_RETURN_IF_ERROR(options.range.Resolve(0));
    total_size = 0;
    COFFER_RETURN_IF_ERROR(Expect(0));
    return HttpWindow{0, 0};
  }
  COFFER_ASSIGN_OR_RETURN(const ContentRange part, ContentRange::Parse(*told));
  total_size = part.size;
  const std::optional<int64_t> length = head.content_length();
  if (length && *length != part.end - part.begin) {
    return DataLossError("the answer's Content-Length is " + Text(*length) +
                         ", its Content-Range \"" + std::string(*told) + "\"");
  }
  ByteRange asked = mode == Mode::kFirstByte ? ByteRange::Span(0, 1) : options.range;
  const Status wrong =
      DataLossError("bytes [" + Text(asked.begin) + ", " + Text(asked.end) +
                    ") were asked for, the server sent \"" + std::string(*told) + "\"");
  if (!asked_for_part) return wrong;
  if (part.size >= 0) {
    COFFER_ASSIGN_OR_RETURN(asked, asked.Resolve(part.size));
  } else if (asked.begin < 0 || asked.end < 0) {
    // Whether the part ends where the value does is not known: it may be any other.
    return DataLossError("the end of the value was asked for, the server sent \"" +
                         std::string(*told) + "\"");
  }
  if (part.begin != asked.begin || part.end != asked.end) return wrong;
  if (mode == Mode::kFirstByte) return HttpWindow{0, 0};
  COFFER_RETURN_IF_ERROR(Expect(part.end - part.begin));
  return HttpWindow();
}

Result<HttpWindow> HttpRead::State::TakeWhole(const HttpResponse& head) {
  const std::optional<int64_t> length = head.content_length();
  total_size = length.value_or(-1);
  if (mode == Mode::kFirstByte) return HttpWindow{0, 0};
  const ByteRange& range = options.range;
  if (length) {
    COFFER_ASSIGN_OR_RETURN(const ByteRange part, range.Resolve(*length));
    COFFER_RETURN_IF_ERROR(Expect(part.end - part.begin));
    return HttpWindow{part.begin, part.end};
  }
  if (range.begin < 0) {
    wants_another = true;
    return HttpWindow{0, 0};
  }
  if (range.end >= 0) COFFER_RETURN_IF_ERROR(Expect(range.end - range.begin));
  return HttpWindow{range.begin, range.end};
}

Result<std::optional<ReadResult>> HttpRead::State::Another(Mode next) {
  if (++requests > kAnotherMax) {
    return AbortedError("the value changes while it is asked for its size");
  }
  mode = next;
  return std::optional<ReadResult>();
}

std::optional<std::span<const std::byte>> HttpRead::whole() const { return state_->whole; }

Result<std::optional<ReadResult>> HttpRead::Answer(const Result<HttpResponse>& answer) const {
  Result<std::optional<ReadResult>> result =
      answer.ok() ? state_->Answer(*answer) : Result<std::optional<ReadResult>>(answer.status());
  if (!result.ok()) return result.status().Annotate(state_->name);
  return result;
}

Result<std::optional<ReadResult>> HttpRead::State::Answer(const HttpResponse& answer) {
  if (!answer.ok()) return AnswerRefused(answer);
  if (decided) return decided;
  if (wants_another) return Another(Mode::kWhole);
  if (mode == Mode::kHead || mode == Mode::kFirstByte) return AnswerWithoutBytes();
  return AnswerBody(answer);
}

Result<std::optional<ReadResult>> HttpRead::State::AnswerWithoutBytes() {
  ReadResult result;
  result.state = ReadResult::State::kValue;
  result.generation = generation;
  result.total_size = total_size;
  if (options.range == ByteRange::Stat()) return std::optional(result);
  if (total_size < 0) {
    return Another(IsEmptyRange(options.range) || requests > 0 ? Mode::kWhole : Mode::kGet);
  }
  COFFER_ASSIGN_OR_RETURN(const ByteRange range, ResolveRead(options, total_size));
  if (range.begin < range.end) return Another(Mode::kGet);
  COFFER_RETURN_IF_ERROR(Expect(0));
  return std::optional(result);
}

Result<std::optional<ReadResult>> HttpRead::State::AnswerBody(const HttpResponse& answer) {
  ReadResult result;
  result.state = ReadResult::State::kValue;
  result.generation = generation;
  result.total_size = total_size;
  const ByteRange& range = options.range;
  if (mode == Mode::kWhole) {
    result.total_size = answer.received;
    whole = answer.body.span();
    COFFER_ASSIGN_OR_RETURN(const ByteRange part, ResolveRead(options, answer.received));
    COFFER_RETURN_IF_ERROR(Expect(part.end - part.begin));
    result.value = answer.body.Slice(static_cast<size_t>(part.begin),
                                     static_cast<size_t>(part.end - part.begin));
    if (destination && !result.value.empty()) {
      std::memcpy(destination->data(), result.value.data(), result.value.size());
      result.value = Bytes();
    }
    return std::optional(std::move(result));
  }
  if (total_size < 0 && answer.status == 200) {  // No length was told: what came is all there is.
    COFFER_RETURN_IF_ERROR(range.Resolve(answer.received).status());
    if (range.end < 0) {
      result.total_size = answer.received;
      COFFER_RETURN_IF_ERROR(Expect(answer.received - range.begin));
    }
  }
  if (answer.body_size != expected) {
    return DataLossError("the answer should have " + Text(expected) + " bytes, it has " +
                         Text(answer.body_size));
  }
  if (answer.status == 200 && answer.body_size == result.total_size) {
    whole = destination ? *destination : answer.body.span();
  }
  result.value = answer.body;
  return std::optional(std::move(result));
}

Result<std::optional<ReadResult>> HttpRead::State::AnswerRefused(const HttpResponse& answer) {
  if (rules.refused) COFFER_RETURN_IF_ERROR(rules.refused(answer));
  ReadResult held_back;
  held_back.state = ReadResult::State::kConditionNotMet;
  switch (answer.status) {
    case 404:
    case 410:
      return std::optional(AnswerMissing(options));
    case 403:
      if (rules.forbidden_is_missing) return std::optional(AnswerMissing(options));
      break;
    case 304:
      if (!rules.entity_tag(options.if_not_equal)) break;  // Not what was asked.
      held_back.generation = options.if_not_equal;
      return std::optional(std::move(held_back));
    case 412:
      if (!rules.entity_tag(options.if_equal)) break;
      held_back.generation = rules.generation(answer);
      return std::optional(std::move(held_back));
    case 405:
    case 501:
      if (mode == Mode::kHead) return Another(Mode::kFirstByte);
      break;
    case 416:
      if (mode == Mode::kFirstByte) return Another(Mode::kWhole);
      if (mode == Mode::kGet) return Another(WithoutBytes());
      break;
    default:
      break;
  }
  return HttpError(answer, mode == Mode::kHead ? "HEAD" : "GET");
}

}  // namespace coffer::inline v0
