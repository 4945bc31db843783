// Goal: what a codec of any kind throws, and a null that it binds to, becomes an error that names
// the codec by its place in the chain.
// Method: codecs that do nothing but throw where they are told; exact texts.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "src/nd/copy.h"
#include "tests/support/codecs.h"

namespace coffer {
namespace {

using testing::ChunkOf;
using testing::Scratch;

void Break(const std::string& told, const std::string& where) {
  if (told == where) throw std::runtime_error(where);
}

class ArrayToArray final : public BoundArrayToArray {
 public:
  ArrayToArray(std::string told, ChunkSpec spec) : told_(std::move(told)), spec_(std::move(spec)) {}
  const ChunkSpec& encoded() const override {
    Break(told_, "encoded");
    return spec_;
  }
  Status Encode(const ConstView& decoded, const View& encoded) const override {
    Break(told_, "Encode");
    CopyView(decoded, encoded);
    return Status();
  }
  Status Decode(const ConstView& encoded, const View& decoded) const override {
    Break(told_, "Decode");
    CopyView(encoded, decoded);
    return Status();
  }

 private:
  const std::string told_;
  const ChunkSpec spec_;
};

class ArrayToBytes final : public BoundArrayToBytes {
 public:
  ArrayToBytes(std::string told, int64_t size) : told_(std::move(told)), size_(size) {}
  int64_t max_encoded_size() const override { return size_; }
  bool fixed_size() const override { return true; }
  Result<size_t> Encode(const ConstView&, std::span<std::byte> destination,
                        const CodecScratch&) const override {
    Break(told_, "Encode");
    std::fill_n(destination.begin(), size_, std::byte{1});
    return static_cast<size_t>(size_);
  }
  Status Decode(std::span<const std::byte>, const View&, const CodecScratch&) const override {
    Break(told_, "Decode");
    return Status();
  }

 private:
  const std::string told_;
  const int64_t size_;
};

/// One that works in place if it is told to break there.
class BytesToBytes final : public BoundBytesToBytes {
 public:
  BytesToBytes(std::string told, int64_t size) : told_(std::move(told)), size_(size) {}
  int64_t max_encoded_size() const override {
    Break(told_, "max_encoded_size");
    return size_;
  }
  bool fixed_size() const override { return true; }
  std::optional<Result<std::span<const std::byte>>> DecodeInPlace(
      std::span<const std::byte> encoded) const override {
    if (told_ == "nullopt" && encoded.empty()) return encoded;
    if (!told_.ends_with("InPlace")) return std::nullopt;
    if (!encoded.empty()) Break(told_, "DecodeInPlace");
    return encoded;
  }
  Result<size_t> EncodeInPlace(std::span<std::byte>, size_t size) const override {
    Break(told_, "EncodeInPlace");
    return size;
  }
  Result<size_t> Encode(std::span<const std::byte> decoded,
                        std::span<std::byte> destination) const override {
    Break(told_, "Encode");
    std::copy(decoded.begin(), decoded.end(), destination.begin());
    return decoded.size();
  }
  Result<size_t> Decode(std::span<const std::byte> encoded,
                        std::span<std::byte> destination) const override {
    Break(told_, "Decode");
    return std::min(encoded.size(), destination.size());
  }

 private:
  const std::string told_;
  const int64_t size_;
};

class Breaking final : public Codec {
 public:
  Breaking(Kind kind, std::string told) : kind_(kind), told_(std::move(told)) {}
  Kind kind() const override {
    Break(told_, "kind");
    return kind_;
  }
  std::string name() const override { return "breaking"; }
  std::string configuration() const override { return ""; }
  Result<std::unique_ptr<BoundArrayToArray>> BindArrayToArray(const ChunkSpec& in) const override {
    return MakeBound<BoundArrayToArray, ArrayToArray>(in);
  }
  Result<std::unique_ptr<BoundArrayToBytes>> BindArrayToBytes(const ChunkSpec& in) const override {
    return MakeBound<BoundArrayToBytes, ArrayToBytes>(in.num_bytes());
  }
  Result<std::unique_ptr<BoundBytesToBytes>> BindBytesToBytes(int64_t size) const override {
    return MakeBound<BoundBytesToBytes, BytesToBytes>(size);
  }

 private:
  template <class Interface, class Made, class Input>
  Result<std::unique_ptr<Interface>> MakeBound(const Input& input) const {
    Break(told_, "Bind");
    if (told_ == "null") return std::unique_ptr<Interface>();
    return std::make_unique<Made>(told_, input);
  }

