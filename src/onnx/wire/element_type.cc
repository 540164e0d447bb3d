#include "onnx/wire/element_type.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace hadron::onnx {
namespace {

using tensor::DataType;

struct Row {
  std::string_view name;
  ElementType element;
};

constexpr ElementType kNone{DataType::kInvalid, ValueField::kInt32};

/// By ONNX's code, from 1.
constexpr std::array<Row, 26> kTypes = {{
    {"FLOAT", {DataType::kFp32, ValueField::kFloat}},
    {"UINT8", {DataType::kUint8, ValueField::kInt32}},
    {"INT8", {DataType::kInt8, ValueField::kInt32}},
    {"UINT16", {DataType::kUint16, ValueField::kInt32}},
    {"INT16", {DataType::kInt16, ValueField::kInt32}},
    {"INT32", {DataType::kInt32, ValueField::kInt32}},
    {"INT64", {DataType::kInt64, ValueField::kInt64}},
    {"STRING", {DataType::kString, ValueField::kString}},
    {"BOOL", {DataType::kBool, ValueField::kInt32}},
    {"FLOAT16", {DataType::kFp16, ValueField::kInt32}},
    {"DOUBLE", {DataType::kFp64, ValueField::kDouble}},
    {"UINT32", {DataType::kUint32, ValueField::kUint64}},
    {"UINT64", {DataType::kUint64, ValueField::kUint64}},
    {"COMPLEX64", kNone},
    {"COMPLEX128", kNone},
    {"BFLOAT16", {DataType::kBf16, ValueField::kInt32}},
    {"FLOAT8E4M3FN", kNone},
    {"FLOAT8E4M3FNUZ", kNone},
    {"FLOAT8E5M2", kNone},
    {"FLOAT8E5M2FNUZ", kNone},
    {"UINT4", kNone},
    {"INT4", kNone},
    {"FLOAT4E2M1", kNone},
    {"FLOAT8E8M0", kNone},
    {"UINT2", kNone},
    {"INT2", kNone},
}};

}  // namespace

bool IsElementType(std::int32_t code) {
  return code >= 1 && code <= static_cast<std::int32_t>(kTypes.size());
}

ElementType FindElementType(std::int32_t code) {
  return IsElementType(code) ? kTypes[static_cast<std::size_t>(code - 1)].element : kNone;
}

std::string ElementTypeName(std::int32_t code) {
  if (!IsElementType(code)) return fmt::format("element type {}", code);
  return std::string(kTypes[static_cast<std::size_t>(code - 1)].name);
}

}  // namespace hadron::onnx
