#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "config/model_config.h"
#include "model/model_version.h"

/// Model versions that have a configuration and nothing else: enough for codecs and validation.
namespace hadron::protocol {

inline model::ModelHandle MakeModel(config::ModelConfig::Fields fields,
                                    std::map<std::string, std::vector<std::string>> labels = {}) {
  model::ModelVersion::Parts parts;
  parts.name = fields.name;
  parts.version = 1;
  parts.config = std::make_shared<const config::ModelConfig>(std::move(fields));
  parts.metrics =
      std::make_shared<telemetry::ModelMetrics>(std::make_shared<telemetry::BatchSizes>());
  parts.labels = std::move(labels);
  return std::make_shared<const model::ModelVersion>(std::move(parts));
}

inline config::IoConfig Io(std::string name, tensor::DataType type, tensor::Shape dims) {
  config::IoConfig io;
  io.name = std::move(name);
  io.type = type;
  io.dims = std::move(dims);
  return io;
}

/// INPUT0, INPUT1 -> OUTPUT0, OUTPUT1, all of one type and [16], batches up to 8.
inline model::ModelHandle SimpleModel(tensor::DataType type = tensor::DataType::kInt32) {
  config::ModelConfig::Fields fields;
  fields.name = "simple";
  fields.max_batch_size = 8;
  fields.inputs = {Io("INPUT0", type, {16}), Io("INPUT1", type, {16})};
  fields.outputs = {Io("OUTPUT0", type, {16}), Io("OUTPUT1", type, {16})};
  return MakeModel(std::move(fields));
}

/// INPUT0 -> OUTPUT0 of one type, dims as given.
inline model::ModelHandle IdentityModel(tensor::DataType type, tensor::Shape dims = {-1},
                                        std::int64_t max_batch = 8) {
  config::ModelConfig::Fields fields;
  fields.name = "identity";
  fields.max_batch_size = max_batch;
  fields.inputs = {Io("INPUT0", type, dims)};
  fields.outputs = {Io("OUTPUT0", type, std::move(dims))};
  return MakeModel(std::move(fields));
}

template <typename T>
base::IoBuf BytesOf(const std::vector<T>& values) {
  return base::IoBuf::Copy(std::as_bytes(std::span(values)));
}

template <typename T>
std::vector<T> ValuesOf(const base::IoBuf& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  bytes.CopyTo(std::as_writable_bytes(std::span(values)));
  return values;
}

}  // namespace hadron::protocol
