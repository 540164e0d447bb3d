#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/checked.h"
#include "config/reshape.h"
#include "config/wire/checks.h"
#include "config/wire/values.h"

namespace hadron::config::wire {
namespace {

base::Status CheckDims(std::string_view field, const tensor::Shape& shape) {
  for (const std::int64_t dim : shape) {
    if (dim >= 1 || dim == -1) continue;
    return base::InvalidArgument(
        fmt::format("{} {} must be >= 1, or -1 for any size", field, shape.ToString()));
  }
  return base::OkStatus();
}

/// A full batch of the smallest tensors of this shape must be countable in bytes.
base::Status CheckCountable(const tensor::Shape& shape, tensor::DataType type,
                            std::int64_t max_batch_size) {
  const std::size_t element = std::max<std::size_t>(tensor::ElementSize(type), 4);
  std::optional<std::int64_t> bytes = static_cast<std::int64_t>(element);
  bytes = base::CheckedMul(*bytes, std::max<std::int64_t>(max_batch_size, 1));
  for (const std::int64_t dim : shape) {
    if (bytes && dim > 0) bytes = base::CheckedMul(*bytes, dim);
  }
  if (bytes) return base::OkStatus();
  return base::InvalidArgument(
      fmt::format("dims {} hold more bytes than can be counted", shape.ToString()));
}

template <typename Io>
base::Status CheckReshapeOf(const Io& io, const tensor::Shape& dims, std::int64_t max_batch_size) {
  const tensor::Shape reshape = ToShape(io.reshape().shape());
  HADRON_RETURN_IF_ERROR(CheckDims("reshape", reshape));
  if (reshape.rank() == 0 && max_batch_size == 0) {
    return base::InvalidArgument("an empty reshape needs max_batch_size > 0");
  }
  return CheckReshape(dims, reshape);
}

/// What inputs and outputs have in common.
template <typename Io>
base::Status CheckIo(const Io& io, std::int64_t max_batch_size) {
  if (io.data_type() == ::inference::TYPE_INVALID) {
    return base::InvalidArgument("must specify 'data_type'");
  }
  if (io.dims_size() == 0) return base::InvalidArgument("must specify 'dims'");
  if (io.is_shape_tensor()) {
    return base::InvalidArgument(
        "is_shape_tensor: shape tensors are only supported for TensorRT platform");
  }
  if (io.is_non_linear_format_io()) {
    return base::InvalidArgument("is_non_linear_format_io is only for TensorRT models");
  }
  const tensor::Shape dims = ToShape(io.dims());
  HADRON_RETURN_IF_ERROR(CheckDims("dims", dims));
  HADRON_RETURN_IF_ERROR(CheckCountable(dims, ToDataType(io.data_type()), max_batch_size));
  return io.has_reshape() ? CheckReshapeOf(io, dims, max_batch_size) : base::OkStatus();
}

base::Status CheckInput(const ::inference::ModelInput& input, std::int64_t max_batch_size) {
  HADRON_RETURN_IF_ERROR(CheckIo(input, max_batch_size));
  if (input.format() != ::inference::ModelInput::FORMAT_NONE && input.dims_size() != 3) {
    return base::InvalidArgument("format NHWC/NCHW requires 3 dims");
  }
  if (input.optional() && input.has_reshape()) {
    return base::Unimplemented("optional: an input that a request may leave out takes no reshape");
  }
  return base::OkStatus();
}

base::Status CheckOutput(const ::inference::ModelOutput& output, std::int64_t max_batch_size) {
  HADRON_RETURN_IF_ERROR(CheckIo(output, max_batch_size));
  if (output.label_filename().empty()) return base::OkStatus();
  return CheckRelativePath("label_filename", output.label_filename());
}

template <typename List, typename Check>
base::Status CheckAll(std::string_view what, const List& tensors, const Check& check) {
  std::set<std::string_view> names;
  for (const auto& tensor : tensors) {
    if (tensor.name().empty()) {
      return base::InvalidArgument(fmt::format("model {} must specify 'name'", what));
    }
    if (!names.insert(tensor.name()).second) {
      return base::InvalidArgument(
          fmt::format("model {} {} is given twice", what, Quote(tensor.name())));
    }
    base::Status status = check(tensor);
    if (!status.ok()) {
      return std::move(status).With(fmt::format("model {} {}", what, Quote(tensor.name())));
    }
  }
  return base::OkStatus();
}

}  // namespace

base::Status CheckTensors(const ::inference::ModelConfig& config) {
  const std::int64_t batch = config.max_batch_size();
  HADRON_RETURN_IF_ERROR(CheckAll("input", config.input(),
                                  [&](const auto& input) { return CheckInput(input, batch); }));
  return CheckAll("output", config.output(),
                  [&](const auto& output) { return CheckOutput(output, batch); });
}

const ::inference::ModelInput* FindInput(const ::inference::ModelConfig& config,
                                         std::string_view name) {
  const auto at = std::ranges::find(config.input(), name, &::inference::ModelInput::name);
  return at == config.input().end() ? nullptr : &*at;
}

const ::inference::ModelOutput* FindOutput(const ::inference::ModelConfig& config,
                                           std::string_view name) {
  const auto at = std::ranges::find(config.output(), name, &::inference::ModelOutput::name);
  return at == config.output().end() ? nullptr : &*at;
}

}  // namespace hadron::config::wire
