#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "tensor/shape.h"

namespace hadron::graph {

/// One axis that a Resize changes: for every element of the output the input elements it is made
/// of, with their weights (one of weight 1 for mode nearest, two for linear, four for cubic).
/// Indices lie inside the input.
struct ResizeAxis {
  using Taps = std::vector<std::pair<std::int64_t, double>>;
  std::size_t index = 0;  ///< of the axis
  std::int64_t in = 0;
  std::int64_t out = 0;
  std::vector<Taps> taps;  ///< by output element
};

/// The axes that change between the shapes `x` and `y`. `scales` is the node's input of that name,
/// empty when it has sizes instead. Source: operator Resize, coordinates computed in float32 as its
/// formulas are written.
std::vector<ResizeAxis> ResizeAxes(const Node& node, const tensor::Shape& x, const tensor::Shape& y,
                                   std::span<const double> scales);

}  // namespace hadron::graph
