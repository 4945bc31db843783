// Codecs of bytes: what comes back, where it ends, and what damage does.
#include <algorithm>
#include <thread>

#include "src/testing/codec_cases.h"

namespace coffer::inline v0::testing {
namespace {

using Bound = std::unique_ptr<BoundBytesToBytes>;

Bound BindTo(const CodecSubject& s, size_t max_decoded_size) {
  Result<Bound> bound = s.codec->BindBytesToBytes(static_cast<int64_t>(max_decoded_size));
  EXPECT_TRUE(bound.ok()) << bound.status();
  return bound.ok() ? *std::move(bound) : nullptr;
}

/// Into exactly the memory that the codec asks for.
ByteVector Encoded(const BoundBytesToBytes& bound, std::span<const std::byte> decoded) {
  Guarded destination(static_cast<size_t>(bound.max_encoded_size()));
  const Result<size_t> size = bound.Encode(decoded, destination.span());
  EXPECT_TRUE(destination.intact()) << "wrote beyond max_encoded_size()";
  EXPECT_TRUE(size.ok()) << size.status();
  if (!size.ok()) return {};
  EXPECT_LE(static_cast<int64_t>(*size), bound.max_encoded_size());
  const auto bytes = destination.span().first(std::min(*size, destination.span().size()));
  return {bytes.begin(), bytes.end()};
}

/// Into `size` bytes. Whatever the input: nothing is written beyond, and an error is DataLoss.
Result<ByteVector> Decoded(const BoundBytesToBytes& bound, std::span<const std::byte> encoded,
                           size_t size) {
  Guarded destination(size);
  const Result<size_t> written = bound.Decode(encoded, destination.span());
  EXPECT_TRUE(destination.intact()) << "wrote beyond the destination";
  if (!written.ok()) {
    EXPECT_EQ(written.status().code(), StatusCode::kDataLoss) << written.status();
    return written.status();
  }
  EXPECT_LE(*written, size);
  const auto bytes = destination.span().first(std::min(*written, size));
  return ByteVector(bytes.begin(), bytes.end());
}

void ExpectRoundTrip(const BoundBytesToBytes& bound, const ByteVector& bytes) {
  const ByteVector encoded = Encoded(bound, bytes);
  const Result<ByteVector> decoded = Decoded(bound, encoded, bytes.size());
  ASSERT_TRUE(decoded.ok()) << bytes.size() << " bytes: " << decoded.status();
  EXPECT_EQ(*decoded, bytes);
}

/// A damaged chunk: an error, or bytes that fit; of a checksum an error, or no bytes at all: zeros
/// cut down to a checksum are a checksum, that of nothing.
void ExpectNoticedOrBounded(const BoundBytesToBytes& bound, std::span<const std::byte> damaged,
                            size_t size) {
  const Result<ByteVector> decoded = Decoded(bound, damaged, size);
  const bool noticed = !decoded.ok() || decoded->empty();
  EXPECT_TRUE(noticed || !bound.is_checksum()) << "a checksum that does not notice";
}

/// What pieces of so many bytes come to; no more of them once there are `enough` bytes.
Result<ByteVector> DecodedInPieces(const BoundBytesToBytes& bound,
                                   std::span<const std::byte> encoded, size_t piece_size,
                                   size_t enough = SIZE_MAX) {
  Guarded piece(piece_size);
  ByteVector decoded;
  bool more = true;
  const Result<size_t> size =
      bound.DecodePieces(encoded, piece.span(), [&](std::span<const std::byte> bytes) {
        EXPECT_TRUE(more) << "a piece after the last";
        EXPECT_EQ(decoded.size() % piece_size, 0U) << "a piece after one that was not full";
        EXPECT_EQ(bytes.data(), piece.span().data());
        EXPECT_LE(bytes.size(), piece_size);
        decoded.insert(decoded.end(), bytes.begin(), bytes.end());
        more = decoded.size() < enough;
        return Result<bool>(more);
      });
  EXPECT_TRUE(piece.intact()) << "wrote beyond the piece";
  if (!size.ok()) {
    EXPECT_EQ(size.status().code(), StatusCode::kDataLoss) << size.status();
    return size.status();
  }
  EXPECT_EQ(*size, decoded.size());
  return decoded;
}

void ExpectThePieces(const BoundBytesToBytes& bound, const ByteVector& bytes) {
  const ByteVector encoded = Encoded(bound, bytes);
  const std::span<const std::byte> whole(encoded);
  const auto memory = bound.pieces_scratch_bytes(whole, true);
  if (!memory) return;  // It has none, or not of these bytes.
  EXPECT_GE(*memory, 0);
  EXPECT_EQ(bound.pieces_scratch_bytes(whole.first(std::min<size_t>(64, whole.size())), false),
            memory);
  for (const size_t piece : {size_t{1}, size_t{1000}, size_t{4096}, bytes.size() + 1}) {
    if (bytes.size() / piece > 5000) continue;
    const Result<ByteVector> decoded = DecodedInPieces(bound, whole, piece);
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(*decoded, bytes);
    const Result<ByteVector> begin = DecodedInPieces(bound, whole, piece, bytes.size() / 2 + 1);
    ASSERT_TRUE(begin.ok()) << begin.status();
    EXPECT_EQ(begin->size(), std::min((bytes.size() / 2 + piece) / piece * piece, bytes.size()));
    EXPECT_TRUE(std::equal(begin->begin(), begin->end(), bytes.begin()));
  }
  for (size_t length = 0; length < whole.size(); length += 1 + whole.size() / 100) {
    const Result<ByteVector> cut = DecodedInPieces(bound, whole.first(length), 1000);
    EXPECT_TRUE(!cut.ok() || cut->size() <= bytes.size());
  }
  ByteVector piece(1000);
  const Result<size_t> refused =
      bound.DecodePieces(whole, piece, [](auto) { return Result<bool>(CancelledError("enough")); });
  EXPECT_EQ(refused.status(), CancelledError("enough"));
}

constexpr CodecCase kCases[] = {
    {"RoundTripsEverySize",
     [](const CodecSubject& s) {
       for (const Content content : kContents) {
         for (size_t size = 0; size <= 70; ++size) {
           ExpectRoundTrip(*BindTo(s, size), MakeBytes(content, size));
         }
         for (const size_t size : {255, 256, 257, 4096, 65535, 65536, 1'000'003}) {
           ExpectRoundTrip(*BindTo(s, size), MakeBytes(content, size));
         }
       }
     }},
    {"RoundTripsLessThanItWasBoundTo",
     [](const CodecSubject& s) {
       const Bound bound = BindTo(s, 5000);
       for (const Content content : kContents) {
         for (const size_t size : {0, 1, 2, 63, 4095, 4999, 5000}) {
           ExpectRoundTrip(*bound, MakeBytes(content, size));
         }
       }
     }},
    {"FixedSizesDependOnNothingElse",
     [](const CodecSubject& s) {
       for (const size_t size : {0, 1, 100, 5000}) {
         const Bound bound = BindTo(s, size);
         if (!bound->fixed_size()) continue;
         for (const Content content : kContents) {
           EXPECT_EQ(static_cast<int64_t>(Encoded(*bound, MakeBytes(content, size)).size()),
                     bound->max_encoded_size());
         }
       }
     }},
    {"MoreThanFitsIsDataLoss",
     [](const CodecSubject& s) {
       for (const Content content : kContents) {
         for (const size_t size : {1, 100, 4096, 70'000}) {
           const Bound bound = BindTo(s, size);
           const ByteVector encoded = Encoded(*bound, MakeBytes(content, size));
           for (const size_t room : {size - 1, size / 2, size_t{0}}) {
             EXPECT_FALSE(Decoded(*bound, encoded, room).ok()) << size << " into " << room;
           }
         }
       }
     }},
    {"Truncations",
     [](const CodecSubject& s) {
       for (const Content content : kContents) {
         const Bound bound = BindTo(s, 300);
         const ByteVector encoded = Encoded(*bound, MakeBytes(content, 300));
         for (size_t length = 0; length < encoded.size(); ++length) {
           ExpectNoticedOrBounded(*bound, std::span(encoded).first(length), 300);
         }
       }
     }},
    {"FlippedBits",
     [](const CodecSubject& s) {
       for (const Content content : {Content::kWords, Content::kNoise}) {
         const Bound bound = BindTo(s, 96);
         const ByteVector encoded = Encoded(*bound, MakeBytes(content, 96));
         for (size_t bit = 0; bit < 8 * encoded.size(); ++bit) {
           ByteVector damaged = encoded;
           damaged[bit / 8] ^= std::byte{1} << bit % 8;
           ExpectNoticedOrBounded(*bound, damaged, 96);
         }
       }
     }},
    {"TrailingBytes",
     [](const CodecSubject& s) {
       const Bound bound = BindTo(s, 96);
       for (const size_t extra : {1, 4, 100}) {
         ByteVector longer = Encoded(*bound, MakeBytes(Content::kWords, 96));
         longer.resize(longer.size() + extra);
         ExpectNoticedOrBounded(*bound, longer, 96);
       }
     }},
    {"NoiseIsNoChunk",
     [](const CodecSubject& s) {
       const Bound bound = BindTo(s, 300);
       for (size_t size = 0; size <= 400; ++size) {
         ExpectNoticedOrBounded(*bound, MakeBytes(Content::kNoise, size), 300);
       }
     }},
    {"BombsEndWithTheDestination",
     [](const CodecSubject& s) {
       constexpr size_t kBomb = 8 << 20;
       const ByteVector encoded = Encoded(*BindTo(s, kBomb), ByteVector(kBomb));
       EXPECT_FALSE(Decoded(*BindTo(s, 64), encoded, 64).ok());
     }},
    {"BoundsOfHugeChunksDoNotOverflow",
     [](const CodecSubject& s) {
       for (const int shift : {31, 32, 40, 59}) {
         const int64_t huge = int64_t{1} << shift;
         const Result<Bound> bound = s.codec->BindBytesToBytes(huge);
         if (!bound.ok()) continue;  // It says so, which is as good.
         EXPECT_GE((*bound)->max_encoded_size(), 0);
         EXPECT_GE((*bound)->encode_scratch_bytes(), 0);
         EXPECT_GE((*bound)->decode_scratch_bytes(), 0);
       }
     }},
    {"InPlaceIsTheSame",
     [](const CodecSubject& s) {
       for (const size_t size : {0, 1, 100, 5000}) {
         const Bound bound = BindTo(s, size);
         const ByteVector bytes = MakeBytes(Content::kWords, size);
         const ByteVector encoded = Encoded(*bound, bytes);
         const auto decoded = bound->DecodeInPlace(encoded);
         EXPECT_EQ(bound->DecodeInPlace({}).has_value(), decoded.has_value());
         if (!decoded) continue;
         ASSERT_TRUE(decoded->ok()) << decoded->status();
         EXPECT_EQ((*decoded)->data(), encoded.data());
         EXPECT_EQ((*decoded)->size(), size);
         ByteVector buffer = bytes;
         buffer.resize(static_cast<size_t>(bound->max_encoded_size()));
         const Result<size_t> grown = bound->EncodeInPlace(buffer, size);
         ASSERT_TRUE(grown.ok()) << grown.status();
         EXPECT_EQ(ByteVector(buffer.begin(), buffer.begin() + static_cast<ptrdiff_t>(*grown)),
                   encoded);
         for (size_t length = 0; length < encoded.size(); ++length) {
           const auto cut = bound->DecodeInPlace(std::span(encoded).first(length));
           ASSERT_TRUE(cut.has_value());
           EXPECT_TRUE(!cut->ok() || !bound->is_checksum());
         }
       }
     }},
    {"PiecesAreTheSame",
     [](const CodecSubject& s) {
       for (const Content content : kContents) {
         for (const size_t size : {1, 100, 4096, 70'000, 1'000'003}) {
           ExpectThePieces(*BindTo(s, size), MakeBytes(content, size));
         }
       }
     }},
    {"ThreadsShareOne",
     [](const CodecSubject& s) {
       const Bound bound = BindTo(s, 20'000);
       std::vector<std::thread> threads;
       for (size_t t = 0; t < 4; ++t) {
         threads.emplace_back([&, t] {
           for (size_t i = 0; i < 25; ++i) {
             ExpectRoundTrip(*bound, MakeBytes(kContents[(t + i) % 4], 20'000 - 7 * i - t));
           }
         });
       }
       for (std::thread& thread : threads) thread.join();
     }},
};

}  // namespace

std::span<const CodecCase> CodecByteCases() { return kCases; }

}  // namespace coffer::inline v0::testing
