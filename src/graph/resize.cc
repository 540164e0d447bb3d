#include "graph/resize.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hadron::graph {
namespace {

using Taps = ResizeAxis::Taps;

/// Sizes of an axis and the scale of the coordinate formula.
struct Scaled {
  std::int64_t in = 0;
  std::int64_t out = 0;
  float scale = 1;
};

/// Where element `at` of the output lies in the input. In float32, as the formulas are written:
/// reassociated, they would round differently.
float Coordinate(const std::string& mode, const Scaled& axis, std::int64_t at) {
  const auto x = static_cast<float>(at);
  const auto in = static_cast<float>(axis.in);
  const auto out = static_cast<float>(axis.out);
  if (mode == "asymmetric") return x / axis.scale;
  if (mode == "align_corners") return axis.out == 1 ? 0 : x * (in - 1) / (out - 1);
  if (mode == "pytorch_half_pixel" && axis.out == 1) return 0;
  const float plain = (x + 0.5F) / axis.scale - 0.5F;
  if (mode != "half_pixel_symmetric") return plain;
  const float adjustment = out / (axis.scale * in);
  return in / 2 * (1 - adjustment) + plain;
}

std::int64_t Nearest(const std::string& mode, float x) {
  if (mode == "floor") return static_cast<std::int64_t>(std::floor(x));
  if (mode == "ceil") return static_cast<std::int64_t>(std::ceil(x));
  if (mode == "round_prefer_ceil") return static_cast<std::int64_t>(std::floor(x + 0.5F));
  return static_cast<std::int64_t>(std::ceil(x - 0.5F));
}

/// Weights of Keys' cubic for the four elements around a point `t` behind the second.
Taps Cubic(const Node& node, const Scaled& axis, float x) {
  const double a = static_cast<double>(node.attributes.Float("cubic_coeff_a", -0.75F));
  const bool exclude = node.attributes.Int("exclude_outside", 0) != 0;
  const auto first = static_cast<std::int64_t>(std::floor(x)) - 1;
  Taps taps;
  double total = 0;
  for (std::int64_t i = 0; i < 4; ++i) {
    const double d = std::fabs(static_cast<double>(x) - static_cast<double>(first + i));
    double weight =
        d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    if (exclude && (first + i < 0 || first + i >= axis.in)) weight = 0;
    total += weight;
    taps.emplace_back(std::clamp<std::int64_t>(first + i, 0, axis.in - 1), weight);
  }
  if (exclude) {
    for (auto& [index, weight] : taps) weight /= total;
  }
  return taps;
}

Taps TapsOf(const Node& node, const Scaled& axis, std::int64_t at) {
  const Attributes& attributes = node.attributes;
  const float x =
      Coordinate(attributes.String("coordinate_transformation_mode", "half_pixel"), axis, at);
  const std::string mode = attributes.String("mode", "nearest");
  const auto clamp = [&axis](std::int64_t i) {
    return std::clamp<std::int64_t>(i, 0, axis.in - 1);
  };
  if (mode == "nearest") {
    return {{clamp(Nearest(attributes.String("nearest_mode", "round_prefer_floor"), x)), 1.0}};
  }
  if (mode == "cubic") return Cubic(node, axis, x);
  const auto low = static_cast<std::int64_t>(std::floor(x));
  const double high_weight = static_cast<double>(x) - static_cast<double>(low);
  return {{clamp(low), 1 - high_weight}, {clamp(low + 1), high_weight}};
}

}  // namespace

std::vector<ResizeAxis> ResizeAxes(const Node& node, const tensor::Shape& x, const tensor::Shape& y,
                                   std::span<const double> scales) {
  std::vector<std::int64_t> indices(x.rank());
  std::iota(indices.begin(), indices.end(), 0);
  indices = node.attributes.Ints("axes", indices);
  std::vector<ResizeAxis> axes;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto rank = static_cast<std::int64_t>(x.rank());
    const auto index = static_cast<std::size_t>(indices[i] < 0 ? indices[i] + rank : indices[i]);
    Scaled scaled{x[index], y[index], 1};
    // A given scale counts even where the rounded sizes say another.
    scaled.scale = scales.empty() ? static_cast<float>(scaled.out) / static_cast<float>(scaled.in)
                                  : static_cast<float>(scales[i]);
    if (scaled.scale == 1 && scaled.in == scaled.out) continue;
    ResizeAxis& axis = axes.emplace_back(ResizeAxis{index, scaled.in, scaled.out, {}});
    for (std::int64_t at = 0; at < axis.out; ++at) axis.taps.push_back(TapsOf(node, scaled, at));
  }
  return axes;
}

}  // namespace hadron::graph
