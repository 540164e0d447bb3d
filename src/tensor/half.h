#pragma once

#include <cstdint>

namespace hadron::tensor {

/// IEEE 754 binary16 and bfloat16 as bit patterns. To 16 bits: round to nearest even, subnormals
/// kept, overflow to infinity, NaN stays a (quiet) NaN.
float HalfToFloat(std::uint16_t bits);
std::uint16_t FloatToHalf(float value);
float Bf16ToFloat(std::uint16_t bits);
std::uint16_t FloatToBf16(float value);

}  // namespace hadron::tensor
