#include "coffer/testing/codec_conformance.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <random>
#include <string_view>
#include <utility>

#include "coffer/base/checked.h"
#include "src/testing/codec_cases.h"

namespace coffer::inline v0::testing {

bool Guarded::intact() const {
  const auto is_pattern = [](std::byte b) { return b == kPattern; };
  return std::all_of(bytes_.begin(), bytes_.begin() + kWall, is_pattern) &&
         std::all_of(bytes_.end() - kWall, bytes_.end(), is_pattern);
}

ByteVector MakeBytes(Content content, size_t size) {
  ByteVector bytes(size);
  std::mt19937 random(static_cast<unsigned>(size) + 1);
  constexpr std::string_view kText = "chunks of an array, chunks of a shard, ";
  for (size_t i = 0; i < size; ++i) {
    switch (content) {
      case Content::kZeros:
        break;
      case Content::kRamp:
        bytes[i] = static_cast<std::byte>(i / 3 % 256);
        break;
      case Content::kNoise:
        bytes[i] = static_cast<std::byte>(random() % 256);
        break;
      case Content::kWords:
        bytes[i] = static_cast<std::byte>(kText[i % kText.size()]);
        break;
    }
  }
  return bytes;
}

namespace {

constexpr std::byte kGap{0x5C};

}  // namespace

LaidOut::LaidOut(const ChunkSpec& chunk, Layout layout) {
  const int64_t size = chunk.data_type.size();
  const int rank = chunk.shape.rank();
  const int64_t spread = layout == Layout::kGaps ? 3 : 1;
  Strides strides = Strides::Filled(rank, 0);
  int64_t stride = size * spread;
  for (int i = 0; i < rank; ++i) {
    const int d = layout == Layout::kFOrder ? i : rank - 1 - i;
    strides[d] = stride;
    stride *= chunk.shape[d];
  }
  memory_.assign(static_cast<size_t>(stride), kGap);
  std::byte* first = memory_.data();
  if (layout == Layout::kReversed) {
    for (int d = 0; d < rank; ++d) {
      first += (chunk.shape[d] - 1) * strides[d];
      strides[d] = -strides[d];
    }
  }
  view_ = View(first, chunk.data_type, chunk.shape, strides);
}

template <class F>
void LaidOut::ForEachElement(F see) const {
  const int64_t count = *NumElements(view_.shape);
  for (int64_t n = 0; n < count; ++n) {
    int64_t rest = n;
    std::byte* element = view_.data;
    for (int d = view_.rank() - 1; d >= 0; --d) {
      element += rest % view_.shape[d] * view_.strides[d];
      rest /= view_.shape[d];
    }
    see(static_cast<size_t>(n), element);
  }
}

void LaidOut::Set(std::span<const std::byte> elements) {
  const auto size = static_cast<size_t>(view_.data_type.size());
  ForEachElement([&](size_t n, std::byte* element) {
    std::memcpy(element, elements.data() + n * size, size);
  });
}

ByteVector LaidOut::Get() const {
  const auto size = static_cast<size_t>(view_.data_type.size());
  ByteVector elements(static_cast<size_t>(*NumElements(view_.shape)) * size);
  ForEachElement([&](size_t n, const std::byte* element) {
    std::memcpy(elements.data() + n * size, element, size);
  });
  return elements;
}

bool LaidOut::gaps_intact() const {
  ByteVector rest = memory_;
  ForEachElement([&](size_t, const std::byte* element) {
    std::fill_n(rest.begin() + (element - memory_.data()), view_.data_type.size(), kGap);
  });
  return std::all_of(rest.begin(), rest.end(), [](std::byte b) { return b == kGap; });
}

std::vector<ChunkSpec> ChunksOf(const CodecConformance& parameters) {
  if (!parameters.chunks.empty()) return parameters.chunks;
  const auto chunk = [](DataType type, const Shape& shape) {
    return ChunkSpec{type, shape, ByteVector(static_cast<size_t>(type.size()))};
  };
  return {chunk(DataType::kUint8, {}), chunk(DataType::kUint16, {5}),
          chunk(DataType::kInt32, {3, 4}), chunk(DataType::kFloat64, {2, 3, 4}),
          chunk(DataType::kComplex128, {1, 5})};
}

CodecScratch TestScratch() {
  static BufferPool& pool = *new BufferPool(MiB(64));
  return {&pool};
}

namespace {

class CodecTest : public ::testing::Test {
 public:
  CodecTest(const CodecConformance& parameters, const CodecCase& test)
      : parameters_(parameters), test_(test) {}
  void TestBody() override {
    CodecTable table;
    if (parameters_.add) {
      ASSERT_EQ(parameters_.add(table), Status());
    }
    for (const std::string& configuration : parameters_.configurations) {
      SCOPED_TRACE(parameters_.codec + " " + configuration);
      Result<CodecPtr> codec = table.Make(parameters_.codec, configuration);
      ASSERT_TRUE(codec.ok()) << codec.status();
      ASSERT_EQ((*codec)->kind(), parameters_.kind);
      test_.run({parameters_, table, *std::move(codec), configuration});
    }
  }

 private:
  const CodecConformance& parameters_;
  const CodecCase& test_;
};

std::span<const CodecCase> CasesOf(Codec::Kind kind) {
  switch (kind) {
    case Codec::Kind::kArrayToArray:
      return CodecTurnCases();
    case Codec::Kind::kArrayToBytes:
      return CodecArrayCases();
    case Codec::Kind::kBytesToBytes:
      return CodecByteCases();
  }
  return {};
}

}  // namespace

int RegisterCodecConformance(CodecConformance codec) {
  static std::deque<CodecConformance>& all = *new std::deque<CodecConformance>();
  const CodecConformance& parameters = all.emplace_back(std::move(codec));
  int count = 0;
  for (const std::span<const CodecCase> part : {CodecCommonCases(), CasesOf(parameters.kind)}) {
    for (const CodecCase& test : part) {
      ::testing::RegisterTest(
          ("Codec/" + parameters.name).c_str(), test.name, nullptr, nullptr, __FILE__, __LINE__,
          [&parameters, &test]() -> ::testing::Test* { return new CodecTest(parameters, test); });
      ++count;
    }
  }
  return count;
}

}  // namespace coffer::inline v0::testing
