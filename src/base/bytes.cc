#include "coffer/base/bytes.h"

#include <cstring>
#include <utility>

namespace coffer::inline v0 {

Bytes Bytes::Copy(std::span<const std::byte> view) {
  return Take(std::vector<std::byte>(view.begin(), view.end()));
}

Bytes Bytes::Take(std::string text) {
  auto owner = std::make_shared<const std::string>(std::move(text));
  std::span<const std::byte> view = AsBytes(*owner);
  return Bytes(std::move(owner), view);
}

Bytes Bytes::Take(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  std::span<const std::byte> view(*owner);
  return Bytes(std::move(owner), view);
}

void BytesChain::Append(Bytes piece) {
  if (piece.empty()) return;
  size_ += piece.size();
  pieces_.push_back(std::move(piece));
}

void BytesChain::Append(const BytesChain& other) {
  pieces_.insert(pieces_.end(), other.pieces_.begin(), other.pieces_.end());
  size_ += other.size_;
}

Bytes BytesChain::Flatten() const {
  if (pieces_.empty()) return Bytes();
  if (pieces_.size() == 1) return pieces_[0];
  std::vector<std::byte> all(size_);
  size_t offset = 0;
  for (const Bytes& piece : pieces_) {
    std::memcpy(all.data() + offset, piece.data(), piece.size());
    offset += piece.size();
  }
  return Bytes::Take(std::move(all));
}

}  // namespace coffer::inline v0
