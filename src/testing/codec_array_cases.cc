// Codecs of arrays, and what all codecs have in common: configurations, kinds, an array on them.
#include <algorithm>
#include <thread>

#include "coffer/array/array.h"
#include "src/testing/codec_cases.h"

namespace coffer::inline v0::testing {
namespace {

using Bound = std::unique_ptr<BoundArrayToBytes>;
using BoundTurn = std::unique_ptr<BoundArrayToArray>;

std::string ItemOf(const CodecSubject& s) {
  return R"({"name": ")" + s.parameters.codec + R"(", "configuration": )" + s.configuration + "}";
}

/// The codec in a list that needs nothing else but what its kind asks for.
std::string ListWith(const CodecSubject& s) {
  const std::string bytes = R"({"name": "bytes", "configuration": {"endian": "little"}})";
  switch (s.parameters.kind) {
    case Codec::Kind::kArrayToArray:
      return "[" + ItemOf(s) + ", " + bytes + "]";
    case Codec::Kind::kArrayToBytes:
      return "[" + ItemOf(s) + "]";
    case Codec::Kind::kBytesToBytes:
      return "[" + bytes + ", " + ItemOf(s) + "]";
  }
  return "";
}

void ExpectArrayOn(const CodecSubject& s, const ChunkSpec& chunk) {
  CreateOptions options{.context = Context::Create({.threads = 2})};
  if (s.parameters.add) {
    ASSERT_EQ(s.parameters.add(options.context.Get<CodecTable>()), Status());
  }
  for (const int64_t extent : chunk.shape) options.shape.push_back(2 * extent + 1);
  options.data_type = chunk.data_type;
  options.chunk_shape = chunk.shape;
  options.format.codecs = ListWith(s);
  const Result<Array> array = Array::Create("memory://", options);
  ASSERT_TRUE(array.ok()) << array.status();
  const ChunkSpec all{chunk.data_type, options.shape, chunk.fill_value};
  LaidOut source(all, LaidOut::Layout::kFOrder);
  source.Set(MakeBytes(Content::kRamp, static_cast<size_t>(all.num_bytes())));
  ASSERT_EQ(array->Write(Box::Full(options.shape), source.view()), Status());
  LaidOut destination(all, LaidOut::Layout::kReversed);
  ASSERT_EQ(array->Read(Box::Full(options.shape), destination.view()), Status());
  EXPECT_EQ(destination.Get(), source.Get());
}

constexpr CodecCase kCommonCases[] = {
    {"ConfigurationIsWrittenOut",
     [](const CodecSubject& s) {
       const std::string written = s.codec->configuration();
       const Result<CodecPtr> again =
           s.table.Make(s.codec->name(), written.empty() ? "{}" : written);
       ASSERT_TRUE(again.ok()) << again.status();
       EXPECT_EQ((*again)->configuration(), written);
       EXPECT_EQ((*again)->name(), s.codec->name());
       EXPECT_EQ((*again)->kind(), s.codec->kind());
     }},
    {"BadConfigurationsAreRefused",
     [](const CodecSubject& s) {
       for (const std::string& refused : s.parameters.refused) {
         const Status status = s.table.Make(s.parameters.codec, refused).status();
         EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << refused << ": " << status;
         EXPECT_TRUE(status.message().starts_with("at $")) << refused << ": " << status;
       }
     }},
    {"BindsToItsOwnKindOnly",
     [](const CodecSubject& s) {
       const ChunkSpec chunk = ChunksOf(s.parameters).front();
       EXPECT_EQ(s.codec->BindArrayToArray(chunk).ok(),
                 s.parameters.kind == Codec::Kind::kArrayToArray);
       EXPECT_EQ(s.codec->BindArrayToBytes(chunk).ok(),
                 s.parameters.kind == Codec::Kind::kArrayToBytes);
       EXPECT_EQ(s.codec->BindBytesToBytes(8).ok(),
                 s.parameters.kind == Codec::Kind::kBytesToBytes);
     }},
    {"ArraysStandOnIt",
     [](const CodecSubject& s) {
       for (const ChunkSpec& chunk : ChunksOf(s.parameters)) ExpectArrayOn(s, chunk);
     }},
};

ByteVector Encoded(const BoundArrayToBytes& bound, const ConstView& chunk) {
  Guarded destination(static_cast<size_t>(bound.max_encoded_size()));
  const Result<size_t> size = bound.Encode(chunk, destination.span(), TestScratch());
  EXPECT_TRUE(destination.intact()) << "wrote beyond max_encoded_size()";
  EXPECT_TRUE(size.ok()) << size.status();
  if (!size.ok()) return {};
  EXPECT_LE(static_cast<int64_t>(*size), bound.max_encoded_size());
  const auto bytes = destination.span().first(std::min(*size, destination.span().size()));
  return {bytes.begin(), bytes.end()};
}

/// Whatever the input: nothing but the chunk's elements is written, and an error is DataLoss.
Result<ByteVector> Decoded(const BoundArrayToBytes& bound, const ChunkSpec& chunk,
                           std::span<const std::byte> encoded, LaidOut::Layout layout) {
  const LaidOut destination(chunk, layout);
  const Status status = bound.Decode(encoded, destination.view(), TestScratch());
  EXPECT_TRUE(destination.gaps_intact()) << "wrote between the elements";
  if (status.ok()) return destination.Get();
  EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status;
  return status;
}

/// For each chunk: a bound codec, the elements and how they are stored.
template <class F>
void ForEachChunk(const CodecSubject& s, F see) {
  for (const ChunkSpec& chunk : ChunksOf(s.parameters)) {
    SCOPED_TRACE(ToString(chunk.shape) + " " + chunk.data_type.name());
    Result<Bound> bound = s.codec->BindArrayToBytes(chunk);
    ASSERT_TRUE(bound.ok()) << bound.status();
    LaidOut source(chunk, LaidOut::Layout::kCOrder);
    source.Set(MakeBytes(Content::kRamp, static_cast<size_t>(chunk.num_bytes())));
    see(**bound, chunk, source.Get(), Encoded(**bound, source.view()));
  }
}

constexpr CodecCase kArrayCases[] = {
    {"RoundTripsBetweenAllLayouts",
     [](const CodecSubject& s) {
       ForEachChunk(s, [](const BoundArrayToBytes& bound, const ChunkSpec& chunk,
                          const ByteVector& elements, const ByteVector& encoded) {
         for (const LaidOut::Layout from : LaidOut::kLayouts) {
           LaidOut source(chunk, from);
           source.Set(elements);
           EXPECT_EQ(Encoded(bound, source.view()), encoded);
           EXPECT_EQ(source.Get(), elements);
         }
         for (const LaidOut::Layout to : LaidOut::kLayouts) {
           const Result<ByteVector> decoded = Decoded(bound, chunk, encoded, to);
           ASSERT_TRUE(decoded.ok()) << decoded.status();
           EXPECT_EQ(*decoded, elements);
         }
       });
     }},
    {"FixedAndIdentityAreHonest",
     [](const CodecSubject& s) {
       ForEachChunk(s, [](const BoundArrayToBytes& bound, const ChunkSpec&,
                          const ByteVector& elements, const ByteVector& encoded) {
         if (bound.fixed_size()) {
           EXPECT_EQ(static_cast<int64_t>(encoded.size()), bound.max_encoded_size());
         }
         if (bound.is_identity()) {
           EXPECT_EQ(encoded, elements);
         }
         EXPECT_GE(bound.encode_scratch_bytes(), 0);
         EXPECT_GE(bound.decode_scratch_bytes(), 0);
       });
     }},
    {"TruncationsAreNoticed",
     [](const CodecSubject& s) {
       ForEachChunk(s, [](const BoundArrayToBytes& bound, const ChunkSpec& chunk, const ByteVector&,
                          const ByteVector& encoded) {
         for (size_t length = 0; length < encoded.size(); ++length) {
           const auto cut = std::span(encoded).first(length);
           EXPECT_FALSE(Decoded(bound, chunk, cut, LaidOut::Layout::kGaps).ok()) << length;
         }
       });
     }},
    {"FlippedBitsAndNoiseStayInTheChunk",
     [](const CodecSubject& s) {
       ForEachChunk(s, [](const BoundArrayToBytes& bound, const ChunkSpec& chunk, const ByteVector&,
                          const ByteVector& encoded) {
         for (size_t bit = 0; bit < 8 * encoded.size(); ++bit) {
           ByteVector damaged = encoded;
           damaged[bit / 8] ^= std::byte{1} << bit % 8;
           const Result<ByteVector> looked_at =
               Decoded(bound, chunk, damaged, LaidOut::Layout::kGaps);
           EXPECT_TRUE(!looked_at.ok() ||
                       looked_at->size() == static_cast<size_t>(chunk.num_bytes()));
         }
         for (size_t size = 0; size < 2 * encoded.size() + 9; ++size) {
           const ByteVector noise = MakeBytes(Content::kNoise, size);
           const bool fits = Decoded(bound, chunk, noise, LaidOut::Layout::kGaps).ok();
           EXPECT_TRUE(!fits || !bound.fixed_size() || size == encoded.size()) << size;
         }
       });
     }},
    {"ThreadsShareOne",
     [](const CodecSubject& s) {
       ForEachChunk(s, [](const BoundArrayToBytes& bound, const ChunkSpec& chunk,
                          const ByteVector& elements, const ByteVector& encoded) {
         std::vector<std::thread> threads;
         for (const LaidOut::Layout layout : LaidOut::kLayouts) {
           threads.emplace_back([&, layout] {
             for (int i = 0; i < 25; ++i) {
               LaidOut source(chunk, layout);
               source.Set(elements);
               EXPECT_EQ(Encoded(bound, source.view()), encoded);
               const Result<ByteVector> decoded = Decoded(bound, chunk, encoded, layout);
               EXPECT_TRUE(decoded.ok() && *decoded == elements);
             }
           });
         }
         for (std::thread& thread : threads) thread.join();
       });
     }},
};

constexpr CodecCase kTurnCases[] = {
    {"EncodedChunksAreDescribed",
     [](const CodecSubject& s) {
       for (const ChunkSpec& chunk : ChunksOf(s.parameters)) {
         SCOPED_TRACE(ToString(chunk.shape) + " " + chunk.data_type.name());
         const Result<BoundTurn> bound = s.codec->BindArrayToArray(chunk);
         ASSERT_TRUE(bound.ok()) << bound.status();
         const ChunkSpec& encoded = (*bound)->encoded();
         EXPECT_EQ(static_cast<int64_t>(encoded.fill_value.size()), encoded.data_type.size());
         const std::span<const int> order = (*bound)->dimension_order();
         if (order.empty()) continue;
         EXPECT_EQ(encoded.data_type, chunk.data_type);
         EXPECT_EQ(encoded.fill_value, chunk.fill_value);
         std::vector<int> sorted(order.begin(), order.end());
         std::sort(sorted.begin(), sorted.end());
         ASSERT_EQ(static_cast<int>(order.size()), chunk.shape.rank());
         for (int d = 0; d < chunk.shape.rank(); ++d) {
           EXPECT_EQ(sorted[static_cast<size_t>(d)], d);
           EXPECT_EQ(encoded.shape[d], chunk.shape[order[static_cast<size_t>(d)]]);
         }
       }
     }},
    {"RoundTripsBetweenAllLayouts",
     [](const CodecSubject& s) {
       for (const ChunkSpec& chunk : ChunksOf(s.parameters)) {
         const Result<BoundTurn> bound = s.codec->BindArrayToArray(chunk);
         ASSERT_TRUE(bound.ok()) << bound.status();
         if (!(*bound)->dimension_order().empty()) continue;  // Turns views; nothing to call.
         const ByteVector elements =
             MakeBytes(Content::kRamp, static_cast<size_t>(chunk.num_bytes()));
         for (const LaidOut::Layout layout : LaidOut::kLayouts) {
           LaidOut source(chunk, layout);
           source.Set(elements);
           const LaidOut encoded((*bound)->encoded(), layout);
           ASSERT_EQ((*bound)->Encode(source.view(), encoded.view()), Status());
           const LaidOut back(chunk, layout);
           ASSERT_EQ((*bound)->Decode(encoded.view(), back.view()), Status());
           EXPECT_EQ(back.Get(), elements);
           EXPECT_TRUE(encoded.gaps_intact() && back.gaps_intact());
         }
       }
     }},
};

}  // namespace

std::span<const CodecCase> CodecCommonCases() { return kCommonCases; }
std::span<const CodecCase> CodecArrayCases() { return kArrayCases; }
std::span<const CodecCase> CodecTurnCases() { return kTurnCases; }

}  // namespace coffer::inline v0::testing
