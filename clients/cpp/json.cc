#include "cpp/json.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/strings.h"

namespace hadron::client::json {
namespace {

constexpr int kMaxDepth = 100;

void AppendUtf8(std::string& out, std::uint32_t c) {
  const auto byte = [&out](std::uint32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | (c >> 6));
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | (c >> 12));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | (c >> 18));
    byte(0x80 | ((c >> 12) & 0x3F));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
}

/// Recursive descent over one text; gives up at the first mistake.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  base::StatusOr<Value> Document() {
    Value value;
    if (!ReadValue(value, 0)) return Failure();
    SkipSpace();
    if (at_ != text_.size()) {
      Fail("something follows the value");
      return Failure();
    }
    return value;
  }

 private:
  base::Status Failure() const {
    return base::InvalidArgument(fmt::format("JSON, byte {}: {}", at_, problem_));
  }
  bool Fail(const char* problem) {
    if (problem_ == nullptr) problem_ = problem;
    return false;
  }
  void SkipSpace() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  char Peek() {
    SkipSpace();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }

  bool ReadValue(Value& value, int depth) {
    if (depth > kMaxDepth) return Fail("nested too deeply");
    switch (Peek()) {
      case '{':
        return ReadObject(value, depth);
      case '[':
        return ReadArray(value, depth);
      case '"': {
        std::string text;
        if (!ReadString(text)) return false;
        value = Value(std::move(text));
        return true;
      }
      default:
        return ReadWord(value);
    }
  }

  bool ReadObject(Value& value, int depth) {
    Object object;
    ++at_;
    if (!Take('}')) {
      do {
        std::string key;
        if (Peek() != '"') return Fail("a member's name is expected");
        if (!ReadString(key)) return false;
        if (!Take(':')) return Fail("':' is expected");
        if (!ReadValue(object[std::move(key)], depth + 1)) return false;
      } while (Take(','));
      if (!Take('}')) return Fail("',' or '}' is expected");
    }
    value = Value(std::move(object));
    return true;
  }

  bool ReadArray(Value& value, int depth) {
    Array array;
    ++at_;
    if (!Take(']')) {
      do {
        if (!ReadValue(array.emplace_back(), depth + 1)) return false;
      } while (Take(','));
      if (!Take(']')) return Fail("',' or ']' is expected");
    }
    value = Value(std::move(array));
    return true;
  }

  bool ReadString(std::string& out) {
    ++at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      const char c = text_[at_++];
      if (static_cast<unsigned char>(c) < 0x20) return Fail("a control character in a string");
      if (c != '\\') {
        out.push_back(c);
      } else if (!ReadEscape(out)) {
        return false;
      }
    }
    if (at_ == text_.size()) return Fail("a string does not end");
    ++at_;
    return true;
  }

  bool ReadEscape(std::string& out) {
    static constexpr std::string_view kFrom = "\"\\/bfnrt";
    static constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    if (at_ == text_.size()) return Fail("a string does not end");
    const char c = text_[at_++];
    if (c == 'u') return ReadUnicode(out);
    const std::size_t known = kFrom.find(c);
    if (known == kFrom.npos) return Fail("an unknown escape");
    out.push_back(kTo[known]);
    return true;
  }

  bool ReadUnicode(std::string& out) {
    std::uint32_t c = 0;
    if (!ReadHex4(c)) return false;
    if (c >= 0xD800 && c < 0xDC00) {
      std::uint32_t low = 0;
      if (text_.substr(at_, 2) != "\\u") return Fail("half a surrogate pair");
      at_ += 2;
      if (!ReadHex4(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return Fail("half a surrogate pair");
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    } else if (c >= 0xDC00 && c < 0xE000) {
      return Fail("half a surrogate pair");
    }
    AppendUtf8(out, c);
    return true;
  }

  bool ReadHex4(std::uint32_t& c) {
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), c, 16);
    if (digits.size() != 4 || error != std::errc() || end != digits.data() + 4) {
      return Fail("four hexadecimal digits are expected");
    }
    at_ += 4;
    return true;
  }

  /// A literal or a number: everything up to the next structural character.
  bool ReadWord(Value& value) {
    const std::size_t end = std::min(text_.find_first_of(",:]}[{\" \t\r\n", at_), text_.size());
    const std::string_view word = text_.substr(at_, end - at_);
    if (word == "null") {
      value = Value(nullptr);
    } else if (word == "true" || word == "false") {
      value = Value(word == "true");
    } else if (IsNumber(word)) {
      value = Value(Number{std::string(word)});
    } else {
      return Fail("a value is expected");
    }
    at_ = end;
    return true;
  }

  static bool IsNumber(std::string_view word) {
    if (word.starts_with('-')) word.remove_prefix(1);
    if (word == "NaN" || word == "Infinity" || word == "Inf") return true;
    if (word.empty() || word[0] < '0' || word[0] > '9') return false;
    double ignored = 0;
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, ignored);
    return stop == end && error != std::errc::invalid_argument;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  const char* problem_ = nullptr;
};

}  // namespace

std::optional<bool> Value::AsBool() const {
  const bool* value = std::get_if<bool>(&state_);
  return value == nullptr ? std::nullopt : std::optional<bool>(*value);
}

std::optional<std::int64_t> Value::AsInt64() const {
  const Number* number = std::get_if<Number>(&state_);
  return number == nullptr ? std::nullopt : base::ParseInt64(number->text);
}

std::optional<std::uint64_t> Value::AsUint64() const {
  const Number* number = std::get_if<Number>(&state_);
  return number == nullptr ? std::nullopt : base::ParseUint64(number->text);
}

std::optional<double> Value::AsDouble() const {
  const Number* number = std::get_if<Number>(&state_);
  if (number == nullptr) return std::nullopt;
  std::string_view word = number->text;
  const bool negative = word.starts_with('-');
  if (negative) word.remove_prefix(1);
  double value = 0;
  if (word == "NaN") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (word.starts_with("Inf")) {
    value = std::numeric_limits<double>::infinity();
  } else if (std::from_chars(word.data(), word.data() + word.size(), value).ec ==
             std::errc::result_out_of_range) {
    // Too large or too small: what strtod would give. An exponent says which.
    const bool tiny = word.find("e-") != word.npos || word.find("E-") != word.npos;
    value = tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return negative ? -value : value;
}

const Value* Value::Find(std::string_view key) const {
  const Object* object = AsObject();
  if (object == nullptr) return nullptr;
  const auto it = object->find(key);
  return it == object->end() ? nullptr : &it->second;
}

std::string Value::StringAt(std::string_view key) const {
  const Value* member = Find(key);
  const std::string* text = member == nullptr ? nullptr : member->AsString();
  return text == nullptr ? std::string() : *text;
}

base::StatusOr<Value> Parse(std::string_view text) { return Parser(text).Document(); }

std::string ToText(const Value& value) {
  std::string text;
  if (const Array* array = value.AsArray()) {
    for (const Value& element : *array) text += (text.empty() ? "" : ",") + ToText(element);
    return "[" + text + "]";
  }
  if (const Object* object = value.AsObject()) {
    for (const auto& [key, member] : *object) {
      text += (text.empty() ? "" : ",") + base::JsonQuote(key) + ":" + ToText(member);
    }
    return "{" + text + "}";
  }
  if (const std::string* string = value.AsString()) return base::JsonQuote(*string);
  if (const Number* number = value.AsNumber()) return number->text;
  if (const auto truth = value.AsBool()) return *truth ? "true" : "false";
  return "null";
}

}  // namespace hadron::client::json
