#include "protocol/rest/json_reader.h"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace hadron::protocol {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// Length of the digits at the beginning.
std::size_t Digits(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && IsDigit(text[n])) ++n;
  return n;
}

void AppendUtf8(std::uint32_t code, std::string& out) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | (code >> 6));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

/// Decimal number by JSON's grammar; 0 when it is none. Leading zeros end a number.
std::size_t DecimalLength(std::string_view text) {
  std::size_t n = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = Digits(text.substr(n));
  if (whole == 0 || (whole > 1 && text[n] == '0')) return 0;
  n += whole;
  if (n < text.size() && text[n] == '.') {
    const std::size_t fraction = Digits(text.substr(n + 1));
    if (fraction == 0) return 0;
    n += 1 + fraction;
  }
  if (n < text.size() && (text[n] == 'e' || text[n] == 'E')) {
    std::size_t sign = n + 1;
    if (sign < text.size() && (text[sign] == '+' || text[sign] == '-')) ++sign;
    const std::size_t exponent = Digits(text.substr(sign));
    if (exponent == 0) return 0;
    n = sign + exponent;
  }
  return n;
}

}  // namespace

std::string_view JsonKindName(JsonReader::Kind kind) {
  constexpr std::array<std::string_view, 7> kNames = {"null",  "boolean", "number",     "string",
                                                      "array", "object",  "end of text"};
  return kNames[static_cast<std::size_t>(kind)];
}

char JsonReader::PeekChar() {
  while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonReader::Consume(char c) {
  if (PeekChar() != c || at_ == text_.size()) return false;
  ++at_;
  return true;
}

JsonReader::Kind JsonReader::Peek() {
  const char c = PeekChar();
  switch (c) {
    case '{':
      return Kind::kObject;
    case '[':
      return Kind::kArray;
    case '"':
      return Kind::kString;
    case 't':
    case 'f':
      return Kind::kBool;
    case 'n':
      return Kind::kNull;
    case '-':
    case 'N':
    case 'I':
      return Kind::kNumber;
    default:
      return IsDigit(c) ? Kind::kNumber : Kind::kNothing;
  }
}

base::Status JsonReader::Malformed(std::string_view what) const {
  return base::InvalidArgument(
      fmt::format("failed to parse the request JSON buffer: {} at offset {}", what, at_));
}

base::Status JsonReader::WrongKind(std::string_view wanted) {
  const Kind kind = Peek();
  if (kind == Kind::kNothing) return Malformed(fmt::format("expected {}", wanted));
  return base::InvalidArgument(
      fmt::format("attempt to access JSON {} as {} at offset {}", JsonKindName(kind), wanted, at_));
}

base::Status JsonReader::TooDeep() {
  return base::InvalidArgument(
      fmt::format("JSON nesting depth exceeds maximum allowed limit ({})", kMaxDepth));
}

bool JsonReader::ConsumeWord(std::string_view word) {
  if (!rest().starts_with(word)) return false;
  at_ += word.size();
  return true;
}

base::Status JsonReader::ReadBool(bool& out) {
  if (Peek() != Kind::kBool) return WrongKind("boolean");
  out = text_[at_] == 't';
  return ConsumeWord(out ? "true" : "false") ? base::OkStatus() : Malformed("invalid literal");
}

base::Status JsonReader::ReadNull() {
  if (Peek() != Kind::kNull) return WrongKind("null");
  return ConsumeWord("null") ? base::OkStatus() : Malformed("invalid literal");
}

std::size_t JsonReader::NumberLength() const {
  const std::string_view from = rest();
  const std::size_t sign = from.starts_with('-') ? 1 : 0;
  const std::string_view body = from.substr(sign);
  if (body.starts_with("NaN")) return sign + 3;
  if (body.starts_with("Infinity")) return sign + 8;
  if (body.starts_with("Inf")) return sign + 3;
  return DecimalLength(from);
}

base::Status JsonReader::ReadNumber(std::string_view& token) {
  if (Peek() != Kind::kNumber) return WrongKind("number");
  const std::size_t length = NumberLength();
  if (length == 0) return Malformed("invalid number");
  token = rest().substr(0, length);
  at_ += length;
  return base::OkStatus();
}

base::Status JsonReader::ReadKey(std::string& key) {
  if (Peek() != Kind::kString) return Malformed("expected a member name");
  HADRON_RETURN_IF_ERROR(ReadString(key));
  return Consume(':') ? base::OkStatus() : Malformed("expected ':'");
}

base::Status JsonReader::ReadString(std::string& out) {
  if (Peek() != Kind::kString) return WrongKind("string");
  out.clear();
  ++at_;
  for (;;) {
    const std::size_t from = at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
           static_cast<unsigned char>(text_[at_]) >= 0x20) {
      ++at_;
    }
    out.append(text_.substr(from, at_ - from));
    if (at_ == text_.size()) return Malformed("unterminated string");
    const char c = text_[at_++];
    if (c == '"') return base::OkStatus();
    if (c != '\\') return Malformed("control character in a string");
    HADRON_RETURN_IF_ERROR(ReadEscape(out));
  }
}

