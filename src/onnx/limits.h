#pragma once

#include <cstddef>
#include <cstdint>

namespace hadron::onnx {

/// What a model file may cost before it is refused. Every bound is checked before the memory it
/// stands for is taken. A value type.
struct LoadLimits {
  std::int64_t max_nodes = 1'000'000;         ///< in the file, and again after inlining functions
  std::int64_t max_initializers = 1'000'000;  ///< of all graphs together
  /// Messages and strings of the file: an empty one takes 2 bytes there and 100 in memory.
  std::int64_t max_objects = 20'000'000;
  std::uint64_t max_model_bytes = std::uint64_t{16} << 30;  ///< all tensors, external ones included
  /// Names and attributes of the nodes, counted once for every time a function is called.
  std::uint64_t max_expanded_bytes = std::uint64_t{1} << 30;
  std::size_t max_name_bytes = std::size_t{64} << 10;
  int max_depth = 16;                 ///< graphs inside graphs, and calls inside functions
  int max_rank = 64;                  ///< dimensions of a tensor
  std::int64_t max_symbols = 10'000;  ///< dimensions of the inputs that are not numbers
  bool allow_newer_ir = false;        ///< warn of an unknown ir_version instead of refusing it
};

}  // namespace hadron::onnx
