// Reading:
//  1. Refuse what is too large, and NUL bytes, which nlohmann's lexer takes for the end.
//  2. Let nlohmann's SAX parser, which keeps its stack on the heap, call the Builder.
//  3. The Builder keeps one frame for each open array or object and moves a finished one into the
//     frame below. A frame too deep, a key seen before, or one value too many for the limit of
//     memory stops the parser. In an object of many members the keys are compared at its end.
//  4. An error becomes line and column by counting in the text up to where the parser stood.
// Values are therefore never nested deeper than depth_max, and destroying, comparing and dumping
// them may recurse.
#include "src/base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

namespace coffer::inline v0 {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

// A position in the text that leaves word of how far the parser has read.
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** reached = nullptr;

  reference operator*() const { return *at; }
  Cursor& operator++() {
    *reached = ++at;
    return *this;
  }
  Cursor operator++(int) {
    Cursor before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Cursor& a, const Cursor& b) { return a.at == b.at; }
};

// `read` counts the bytes up to and including the one at fault.
Status ErrorAt(std::string_view text, size_t read, const std::string& what) {
  const std::string_view before = text.substr(0, read == 0 ? 0 : read - 1);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0.
  return InvalidArgumentError("JSON, line " + std::to_string(line) + ", column " +
                              std::to_string(before.size() - line_start + 1) + ": " + what);
}

// What nlohmann calls the tokens that it expects.
constexpr std::string_view kTokens[] = {"true literal",
                                        "false literal",
                                        "null literal",
                                        "string literal",
                                        "number literal",
                                        "'['",
                                        "'{'",
                                        "']'",
                                        "'}'",
                                        "':'",
                                        "','",
                                        "end of input",
                                        "'[', '{', or a literal"};

// nlohmann's text without its prefixes "[json.exception...] " and "parse error at line 1, column
// 2: ", and without what it quotes of the document, which may hold secrets: what was read last, and
// numbers.
std::string Tidy(std::string_view what) {
  if (what.starts_with('[')) what.remove_prefix(std::min(what.size(), what.find(']') + 2));
  if (what.starts_with("parse error at")) {
    what.remove_prefix(std::min(what.size(), what.find(": ") + 2));
  }
  constexpr std::string_view kOverflow = "number overflow";
  if (what.starts_with(kOverflow)) return std::string(kOverflow);
  const std::string_view reason = what.substr(0, what.find("; last read: "));
  if (reason.size() == what.size()) return std::string(what);
  for (const std::string_view expected : kTokens) {
    const std::string end = "; expected " + std::string(expected);
    if (what.ends_with(end)) return std::string(reason) + end;
  }
  return std::string(reason);
}

