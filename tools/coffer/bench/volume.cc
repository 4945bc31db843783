// An element is the sum of a triangle wave in each dimension, which stays below 2^13, plus 4 bits
// of a hash of its position; types of one byte keep the upper 6 bits of the waves. Floating-point
// types hold that number, those that C++ lacks its bits, bool one of its bits.
#include "tools/coffer/bench/volume.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace coffer::inline v0::tool {
namespace {

constexpr std::array<int64_t, 3> kPeriods = {2048, 1792, 1536};
constexpr int64_t kSlope = 2;
constexpr uint64_t kMix = 0x9e3779b97f4a7c15;
constexpr int kByteShift = 7;  // Of 13 bits, 6 stay.

uint64_t Noise(uint64_t position) {
  position *= kMix;
  position = (position ^ (position >> 32)) * 0xd6e8feb86659fd93;
  return position >> 60;
}

template <class T>
void Store(uint64_t word, std::byte* out) {
  const auto value = static_cast<T>(word);
  std::memcpy(out, &value, sizeof value);
}

using StoreElement = void (*)(uint64_t word, std::byte* out);

// nullptr for raw elements of an odd size.
StoreElement StoreOf(DataType type) {
  if (type == DataType::kBool) {
    return [](uint64_t word, std::byte* out) { *out = static_cast<std::byte>(word >> 4 & 1); };
  }
  if (type == DataType::kFloat32) return Store<float>;
  if (type == DataType::kFloat64) return Store<double>;
  if (type == DataType::kComplex64) {
    return [](uint64_t word, std::byte* out) {
      Store<float>(word, out);
      Store<float>(word + 1, out + sizeof(float));
    };
  }
  if (type == DataType::kComplex128) {
    return [](uint64_t word, std::byte* out) {
      Store<double>(word, out);
      Store<double>(word + 1, out + sizeof(double));
    };
  }
  switch (type.size()) {
    case 1:
      return Store<uint8_t>;
    case 2:
      return Store<uint16_t>;
    case 4:
      return Store<uint32_t>;
    case 8:
      return Store<uint64_t>;
    default:
      return nullptr;
  }
}

}  // namespace

// A row of a lattice: its last dimension.
class SyntheticVolume::Row {
 public:
  Row(const Lattice& lattice, int64_t i, int64_t j)
      : first({lattice.first[0] + i * lattice.step[0], lattice.first[1] + j * lattice.step[1],
               lattice.first[2]}),
        count(lattice.shape[2]),
        step(lattice.step[2]) {}

  Index first;
  int64_t count;
  int64_t step;
};

SyntheticVolume::SyntheticVolume(const Shape& shape, DataType type, int64_t edition)
    : shape_(shape), type_(type), edition_(static_cast<uint64_t>(edition)) {
  for (size_t d = 0; d < kPeriods.size(); ++d) {
    waves_[d].resize(static_cast<size_t>(shape[d]));
    for (int64_t at = 0; at < shape[d]; ++at) {
      const int64_t wave = std::abs(at % kPeriods[d] - kPeriods[d] / 2) * kSlope;
      waves_[d][static_cast<size_t>(at)] = static_cast<uint32_t>(wave);
    }
  }
}

void SyntheticVolume::FillRow(const Row& row, std::byte* out) const {
  const uint64_t base =
      waves_[0][static_cast<size_t>(row.first[0])] + waves_[1][static_cast<size_t>(row.first[1])];
  const uint64_t line =
      static_cast<uint64_t>((row.first[0] * shape_[1] + row.first[1]) * shape_[2]) +
      (edition_ << 48);
  const int shift = type_.size() == 1 && type_ != DataType::kBool ? kByteShift : 0;
  const StoreElement store = StoreOf(type_);
  const auto size = static_cast<size_t>(type_.size());
  for (int64_t n = 0; n < row.count; ++n, out += size) {
    const auto at = static_cast<size_t>(row.first[2] + n * row.step);
    const uint64_t word = ((base + waves_[2][at]) >> shift) + Noise(line + at);
    if (store != nullptr) {
      store(word, out);
    } else {
      std::memset(out, 0, size);
      std::memcpy(out, &word, std::min(size, sizeof word));
    }
  }
}

void SyntheticVolume::Fill(const Lattice& lattice, std::span<std::byte> bytes) const {
  std::byte* out = bytes.data();
  for (int64_t i = 0; i < lattice.shape[0]; ++i) {
    for (int64_t j = 0; j < lattice.shape[1]; ++j) {
      FillRow(Row(lattice, i, j), out);
      out += lattice.shape[2] * type_.size();
    }
  }
}

namespace {

// The number of the first element that differs; `count` if none does.
int64_t FirstDifference(const std::byte* a, const std::byte* b, int64_t count, int64_t size) {
  const auto bytes = static_cast<size_t>(count * size);
  if (std::memcmp(a, b, bytes) == 0) return count;
  return (std::mismatch(a, a + bytes, b).first - a) / size;
}

}  // namespace

std::optional<Index> SyntheticVolume::FindDifference(const Lattice& lattice,
                                                     std::span<const std::byte> bytes,
                                                     const Patch* patch) const {
  const int64_t count = lattice.shape[2];
  std::vector<std::byte> expected(static_cast<size_t>(count * type_.size()));
  const std::byte* got = bytes.data();
  for (int64_t i = 0; i < lattice.shape[0]; ++i) {
    for (int64_t j = 0; j < lattice.shape[1]; ++j, got += expected.size()) {
      const Row row(lattice, i, j);
      FillRow(row, expected.data());
      if (patch != nullptr) {
        const Box part = Box::FromSize(row.first, {1, 1, count}).Intersect(patch->box);
        const auto begin = static_cast<size_t>((part.origin[2] - row.first[2]) * type_.size());
        if (!part.empty()) {
          patch->volume.Fill(Lattice::Of(part), std::span(expected).subspan(begin));
        }
      }
      const int64_t n = FirstDifference(expected.data(), got, count, type_.size());
      if (n < count) return Index{row.first[0], row.first[1], row.first[2] + n * row.step};
    }
  }
  return std::nullopt;
}

}  // namespace coffer::inline v0::tool
