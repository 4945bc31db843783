// Bytes: immutable, reference-counted bytes, cheap to copy and to slice. BytesChain: a gather list.
//
// A Bytes is a pointer, a length and a shared owner. Slicing shares the owner, so an index, an
// inner chunk and a whole shard may all point into one buffer. A BytesChain lists pieces that form
// one value without being concatenated: a shard is written as its chunks followed by its index.
//
//     Bytes value = Bytes::Copy("hello");
//     Bytes tail = value.Slice(1, 4);                       // "ello", no copy
//     BytesChain shard; shard.Append(chunks); shard.Append(index);
//
// Thread safety: immutable; any number of threads may read and copy.
#ifndef COFFER_BASE_BYTES_H_
#define COFFER_BASE_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/base/export.h"

namespace coffer::inline v0 {

/// Views over the same memory as another type's bytes.
inline std::span<const std::byte> AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class COFFER_EXPORT Bytes {
 public:
  Bytes() = default;  ///< Empty.

  /// Bytes [data, data + size) that stay valid and unchanged while `owner` is alive.
  Bytes(std::shared_ptr<const void> owner, std::span<const std::byte> view)
      : owner_(std::move(owner)), view_(view) {}

  /// A copy of its own.
  static Bytes Copy(std::span<const std::byte> view);
  static Bytes Copy(std::string_view text) { return Copy(AsBytes(text)); }
  /// Takes the string or vector over without copying.
  static Bytes Take(std::string text);
  static Bytes Take(std::vector<std::byte> bytes);
  /// Refers to memory that the caller keeps valid and unchanged for as long as any copy lives.
  static Bytes Unowned(std::span<const std::byte> view) { return Bytes(nullptr, view); }

  const std::byte* data() const { return view_.data(); }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  std::span<const std::byte> span() const { return view_; }
  operator std::span<const std::byte>() const { return view_; }  // NOLINT: implicit by intent
  std::string_view text() const { return AsText(view_); }

  /// Bytes [offset, offset + size) sharing this owner. Requires offset + size <= this->size().
  Bytes Slice(size_t offset, size_t size) const { return {owner_, view_.subspan(offset, size)}; }

  friend bool operator==(const Bytes& a, const Bytes& b) { return a.text() == b.text(); }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> view_;
};

class COFFER_EXPORT BytesChain {
 public:
  BytesChain() = default;
  BytesChain(Bytes piece) { Append(std::move(piece)); }  // NOLINT: implicit by intent

  /// Adds a piece at the end; an empty piece adds nothing.
  void Append(Bytes piece);
  void Append(const BytesChain& other);

  size_t size() const { return size_; }  ///< In bytes.
  bool empty() const { return size_ == 0; }
  std::span<const Bytes> pieces() const { return pieces_; }

  /// One contiguous value: the only piece as it is, or a copy of all.
  Bytes Flatten() const;

 private:
  std::vector<Bytes> pieces_;
  size_t size_ = 0;
};

}  // namespace coffer::inline v0

#endif  // COFFER_BASE_BYTES_H_