class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(const Json::ParseOptions& options)
      : depth_max_(options.depth_max), memory_max_(options.memory_max) {}

  bool null() override { return Add(Json()); }
  bool boolean(bool value) override { return Add(Json(value)); }
  bool number_integer(int64_t value) override { return Add(Json(value)); }
  bool number_unsigned(uint64_t value) override { return Add(Json(value)); }
  bool number_float(double value, const std::string&) override { return Add(Json(value)); }
  bool string(std::string& value) override {
    return Charge(value.size()) && Add(Json(std::move(value)));
  }
  bool binary(nlohmann::json::binary_t&) override { return false; }  // Not in JSON.
  bool start_array(size_t) override { return Open(Json(Json::Array())); }
  bool end_array() override { return Close(); }
  bool start_object(size_t) override { return Open(Json(Json::Object())); }
  bool end_object() override { return Close(); }

  bool key(std::string& key) override {
    Json& object = frames_.back();
    if (object.object().size() < kFew && object.Find(key) != nullptr) return Duplicate(key);
    if (!Charge(key.size() + sizeof(Json::Member) - sizeof(Json))) return false;
    object.object().emplace_back(std::move(key), Json());
    return true;
  }

  bool parse_error(size_t read, const std::string&,
                   const nlohmann::detail::exception& exception) override {
    error_ = Tidy(exception.what());
    read_ = read;
    return false;
  }

  Json TakeRoot() { return std::move(root_); }
  const std::string& error() const { return error_; }
  /// Where the parser itself failed; none if this class stopped it.
  std::optional<size_t> read() const { return read_; }

 private:
  static constexpr size_t kKeyShownMax = 80;

  static constexpr size_t kFew = 16;  // Members that are compared one by one.

  bool Duplicate(std::string_view key) {
    error_ = "duplicate key " + Json(std::string(key.substr(0, kKeyShownMax))).Dump();
    return false;
  }

  /// Sorts views, which take a fraction of the memory that the members were charged.
  bool KeysDiffer(const Json& object) {
    if (object.object().size() <= kFew) return true;
    std::vector<std::string_view> keys;
    keys.reserve(object.object().size());
    for (const Json::Member& member : object.object()) keys.push_back(member.first);
    std::sort(keys.begin(), keys.end());
    const auto again = std::adjacent_find(keys.begin(), keys.end());
    return again == keys.end() || Duplicate(*again);
  }

  bool Charge(size_t bytes) {
    if (bytes <= memory_max_ - memory_) {
      memory_ += bytes;
      return true;
    }
    error_ = "more values than " + std::to_string(memory_max_) + " bytes of memory hold";
    return false;
  }

  bool Add(Json value) {
    if (!Charge(sizeof(Json))) return false;
    if (frames_.empty()) {
      root_ = std::move(value);
    } else if (Json& into = frames_.back(); into.is_array()) {
      into.array().push_back(std::move(value));
    } else {
      into.object().back().second = std::move(value);
    }
    return true;
  }

  bool Open(Json value) {
    if (frames_.size() >= static_cast<size_t>(depth_max_)) {
      error_ = "nested deeper than " + std::to_string(depth_max_);
      return false;
    }
    frames_.push_back(std::move(value));
    return true;
  }

  bool Close() {
    if (frames_.back().is_object() && !KeysDiffer(frames_.back())) return false;
    Json value = std::move(frames_.back());
    frames_.pop_back();
    return Add(std::move(value));
  }

  const int depth_max_;
  const size_t memory_max_;
  size_t memory_ = 0;
  std::vector<Json> frames_;
  Json root_;
  std::string error_;
  std::optional<size_t> read_;
};

// The length of the UTF-8 sequence that `text` starts with; 0 if it starts with none.
size_t Utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const size_t length = lead < 0x80    ? 1
                        : lead < 0xc2  ? 0
                        : lead < 0xe0  ? 2
                        : lead < 0xf0  ? 3
                        : lead <= 0xf4 ? 4
                                       : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (length >= 3) {  // Neither overlong, nor a surrogate, nor above U+10FFFF.
    const unsigned start = lead << 8 | byte(1);
    if (start < 0xe0a0 || (start >= 0xeda0 && start < 0xee00)) return 0;
    if ((start >= 0xf000 && start < 0xf090) || start >= 0xf490) return 0;
  }
  return length;
}

constexpr std::string_view kEscapedNul = "\\u0000";
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::pair<std::string_view, double> kWords[] = {
    {"NaN", std::numeric_limits<double>::quiet_NaN()},
    {"Infinity", kInfinity},
    {"-Infinity", -kInfinity}};

std::string_view WordOf(double value) {
  return kWords[std::isnan(value) ? 0 : value > 0 ? 1 : 2].first;
}

/// The text with bare words as strings that begin with an escaped NUL.
std::string WithWordsQuoted(std::string_view text) {
  std::string quoted;
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const auto* const word = std::ranges::find_if(kWords, [&](const auto& candidate) {
      return !in_string && text.substr(i).starts_with(candidate.first);
    });
    if (word != std::end(kWords)) {
      quoted.append("\"").append(kEscapedNul).append(word->first).append("\"");
      i += word->first.size();
      continue;
    }
    if (text[i] == '"') in_string = !in_string;
    if (in_string && text[i] == '\\' && i + 1 < text.size()) quoted += text[i++];
    quoted += text[i++];
  }
  return quoted;
}

void MakeNumbersOfWords(Json& json) {
  if (json.is_array()) {
    for (Json& item : json.array()) MakeNumbersOfWords(item);
  } else if (json.is_object()) {
    for (Json::Member& member : json.object()) MakeNumbersOfWords(member.second);
  } else if (json.is_string() && json.string().starts_with('\0')) {
    for (const auto& [word, value] : kWords) {
      if (json.string().substr(1) == word) {
        json = Json(value);
        return;
      }
    }
  }
}

