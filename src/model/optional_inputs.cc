#include "model/optional_inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace hadron::model {
namespace {

using base::StatusOr;
using tensor::HostTensor;
using tensor::Shape;

/// It stays in memory beside the weights, and every request that leaves it out carries a copy.
constexpr std::uint64_t kLargest = std::uint64_t{1} << 20U;

StatusOr<HostTensor> ReadDefault(const graph::Constant& constant, const config::ModelConfig& config,
                                 const config::IoConfig& io) {
  const std::string name = base::EscapeControl(io.name);
  if (constant.type() != io.type) {
    return base::InvalidArgument(fmt::format("the default of input '{}' is {}, the input {}", name,
                                             tensor::DataTypeName(constant.type()),
                                             tensor::DataTypeName(io.type)));
  }
  const Shape& shape = constant.shape();
  const Shape wanted = config.batched() ? config.ClientShape(io).WithoutFirst().WithFirst(1)
                                        : config.ClientShape(io);
  const bool fits = std::ranges::equal(
      shape, wanted, [](std::int64_t is, std::int64_t want) { return want < 0 || is == want; });
  if (!fits) {
    return base::InvalidArgument(
        fmt::format("the default of input '{}' has the shape {}, expected {}{}", name,
                    shape.ToString(), wanted.ToString(), config.batched() ? ", one row" : ""));
  }
  if (constant.byte_size() > kLargest) {
    return base::ResourceExhausted(
        fmt::format("the default of input '{}' takes {}, at most {} are "
                    "allowed",
                    name, base::HumanBytes(constant.byte_size()), base::HumanBytes(kLargest)));
  }
  HADRON_ASSIGN_OR_RETURN(HostTensor value, constant.Evaluate());
  value.desc.name = io.name;
  std::vector<std::byte> bytes(value.bytes.size());  // not a piece of the file
  value.bytes.CopyTo(bytes);
  value.bytes = base::IoBuf::FromVector(std::move(bytes));
  return value;
}

}  // namespace

StatusOr<std::map<std::string, HostTensor>> ReadDefaults(const onnx::LoadedModel& loaded,
                                                         const config::ModelConfig& config) {
  std::map<std::string, HostTensor> defaults;
  for (const config::IoConfig& io : config.inputs()) {
    if (!io.optional) continue;
    const auto found = loaded.defaults.find(io.name);
    if (found == loaded.defaults.end()) {
      return base::InvalidArgument(
          fmt::format("input '{}' is optional, but the model file has no default for it: export an "
                      "initializer of that name, or remove 'optional'",
                      base::EscapeControl(io.name)));
    }
    HADRON_ASSIGN_OR_RETURN(defaults[io.name], ReadDefault(*found->second, config, io));
  }
  return defaults;
}

}  // namespace hadron::model
