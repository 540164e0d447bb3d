#pragma once

#include <cstdint>
#include <random>

#include "unit/backend/kernel_rig.h"

namespace hadron::backend {

/// A Gemm of random m x k by constant k x n (n x k with `trans_b`).
NodeCase Gemm(std::mt19937& random, std::int64_t m, std::int64_t n, std::int64_t k,
              bool trans_b = false);

/// A MatMul of random operands from `low` to 1.
NodeCase MatMul(std::mt19937& random, tensor::Shape a, tensor::Shape b, tensor::Shape y,
                bool constant, float low = -1);

}  // namespace hadron::backend
