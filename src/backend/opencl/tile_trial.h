#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "backend/kernel.h"
#include "backend/opencl/program_library.h"
#include "backend/opencl/tile.h"

namespace hadron::backend::opencl {

/// A kernel of input 0, weights as input 1 and one output, all FP32, that any of several tiles of
/// equal packing can compute.
struct TiledKernel {
  std::string_view family;  ///< stem of the kernel file
  TileProblem problem;
  /// Without fused operations, so that shapes share the programs of their trials.
  std::function<base::StatusOr<std::unique_ptr<Kernel>>(const Tile&)> make;
  std::array<std::int64_t, 3> floats{};  ///< of input, plain weights and output
};

/// The tile that tuning chooses among the candidates; the first one where it chooses none. Small
/// problems are not tuned: launching them takes longer than computing them.
Tile TuneTile(ProgramLibrary& library, std::span<const Tile> candidates, const TiledKernel& kernel);

}  // namespace hadron::backend::opencl
