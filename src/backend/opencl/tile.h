#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/opencl/launch.h"
#include "device/device.h"

namespace hadron::backend::opencl {

inline std::size_t Size(std::int64_t value) { return static_cast<std::size_t>(value); }
inline std::int64_t CeilDivide(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
inline std::int64_t RoundUp(std::int64_t a, std::int64_t to) { return CeilDivide(a, to) * to; }

/// How kernels/tile.clh cuts a product of `rows` x depth and depth x `columns`. Chosen from sizes
/// and device alone; it never changes the bytes of a result.
struct Tile {
  std::int64_t rows = 8;
  std::int64_t panel = 32;      ///< columns of a packed panel
  std::int64_t depth_step = 1;  ///< packed depths are multiples of it
  std::size_t items = 1;        ///< work-items of a group
  std::int64_t blocks = 1;      ///< panels of a group
  /// > 1: vectors of so many k for each column, [k / vector][panel][vector]; depths are multiples.
  std::int64_t dot_vector = 1;
  std::string options;  ///< -D for the compiler

  /// Floats of a packed panel.
  std::int64_t panel_floats(std::int64_t depth) const { return RoundUp(depth, depth_step) * panel; }
  std::int64_t panels(std::int64_t columns) const { return CeilDivide(columns, panel); }
  /// Groups side by side.
  std::int64_t groups(std::int64_t columns) const { return CeilDivide(panels(columns), blocks); }
  /// Tells packings of other tiles apart; depends on the columns alone, not on the rows.
  std::string key() const;
  /// Tells tiles of one key apart: "8x32", rows and columns of a group.
  std::string name() const;
};

/// A product as its tile sees it: k is `runs` pieces of `depth` adjacent floats.
struct TileProblem {
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  std::int64_t depth = 1;
  std::int64_t runs = 1;
  bool packed_on_device = false;  ///< by kernels/gemm.cl
};
/// The built-in choice, then the other tiles of the same packing, the more promising first.
std::vector<Tile> TileCandidates(const device::DeviceInfo& device, bool cpu_family,
                                 const TileProblem& problem);

/// A matrix in memory, and what its elements are multiplied by while packing.
struct MatrixStrides {
  std::int64_t depth = 0;
  std::int64_t column = 0;
  float scale = 1;
};

/// Writes one panel of `depth` lines at `to`: the first `columns` of each from the matrix, the rest
/// zeros. Returns what is behind them (padding to depth_step is the caller's).
float* PackPanel(const Tile& tile, const MatrixStrides& strides, std::int64_t depth,
                 std::int64_t columns, const float* from, float* to);

/// All panels of a matrix, padded to the tile.
void PackMatrix(const Tile& tile, const MatrixStrides& strides, std::int64_t depth,
                std::int64_t columns, const float* from, std::span<float> to);

}  // namespace hadron::backend::opencl
