#include "drivers/zarr/chunk_keys.h"

#include <charconv>
#include <system_error>

namespace coffer::inline v0::zarr {
namespace {

// A decimal number without sign and leading zeros that fits int64.
std::optional<int64_t> ParseNumber(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text[0] == '0') || text[0] == '-') return std::nullopt;
  int64_t number = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, number);
  if (error != std::errc() || end != text_end) return std::nullopt;
  return number;
}

}  // namespace

std::string ChunkKeys::Key(const Index& cell) const {
  std::string key = encoding_ == Encoding::kDefault ? "c" : cell.empty() ? "0" : "";
  for (int d = 0; d < cell.rank(); ++d) {
    if (d > 0 || encoding_ == Encoding::kDefault) key += separator_;
    key += std::to_string(cell[d]);
  }
  return key;
}

std::optional<Index> ChunkKeys::Parse(std::string_view key, int rank) const {
  Index cell;
  if (rank == 0) {
    return key == (encoding_ == Encoding::kDefault ? "c" : "0") ? std::optional(cell)
                                                                : std::nullopt;
  }
  if (encoding_ == Encoding::kDefault) {
    if (key.size() < 2 || key[0] != 'c' || key[1] != separator_) return std::nullopt;
    key.remove_prefix(2);
  }
  for (int d = 0; d < rank; ++d) {
    const size_t end = d + 1 < rank ? key.find(separator_) : key.size();
    if (end == std::string_view::npos) return std::nullopt;
    const std::optional<int64_t> number = ParseNumber(key.substr(0, end));
    if (!number) return std::nullopt;
    cell.push_back(*number);
    if (d + 1 < rank) key.remove_prefix(end + 1);
  }
  return cell;
}

}  // namespace coffer::inline v0::zarr
