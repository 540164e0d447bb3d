#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "backend/kernel.h"
#include "base/clock.h"
#include "base/executor.h"
#include "config/complete.h"
#include "config/parse.h"
#include "device/host/factory.h"
#include "model/residency_manager.h"
#include "onnx/loader.h"
#include "serving/inference_request.h"
#include "support/still_clock.h"
#include "telemetry/metrics.h"
#include "tensor/string_tensor.h"

namespace hadron::serving {

/// A version of model_repo/simple (two INT32 [16] inputs), or of simple_string (the same as decimal
/// numbers), with a configuration of the test's.
class ServedModel {
 public:
  explicit ServedModel(const std::string& extra_config, const std::string& name = "simple",
                       int max_batch = 8)
      : host(device::MakeHostDevice(std::uint64_t{1} << 30)),
        metrics({}, clock),
        residency({}, {host.get(), &control, &lane, &clock}) {
    backend::RegisterNativeKernels(kernels);
    auto loaded = onnx::LoadOnnxFile(
        std::string(HADRON_SOURCE_DIR) + "/model_repo/" + name + "/1/model.onnx", {});
    HADRON_CHECK(loaded.ok());
    const std::string type = name == "simple" ? "TYPE_INT32" : "TYPE_STRING";
    const std::string io = "data_type: " + type + " dims: [ 16 ] }";
    auto raw = config::ParsePbtxt("max_batch_size: " + std::to_string(max_batch) +
                                      " input { name: 'INPUT0' " + io + " input { name: 'INPUT1' " +
                                      io + " output { name: 'OUTPUT0' " + io +
                                      " output { name: 'OUTPUT1' " + io + extra_config,
                                  "config.pbtxt");
    HADRON_CHECK(raw.ok());
    auto identified = config::Identify(std::move(raw).value(), {name, {"model.onnx"}}, false);
    HADRON_CHECK(identified.ok());
    auto config = config::Complete(*identified, &loaded->graph, {});
    HADRON_CHECK(config.ok());
    plan::CompileOptions options;
    options.max_batch = max_batch;
    model::ModelVersion::Parts parts;
    parts.name = name;
    parts.version = 1;
    parts.config = *config;
    auto compiled =
        plan::CompiledModel::Compile(std::move(loaded->graph), options, kernels, *host, *host);
    HADRON_CHECK(compiled.ok());
    parts.compiled = *compiled;
    parts.metrics = metrics.AddModel(name, 1);
    auto residence =
        residency.Admit({name, parts.compiled->weights(), parts.metrics, parts.history});
    HADRON_CHECK(residence.ok());
    parts.residence = std::move(residence).value();
    version = std::make_shared<const model::ModelVersion>(std::move(parts));
  }

  /// INPUT0 is `first` in every element, INPUT1 is 1.
  InferenceRequest Request(std::int64_t rows, std::int32_t first = 0) const {
    InferenceRequest request;
    request.model = version;
    request.rows = rows;
    const auto tensor = [rows](const char* name, std::int32_t value) {
      const std::vector<std::int32_t> values(static_cast<std::size_t>(rows) * 16, value);
      return tensor::HostTensor{{name, tensor::DataType::kInt32, {rows, 16}},
                                base::IoBuf::Copy(std::as_bytes(std::span(values)))};
    };
    request.inputs = {tensor("INPUT0", first), tensor("INPUT1", 1)};
    return request;
  }

  /// One row: INPUT0 is `text` in every element, INPUT1 is "1".
  InferenceRequest StringRequest(const std::string& text) const {
    InferenceRequest request;
    request.model = version;
    request.rows = 1;
    const auto tensor = [](const char* name, const std::string& value) {
      return tensor::HostTensor{{name, tensor::DataType::kString, {1, 16}},
                                tensor::EncodeStrings(std::vector<std::string>(16, value))};
    };
    request.inputs = {tensor("INPUT0", text), tensor("INPUT1", "1")};
    return request;
  }

  test::StillClock clock;
  std::unique_ptr<device::Device> host;
  backend::KernelRegistry kernels;
  telemetry::Metrics metrics;
  base::ManualExecutor lane;
  base::ManualExecutor control;
  model::ResidencyManager residency;
  model::ModelHandle version;
};

}  // namespace hadron::serving
