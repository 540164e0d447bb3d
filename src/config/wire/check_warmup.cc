#include <fmt/format.h>

#include <algorithm>

#include "config/wire/checks.h"
#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

using ::inference::ModelWarmup;

base::Status CheckInput(const ::inference::ModelConfig& config, const std::string& name,
                        const ModelWarmup::Input& input) {
  const ::inference::ModelInput* declared = FindInput(config, name);
  if (declared == nullptr && !IsSequenceInput(config, name)) {
    return base::InvalidArgument("the model has no such input");
  }
  if (input.data_type() == ::inference::TYPE_INVALID) {
    return base::InvalidArgument("must specify 'data_type'");
  }
  if (declared != nullptr && input.data_type() != declared->data_type()) {
    return base::InvalidArgument(fmt::format("data_type must be {}, as the model's",
                                             ::inference::DataType_Name(declared->data_type())));
  }
  const tensor::Shape dims = ToShape(input.dims());
  if (std::ranges::any_of(dims, [](std::int64_t dim) { return dim < 1; }) ||
      !dims.CheckedBytes(ToDataType(input.data_type()))) {
    return base::InvalidArgument(
        fmt::format("dims {} must be >= 1 and countable", dims.ToString()));
  }
  switch (input.input_data_type_case()) {
    case ModelWarmup::Input::kInputDataFile:
      return CheckRelativePath("input_data_file", input.input_data_file());
    case ModelWarmup::Input::INPUT_DATA_TYPE_NOT_SET:
      return base::InvalidArgument("needs one of zero_data, random_data, input_data_file");
    default:
      return base::OkStatus();
  }
}

base::Status CheckSample(const ::inference::ModelConfig& config, const ModelWarmup& sample) {
  const auto most = static_cast<std::uint32_t>(std::max(config.max_batch_size(), 1));
  if (sample.batch_size() > most) {
    return base::InvalidArgument(
        fmt::format("batch_size {} exceeds {}", sample.batch_size(), most));
  }
  for (const auto& [name, input] : sample.inputs()) {
    base::Status status = CheckInput(config, name, input);
    if (!status.ok()) return std::move(status).With(fmt::format("input {}", Quote(name)));
  }
  for (const auto& input : config.input()) {
    if (!sample.inputs().contains(input.name())) {
      return base::InvalidArgument(fmt::format("input {} is missing", Quote(input.name())));
    }
  }
  return base::OkStatus();
}

}  // namespace

base::Status CheckWarmup(const ::inference::ModelConfig& config) {
  for (const ModelWarmup& sample : config.model_warmup()) {
    base::Status status = CheckSample(config, sample);
    if (!status.ok()) {
      return std::move(status).With(fmt::format("model_warmup {}", Quote(sample.name())));
    }
  }
  return base::OkStatus();
}

}  // namespace hadron::config::wire
