// The parts of the conformance suite of codecs, and the words they are written in.
#ifndef COFFER_SRC_TESTING_CODEC_CASES_H_
#define COFFER_SRC_TESTING_CODEC_CASES_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "coffer/async/buffer.h"
#include "coffer/codec/codec.h"
#include "coffer/nd/view.h"
#include "coffer/testing/codec_conformance.h"

namespace coffer::inline v0::testing {

using ByteVector = std::vector<std::byte>;

/// The codec under test in one of its configurations.
struct CodecSubject {
  const CodecConformance& parameters;
  const CodecTable& table;
  CodecPtr codec;
  std::string configuration;
};

struct CodecCase {
  const char* name;
  void (*run)(const CodecSubject& subject);
};

std::span<const CodecCase> CodecCommonCases();
std::span<const CodecCase> CodecByteCases();   // bytes -> bytes
std::span<const CodecCase> CodecArrayCases();  // array -> bytes
std::span<const CodecCase> CodecTurnCases();   // array -> array

/// Memory between two walls that show whether somebody wrote beyond it.
class Guarded {
 public:
  explicit Guarded(size_t size) : bytes_(size + 2 * kWall, kPattern), size_(size) {}
  std::span<std::byte> span() { return std::span(bytes_).subspan(kWall, size_); }
  bool intact() const;

 private:
  static constexpr size_t kWall = 64;
  static constexpr std::byte kPattern{0xA5};
  ByteVector bytes_;
  size_t size_;
};

enum class Content { kZeros, kRamp, kNoise, kWords };
inline constexpr Content kContents[] = {Content::kZeros, Content::kRamp, Content::kNoise,
                                        Content::kWords};
ByteVector MakeBytes(Content content, size_t size);

/// A chunk in memory of its own, laid out in one of several ways.
class LaidOut {
 public:
  enum class Layout { kCOrder, kFOrder, kReversed, kGaps };
  static constexpr Layout kLayouts[] = {Layout::kCOrder, Layout::kFOrder, Layout::kReversed,
                                        Layout::kGaps};
  LaidOut(const ChunkSpec& chunk, Layout layout);
  const View& view() const { return view_; }
  /// Sets the elements, given in C order.
  void Set(std::span<const std::byte> elements);
  ByteVector Get() const;
  /// Whether all bytes that belong to no element are as they were made.
  bool gaps_intact() const;

 private:
  template <class F>
  void ForEachElement(F see) const;
  ByteVector memory_;
  View view_;
};

/// The chunks that array codecs are tested with.
std::vector<ChunkSpec> ChunksOf(const CodecConformance& parameters);

CodecScratch TestScratch();

}  // namespace coffer::inline v0::testing

#endif  // COFFER_SRC_TESTING_CODEC_CASES_H_
