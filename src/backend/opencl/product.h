#pragma once

#include <memory>
#include <string>

#include "backend/opencl/broadcast.h"
#include "backend/opencl/epilogue.h"
#include "backend/opencl/program_library.h"
#include "backend/opencl/tile.h"

namespace hadron::backend::opencl {

/// y = post(a * b) with row-major a (input 0) and y (output 0) and any b (input 1): Gemm, MatMul
/// and convolutions of one tap.
struct ProductParts {
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  std::int64_t depth = 1;
  std::int64_t matrices = 1;        ///< of y
  std::int64_t right_matrices = 1;  ///< of b, one behind the other
  BroadcastWalk stack = {};         ///< which of a and b meet, in matrices; at most four axes
  MatrixStrides right;
  std::string right_key;       ///< tells packings of equal sizes with other strides apart
  bool constant_right = true;  ///< else b is packed into scratch at every run
  Epilogue epilogue;
};
base::StatusOr<std::unique_ptr<Kernel>> MakeProductKernel(ProgramLibrary& library,
                                                          ProductParts parts);

}  // namespace hadron::backend::opencl
