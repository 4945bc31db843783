// What the command reads from its arguments and shows to people: sizes, shapes, tables.
#ifndef COFFER_TOOLS_COFFER_TEXT_H_
#define COFFER_TOOLS_COFFER_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coffer/base/result.h"
#include "coffer/nd/shape.h"
#include "src/base/json.h"

namespace coffer::inline v0::tool {

/// "64", "256M", "1G", "512KiB": bytes; K, M, G and T are powers of 1,024. InvalidArgument.
Result<int64_t> ParseByteSize(std::string_view text);
/// "64,64,32": extents, each at least `min`. InvalidArgument.
Result<Shape> ParseShape(std::string_view text, int64_t min = 0);

/// "0 B", "17 B", "1.25 MiB", "64 MiB": three digits and no needless zeros.
std::string FormatBytes(int64_t bytes);
/// "1.31 GiB/s".
std::string FormatRate(int64_t bytes, double seconds);
/// "3 s", "2 min 5 s", "1 h 12 min".
std::string FormatSeconds(double seconds);
/// "3.21x", or "-" if `stored` is 0.
std::string FormatRatio(int64_t bytes, int64_t stored);
/// A count with its noun: "1 key", "12,345 keys".
std::string FormatCount(int64_t count, std::string_view noun);

/// A shape as a JSON array.
Json ToJson(const Shape& shape);

/// Rows of cells, shown as aligned columns with two blanks between them.
class Table {
 public:
  /// One letter a column: 'l' or 'r' for the side on which cells stand.
  explicit Table(std::string alignment) : alignment_(std::move(alignment)) {}
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string ToString(std::string_view indent = "") const;

 private:
  std::string alignment_;
  std::vector<std::vector<std::string>> rows_;
};

/// The text with control characters and broken UTF-8 escaped, so that names from a store cannot
/// play tricks on a terminal.
std::string Printable(std::string_view text);
/// The text, or so much of its begin that it has at most `bytes_max` (at least 3) bytes with "..."
/// after it; no UTF-8 character is cut.
std::string Shortened(std::string_view text, size_t bytes_max);

}  // namespace coffer::inline v0::tool

#endif  // COFFER_TOOLS_COFFER_TEXT_H_
