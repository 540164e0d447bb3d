#include "tensor/data_type.h"

#include <array>

namespace hadron::tensor {
namespace {

struct Row {
  std::string_view name;
  std::size_t size;
};

/// Indexed by DataType.
constexpr std::array<Row, 15> kRows = {{{"", 0},
                                        {"BOOL", 1},
                                        {"UINT8", 1},
                                        {"UINT16", 2},
                                        {"UINT32", 4},
                                        {"UINT64", 8},
                                        {"INT8", 1},
                                        {"INT16", 2},
                                        {"INT32", 4},
                                        {"INT64", 8},
                                        {"FP16", 2},
                                        {"FP32", 4},
                                        {"FP64", 8},
                                        {"BYTES", 0},
                                        {"BF16", 2}}};

}  // namespace

std::size_t ElementSize(DataType type) { return kRows[static_cast<std::size_t>(type)].size; }

std::string_view DataTypeName(DataType type) { return kRows[static_cast<std::size_t>(type)].name; }

std::optional<DataType> DataTypeFromName(std::string_view name) {
  for (std::size_t i = 1; i < kRows.size(); ++i) {
    if (kRows[i].name == name) return static_cast<DataType>(i);
  }
  return std::nullopt;
}

bool IsFloating(DataType type) {
  return type == DataType::kFp16 || type == DataType::kFp32 || type == DataType::kFp64 ||
         type == DataType::kBf16;
}

bool IsSignedInteger(DataType type) { return type >= DataType::kInt8 && type <= DataType::kInt64; }

bool IsUnsignedInteger(DataType type) {
  return type >= DataType::kUint8 && type <= DataType::kUint64;
}

}  // namespace hadron::tensor
