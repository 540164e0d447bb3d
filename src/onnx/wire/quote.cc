#include "onnx/wire/quote.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

#include "base/strings.h"

namespace hadron::onnx {
namespace {

constexpr std::size_t kMostShown = 120;

/// First byte of a sequence: its range, the sequence's length, and the range of the second byte
/// (which excludes overlong forms, surrogates and what lies above U+10FFFF).
struct Lead {
  std::uint8_t low, high;
  std::size_t length;
  std::uint8_t second_low, second_high;
};
constexpr std::array<Lead, 9> kLeads = {{{0x00, 0x7F, 1, 0, 0},
                                         {0xC2, 0xDF, 2, 0x80, 0xBF},
                                         {0xE0, 0xE0, 3, 0xA0, 0xBF},
                                         {0xE1, 0xEC, 3, 0x80, 0xBF},
                                         {0xED, 0xED, 3, 0x80, 0x9F},
                                         {0xEE, 0xEF, 3, 0x80, 0xBF},
                                         {0xF0, 0xF0, 4, 0x90, 0xBF},
                                         {0xF1, 0xF3, 4, 0x80, 0xBF},
                                         {0xF4, 0xF4, 4, 0x80, 0x8F}}};

const Lead* FindLead(std::uint8_t byte) {
  for (const Lead& lead : kLeads) {
    if (byte >= lead.low && byte <= lead.high) return &lead;
  }
  return nullptr;
}

}  // namespace

std::string Printable(std::string_view name) {
  const std::string_view shown = name.substr(0, kMostShown);
  std::string text = base::EscapeControl(shown);
  // Messages travel as JSON and protobuf text: neither takes stray or cut sequences.
  if (!IsUtf8(text)) {
    text.clear();
    for (const char c : shown) {
      const auto code = static_cast<std::uint8_t>(c);
      text += code < 0x80 ? base::EscapeControl({&c, 1}) : fmt::format("\\x{:02x}", code);
    }
  }
  if (name.size() > kMostShown) text += "...";
  return text;
}

std::string Quote(std::string_view name) { return "'" + Printable(name) + "'"; }

bool IsUtf8(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  for (std::size_t at = 0; at < text.size();) {
    const Lead* lead = FindLead(byte(at));
    if (lead == nullptr || lead->length > text.size() - at) return false;
    for (std::size_t i = 1; i < lead->length; ++i) {
      const std::uint8_t low = i == 1 ? lead->second_low : 0x80;
      const std::uint8_t high = i == 1 ? lead->second_high : 0xBF;
      if (byte(at + i) < low || byte(at + i) > high) return false;
    }
    at += lead->length;
  }
  return true;
}

}  // namespace hadron::onnx
