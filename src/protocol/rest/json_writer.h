#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"

namespace hadron::protocol {

/// Writes compact JSON, comma by itself. Externally synchronised.
///
///     JsonWriter json;
///     json.BeginObject().Key("name").String(name).Key("ready").Bool(true).EndObject();
///     return json.Take();
class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Open('{'); }
  JsonWriter& EndObject() { return Close('}'); }
  JsonWriter& BeginArray() { return Open('['); }
  JsonWriter& EndArray() { return Close(']'); }
  JsonWriter& Key(std::string_view key) {
    Separate();
    out_.append(base::JsonQuote(key)).push_back(':');
    return *this;
  }
  JsonWriter& String(std::string_view text) { return Raw(base::JsonQuote(text)); }
  JsonWriter& Bool(bool value) { return Raw(value ? "true" : "false"); }
  template <typename Integer>
  JsonWriter& Int(Integer value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    return Raw({digits, static_cast<std::size_t>(end - digits)});
  }
  /// A value that is JSON already.
  JsonWriter& Raw(std::string_view json) {
    Separate();
    out_.append(json);
    return *this;
  }
  /// Appends elements of an array that was just begun, written by somebody else.
  std::string& out() { return out_; }
  std::string Take() { return std::move(out_); }

 private:
  JsonWriter& Open(char bracket) {
    Separate();
    out_.push_back(bracket);
    return *this;
  }
  JsonWriter& Close(char bracket) {
    out_.push_back(bracket);
    return *this;
  }
  /// A string ends with a quote, so these characters mean what they look like.
  void Separate() {
    if (out_.empty()) return;
    const char last = out_.back();
    if (last != '{' && last != '[' && last != ':') out_.push_back(',');
  }

  std::string out_;
};

}  // namespace hadron::protocol
