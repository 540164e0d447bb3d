#pragma once

#include <google/protobuf/message.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model_config.pb.h"
#include "tensor/data_type.h"
#include "tensor/shape.h"

/// The part of `config` that sees protobuf: conversions, checks on the message, JSON.
namespace hadron::config::wire {

/// What protobuf's parsers let through: text that is not UTF-8, numbers that name no enumerator,
/// floating-point values that are no numbers. INVALID_ARGUMENT names the field.
base::Status CheckValues(const google::protobuf::Message& message);

/// Wire bytes; equal messages give equal bytes.
std::string Serialize(const ::inference::ModelConfig& config);

/// The name for a message: quoted, escaped, cut when long.
std::string Quote(std::string_view name);

/// After how long without requests a model's weights leave the device.
inline constexpr const char* kIdleEvictSecs = "hadron.idle_evict_secs";
/// "off": requests are never joined; anything else is refused.
inline constexpr const char* kBatching = "hadron.batching";
/// "true": the samples of model_warmup run again when the model comes back into host memory.
inline constexpr const char* kWarmupOnRestore = "hadron.warmup_on_restore";
inline constexpr std::uint64_t kLongestIdleSecs = std::uint64_t{365} * 24 * 3600;
/// Nothing when it is no number from 0 to kLongestIdleSecs.
std::optional<std::chrono::seconds> ParseIdleSecs(std::string_view text);

inline tensor::DataType ToDataType(::inference::DataType type) {
  return static_cast<tensor::DataType>(type);  // the numbers are the same
}

inline tensor::Shape ToShape(const google::protobuf::RepeatedField<std::int64_t>& dims) {
  return tensor::Shape(std::vector<std::int64_t>(dims.begin(), dims.end()));
}

/// INVALID_ARGUMENT unless `path` is a relative path that stays below its directory.
base::Status CheckRelativePath(std::string_view field, std::string_view path);

}  // namespace hadron::config::wire
