#include "tools/formats/npy.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "coffer/base/bytes.h"

namespace coffer::inline v0::formats {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<std::vector<int64_t>> shape;
};

// Reads {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), } and nothing else.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text), size_(text.size()) {}

  Result<Header> Parse() {
    Header header;
    COFFER_RETURN_IF_ERROR(Expect('{'));
    while (!Take('}')) {
      COFFER_ASSIGN_OR_RETURN(std::string key, String());
      COFFER_RETURN_IF_ERROR(Expect(':'));
      COFFER_RETURN_IF_ERROR(Value(key, &header));
      if (!Take(',')) {
        COFFER_RETURN_IF_ERROR(Expect('}'));
        break;
      }
    }
    Blanks();
    if (!rest_.empty()) return Wrong("nothing after the dictionary");
    for (auto [there, key] : {std::pair(header.descr.has_value(), "descr"),
                              std::pair(header.fortran_order.has_value(), "fortran_order"),
                              std::pair(header.shape.has_value(), "shape")}) {
      if (!there) return InvalidArgumentError(std::string("header lacks '") + key + "'");
    }
    return header;
  }

 private:
  void Blanks() {
    size_t n = rest_.find_first_not_of(" \n\t");
    rest_.remove_prefix(n == std::string_view::npos ? rest_.size() : n);
  }
  bool Take(char c) {
    Blanks();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  Status Expect(char c) {
    if (Take(c)) return Status();
    return Wrong(std::string("'") + c + "'");
  }
  Status Wrong(const std::string& expected) const {
    return InvalidArgumentError("header, at character " + std::to_string(size_ - rest_.size()) +
                                ": expected " + expected);
  }

  Status Value(const std::string& key, Header* header) {
    Blanks();
    if (key == "descr" && !header->descr) {
      if (!rest_.empty() && rest_[0] == '[') {
        return InvalidArgumentError("records (structured types) are not supported");
      }
      COFFER_ASSIGN_OR_RETURN(header->descr, String());
    } else if (key == "fortran_order" && !header->fortran_order) {
      if (rest_.starts_with("True")) {
        header->fortran_order = true;
        rest_.remove_prefix(4);
      } else if (rest_.starts_with("False")) {
        header->fortran_order = false;
        rest_.remove_prefix(5);
      } else {
        return Wrong("True or False");
      }
    } else if (key == "shape" && !header->shape) {
      COFFER_ASSIGN_OR_RETURN(header->shape, Tuple());
    } else {
      return InvalidArgumentError("header has an unknown or repeated key '" + key + "'");
    }
    return Status();
  }

  Result<std::string> String() {
    Blanks();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return Wrong("a string");
    size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) return Wrong("a closed string");
    std::string text(rest_.substr(1, end - 1));
    if (text.find('\\') != std::string::npos) return Wrong("a string without escapes");
    rest_.remove_prefix(end + 1);
    return text;
  }

  Result<std::vector<int64_t>> Tuple() {
    std::vector<int64_t> values;
    COFFER_RETURN_IF_ERROR(Expect('('));
    bool comma = false;
    while (!Take(')')) {
      if (!values.empty() && !comma) return Wrong("',' or ')'");
      if (values.size() > static_cast<size_t>(kMaxRank)) return Wrong("at most 32 dimensions");
      Blanks();
      int64_t value = 0;
      auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (error != std::errc()) return Wrong("an extent below 2^63");
      rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
      if (rest_.starts_with('L')) rest_.remove_prefix(1);  // Python 2
      values.push_back(value);
      comma = Take(',');
    }
    if (values.size() == 1 && !comma) return Wrong("a tuple");
    return values;
  }

  std::string_view rest_;
  size_t size_;
};

struct Descr {
  DataType type;
  bool swapped;
};

