#include <cmath>
#include <limits>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

/// Rows to normalise: `count` elements, `stride` apart.
struct Rows {
  std::size_t count = 1;
  std::size_t stride = 1;
};

Rows RowsOf(const RefCall& call) {
  const tensor::Shape& shape = call.in(0).shape;
  Rows rows;
  if (shape.rank() == 0) return rows;
  const auto& attributes = call.node.attributes;
  const std::int64_t axis = attributes.Int("axis", -1);
  const auto first =
      static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.rank()) : axis);
  const bool flatten = attributes.Int("hadron_flatten", 0) != 0;
  for (std::size_t i = first; i < shape.rank(); ++i) {
    std::size_t& factor = flatten || i == first ? rows.count : rows.stride;
    factor *= static_cast<std::size_t>(shape[i]);
  }
  return rows;
}

void NormaliseRow(double* row, const Rows& rows, bool logarithm) {
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < rows.count; ++i) most = std::fmax(most, row[i * rows.stride]);
  double sum = 0;
  for (std::size_t i = 0; i < rows.count; ++i) sum += std::exp(row[i * rows.stride] - most);
  for (std::size_t i = 0; i < rows.count; ++i) {
    double& v = row[i * rows.stride];
    v = logarithm ? v - most - std::log(sum) : std::exp(v - most) / sum;
  }
}

template <bool kLogarithm>
Status Softmax(const RefCall& call) {
  std::vector<double> x = ToDoubles(call.in(0));
  const Rows rows = RowsOf(call);
  const std::size_t block = rows.count * rows.stride;
  for (std::size_t start = 0; start < x.size(); start += block) {
    for (std::size_t i = 0; i < rows.stride; ++i) {
      NormaliseRow(x.data() + start + i, rows, kLogarithm);
    }
  }
  FromDoubles(x, call.out());
  return {};
}

}  // namespace

void RegisterReferenceSoftmax(RefRegistry& registry) {
  registry.Add("", "Softmax", Softmax<false>);
  registry.Add("", "LogSoftmax", Softmax<true>);
}

}  // namespace hadron::backend::reference
