#include "cpp/call_headers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/strings.h"

namespace hadron::client {
namespace {

using base::Status;

/// What frames a message, names its kind or belongs to the connection.
constexpr std::array<std::string_view, 10> kOurs = {
    "connection",   "content-length",
    "content-type", "expect",
    "host",         "keep-alive",
    "te",           "transfer-encoding",
    "upgrade",      "inference-header-content-length"};

bool IsToken(char c, bool grpc) {
  if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return true;
  return std::string_view(grpc ? "-_." : "!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

Status CheckName(const std::string& name, bool grpc) {
  if (name.empty() || !std::ranges::all_of(name, [grpc](char c) { return IsToken(c, grpc); })) {
    return base::InvalidArgument(
        fmt::format("'{}' is no name of a header; letters, digits, '-', '_' and '.' are",
                    base::EscapeControl(name)));
  }
  const bool ours = std::ranges::find(kOurs, name) != kOurs.end();
  if (ours || (grpc && (name.starts_with("grpc-") || name.ends_with("-bin")))) {
    return base::InvalidArgument(
        fmt::format("the header '{}' is the protocol's own and cannot be given", name));
  }
  return {};
}

}  // namespace

base::StatusOr<CallHeaders> CheckHeaders(const CallHeaders& headers, bool grpc) {
  CallHeaders checked;
  for (const auto& [given, value] : headers) {
    const std::string name = base::ToLower(given);
    HADRON_RETURN_IF_ERROR(CheckName(name, grpc));
    if (!std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; })) {
      return base::InvalidArgument(
          fmt::format("the value of the header '{}' has bytes that are not printable ASCII", name));
    }
    checked.emplace_back(name, value);
  }
  return checked;
}

}  // namespace hadron::client
