#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.h"
#include "cpp/json.h"
#include "tensor/data_type.h"

namespace hadron::client {

/// Content of a tensor as hadron::client::Tensor holds it.
struct TensorData {
  std::vector<std::byte> bytes;
  std::vector<std::string> strings;
};

/// Elements of a JSON array, nested or flat, in the binary form of `type`. INVALID_ARGUMENT for an
/// element that the type cannot hold.
base::StatusOr<TensorData> TensorFromJson(const json::Value& data, tensor::DataType type);

/// Element `index` of `bytes` as text: shortest form that reads back equal; NaN, Infinity and
/// -Infinity as such.
std::string ElementText(const std::vector<std::byte>& bytes, tensor::DataType type,
                        std::size_t index);

/// Elements of any numeric type as double.
std::vector<double> ToDoubles(const std::vector<std::byte>& bytes, tensor::DataType type);

/// Appends `value` in the binary form of `type`; false when the type cannot hold it.
bool AppendElement(double value, tensor::DataType type, std::vector<std::byte>& bytes);

}  // namespace hadron::client