  const Kind kind_;
  const std::string told_;
};

/// A chain in whose middle one codec of this kind breaks.
Result<CodecChainPtr> BindChain(Codec::Kind kind, const std::string& told) {
  std::vector<CodecPtr> codecs;
  for (const Codec::Kind each :
       {Codec::Kind::kArrayToArray, Codec::Kind::kArrayToBytes, Codec::Kind::kBytesToBytes}) {
    codecs.push_back(std::make_shared<Breaking>(each, each == kind ? told : ""));
  }
  return BindCodecs(codecs, ChunkOf<uint8_t>({4}));
}

std::string LabelOf(Codec::Kind kind) {
  return "codecs[" + std::to_string(static_cast<int>(kind)) + "] (breaking): ";
}

Status Encoded(Codec::Kind kind, const std::string& told) {
  const CodecChainPtr chain = BindChain(kind, told).OrDie();
  std::array<uint8_t, 4> elements = {};
  std::array<std::byte, 4> encoded = {};
  const ConstView view(reinterpret_cast<const std::byte*>(elements.data()), DataType::kUint8, {4});
  return chain->Encode(view, encoded, Scratch()).status();
}

Status Decoded(Codec::Kind kind, const std::string& told) {
  const CodecChainPtr chain = BindChain(kind, told).OrDie();
  std::array<uint8_t, 4> elements = {};
  const std::array<std::byte, 4> encoded = {};
  const View view(reinterpret_cast<std::byte*>(elements.data()), DataType::kUint8, {4});
  return chain->Decode(encoded, view, Scratch());
}

TEST(BreakingCodec, OfEveryKindIsNamed) {
  for (const Codec::Kind kind :
       {Codec::Kind::kArrayToArray, Codec::Kind::kArrayToBytes, Codec::Kind::kBytesToBytes}) {
    const std::string label = LabelOf(kind);
    EXPECT_EQ(BindChain(kind, "Bind").status(), InternalError(label + "exception: Bind"));
    EXPECT_EQ(BindChain(kind, "null").status(), InternalError(label + "bound to nothing"));
    EXPECT_EQ(BindChain(kind, "kind").status(), InternalError("codecs: exception: kind"));
    EXPECT_EQ(Encoded(kind, "Encode"), InternalError(label + "exception: Encode"));
    EXPECT_EQ(Decoded(kind, "Encode"), Status());
    EXPECT_EQ(Decoded(kind, "Decode"), InternalError(label + "exception: Decode"));
    EXPECT_EQ(Encoded(kind, "Decode"), Status());
  }
}

TEST(BreakingCodec, InPlace) {
  const Codec::Kind kind = Codec::Kind::kBytesToBytes;
  const std::string label = LabelOf(kind);
  EXPECT_EQ(Encoded(kind, "EncodeInPlace"), InternalError(label + "exception: EncodeInPlace"));
  EXPECT_EQ(Decoded(kind, "EncodeInPlace"), Status());
  EXPECT_EQ(Decoded(kind, "DecodeInPlace"), InternalError(label + "exception: DecodeInPlace"));
  EXPECT_EQ(Encoded(kind, "DecodeInPlace"), Status());
  EXPECT_EQ(Decoded(kind, "nullopt"), InternalError(label + "exception: bad optional access"));
}

TEST(BreakingCodec, InWhatItSaysOfItselfIsSeenWhenItIsBound) {
  EXPECT_EQ(BindChain(Codec::Kind::kBytesToBytes, "max_encoded_size").status(),
            InternalError("codecs: exception: max_encoded_size"));
  EXPECT_EQ(BindChain(Codec::Kind::kArrayToArray, "encoded").status(),
            InternalError("codecs: exception: encoded"));
}

TEST(BreakingCodec, NoCodecAtAll) {
  const std::vector<CodecPtr> codecs = {std::make_shared<Breaking>(Codec::Kind::kArrayToBytes, ""),
                                        nullptr};
  EXPECT_EQ(BindCodecs(codecs, ChunkOf<uint8_t>({4})).status(),
            InternalError("codecs[1]: no codec was given"));
}

TEST(BreakingCodec, TableNamesWhatMakeThrowsAndANull) {
  CodecTable table(nullptr);
  ASSERT_EQ(table.Add({"throws",
                       [](std::string_view, const CodecTable&) -> Result<CodecPtr> { throw 7; }}),
            Status());
  ASSERT_EQ(table.Add({"full",
                       [](std::string_view, const CodecTable&) -> Result<CodecPtr> {
                         throw std::bad_alloc();
                       }}),
            Status());
  ASSERT_EQ(table.Add({"null",
                       [](std::string_view, const CodecTable&) -> Result<CodecPtr> {
                         return CodecPtr();
                       }}),
            Status());
  EXPECT_EQ(table.Make("throws", "{}").status(),
            InternalError("codec \"throws\": exception of no standard type"));
  EXPECT_EQ(table.Make("full", "{}").status(),
            ResourceExhaustedError("codec \"full\": out of memory"));
  EXPECT_EQ(table.Make("null", "{}").status(),
            InternalError("codec \"null\": its `make` returned no codec"));
}

}  // namespace
}  // namespace coffer
