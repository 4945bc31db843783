// TransposePlane: a blocked transpose, for copies whose fastest dimensions differ.
//
//  1. The plane is walked in square tiles whose sides are a pair of cache lines (128 bytes): what
//     the processor prefetches together is used together.
//  2. A tile's source lines are copied, each whole, into a buffer; byte order is changed on the
//  way.
//  3. The buffer is transposed in squares of one 16-byte vector a side, by interleaving.
//  4. The tile's destination lines are written, each whole.
// Every line of either side is thus touched once, in one go: with extents that are powers of two
// all lines of a tile fall into the same few cache sets and would push each other out between
// visits.
#ifndef COFFER_SRC_ND_TRANSPOSE_H_
#define COFFER_SRC_ND_TRANSPOSE_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace coffer::inline v0 {

template <class T>
class TransposePlane {
 public:
  /// Elements of a vector: fewer rows or columns than this are not worth a tile.
  static constexpr int64_t kVector = 16 / static_cast<int64_t>(sizeof(T));

  /// destination[row][col] = How::Change(source[col][row]), where consecutive rows of the source
  /// and consecutive columns of the destination are neighbours in memory, and the strides are those
  /// of the source's columns and of the destination's rows.
  template <class How>
  static void Copy(const std::byte* source, int64_t source_stride, std::byte* destination,
                   int64_t destination_stride, int64_t rows, int64_t cols) {
    alignas(64) Tile lines, turned;  // What a partial tile leaves unset is never written out.
    for (int64_t row = 0; row < rows; row += kTile) {
      const int64_t tile_rows = std::min(kTile, rows - row);
      for (int64_t col = 0; col < cols; col += kTile) {
        const int64_t tile_cols = std::min(kTile, cols - col);
        const std::byte* from = source + row * kSize + col * source_stride;
        for (int64_t i = 0; i < tile_cols; ++i) {
          ReadLine<How>(from + i * source_stride, lines[static_cast<size_t>(i)], tile_rows);
        }
        TransposeTile(lines, turned, tile_rows, tile_cols);
        std::byte* to = destination + row * destination_stride + col * kSize;
        for (int64_t i = 0; i < tile_rows; ++i) {
          WriteLine(turned[static_cast<size_t>(i)], to + i * destination_stride, tile_cols);
        }
      }
    }
  }

 private:
  static constexpr int64_t kSize = sizeof(T);
  static constexpr int64_t kTile = 128 / kSize;
  using Line = std::array<T, static_cast<size_t>(kTile)>;
  using Tile = std::array<Line, static_cast<size_t>(kTile)>;
  using Vector [[gnu::vector_size(16)]] = T;

  template <class How>
  static void ReadLine(const std::byte* from, Line& line, int64_t count) {
    if (count == kTile) {
      std::memcpy(line.data(), from, sizeof(Line));
    } else {
      std::memcpy(line.data(), from, static_cast<size_t>(count * kSize));
    }
    for (T& value : line) value = How::Change(value);
  }

  static void WriteLine(const Line& line, std::byte* to, int64_t count) {
    if (count == kTile) {
      std::memcpy(to, line.data(), sizeof(Line));
    } else {
      std::memcpy(to, line.data(), static_cast<size_t>(count * kSize));
    }
  }

  static void TransposeTile(const Tile& from, Tile& to, int64_t rows, int64_t cols) {
    for (int64_t row = 0; row < rows; row += kVector) {
      for (int64_t col = 0; col < cols; col += kVector) {
        TransposeSquare(from[static_cast<size_t>(col)].data() + row,
                        to[static_cast<size_t>(row)].data() + col);
      }
    }
  }

  // After log2(n) rounds of interleaving vector k with vector k + n/2, n vectors are transposed.
  static void TransposeSquare(const T* from, T* to) {
    constexpr auto kCount = static_cast<size_t>(kVector);
    Vector now[kCount], next[kCount];  // No std::array: g++ drops the attribute of its argument.
#pragma GCC unroll 16
    for (size_t k = 0; k < kCount; ++k) {
      std::memcpy(&now[k], from + k * static_cast<size_t>(kTile), sizeof(Vector));
    }
#pragma GCC unroll 4
    for (size_t round = 1; round < kCount; round *= 2) {
#pragma GCC unroll 8
      for (size_t k = 0; k < kCount / 2; ++k) {
        next[2 * k] = Interleave<0>(now[k], now[k + kCount / 2], kLanes);
        next[2 * k + 1] = Interleave<kVector / 2>(now[k], now[k + kCount / 2], kLanes);
      }
      std::memcpy(now, next, sizeof(now));
    }
#pragma GCC unroll 16
    for (size_t k = 0; k < kCount; ++k) {
      std::memcpy(to + k * static_cast<size_t>(kTile), &now[k], sizeof(Vector));
    }
  }

  static constexpr auto kLanes = std::make_integer_sequence<int, static_cast<int>(kVector)>();

  // a[kFirst], b[kFirst], a[kFirst + 1], b[kFirst + 1], ...
  template <int kFirst, int... kLane>
  static Vector Interleave(Vector a, Vector b, std::integer_sequence<int, kLane...>) {
    constexpr int kLaneCount = sizeof...(kLane);
    return __builtin_shufflevector(a, b, (kFirst + kLane / 2 + kLane % 2 * kLaneCount)...);
  }
};

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_ND_TRANSPOSE_H_
