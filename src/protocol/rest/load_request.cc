#include "protocol/rest/load_request.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <utility>

#include "base/strings.h"
#include "protocol/rest/json_reader.h"

namespace hadron::protocol {
namespace {

using base::InvalidArgument;
using base::Status;
using base::StatusOr;

constexpr std::string_view kFile = "file:";
constexpr std::uint8_t kNoDigit = 64;

constexpr std::array<std::uint8_t, 256> Digits() {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::uint8_t, 256> digits{};
  for (std::uint8_t& digit : digits) digit = kNoDigit;
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return digits;
}

/// Calls `member(key, json)` for each member of "parameters"; other members are none of ours.
template <typename F>
Status ReadParameters(std::string_view text, F member) {
  if (base::Trim(text).empty()) return {};
  JsonReader json(text);
  HADRON_RETURN_IF_ERROR(json.ReadObject([&](std::string_view key) -> Status {
    if (key != "parameters") return json.SkipValue();
    return json.ReadObject([&](std::string_view parameter) { return member(parameter, json); });
  }));
  return json.ExpectEnd();
}

Status ReadText(std::string_view key, JsonReader& json, std::string& out) {
  if (json.Peek() == JsonReader::Kind::kString) return json.ReadString(out);
  return InvalidArgument(
      fmt::format("load parameter '{}' must be a string", base::EscapeControl(key)));
}

}  // namespace

StatusOr<std::string> DecodeBase64(std::string_view text) {
  static constexpr std::array<std::uint8_t, 256> kDigits = Digits();
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  if ((text.size() + padding) % 4 != 0) {
    return InvalidArgument("the base64 text is cut off: its length is no multiple of 4");
  }
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::uint8_t digit = kDigits[static_cast<unsigned char>(c)];
    if (digit == kNoDigit) return InvalidArgument("the text has characters that are not base64");
    bits = (bits << 6U | digit) & 0xFFFFU;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<char>(bits >> held & 0xFFU));
  }
  return bytes;
}

StatusOr<model::LoadRequest> ParseLoadRequest(std::string model, std::string_view text) {
  model::LoadRequest request;
  request.name = std::move(model);
  const auto member = [&request](std::string_view key, JsonReader& json) -> Status {
    if (key == "config") return ReadText(key, json, request.config_json.emplace());
    if (key == model::kReloadPolicyParameter) {
      std::string policy;
      HADRON_RETURN_IF_ERROR(ReadText(key, json, policy));
      return model::SetReloadPolicy(policy, request);
    }
    if (!key.starts_with(kFile)) return model::UnknownLoadParameter(key);
    const std::string name(key);
    std::string encoded;
    HADRON_RETURN_IF_ERROR(ReadText(name, json, encoded));
    auto bytes = DecodeBase64(encoded);
    if (!bytes.ok()) {
      return std::move(bytes).status().With(
          fmt::format("load parameter '{}'", base::EscapeControl(name)));
    }
    request.files.push_back(
        {name.substr(kFile.size()), base::IoBuf::FromString(std::move(*bytes))});
    return {};
  };
  HADRON_RETURN_IF_ERROR(ReadParameters(text, member));
  return request;
}

StatusOr<bool> ParseUnloadRequest(std::string_view text) {
  bool dependents = false;
  HADRON_RETURN_IF_ERROR(
      ReadParameters(text, [&](std::string_view key, JsonReader& json) -> Status {
        if (key != "unload_dependents") return json.SkipValue();
        if (json.Peek() == JsonReader::Kind::kBool) return json.ReadBool(dependents);
        return InvalidArgument("unload parameter 'unload_dependents' must be true or false");
      }));
  return dependents;
}

}  // namespace hadron::protocol
