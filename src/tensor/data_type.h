#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hadron::tensor {

/// Element types of the V2 protocol; the numbers are those of the model configuration's DataType.
enum class DataType : std::uint8_t {
  kInvalid = 0,
  kBool = 1,
  kUint8 = 2,
  kUint16 = 3,
  kUint32 = 4,
  kUint64 = 5,
  kInt8 = 6,
  kInt16 = 7,
  kInt32 = 8,
  kInt64 = 9,
  kFp16 = 10,
  kFp32 = 11,
  kFp64 = 12,
  kString = 13,
  kBf16 = 14,
};

/// Bytes of one element; 0 for strings (their length varies) and kInvalid.
std::size_t ElementSize(DataType type);
/// Protocol name: "FP32", "BYTES" for strings, "" for kInvalid.
std::string_view DataTypeName(DataType type);
/// Inverse of DataTypeName.
std::optional<DataType> DataTypeFromName(std::string_view name);

bool IsFloating(DataType type);
bool IsSignedInteger(DataType type);
bool IsUnsignedInteger(DataType type);

}  // namespace hadron::tensor
