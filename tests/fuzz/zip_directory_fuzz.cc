// Goal: no bytes make the parser of zip directories crash, read beyond them, take memory that they
// merely claim, or fail with anything but an error that says why; what it calls readable lies in
// the archive, and no two such members share a byte. Method: the input is an archive; its directory
// is parsed as the store does it, and every member's data is looked for. The same archive is read
// through the store, all members, whole and in part.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "coffer/kvstore/adapters.h"
#include "coffer/kvstore/stores.h"
#include "kvstore/zip/directory.h"

namespace {

using coffer::StatusCode;

void Require(bool condition) {
  if (!condition) std::abort();
}

bool IsRefusal(const coffer::Status& status) {
  return status.code() == StatusCode::kDataLoss || status.code() == StatusCode::kUnimplemented ||
         status.code() == StatusCode::kResourceExhausted;
}

void CheckMembers(const coffer::ZipDirectory& directory, std::span<const std::byte> archive) {
  std::vector<std::pair<int64_t, int64_t>> taken;
  for (const coffer::ZipDirectory::Entry& entry : directory.entries()) {
    Require(directory.Find(directory.name(entry)) == &entry);
    if (!directory.CheckReadable(entry).ok()) continue;
    const auto begin = static_cast<size_t>(entry.header_begin);
    Require(begin < archive.size());
    const std::vector<std::byte> header(
        archive.begin() + entry.header_begin,
        archive.begin() + entry.header_begin + coffer::kZipLocalHeaderBytes + entry.name_size);
    const coffer::Result<int64_t> data = directory.FindData(entry, header);
    if (!data.ok()) {
      Require(data.status().code() == StatusCode::kDataLoss);
      continue;
    }
    Require(*data > entry.header_begin &&
            *data + entry.stored_size <= static_cast<int64_t>(archive.size()));
    taken.emplace_back(entry.header_begin, *data + entry.stored_size);
  }
  std::sort(taken.begin(), taken.end());
  for (size_t i = 1; i < taken.size(); ++i) Require(taken[i - 1].second <= taken[i].first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto archive = std::as_bytes(std::span(data, size));
  const size_t tail_size = std::min<size_t>(size, coffer::kZipTailBytes);
  const std::vector<std::byte> tail(archive.end() - static_cast<int64_t>(tail_size), archive.end());
  const auto end = coffer::FindZipEnd(tail, static_cast<int64_t>(size));
  if (!end.ok()) {
    Require(IsRefusal(end.status()));
  } else {
    Require(end->directory_begin >= 0 && end->directory_size >= 0 && end->prefix_size >= 0 &&
            end->directory_begin + end->directory_size <= static_cast<int64_t>(size));
    const auto directory = coffer::ZipDirectory::Parse(
        coffer::Bytes::Copy(archive.subspan(static_cast<size_t>(end->directory_begin),
                                            static_cast<size_t>(end->directory_size))),
        *end);
    if (directory.ok()) {
      CheckMembers(**directory, archive);
    } else {
      Require(directory.status().code() == StatusCode::kDataLoss);
    }
  }

  const coffer::Context context = coffer::Context::Create({.threads = 1});
  const coffer::KvStorePtr memory = coffer::MakeMemoryStore(context);
  memory->Write("z", coffer::Bytes::Copy(archive)).Get().OrDie();
  const coffer::KvStorePtr store = coffer::MakeZipStore(memory, "z", context);
  const auto listed = coffer::ListAll(*store);
  if (!listed.ok()) {
    Require(IsRefusal(listed.status()));
    return 0;
  }
  for (const coffer::ListEntry& entry : *listed) {
    const auto whole = store->Read(entry.key, {.max_bytes = coffer::MiB(1)}).Get();
    Require(whole.ok() || IsRefusal(whole.status()));
    if (!whole.ok()) continue;
    Require(static_cast<int64_t>(whole->value.size()) == entry.size);
    const auto part =
        store->Read(entry.key, {.range = coffer::ByteRange::From(entry.size / 2)}).Get().OrDie();
    Require(part.value == whole->value.Slice(static_cast<size_t>(entry.size / 2),
                                             static_cast<size_t>(entry.size - entry.size / 2)));
  }
  return 0;
}
