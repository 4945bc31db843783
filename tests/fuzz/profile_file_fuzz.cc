// Goal: no text of an AWS file crashes the parser, no error repeats what stands there, and what is
// kept has no control character that could end up in a header.
// Method: the text is read as either kind of file, for three profiles. A canary set into the text
// must not show in an error.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kvstore/s3/profile_files.h"
#include "kvstore/s3/text.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckValue(std::string_view value) {
  for (const char c : value) Require(c == '\t' || !coffer::IsControl(c));
  if (value.empty()) return;
  Require(value.front() != ' ' && value.front() != '\t');
  Require(value.back() != ' ' && value.back() != '\t');
}

void Check(std::string_view text, std::string_view canary) {
  for (const auto kind : {coffer::AwsFileKind::kCredentials, coffer::AwsFileKind::kConfig}) {
    for (const std::string_view profile : {"default", "a", "b c"}) {
      const auto section = coffer::ParseAwsFile(text, kind, "F", profile);
      if (!section.ok()) {
        Require(section.status().code() == coffer::StatusCode::kInvalidArgument);
        Require(section.status().message().find(canary) == std::string_view::npos);
        continue;
      }
      CheckValue(section->access_key_id);
      CheckValue(section->secret_access_key.Reveal());
      CheckValue(section->session_token.Reveal());
      CheckValue(section->region);
      CheckValue(section->endpoint_url);
      Require(section->found || section->access_key_id.empty());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kCanary = "CANARY0secret1value2";
  Check(text, kCanary);
  std::string marked(text);
  marked.insert(marked.size() / 2, kCanary);
  Check(marked, kCanary);
  return 0;
}
