#pragma once

#include <cstddef>
#include <string_view>

#include "base/status.h"
#include "config/raw_config.h"

namespace hadron::config {

inline constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;

/// Parses protobuf's text format. INVALID_ARGUMENT with `filename`, line and column for syntax
/// errors, unknown fields and values out of range; also for text that is larger than
/// kMaxConfigBytes, nests too deep or is not UTF-8.
base::StatusOr<RawConfig> ParsePbtxt(std::string_view text, std::string_view filename);

/// Parses proto3 JSON: snake_case or lowerCamelCase names, 64-bit integers as numbers or strings.
/// INVALID_ARGUMENT with line and column for syntax errors, with the field for the others.
base::StatusOr<RawConfig> ParseJson(std::string_view text);

}  // namespace hadron::config
