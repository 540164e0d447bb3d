#include <algorithm>
#include <cmath>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

struct Moments {
  double mean = 0;
  double variance = 0;
};

Moments MomentsOf(std::span<const double> values) {
  Moments m;
  for (const double v : values) m.mean += v;
  m.mean /= static_cast<double>(values.size());
  for (const double v : values) m.variance += (v - m.mean) * (v - m.mean);
  m.variance /= static_cast<double>(values.size());
  return m;
}

double Epsilon(const RefCall& call) {
  return static_cast<double>(call.node.attributes.Float("epsilon", 1e-5F));
}

/// Elements of one channel of one row: the product of the dimensions from axis 2 on.
std::size_t PlaneSize(const tensor::Shape& shape) {
  std::size_t plane = 1;
  for (std::size_t axis = 2; axis < shape.rank(); ++axis) {
    plane *= static_cast<std::size_t>(shape[axis]);
  }
  return plane;
}

Status BatchNormalization(const RefCall& call) {
  std::vector<double> x = ToDoubles(call.in(0));
  const std::vector<double> scale = ToDoubles(call.in(1));
  const std::vector<double> bias = ToDoubles(call.in(2));
  const std::vector<double> mean = ToDoubles(call.in(3));
  const std::vector<double> variance = ToDoubles(call.in(4));
  const std::size_t plane = PlaneSize(call.in(0).shape);
  const double epsilon = Epsilon(call);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i / plane % scale.size();
    x[i] = (x[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * scale[c] + bias[c];
  }
  FromDoubles(x, call.out());
  return {};
}

Status InstanceNormalization(const RefCall& call) {
  std::vector<double> x = ToDoubles(call.in(0));
  const std::vector<double> scale = ToDoubles(call.in(1));
  const std::vector<double> bias = ToDoubles(call.in(2));
  const std::size_t plane = PlaneSize(call.in(0).shape);
  const double epsilon = Epsilon(call);
  for (std::size_t i = 0; i < x.size(); i += plane) {
    const std::size_t c = i / plane % scale.size();
    const auto row = std::span(x).subspan(i, plane);
    const Moments m = MomentsOf(row);
    for (double& v : row) {
      v = (v - m.mean) / std::sqrt(m.variance + epsilon) * scale[c] + bias[c];
    }
  }
  FromDoubles(x, call.out());
  return {};
}

Status LayerNormalization(const RefCall& call) {
  const tensor::Shape& shape = call.in(0).shape;
  const std::int64_t axis = call.node.attributes.Int("axis", -1);
  const auto rank = static_cast<std::int64_t>(shape.rank());
  std::size_t row_size = 1;
  for (auto i = static_cast<std::size_t>(axis < 0 ? axis + rank : axis); i < shape.rank(); ++i) {
    row_size *= static_cast<std::size_t>(shape[i]);
  }
  std::vector<double> x = ToDoubles(call.in(0));
  const double epsilon = Epsilon(call);
  std::vector<double> means;
  std::vector<double> inverses;
  for (std::size_t i = 0; i < x.size(); i += row_size) {
    const auto row = std::span(x).subspan(i, row_size);
    const Moments m = MomentsOf(row);
    means.push_back(m.mean);
    inverses.push_back(1 / std::sqrt(m.variance + epsilon));
    for (double& v : row) v = (v - m.mean) * inverses.back();
  }
  const std::vector<double> scale = ToDoubles(call.in(1));
  const BroadcastIndex scale_index(call.in(1).shape, shape);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= scale[scale_index(i)];
  if (call.has(2)) {
    const std::vector<double> bias = ToDoubles(call.in(2));
    const BroadcastIndex bias_index(call.in(2).shape, shape);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += bias[bias_index(i)];
  }
  FromDoubles(x, call.out());
  if (call.node.HasOutput(1)) FromDoubles(means, call.out(1));
  if (call.node.HasOutput(2)) FromDoubles(inverses, call.out(2));
  return {};
}

Status Lrn(const RefCall& call) {
  const auto& attributes = call.node.attributes;
  const std::int64_t size = attributes.Int("size", 1);
  const double alpha = static_cast<double>(attributes.Float("alpha", 1e-4F));
  const double beta = static_cast<double>(attributes.Float("beta", 0.75F));
  const double bias = static_cast<double>(attributes.Float("bias", 1));
  const std::vector<double> x = ToDoubles(call.in(0));
  const auto plane = static_cast<std::int64_t>(PlaneSize(call.in(0).shape));
  const std::int64_t channels = call.in(0).shape[1];
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t c = at / plane % channels;
    const std::int64_t first = std::max<std::int64_t>(0, c - (size - 1) / 2);
    const std::int64_t last = std::min(channels - 1, c + size / 2);
    double squares = 0;
    for (std::int64_t k = first; k <= last; ++k) {
      const double v = x[static_cast<std::size_t>(at + (k - c) * plane)];
      squares += v * v;
    }
    y[i] = x[i] / std::pow(bias + alpha / static_cast<double>(size) * squares, beta);
  }
  FromDoubles(y, call.out());
  return {};
}

}  // namespace

void RegisterReferenceNorm(RefRegistry& registry) {
  registry.Add("", "BatchNormalization", BatchNormalization);
  registry.Add("", "InstanceNormalization", InstanceNormalization);
  registry.Add("", "LayerNormalization", LayerNormalization);
  registry.Add("", "LRN", Lrn);
}

}  // namespace hadron::backend::reference
