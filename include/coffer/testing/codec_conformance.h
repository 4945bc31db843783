// The conformance suite of codecs: what coffer/codec/codec.h promises, as tests for any codec.
//
// One call in a test source registers them; link coffer::testing and GoogleTest's main:
//
//     static const int registered = coffer::testing::RegisterCodecConformance(
//         {.name = "Mask", .codec = "mask", .kind = coffer::Codec::Kind::kBytesToBytes,
//          .add = [](coffer::CodecTable& table) { return table.Add(MaskDriver()); }});
//
// The tests are named Codec/Mask.FlippedBits and so on, and run each configuration: round trips
// over sizes, contents and strides; destinations that end where they must; every truncation and
// every flipped bit of small chunks; bombs; noise; threads; an array on the codec. What they cannot
// see is memory that a codec takes without saying so.
//
// Thread safety: call it before the tests run.
#ifndef COFFER_TESTING_CODEC_CONFORMANCE_H_
#define COFFER_TESTING_CODEC_CONFORMANCE_H_

#include <functional>
#include <string>
#include <vector>

#include "coffer/base/status.h"
#include "coffer/codec/codec.h"

namespace coffer::inline v0::testing {

struct CodecConformance {
  std::string name;   ///< Letters and digits.
  std::string codec;  ///< Its name in the table.
  Codec::Kind kind = Codec::Kind::kBytesToBytes;
  /// Adds it to a table; not needed for those that are built in.
  std::function<Status(CodecTable& table)> add = nullptr;
  /// Each of which is accepted: JSON objects.
  std::vector<std::string> configurations = {"{}"};
  /// Each of which is refused with InvalidArgument, and a text that begins with "at $".
  std::vector<std::string> refused = {};
  /// Of codecs of arrays: chunks that every configuration fits. Empty: of several types and ranks.
  std::vector<ChunkSpec> chunks = {};
};

/// Registers the suite for one codec. Returns the number of tests.
int RegisterCodecConformance(CodecConformance codec);

}  // namespace coffer::inline v0::testing

#endif  // COFFER_TESTING_CODEC_CONFORMANCE_H_
