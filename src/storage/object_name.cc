#include "storage/object_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/strings.h"

namespace hadron::storage {
namespace {

constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::size_t kMaxComponentBytes = 255;

bool IsForbidden(char c) {
  const auto code = static_cast<unsigned char>(c);
  return code < 0x20 || code == 0x7F || c == '\\' || c == '/';
}

}  // namespace

bool IsPlainName(std::string_view component) {
  return !component.empty() && component.front() != '.' && component.size() <= kMaxComponentBytes &&
         std::ranges::none_of(component, IsForbidden);
}

base::Status CheckObjectName(std::string_view name) {
  if (name.empty()) return base::OkStatus();
  const bool good = name.size() <= kMaxNameBytes &&
                    std::ranges::all_of(base::Split(name, '/'),
                                        [](const std::string& part) { return IsPlainName(part); });
  if (good) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("'{}' is no name of an object: components must not be empty, begin with '.', or "
                  "hold backslashes or control characters",
                  base::EscapeControl(name.substr(0, 256))));
}

std::string JoinName(std::string_view directory, std::string_view name) {
  if (directory.empty() || name.empty()) return fmt::format("{}{}", directory, name);
  return fmt::format("{}/{}", directory, name);
}

}  // namespace hadron::storage
