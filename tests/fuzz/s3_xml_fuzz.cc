// Goal: no bytes of an S3 server crash a parser of its answers, make it take more than the bytes
// that came, or end in anything but a value within its limits or DataLoss in one line. Method: the
// input is every kind of answer. A canary, set into it as a long word, must not show in an error's
// text or a message; what is escaped comes back through the parser.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kvstore/s3/text.h"
#include "kvstore/s3/xml.h"

namespace {

using coffer::Status;
using coffer::StatusCode;

void Require(bool condition) {
  if (!condition) std::abort();
}

void RequireRefusal(const Status& status) {
  Require(status.code() == StatusCode::kDataLoss);
  Require(!status.message().empty() && status.message().size() < 2000);
}

void RequireHarmless(std::string_view shown, std::string_view canary) {
  Require(shown.size() <= 600 && shown.find(canary) == std::string_view::npos);
  for (const char c : shown) Require(!coffer::IsControl(c));
}

/// How deep the callbacks are called, and with what.
void CheckEvents(std::string_view text) {
  size_t depth = 0;
  const Status status = coffer::ParseXml(
      text,
      [&](std::string_view path) {
        Require(++depth <= 16 && !path.empty());
        return Status();
      },
      [&](std::string_view path, std::string_view content) {
        Require(depth-- > 0 && !path.empty());
        Require(content.size() <= 65536 && content.size() <= text.size());
        return Status();
      });
  if (status.ok()) {
    Require(depth == 0);
  } else {
    RequireRefusal(status);
  }
}

void Check(std::string_view text, std::string_view canary) {
  CheckEvents(text);
  const coffer::S3Error error = coffer::ParseS3Error(text);
  for (const char c : error.code) Require(coffer::IsAlphanumeric(c));
  RequireHarmless(error.message, canary);
  const auto page = coffer::ParseS3ListPage(text);
  if (page.ok()) {
    Require(page->entries.size() <= text.size());
    Require(!page->truncated || !page->next_token.empty());
    for (const coffer::ListEntry& entry : page->entries) {
      Require(entry.size >= -1 && !entry.is_link && entry.key.size() <= text.size());
    }
  } else {
    RequireRefusal(page.status());
  }
  const auto uploads = coffer::ParseS3UploadPage(text);
  if (!uploads.ok()) RequireRefusal(uploads.status());
  const auto created = coffer::ParseS3UploadCreated(text);
  Require(!created.ok() || !created->empty());
  if (!created.ok()) RequireRefusal(created.status());
  const auto completed = coffer::ParseS3UploadCompleted(text);
  Require(!completed.ok() || !completed->empty());
  const auto failures = coffer::ParseS3DeleteResult(text);
  if (!failures.ok()) return RequireRefusal(failures.status());
  for (const coffer::S3DeleteFailure& failure : *failures) {
    RequireHarmless(failure.message, canary);
    for (const char c : failure.code) Require(coffer::IsAlphanumeric(c));
  }
}

void CheckEscape(std::string_view text) {
  const auto escaped = coffer::EscapeXml(text);
  if (!escaped || text.size() > 65536) return;
  std::string back;
  const Status status = coffer::ParseXml(
      "<a>" + *escaped + "</a>", [](std::string_view) { return Status(); },
      [&](std::string_view, std::string_view content) {
        back = content;
        return Status();
      });
  Require(status.ok() && back == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kCanary = "CANARY0secret1value2";
  if (text.find(kCanary) == std::string_view::npos) Check(text, kCanary);
  std::string marked(text);
  marked.insert(marked.size() / 2, kCanary);
  const coffer::S3Error error = coffer::ParseS3Error(marked);
  RequireHarmless(error.message, kCanary);
  CheckEscape(text);
  return 0;
}
