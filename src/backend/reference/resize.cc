#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

/// One axis that changes: its sizes and the scale of the coordinate formula.
struct Axis {
  std::size_t index;
  std::int64_t in;
  std::int64_t out;
  float scale;
};

/// Source elements of one element of the output, with their weights.
using Taps = std::vector<std::pair<std::int64_t, double>>;

std::vector<Axis> Axes(const RefCall& call) {
  const tensor::Shape& x = call.in(0).shape;
  std::vector<std::int64_t> indices(x.rank());
  std::iota(indices.begin(), indices.end(), 0);
  indices = call.node.attributes.Ints("axes", indices);
  const bool given = call.has(2) && call.in(2).elements() > 0;
  const auto scales = given ? ToDoubles(call.in(2)) : std::vector<double>();
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    Axis axis{AxisIndex(indices[i], x), 0, 0, 1};
    axis.in = x[axis.index];
    axis.out = call.out().shape[axis.index];
    // A given scale counts even where the rounded sizes say another.
    axis.scale = given ? static_cast<float>(scales[i])
                       : static_cast<float>(axis.out) / static_cast<float>(axis.in);
    if (axis.scale != 1 || axis.in != axis.out) axes.push_back(axis);
  }
  return axes;
}

/// Where element `at` of the output lies in the input. In float32, as the formulas are written:
/// reassociated, they would round differently.
float Coordinate(const std::string& mode, const Axis& axis, std::int64_t at) {
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
Taps Cubic(const RefCall& call, const Axis& axis, float x) {
  const double a = static_cast<double>(call.node.attributes.Float("cubic_coeff_a", -0.75F));
  const bool exclude = call.node.attributes.Int("exclude_outside", 0) != 0;
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

Taps TapsOf(const RefCall& call, const Axis& axis, std::int64_t at) {
  const auto& attributes = call.node.attributes;
  const float x =
      Coordinate(attributes.String("coordinate_transformation_mode", "half_pixel"), axis, at);
  const std::string mode = attributes.String("mode", "nearest");
  const auto clamp = [&axis](std::int64_t i) {
    return std::clamp<std::int64_t>(i, 0, axis.in - 1);
  };
  if (mode == "nearest") {
    return {{clamp(Nearest(attributes.String("nearest_mode", "round_prefer_floor"), x)), 1.0}};
  }
  if (mode == "cubic") return Cubic(call, axis, x);
  const auto low = static_cast<std::int64_t>(std::floor(x));
  const double high_weight = static_cast<double>(x) - static_cast<double>(low);
  return {{clamp(low), 1 - high_weight}, {clamp(low + 1), high_weight}};
}

std::vector<Taps> AllTaps(const RefCall& call, const Axis& axis) {
  std::vector<Taps> taps;
  for (std::int64_t at = 0; at < axis.out; ++at) taps.push_back(TapsOf(call, axis, at));
  return taps;
}

/// Picks elements; exact for every type.
Status ResizeNearest(const RefCall& call) {
  const RefTensor* from = &call.in(0);
  RefTensor current;
  for (const Axis& axis : Axes(call)) {
    const std::vector<Taps> taps = AllTaps(call, axis);
    RefTensor next{from->type, from->shape, {}, {}};
    next.shape[axis.index] = axis.out;
    next.bytes.resize(*next.shape.CheckedBytes(next.type));
    const auto inner = static_cast<std::size_t>(from->shape.Strides()[axis.index]);
    const auto out = static_cast<std::size_t>(axis.out);
    CopyElements(*from, next, [&](std::size_t i) {
      const auto picked = static_cast<std::size_t>(taps[i / inner % out][0].first);
      return (i / inner / out * static_cast<std::size_t>(axis.in) + picked) * inner + i % inner;
    });
    current = std::move(next);
    from = &current;
  }
  CopyAll(*from, call.out());
  return {};
}

/// Interpolates along one axis after the other.
Status ResizeSmooth(const RefCall& call) {
  std::vector<double> values = ToDoubles(call.in(0));
  tensor::Shape shape = call.in(0).shape;
  for (const Axis& axis : Axes(call)) {
    const std::vector<Taps> taps = AllTaps(call, axis);
    const auto inner = static_cast<std::size_t>(shape.Strides()[axis.index]);
    const auto in = static_cast<std::size_t>(axis.in);
    const auto out = static_cast<std::size_t>(axis.out);
    shape[axis.index] = axis.out;
    std::vector<double> next(static_cast<std::size_t>(shape.elements()), 0.0);
    for (std::size_t i = 0; i < next.size(); ++i) {
      const std::size_t start = i / inner / out * in * inner + i % inner;
      for (const auto& [index, weight] : taps[i / inner % out]) {
        next[i] += weight * values[start + static_cast<std::size_t>(index) * inner];
      }
    }
    values = std::move(next);
  }
  FromDoubles(values, call.out());
  return {};
}

Status Resize(const RefCall& call) {
  return call.node.attributes.String("mode", "nearest") == "nearest" ? ResizeNearest(call)
                                                                     : ResizeSmooth(call);
}

}  // namespace

void RegisterReferenceResize(RefRegistry& registry) { registry.Add("", "Resize", Resize); }

}  // namespace hadron::backend::reference
