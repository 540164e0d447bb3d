#include <algorithm>
#include <cmath>
#include <numeric>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

/// The rows of a tensor along one axis: row `i` starts at Start(i), its elements are `stride`
/// apart.
struct Rows {
  Rows(const tensor::Shape& shape, std::size_t axis)
      : size(static_cast<std::size_t>(shape[axis])),
        stride(static_cast<std::size_t>(shape.Strides()[axis])) {
    for (std::size_t i = 0; i < shape.rank(); ++i) {
      if (i != axis) count *= static_cast<std::size_t>(shape[i]);
    }
  }
  std::size_t Start(std::size_t i) const { return i / stride * stride * size + i % stride; }

  std::size_t size;
  std::size_t stride;
  std::size_t count = 1;
};

/// Equal values keep their order; NaN is the largest of all.
Status TopK(const RefCall& call) {
  const RefTensor& x = call.in(0);
  const std::size_t axis = AxisIndex(call.node.attributes.Int("axis", -1), x.shape);
  const bool largest = call.node.attributes.Int("largest", 1) != 0;
  const Rows rows(x.shape, axis);
  const auto k = static_cast<std::size_t>(ToInts(call.in(1))[0]);
  if (k == 0) return {};
  const auto before = [largest](auto a, auto b) {
    const bool nan_a = a != a;
    const bool nan_b = b != b;
    if (nan_a || nan_b) return largest ? nan_a && !nan_b : nan_b && !nan_a;
    return largest ? a > b : a < b;
  };
  const auto run = [&](const auto& values) {
    std::vector<std::size_t> order(rows.size);
    for (std::size_t row = 0; row < rows.count; ++row) {
      const std::size_t start = rows.Start(row);
      std::iota(order.begin(), order.end(), 0);
      std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
        return before(values[start + a * rows.stride], values[start + b * rows.stride]);
      });
      const std::size_t to = row / rows.stride * rows.stride * k + row % rows.stride;
      for (std::size_t i = 0; i < k; ++i) {
        const std::size_t at = to + i * rows.stride;
        if (call.node.HasOutput(0)) {
          CopyElement(x, start + order[i] * rows.stride, call.out(), at);
        }
        if (call.node.HasOutput(1)) {
          call.out(1).as<std::int64_t>()[at] = static_cast<std::int64_t>(order[i]);
        }
      }
    }
  };
  const bool numeric = DispatchNumeric(x.type, [&](auto zero) { run(x.as<decltype(zero)>()); });
  if (!numeric) run(ToDoubles(x));
  return {};
}

/// Adds up along the rows; T is double for floats, uint64 (wrapping) for integers.
template <typename T>
void Accumulate(const RefCall& call, const Rows& rows, std::vector<T>& values) {
  const bool exclusive = call.node.attributes.Int("exclusive", 0) != 0;
  const bool reverse = call.node.attributes.Int("reverse", 0) != 0;
  for (std::size_t row = 0; row < rows.count; ++row) {
    T sum{0};
    for (std::size_t i = 0; i < rows.size; ++i) {
      T& v = values[rows.Start(row) + (reverse ? rows.size - 1 - i : i) * rows.stride];
      const T next = sum + v;
      v = exclusive ? sum : next;
      sum = next;
    }
  }
}

Status CumSum(const RefCall& call) {
  const RefTensor& x = call.in(0);
  RefTensor& y = call.out();
  const Rows rows(x.shape, AxisIndex(ToInts(call.in(1))[0], x.shape));
  if (tensor::IsFloating(x.type)) {
    std::vector<double> values = ToDoubles(x);
    Accumulate(call, rows, values);
    FromDoubles(values, y);
    return {};
  }
  DispatchNumeric(x.type, [&](auto zero) {
    using T = decltype(zero);
    const auto in = x.as<T>();
    std::vector<std::uint64_t> values(in.size());
    std::ranges::transform(in, values.begin(), [](T v) { return static_cast<std::uint64_t>(v); });
    Accumulate(call, rows, values);
    std::ranges::transform(values, y.as<T>().begin(),
                           [](std::uint64_t v) { return static_cast<T>(v); });
  });
  return {};
}

}  // namespace

void RegisterReferenceTopK(RefRegistry& registry) {
  registry.Add("", "TopK", TopK);
  registry.Add("", "CumSum", CumSum);
}

}  // namespace hadron::backend::reference
