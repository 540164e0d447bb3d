#pragma once

#include <cstdint>
#include <string>

#include "tensor/data_type.h"

namespace hadron::onnx {

/// The field of a TensorProto that holds the values of a type when raw_data does not.
enum class ValueField : std::uint8_t { kFloat, kInt32, kString, kInt64, kDouble, kUint64 };

/// What an element type of the file is to Hadron.
struct ElementType {
  tensor::DataType type = tensor::DataType::kInvalid;  ///< kInvalid: Hadron has no such tensors
  ValueField field = ValueField::kInt32;
};

ElementType FindElementType(std::int32_t code);

/// "FLOAT", "COMPLEX64"; "element type 99" for codes that ONNX does not define.
std::string ElementTypeName(std::int32_t code);

/// Whether ONNX defines the code: the difference between "not supported" and "wrong".
bool IsElementType(std::int32_t code);

}  // namespace hadron::onnx
