#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hadron::tenancy {

/// How urgent work is. Interactive requests, which somebody waits for, go before batch ones, which
/// a farm has sent.
enum class WorkClass : std::uint8_t { kInteractive, kBatch };
inline constexpr std::array<std::string_view, 2> kWorkClasses = {"interactive", "batch"};

constexpr std::string_view WorkClassName(WorkClass work_class) {
  return kWorkClasses[static_cast<std::size_t>(work_class)];
}

constexpr std::optional<WorkClass> ParseWorkClass(std::string_view name) {
  if (name == kWorkClasses[0]) return WorkClass::kInteractive;
  if (name == kWorkClasses[1]) return WorkClass::kBatch;
  return std::nullopt;
}

}  // namespace hadron::tenancy
