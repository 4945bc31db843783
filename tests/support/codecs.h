// Short ways to make codecs, chains and chunks in tests.
#ifndef COFFER_TESTS_SUPPORT_CODECS_H_
#define COFFER_TESTS_SUPPORT_CODECS_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/async/buffer.h"
#include "coffer/codec/codec.h"
#include "src/base/json.h"
#include "src/codec/chain.h"
#include "src/codec/metadata.h"

namespace coffer::inline v0::testing {

using ByteVector = std::vector<std::byte>;

inline const CodecTable& Codecs() {
  static const CodecTable table;
  return table;
}

inline BufferPool& Pool() {
  static BufferPool pool(MiB(64));
  return pool;
}
inline CodecScratch Scratch() { return {&Pool()}; }

/// The codecs of a list as metadata names them: R"(["crc32c"])".
inline Result<std::vector<CodecPtr>> ParseCodecs(std::string_view list,
                                                 const CodecTable& table = Codecs()) {
  COFFER_ASSIGN_OR_RETURN(const Json json, Json::Parse(list));
  return CodecsFromJson(json, "$.codecs", table);
}

inline Result<std::shared_ptr<const CodecChain>> Bind(std::string_view list, const ChunkSpec& chunk,
                                                      const CodecTable& table = Codecs()) {
  COFFER_ASSIGN_OR_RETURN(const std::vector<CodecPtr> codecs, ParseCodecs(list, table));
  return CodecChain::Bind(codecs, chunk);
}

template <class T>
ByteVector BytesOf(const T& value) {
  ByteVector bytes(sizeof(T));
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

template <class T>
ChunkSpec ChunkOf(const Shape& shape, T fill_value = T{}) {
  return {DataType::Of<T>(), shape, BytesOf(fill_value)};
}

inline ByteVector Encode(const CodecChain& chain, const ConstView& chunk) {
  ByteVector encoded(static_cast<size_t>(chain.max_encoded_size()));
  encoded.resize(chain.Encode(chunk, encoded, Scratch()).OrDie());
  return encoded;
}

/// 0, 1, 2, ...
template <class T>
std::vector<T> Iota(size_t count) {
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i) values[i] = static_cast<T>(i);
  return values;
}

inline std::string Hex(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (std::byte byte : bytes) {
    text += kDigits[std::to_integer<size_t>(byte) >> 4];
    text += kDigits[std::to_integer<size_t>(byte) & 15U];
  }
  return text;
}

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTS_SUPPORT_CODECS_H_