class Writer {
 public:
  /// Stops soon after `size_max` bytes.
  Writer(int indent, size_t size_max) : indent_(indent), size_max_(size_max) {}

  void Write(const Json& value, int depth) {
    switch (value.type()) {
      case Json::Type::kNull:
        out_ += "null";
        break;
      case Json::Type::kBool:
        out_ += value.bool_value() ? "true" : "false";
        break;
      case Json::Type::kInt:
        out_ += std::to_string(*value.AsInt64(""));
        break;
      case Json::Type::kUint:
        out_ += std::to_string(*value.AsUint64(""));
        break;
      case Json::Type::kDouble:
        WriteDouble(value.number());
        break;
      case Json::Type::kString:
        WriteString(value.string());
        break;
      case Json::Type::kArray:
        WriteAll(value.array(), depth, "[]", [&](const Json& item) { Write(item, depth + 1); });
        break;
      case Json::Type::kObject:
        WriteAll(value.object(), depth, "{}", [&](const Json::Member& member) {
          WriteString(member.first);
          out_ += indent_ < 0 ? ":" : ": ";
          Write(member.second, depth + 1);
        });
        break;
    }
  }

  std::string Take() { return std::move(out_); }

 private:
  template <class Items, class WriteItem>
  void WriteAll(const Items& items, int depth, std::string_view brackets, WriteItem write) {
    out_ += brackets[0];
    bool first = true;
    for (const auto& item : items) {
      if (out_.size() > size_max_) return;
      if (!first) out_ += ',';
      first = false;
      NewLine(depth + 1);
      write(item);
    }
    if (!first) NewLine(depth);
    out_ += brackets[1];
  }

  void NewLine(int depth) {
    if (indent_ < 0) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(indent_) * static_cast<size_t>(depth), ' ');
  }

  void WriteDouble(double value) {
    if (!std::isfinite(value)) {
      out_ += WordOf(value);
      return;
    }
    char buffer[32];
    auto [end, error] = std::to_chars(std::begin(buffer), std::end(buffer), value);
    std::string_view digits(buffer, static_cast<size_t>(end - buffer));
    out_ += digits;
    if (digits.find_first_of(".e") == std::string_view::npos) out_ += ".0";
  }

  void WriteString(std::string_view text) {
    out_ += '"';
    while (!text.empty() && out_.size() <= size_max_) {
      const size_t length = Utf8Length(text);
      if (length == 0) {
        out_ += "\xef\xbf\xbd";
      } else if (length == 1) {
        WriteAscii(text[0]);
      } else {
        out_ += text.substr(0, length);
      }
      text.remove_prefix(std::max<size_t>(length, 1));
    }
    out_ += '"';
  }

  void WriteAscii(char c) {
    constexpr std::string_view kPlain = "\"\\\b\f\n\r\t";
    constexpr std::string_view kLetter = "\"\\bfnrt";
    if (const size_t i = kPlain.find(c); i != std::string_view::npos) {
      out_ += {'\\', kLetter[i]};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out_ += {'\\',
               'u',
               '0',
               '0',
               kHexDigits[static_cast<size_t>(c) >> 4],
               kHexDigits[static_cast<size_t>(c) & 15]};
    } else {
      out_ += c;
    }
  }

  const int indent_;
  const size_t size_max_;
  std::string out_;
};

// The start of a value, for an error.
std::string Start(const Json& value) {
  constexpr size_t kShownMax = 60;
  Writer writer(-1, kShownMax);
  writer.Write(value, 0);
  std::string text = writer.Take();
  if (text.size() <= kShownMax) return text;
  size_t size = kShownMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size) + "...";
}

template <class I>
std::string WithLimits(std::string what, I min, I max) {
  using Limits = std::numeric_limits<I>;
  if (min != Limits::min() && max != Limits::max()) {
    return what + " from " + std::to_string(min) + " to " + std::to_string(max);
  }
  if (min != Limits::min()) return what + " >= " + std::to_string(min);
  if (max != Limits::max()) return what + " <= " + std::to_string(max);
  return what;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

Result<Json> Json::Parse(std::string_view text, const ParseOptions& options) {
  if (text.size() > options.size_max) {
    return InvalidArgumentError("JSON of " + std::to_string(text.size()) +
                                " bytes: larger than the limit of " +
                                std::to_string(options.size_max));
  }
  if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return ErrorAt(text, nul + 1, "a NUL byte");
  }
  const char* reached = text.data();
  Builder builder(options);
  const Cursor begin{text.data(), &reached}, end{text.data() + text.size(), &reached};
  if (!nlohmann::json::sax_parse(begin, end, &builder)) {
    const auto read = static_cast<size_t>(reached - text.data());
    return ErrorAt(text, builder.read().value_or(read), builder.error());
  }
  return builder.TakeRoot();
}

