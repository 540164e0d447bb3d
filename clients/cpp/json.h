#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"

namespace hadron::client::json {

class Value;
using Array = std::vector<Value>;
using Object = std::map<std::string, Value, std::less<>>;

/// A number as it was written, so that 64-bit integers keep all digits.
struct Number {
  std::string text;
};

/// A JSON value. The getters of the wrong kind give nothing, so a reader of a foreign document asks
/// and checks in one step. A value type.
class Value {
 public:
  Value() = default;
  template <typename T>
  explicit Value(T value) : state_(std::move(value)) {}

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(state_); }
  std::optional<bool> AsBool() const;
  /// Integers without fraction or exponent, in range.
  std::optional<std::int64_t> AsInt64() const;
  std::optional<std::uint64_t> AsUint64() const;
  /// Any number; NaN and Infinity too.
  std::optional<double> AsDouble() const;
  /// As it was written; null for what is no number.
  const Number* AsNumber() const { return std::get_if<Number>(&state_); }
  const std::string* AsString() const { return std::get_if<std::string>(&state_); }
  const Array* AsArray() const { return std::get_if<Array>(&state_); }
  const Object* AsObject() const { return std::get_if<Object>(&state_); }

  /// Member of an object; null when this is none or has no such member.
  const Value* Find(std::string_view key) const;
  /// A string member, or "".
  std::string StringAt(std::string_view key) const;

 private:
  std::variant<std::nullptr_t, bool, Number, std::string, Array, Object> state_ = nullptr;
};

/// Reads one JSON document. Takes the bare words NaN, Infinity and -Infinity that inference servers
/// write; nesting deeper than 100 is refused. INVALID_ARGUMENT names the byte where it goes wrong.
base::StatusOr<Value> Parse(std::string_view text);

/// The value as compact JSON; numbers as they were written.
std::string ToText(const Value& value);

}  // namespace hadron::client::json
