#include "protocol/rest/answers.h"

#include "protocol/rest/json_writer.h"

namespace hadron::protocol {
namespace {

using model::DurationTotal;

void WriteTensors(JsonWriter& json, std::string_view key,
                  std::span<const tensor::TensorDesc> tensors) {
  json.Key(key).BeginArray();
  for (const tensor::TensorDesc& desc : tensors) {
    json.BeginObject().Key("name").String(desc.name);
    json.Key("datatype").String(tensor::DataTypeName(desc.type));
    json.Key("shape").Raw(base::JoinInts(desc.shape.dims())).EndObject();
  }
  json.EndArray();
}

void WriteDuration(JsonWriter& json, std::string_view key, const DurationTotal& total) {
  json.Key(key).BeginObject().Key("count").Int(total.count).Key("ns").Int(total.ns).EndObject();
}

void WriteInferStats(JsonWriter& json, const model::StatisticsSnapshot& stats) {
  json.Key("inference_stats").BeginObject();
  WriteDuration(json, "success", stats.success);
  WriteDuration(json, "fail", stats.fail);
  WriteDuration(json, "queue", stats.queue);
  WriteDuration(json, "compute_input", stats.compute_input);
  WriteDuration(json, "compute_infer", stats.compute_infer);
  WriteDuration(json, "compute_output", stats.compute_output);
  WriteDuration(json, "cache_hit", stats.cache_hit);
  WriteDuration(json, "cache_miss", stats.cache_miss);
  json.EndObject();
}

void WriteBatchStats(JsonWriter& json, const model::StatisticsSnapshot& stats) {
  json.Key("batch_stats").BeginArray();
  for (const auto& [size, row] : stats.by_batch_size) {
    json.BeginObject().Key("batch_size").Int(size);
    WriteDuration(json, "compute_input", row.compute_input);
    WriteDuration(json, "compute_infer", row.compute_infer);
    WriteDuration(json, "compute_output", row.compute_output);
    json.EndObject();
  }
  json.EndArray();
}

void WriteMemory(JsonWriter& json, const model::ModelHandle& handle) {
  json.Key("memory_usage").BeginArray();
  if (handle == nullptr || handle->is_ensemble()) {
    json.EndArray();
    return;
  }
  const model::ModelVersion& version = *handle;
  const bool cpu = version.compiled().device_class().find("gpu") == std::string::npos;
  json.BeginObject();
  json.Key("type").String(cpu ? "CPU" : "GPU").Key("id").Int(0);
  json.Key("byte_size").Int(version.compiled().weights()->total_bytes());
  json.EndObject().EndArray();
}

}  // namespace

std::string ServerMetadataJson(const ServerState::Info& info) {
  JsonWriter json;
  json.BeginObject().Key("name").String(info.name).Key("version").String(info.version);
  json.Key("extensions").BeginArray();
  for (const std::string& extension : info.extensions) json.String(extension);
  json.EndArray().EndObject();
  return json.Take();
}

std::string ModelMetadataJson(const model::ModelVersion& version,
                              std::span<const std::int64_t> versions) {
  JsonWriter json;
  json.BeginObject().Key("name").String(version.name()).Key("versions").BeginArray();
  for (const std::int64_t number : versions) json.String(std::to_string(number));
  json.EndArray().Key("platform").String(PlatformOf(version));
  WriteTensors(json, "inputs", version.input_descs());
  WriteTensors(json, "outputs", version.output_descs());
  json.Key("properties").BeginObject();
  for (const auto& [key, value] : version.properties()) json.Key(key).String(value);
  json.EndObject().EndObject();
  return json.Take();
}

std::string StatisticsJson(std::span<const StatisticsTarget> versions) {
  JsonWriter json;
  json.BeginObject().Key("model_stats").BeginArray();
  for (const StatisticsTarget& version : versions) {
    const model::StatisticsSnapshot stats = version.Read();
    json.BeginObject().Key("name").String(version.name);
    json.Key("version").String(std::to_string(version.version));
    json.Key("last_inference").Int(stats.last_inference_ms);
    json.Key("inference_count").Int(stats.inference_count);
    json.Key("execution_count").Int(stats.execution_count);
    WriteInferStats(json, stats);
    json.Key("response_stats").BeginObject().EndObject();
    WriteBatchStats(json, stats);
    WriteMemory(json, version.handle);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

std::string IndexJson(std::span<const IndexEntry> entries) {
  JsonWriter json;
  json.BeginArray();
  for (const IndexEntry& entry : entries) {
    json.BeginObject().Key("name").String(entry.name);
    if (!entry.version.empty()) json.Key("version").String(entry.version);
    if (!entry.state.empty()) json.Key("state").String(entry.state);
    if (!entry.reason.empty()) json.Key("reason").String(entry.reason);
    json.EndObject();
  }
  json.EndArray();
  return json.Take();
}

}  // namespace hadron::protocol