bool JsonReader::ReadHex4(std::uint32_t& out) {
  out = 0;
  if (text_.size() - at_ < 4) return false;
  for (int i = 0; i < 4; ++i) {
    const char c = text_[at_++];
    const char lower = static_cast<char>(c | 0x20);
    if (IsDigit(c)) {
      out = out * 16 + static_cast<std::uint32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      out = out * 16 + static_cast<std::uint32_t>(lower - 'a' + 10);
    } else {
      return false;
    }
  }
  return true;
}

/// Behind the backslash.
base::Status JsonReader::ReadEscape(std::string& out) {
  constexpr std::string_view kCodes = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (at_ == text_.size()) return Malformed("unterminated string");
  const char code = text_[at_++];
  const std::size_t known = kCodes.find(code);
  if (known != std::string_view::npos) {
    out.push_back(kMeanings[known]);
    return base::OkStatus();
  }
  std::uint32_t unit = 0;
  if (code != 'u' || !ReadHex4(unit)) return Malformed("invalid escape");
  if (unit >= 0xDC00 && unit <= 0xDFFF) return Malformed("lone surrogate");
  if (unit >= 0xD800 && unit <= 0xDBFF) {
    std::uint32_t low = 0;
    if (!ConsumeWord("\\u") || !ReadHex4(low) || low < 0xDC00 || low > 0xDFFF) {
      return Malformed("lone surrogate");
    }
    unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  }
  AppendUtf8(unit, out);
  return base::OkStatus();
}

base::Status JsonReader::SkipScalar() {
  switch (Peek()) {
    case Kind::kNull:
      return ReadNull();
    case Kind::kBool: {
      bool ignored = false;
      return ReadBool(ignored);
    }
    case Kind::kNumber: {
      std::string_view ignored;
      return ReadNumber(ignored);
    }
    case Kind::kString: {
      std::string ignored;
      return ReadString(ignored);
    }
    default:
      return Malformed("expected a value");
  }
}

base::Status JsonReader::SkipValue() {
  std::vector<char> open;  // what closes each level we are in
  std::string key;
  for (;;) {
    const Kind kind = Peek();
    const bool opens = kind == Kind::kArray || kind == Kind::kObject;
    if (opens) {
      if (open.size() == kMaxDepth) return TooDeep();
      open.push_back(kind == Kind::kArray ? ']' : '}');
      ++at_;
    } else {
      HADRON_RETURN_IF_ERROR(SkipScalar());
    }
    const bool closed = opens && Consume(open.back());
    if (closed) open.pop_back();
    if (!opens || closed) {
      while (!open.empty() && Consume(open.back())) open.pop_back();
      if (open.empty()) return base::OkStatus();
      if (!Consume(',')) return Malformed("expected ',' or a closing bracket");
    }
    if (open.back() == '}') HADRON_RETURN_IF_ERROR(ReadKey(key));
  }
}

base::Status JsonReader::ExpectEnd() {
  PeekChar();
  return at_ == text_.size() ? base::OkStatus() : Malformed("unexpected text after the value");
}

}  // namespace hadron::protocol