Result<Descr> ParseDescr(const std::string& descr) {
  std::string_view text = descr;
  char order = '|';
  if (!text.empty() && std::string_view("<>|=").find(text[0]) != std::string_view::npos) {
    order = text[0];
    text.remove_prefix(1);
  }
  int32_t size = 0;
  char kind = text.empty() ? '\0' : text[0];
  if (kind == 'O') {
    return InvalidArgumentError("data type '" + descr +
                                "' holds Python objects; pickles are never read");
  }
  auto digits = text.substr(text.empty() ? 0 : 1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  bool sized = error == std::errc() && end == digits.data() + digits.size() && size > 0;
  if (sized && kind == 'V' && size <= 65536) return Descr{DataType::Raw(size), false};
  struct Known {
    char kind;
    DataType type;
  };
  static constexpr Known kKnown[] = {
      {'b', DataType::kBool},      {'i', DataType::kInt8},       {'i', DataType::kInt16},
      {'i', DataType::kInt32},     {'i', DataType::kInt64},      {'u', DataType::kUint8},
      {'u', DataType::kUint16},    {'u', DataType::kUint32},     {'u', DataType::kUint64},
      {'f', DataType::kFloat16},   {'f', DataType::kFloat32},    {'f', DataType::kFloat64},
      {'c', DataType::kComplex64}, {'c', DataType::kComplex128},
  };
  for (const Known& known : kKnown) {
    if (sized && known.kind == kind && known.type.size() == size) {
      return Descr{known.type, order == '>' && size > 1};
    }
  }
  return InvalidArgumentError("data type '" + descr + "' is not supported");
}

std::string DescrOf(DataType type) {
  std::string size = std::to_string(type.size());
  std::string order = type.size() == 1 ? "|" : "<";
  switch (type.kind()) {
    case DataType::Kind::kBool:
      return "|b1";
    case DataType::Kind::kInt:
      return order + "i" + size;
    case DataType::Kind::kUint:
    case DataType::Kind::kBfloat:
      return order + "u" + size;
    case DataType::Kind::kFloat:
      return order + "f" + size;
    case DataType::Kind::kComplex:
      return order + "c" + size;
    case DataType::Kind::kRaw:
      break;
  }
  return "|V" + size;
}

}  // namespace

Result<ArrayLayout> ParseNpy(std::span<const std::byte> start, int64_t file_size) {
  std::string_view text = AsText(start);
  if (!text.starts_with(kMagic)) return InvalidArgumentError("not a .npy file (no \\x93NUMPY)");
  if (text.size() < 12) return DataLossError("ends within the .npy header");
  int major = static_cast<uint8_t>(text[6]);
  if (major < 1 || major > 3) {
    return InvalidArgumentError(".npy version " + std::to_string(major) + " is not supported");
  }
  size_t length_bytes = major == 1 ? 2 : 4;
  size_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i) {
    length |= static_cast<size_t>(static_cast<uint8_t>(text[8 + i])) << (8 * i);
  }
  size_t begin = 8 + length_bytes;
  if (static_cast<int64_t>(begin + length) > file_size) {
    return DataLossError("the .npy header of " + std::to_string(length) +
                         " bytes is longer than the file");
  }
  if (begin + length > text.size()) {
    return InvalidArgumentError("the .npy header of " + std::to_string(length) +
                                " bytes is longer than the " + std::to_string(kNpyHeaderMax) +
                                " that are read");
  }
  COFFER_ASSIGN_OR_RETURN(Header header, HeaderParser(text.substr(begin, length)).Parse());
  COFFER_ASSIGN_OR_RETURN(Descr descr, ParseDescr(*header.descr));
  COFFER_ASSIGN_OR_RETURN(ArrayLayout layout,
                          ArrayLayout::Make(descr.type, *header.shape,
                                            *header.fortran_order ? Order::kFortran : Order::kC,
                                            static_cast<int64_t>(begin + length)));
  layout.swapped = descr.swapped;
  COFFER_RETURN_IF_ERROR(layout.CheckFits(file_size));
  if (layout.offset + layout.bytes < file_size) {
    return InvalidArgumentError(std::to_string(file_size - layout.offset - layout.bytes) +
                                " bytes follow the array of shape " + ToString(layout.shape));
  }
  return layout;
}

std::string NpyHeader(DataType type, const Shape& shape) {
  std::string text = "{'descr': '" + DescrOf(type) + "', 'fortran_order': False, 'shape': (";
  for (int d = 0; d < shape.rank(); ++d) {
    text += std::to_string(shape[d]) + (d + 1 < shape.rank() ? ", " : shape.rank() == 1 ? "," : "");
  }
  text += "), }";
  // The header ends in a newline and makes the elements start at a multiple of 64.
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  std::string header(kMagic);
  header +=
      {'\1', '\0', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

}  // namespace coffer::inline v0::formats
