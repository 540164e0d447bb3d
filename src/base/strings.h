#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hadron::base {

/// "a, b, c".
std::string Join(std::span<const std::string> parts, std::string_view separator);
/// "[1,2,3]".
std::string JoinInts(std::span<const std::int64_t> values);
/// Pieces between separators; empty pieces are kept.
std::vector<std::string> Split(std::string_view text, char separator);
std::string ToLower(std::string_view text);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string_view Trim(std::string_view text);

/// The whole text as a decimal number, or nothing (sign only where T is signed, no spaces).
std::optional<std::int64_t> ParseInt64(std::string_view text);
std::optional<std::uint64_t> ParseUint64(std::string_view text);
std::optional<double> ParseDouble(std::string_view text);

/// With quotes, as a JSON string; bytes that are not UTF-8 become U+FFFD.
std::string JsonQuote(std::string_view text);
/// Control characters and quotes as \xNN, so that a name cannot forge a log line.
std::string EscapeControl(std::string_view text);
/// "1.5 GiB".
std::string HumanBytes(std::uint64_t bytes);

}  // namespace hadron::base
