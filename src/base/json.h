// Json: a document in memory, read by one bounded reader.
//
// Every JSON text that coffer reads (metadata, specs, headers of foreign files) comes through
// Parse(): UTF-8 only, depth <= 64, size <= 16 MiB and values <= 32 MiB in memory unless told
// otherwise ("[0,0,0" takes twenty times its text), no duplicate keys. NaN, Infinity and -Infinity,
// which Python writes though JSON has no such numbers, are read only where that is asked for.
// Order of members and exact 64-bit integers are kept; doubles round-trip.
// Accessors take a JSON path for their errors: 'at $.codecs[1].configuration.level: expected an
// integer, got "high"'.
//
// Thread safety: a value.
#ifndef COFFER_SRC_BASE_JSON_H_
#define COFFER_SRC_BASE_JSON_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "coffer/base/result.h"

namespace coffer::inline v0 {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  // In document order.
  enum class Type { kNull, kBool, kInt, kUint, kDouble, kString, kArray, kObject };

  Json() = default;  ///< null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  template <std::integral I>
    requires(!std::is_same_v<I, bool>)
  Json(I value);  // NOLINT: implicit; kInt if it fits int64, kUint above.
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  struct ParseOptions {
    size_t size_max = size_t{16} << 20;    ///< Of the text.
    size_t memory_max = size_t{32} << 20;  ///< Of the values made of it.
    int depth_max = 64;
  };
  /// Errors: InvalidArgument with line and column; never a crash, never deep recursion.
  static Result<Json> Parse(std::string_view text, const ParseOptions& options);
  static Result<Json> Parse(std::string_view text) { return Parse(text, ParseOptions()); }
  /// The same of a text in which the bare words NaN, Infinity and -Infinity are doubles.
  static Result<Json> ParseNonFinite(std::string_view text, const ParseOptions& options);
  static Result<Json> ParseNonFinite(std::string_view text) {
    return ParseNonFinite(text, ParseOptions());
  }
  /// indent < 0: one line without blanks; else members on lines of their own. A double keeps a
  /// fraction or exponent ("1.0"); one that is not finite becomes its bare word.
  std::string Dump(int indent = -1) const;

  Type type() const { return static_cast<Type>(value_.index()); }
  bool is_null() const { return type() == Type::kNull; }
  bool is_string() const { return type() == Type::kString; }
  bool is_array() const { return type() == Type::kArray; }
  bool is_object() const { return type() == Type::kObject; }
  bool is_integer() const { return type() == Type::kInt || type() == Type::kUint; }
  bool is_number() const { return is_integer() || type() == Type::kDouble; }

  // Each requires the type; see the checked accessors below for input from outside.
  bool bool_value() const { return std::get<bool>(value_); }
  const std::string& string() const { return std::get<std::string>(value_); }
  const Array& array() const { return std::get<Array>(value_); }
  Array& array() { return std::get<Array>(value_); }
  const Object& object() const { return std::get<Object>(value_); }
  Object& object() { return std::get<Object>(value_); }
  /// Any number as the nearest double.
  double number() const;

  /// The member, or nullptr (also if this is no object).
  const Json* Find(std::string_view key) const;
  /// Sets or replaces a member. Requires an object.
  void Set(std::string_view key, Json value);

  // Checked accessors. `path` names this value ("$.shape[0]"). InvalidArgument:
  // "at <path>: expected <what>, got <start of the value>".
  Result<bool> AsBool(std::string_view path) const;
  Result<int64_t> AsInt64(std::string_view path, int64_t min = INT64_MIN,
                          int64_t max = INT64_MAX) const;
  Result<uint64_t> AsUint64(std::string_view path, uint64_t max = UINT64_MAX) const;
  Result<std::string> AsString(std::string_view path) const;
  Result<const Array*> AsArray(std::string_view path) const;
  Result<const Object*> AsObject(std::string_view path) const;
  /// An object whose members are all among `known`: "at $.x: unknown member "y"".
  Status CheckMembers(std::string_view path, std::initializer_list<std::string_view> known) const;
  /// The error that the accessors give.
  Status Unexpected(std::string_view path, std::string_view expected) const;

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, Array, Object> value_;
};

/// Whether a text is UTF-8, as JSON requires; Dump replaces what is not.
bool IsUtf8(std::string_view text);

template <std::integral I>
  requires(!std::is_same_v<I, bool>)
Json::Json(I value) {
  if constexpr (std::is_unsigned_v<I>) {
    if (value > static_cast<uint64_t>(INT64_MAX)) {
      value_ = static_cast<uint64_t>(value);
      return;
    }
  }
  value_ = static_cast<int64_t>(value);
}

}  // namespace coffer::inline v0

#endif  // COFFER_SRC_BASE_JSON_H_
