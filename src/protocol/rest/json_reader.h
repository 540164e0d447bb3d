#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace hadron::protocol {

/// Pull reader over one JSON text that stays where it is. Nothing in it recurses over the input: a
/// caller reads the levels it knows, SkipValue() walks the rest with a counter, so a quarter of a
/// million brackets cost time, not stack. Besides strict JSON it takes the bare tokens NaN, Inf,
/// Infinity and their negatives where a number may stand, as common Python clients send them.
/// Every failure is INVALID_ARGUMENT. Externally synchronised.
///
///     JsonReader json(text);
///     HADRON_RETURN_IF_ERROR(json.ReadObject([&](std::string_view key) {
///       return key == "id" ? json.ReadString(id) : json.SkipValue();
///     }));
///     HADRON_RETURN_IF_ERROR(json.ExpectEnd());
class JsonReader {
 public:
  enum class Kind : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject, kNothing };
  static constexpr std::size_t kMaxDepth = 100;

  explicit JsonReader(std::string_view text) : text_(text) {}

  /// What comes next, by its first character; kNothing at the end or before what begins no value.
  Kind Peek();
  /// The next character that is not a space; '\0' at the end.
  char PeekChar();
  /// Steps over `c` if it comes next.
  bool Consume(char c);

  /// Decodes escapes; bytes of the text are taken as they are.
  base::Status ReadString(std::string& out);
  /// One token of a number, checked by the grammar, unconverted: "-1.5e3", "NaN".
  base::Status ReadNumber(std::string_view& token);
  base::Status ReadBool(bool& out);
  base::Status ReadNull();
  base::Status SkipValue();

  /// Calls `member(key)` for each member; it must read the value. `key` lives until the next key.
  template <typename F>
  base::Status ReadObject(F member) {
    if (!Consume('{')) return WrongKind("object");
    if (Consume('}')) return base::OkStatus();
    std::string key;
    do {
      HADRON_RETURN_IF_ERROR(ReadKey(key));
      HADRON_RETURN_IF_ERROR(member(std::string_view(key)));
    } while (Consume(','));
    return Consume('}') ? base::OkStatus() : Malformed("expected ',' or '}'");
  }

  /// Calls `element()` for each element; it must read it.
  template <typename F>
  base::Status ReadArray(F element) {
    if (!Consume('[')) return WrongKind("array");
    if (Consume(']')) return base::OkStatus();
    do {
      HADRON_RETURN_IF_ERROR(element());
    } while (Consume(','));
    return Consume(']') ? base::OkStatus() : Malformed("expected ',' or ']'");
  }

  /// Fails unless only spaces are left.
  base::Status ExpectEnd();

  std::size_t position() const { return at_; }
  void Seek(std::size_t position) { at_ = position; }
  /// The text from the current position on, for readers that know what comes.
  std::string_view rest() const { return text_.substr(at_); }
  void Advance(std::size_t bytes) { at_ += bytes; }

  /// "failed to parse the request JSON buffer: <what> at offset <n>".
  base::Status Malformed(std::string_view what) const;
  /// "attempt to access JSON <kind> as <wanted>" when the text is well formed so far.
  base::Status WrongKind(std::string_view wanted);
  static base::Status TooDeep();

 private:
  base::Status ReadKey(std::string& key);
  base::Status ReadEscape(std::string& out);
  bool ReadHex4(std::uint32_t& out);
  bool ConsumeWord(std::string_view word);
  base::Status SkipScalar();
  /// Length of a number at the beginning of rest(); 0 if there is none.
  std::size_t NumberLength() const;

  std::string_view text_;
  std::size_t at_ = 0;
};

/// "number", "string", ...
std::string_view JsonKindName(JsonReader::Kind kind);

}  // namespace hadron::protocol
