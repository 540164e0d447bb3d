#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hadron::net {

/// "%41b" -> "Ab"; nothing when a '%' is not followed by two hexadecimal digits.
std::optional<std::string> PercentDecode(std::string_view text);
/// Everything but unreserved characters as %XX.
std::string PercentEncode(std::string_view text);

/// The target of a request line taken apart: "/v2/models/a%2Fb?x=1" has the segments "v2",
/// "models", "a/b" and the query "x=1". One slash at the end is dropped; an empty segment stays
/// one.
struct RequestTarget {
  std::vector<std::string> segments;
  std::string query;
};

/// Nothing when the path is not one ("*", bad escapes). Takes the absolute form of proxies too.
std::optional<RequestTarget> ParseRequestTarget(std::string_view target);

}  // namespace hadron::net
