#include "kvstore/s3/object.h"

#include <random>

namespace coffer::inline v0 {

namespace {

constexpr size_t kIdSize = 16;
constexpr size_t kIdsMax = 8;
constexpr size_t kEntityTagMax = 1024;

/// As they came from a server: ids and commas, nothing else.
bool AreIds(std::string_view text) {
  return !text.empty() && text.size() <= kIdsMax * (kIdSize + 1) &&
         text.find_first_not_of("0123456789abcdef,") == std::string_view::npos;
}

}  // namespace

std::string_view WriteIdsOf(const Generation& generation) {
  // An ETag may have a '#' of its own.
  const size_t mark = generation.value.rfind('#');
  if (mark == std::string::npos) return {};
  const std::string_view ids = std::string_view(generation.value).substr(mark + 1);
  return AreIds(ids) ? ids : std::string_view();
}

std::string NewestId(std::string_view write_ids) {
  return std::string(write_ids.substr(0, write_ids.find(',')));
}

std::string NewWriteId() {
  thread_local std::random_device device;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string id;
  while (id.size() < kIdSize) {
    const unsigned int bits = device();
    for (int shift = 0; shift < 32; shift += 4) id.push_back(kHex[(bits >> shift) & 15]);
  }
  return id;
}

std::string WriteIds(std::string_view own, const Generation& replaced) {
  std::string ids(own);
  const std::string_view earlier = WriteIdsOf(replaced);
  if (earlier.empty()) return ids;
  ids += "," + std::string(earlier);
  return ids.substr(0, kIdsMax * (kIdSize + 1) - 1);
}

Generation S3Generation(const HttpResponse& head) {
  const std::optional<std::string_view> etag = head.Find("etag");
  if (!etag || etag->empty() || etag->size() > kEntityTagMax) return Generation::Unknown();
  return S3Generation(*etag, head.Find(kWriteIdHeader).value_or(""));
}

Generation S3Generation(std::string_view etag, std::string_view write_ids) {
  Generation generation{std::string(etag)};
  if (AreIds(write_ids)) generation.value += "#" + std::string(write_ids);
  return generation;
}

std::optional<std::string> S3EntityTag(const Generation& generation) {
  if (!generation.known() || generation.missing()) return std::nullopt;
  const std::string_view ids = WriteIdsOf(generation);
  const size_t behind = ids.empty() ? 0 : ids.size() + 1;
  const std::string etag = generation.value.substr(0, generation.value.size() - behind);
  return etag.empty() ? "\"replaced\"" : etag;
}

Generation ReplacedGeneration(std::string_view write_id) { return {"#" + std::string(write_id)}; }

bool HasWriteId(const Generation& generation, std::string_view write_id) {
  return WriteIdsOf(generation).find(write_id) != std::string_view::npos;
}

}  // namespace coffer::inline v0