std::string Json::Dump(int indent) const {
  Writer writer(indent, SIZE_MAX);
  writer.Write(*this, 0);
  return writer.Take();
}

Result<Json> Json::ParseNonFinite(std::string_view text, const ParseOptions& options) {
  Result<Json> strict = Parse(text, options);
  // No string that JSON text can hold is taken for a word: none has a NUL but by its escape.
  if (strict.ok() || text.size() > options.size_max ||
      text.find(kEscapedNul) != std::string_view::npos) {
    return strict;
  }
  ParseOptions longer = options;
  longer.size_max = SIZE_MAX;
  Result<Json> json = Parse(WithWordsQuoted(text), longer);
  if (!json.ok()) return strict;  // Its line and column are those of the text.
  MakeNumbersOfWords(*json);
  return json;
}

double Json::number() const {
  if (const auto* value = std::get_if<int64_t>(&value_)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<uint64_t>(&value_)) return static_cast<double>(*value);
  return std::get<double>(value_);
}

const Json* Json::Find(std::string_view key) const {
  if (!is_object()) return nullptr;
  for (const Member& member : object()) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

void Json::Set(std::string_view key, Json value) {
  for (Member& member : object()) {
    if (member.first == key) {
      member.second = std::move(value);
      return;
    }
  }
  object().emplace_back(std::string(key), std::move(value));
}

Status Json::Unexpected(std::string_view path, std::string_view expected) const {
  return InvalidArgumentError("at " + std::string(path) + ": expected " + std::string(expected) +
                              ", got " + Start(*this));
}

Result<bool> Json::AsBool(std::string_view path) const {
  if (type() != Type::kBool) return Unexpected(path, "true or false");
  return bool_value();
}

Result<int64_t> Json::AsInt64(std::string_view path, int64_t min, int64_t max) const {
  if (!is_integer()) return Unexpected(path, WithLimits("an integer", min, max));
  const auto* value = std::get_if<int64_t>(&value_);
  if (value == nullptr || *value < min || *value > max) {
    const bool above = value == nullptr && max == INT64_MAX;  // Too large for any int64.
    return Unexpected(path, above ? WithLimits("an integer", min, max) +
                                        (min == INT64_MIN ? " below 2^63" : " and below 2^63")
                                  : WithLimits("an integer", min, max));
  }
  return *value;
}

Result<uint64_t> Json::AsUint64(std::string_view path, uint64_t max) const {
  std::optional<uint64_t> value;
  if (const auto* small = std::get_if<int64_t>(&value_); small != nullptr && *small >= 0) {
    value = static_cast<uint64_t>(*small);
  } else if (const auto* large = std::get_if<uint64_t>(&value_)) {
    value = *large;
  }
  if (!value || *value > max) {
    return Unexpected(path, max == UINT64_MAX ? "an integer >= 0"
                                              : "an integer from 0 to " + std::to_string(max));
  }
  return *value;
}

Result<std::string> Json::AsString(std::string_view path) const {
  if (!is_string()) return Unexpected(path, "a string");
  return string();
}

Result<const Json::Array*> Json::AsArray(std::string_view path) const {
  if (!is_array()) return Unexpected(path, "an array");
  return &array();
}

Result<const Json::Object*> Json::AsObject(std::string_view path) const {
  if (!is_object()) return Unexpected(path, "an object");
  return &object();
}

Status Json::CheckMembers(std::string_view path,
                          std::initializer_list<std::string_view> known) const {
  if (!is_object()) return Unexpected(path, "an object");
  for (const Member& member : object()) {
    if (std::find(known.begin(), known.end(), member.first) == known.end()) {
      return InvalidArgumentError("at " + std::string(path) + ": unknown member " +
                                  Start(Json(member.first)));
    }
  }
  return Status();
}

}  // namespace coffer::inline v0
