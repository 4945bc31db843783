// Goal: whatever heads and lengths a server answers with, a read of the HTTP store keeps no byte
// beyond its destination and limit, and is the very bytes that were asked for, or an error: never a
// shorter value as OK, never other bytes.
// Method: the input is the options of a read and a list of answers. The transport is played here: a
// body is cut by its Content-Length and by the window that the head's reader asks for. Each byte of
// a body says where in the value it stands, as far as the answer's Content-Range is true.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/kvstore/http_read.h"
#include "src/net/http_client.h"

namespace {

using coffer::ByteRange;
using coffer::Generation;
using coffer::HttpRequest;
using coffer::HttpResponse;
using coffer::HttpWindow;
using coffer::ReadOptions;
using coffer::ReadResult;
using coffer::Result;
using coffer::Status;

constexpr size_t kOptionBytes = 9;
constexpr int64_t kBodyMax = 5000;
constexpr const char* kTag = "\"a\"";
constexpr const char* kDate = "mSun, 06 Nov 1994 08:49:30 GMT";

void Require(bool condition) {
  if (!condition) std::abort();
}

std::byte ByteAt(int64_t at) { return static_cast<std::byte>(at % 251); }

struct Reading {
  ReadOptions options;
  coffer::HttpReadRules rules;
  std::optional<std::vector<std::byte>> destination;
};

Reading ReadingOf(const uint8_t* data) {
  Reading reading;
  reading.rules.has_head = (data[0] & 1) != 0;
  reading.rules.forbidden_is_missing = (data[0] & 4) != 0;
  const int64_t begin = data[2] * 256 + data[3];
  const int64_t length = data[4] * 16 + data[5];
  const ByteRange ranges[] = {ByteRange::All(),          ByteRange::Span(begin, begin + length),
                              ByteRange::From(begin),    ByteRange::Last(length),
                              ByteRange::Stat(),         ByteRange::Span(begin, length),
                              ByteRange{-begin, length}, ByteRange{INT64_MAX - begin, -1}};
  reading.options.range = ranges[data[1] % std::size(ranges)];
  if (data[6] != 0xFF) reading.options.max_bytes = data[6] * 8;
  const std::pair<const char*, const char*> conditions[] = {
      {"", ""}, {kTag, ""}, {"", kTag}, {"-", ""}, {"", kDate}, {kDate, ""}, {"", "-"}};
  const auto& [if_equal, if_not_equal] = conditions[data[7] % std::size(conditions)];
  reading.options.if_equal = {if_equal};
  reading.options.if_not_equal = {if_not_equal};
  if ((data[0] & 2) != 0) reading.destination.emplace(data[8]);
  return reading;
}

std::string_view CutAt(std::string_view& text, char end) {
  const size_t at = std::min(text.find(end), text.size());
  const std::string_view line = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return line;
}

/// "200 17" and header lines.
HttpResponse HeadOf(std::string_view text, int64_t* sent) {
  HttpResponse head;
  const std::string first(CutAt(text, '\n'));
  char* end = nullptr;
  head.status = static_cast<int>(std::strtol(first.c_str(), &end, 10) % 600);
  *sent = std::abs(std::strtol(end, nullptr, 10) % kBodyMax);
  while (!text.empty()) {
    std::string_view line = CutAt(text, '\n');
    const std::string_view name = CutAt(line, ':');
    while (line.starts_with(' ')) line.remove_prefix(1);
    head.headers.push_back({std::string(name), std::string(line)});
  }
  return head;
}

void CheckParsers(const HttpResponse& head) {
  const Generation generation = coffer::HttpGeneration(head);
  Require(!generation.missing());
  const std::optional<std::string> tag = coffer::HttpEntityTag(generation);
  Require(!tag || (tag->front() == '"' && tag->back() == '"' && tag->size() >= 2));
  Require(!generation.known() || tag || generation.value.front() == 'm');
  for (const coffer::HttpHeader& header : head.headers) {
    const auto part = coffer::ContentRange::Parse(header.value);
    if (part.ok()) {
      Require(0 <= part->begin && part->begin < part->end);
      Require(part->size == -1 || part->end <= part->size);
    }
    Require(coffer::UnsatisfiedSize(header.value).value_or(0) >= 0);
    const auto wait =
        coffer::RetryAfter(header.value, std::chrono::system_clock::from_time_t(784111777));
    Require(wait.count() >= 0 && wait <= std::chrono::hours(24));
  }
}

/// What the transport makes of a head and `sent` bytes behind it.
Result<HttpResponse> Answer(const HttpRequest& request, HttpResponse head, int64_t sent) {
  head.unanswered = 0;
  if (!head.ok()) return head;
  HttpWindow window;
  Result<HttpWindow> wanted = request.on_head(head);
  if (!wanted.ok()) return wanted.status();
  window = *wanted;
  Require(window.begin >= 0 && (window.end == -1 || window.end >= window.begin));
  if (request.method == "HEAD") return head;
  const int64_t limit = request.destination ? static_cast<int64_t>(request.destination->size())
                                            : request.limits.body_max_bytes;
  Require(window.end == -1 || window.end - window.begin <= limit);
  const std::optional<int64_t> length = head.content_length();
  const bool is_cut = length && sent < *length;
  if (length) sent = std::min(sent, *length);
  const int64_t end = window.end < 0 ? sent : std::min(sent, window.end);
  const int64_t kept = std::max<int64_t>(end - window.begin, 0);
  if (kept > limit) {
    return request.destination ? coffer::OutOfRangeError("too much")
                               : coffer::ResourceExhaustedError("too much");
  }
  if (is_cut && (window.end < 0 || sent < window.end)) return coffer::UnavailableError("cut");
  const auto part = coffer::ContentRange::Parse(head.Find("content-range").value_or(""));
  const int64_t first = head.status == 206 && part.ok() ? part->begin : 0;
  std::vector<std::byte> body(static_cast<size_t>(kept));
  for (int64_t i = 0; i < kept; ++i) {
    body[static_cast<size_t>(i)] = ByteAt(first % 251 + window.begin % 251 + i);
  }
  head.body_size = kept;
  head.received = window.end >= 0 ? std::min(sent, std::max(end, int64_t{1})) : sent;
  if (request.destination) {
    std::copy(body.begin(), body.end(), request.destination->begin());
  } else {
    head.body = coffer::Bytes::Take(std::move(body));
  }
  return head;
}

void CheckValue(const Reading& reading, const ReadResult& read) {
  std::span<const std::byte> value = read.value.span();
  if (reading.destination) {
    Require(read.value.empty());
    value = *reading.destination;
  }
  const ByteRange& range = reading.options.range;
  const auto size = static_cast<int64_t>(value.size());
  Require(reading.options.max_bytes < 0 || size <= reading.options.max_bytes);
  if (read.total_size >= 0) {
    const Result<ByteRange> resolved = range.Resolve(read.total_size);
    Require(resolved.ok() && resolved->end - resolved->begin == size);
  }
  if (range.end >= 0) Require(size == range.end - range.begin);
  if (range.begin < 0) Require(size == -range.begin);
  if (range.begin < 0 && read.total_size < 0) return;  // Nobody knows where it stands.
  const int64_t first = range.begin < 0 ? read.total_size + range.begin : range.begin;
  for (int64_t i = 0; i < size; ++i) {
    Require(value[static_cast<size_t>(i)] == ByteAt(first % 251 + i));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kOptionBytes) return 0;
  Reading reading = ReadingOf(data);
  std::string_view answers(reinterpret_cast<const char*>(data), size);
  answers.remove_prefix(kOptionBytes);
  std::optional<std::span<std::byte>> destination;
  if (reading.destination) destination = std::span(*reading.destination);
  const coffer::HttpRead read("store/key", reading.options, destination, reading.rules);
  if (!read.status().ok()) return 0;
  std::string_view last;
  for (int requests = 0;; ++requests) {
    Require(requests < 10);  // It ends, whatever is answered.
    if (!answers.empty()) last = CutAt(answers, '\0');
    HttpRequest request;
    request.url = "http://h/key";
    read.Prepare(&request);
    Require(request.method == "GET" || request.method == "HEAD");
    int64_t sent = 0;
    HttpResponse head = HeadOf(last, &sent);
    CheckParsers(head);
    const Result<std::optional<ReadResult>> result =
        read.Answer(Answer(request, std::move(head), sent));
    if (!result.ok()) {
      Require(result.status().message().starts_with("store/key: "));
      return 0;
    }
    if (!*result) continue;
    if ((*result)->state == ReadResult::State::kValue) {
      CheckValue(reading, **result);
    } else {
      Require((*result)->value.empty());
    }
    return 0;
  }
}
