#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;
using tensor::DataType;
using tensor::Shape;

/// A matrix product: row-major operands, strides so that either may be transposed.
struct Product {
  std::size_t m, n, k;
  std::size_t a_row, a_column, b_row, b_column;
};

template <typename T>
void Multiply(const Product& p, const T* a, const T* b, T* y) {
  for (std::size_t i = 0; i < p.m; ++i) {
    for (std::size_t k = 0; k < p.k; ++k) {
      const T left = a[i * p.a_row + k * p.a_column];
      const T* right = b + k * p.b_row;
      for (std::size_t j = 0; j < p.n; ++j) y[i * p.n + j] += left * right[j * p.b_column];
    }
  }
}

Shape Batch(const Shape& matrix) {
  return Shape(std::vector<std::int64_t>(matrix.begin(), matrix.end() - 2));
}

/// The shapes as stacks of matrices, and the broadcast of the stacks.
struct Stacks {
  explicit Stacks(const RefCall& call) : a(call.in(0).shape), b(call.in(1).shape) {
    std::vector<std::int64_t> batch = call.out().shape.vector();
    if (a.rank() == 1) {
      a = a.WithFirst(1);
    } else {
      batch.pop_back();
    }
    if (b.rank() == 1) {
      b = Shape({b[0], 1});
    } else {
      batch.pop_back();
    }
    y = Shape(std::move(batch));
  }
  Shape a, b, y;
};

template <typename T>
void MultiplyStacks(const Stacks& s, const T* a, const T* b, T* y) {
  const auto m = static_cast<std::size_t>(s.a[s.a.rank() - 2]);
  const auto k = static_cast<std::size_t>(s.a[s.a.rank() - 1]);
  const auto n = static_cast<std::size_t>(s.b[s.b.rank() - 1]);
  const BroadcastIndex ia(Batch(s.a), s.y);
  const BroadcastIndex ib(Batch(s.b), s.y);
  const Product product{m, n, k, k, 1, n, 1};
  for (std::size_t i = 0; i < static_cast<std::size_t>(s.y.elements()); ++i) {
    Multiply(product, a + ia(i) * m * k, b + ib(i) * k * n, y + i * m * n);
  }
}

/// Integers as uint64: addition and multiplication wrap and truncate to the same low bits.
std::vector<std::uint64_t> ToWords(const RefTensor& tensor) {
  std::vector<std::uint64_t> out;
  DispatchNumeric(tensor.type, [&](auto zero) {
    for (const auto v : tensor.as<decltype(zero)>()) out.push_back(static_cast<std::uint64_t>(v));
  });
  return out;
}

Status MatMul(const RefCall& call) {
  const Stacks stacks(call);
  RefTensor& y = call.out();
  const auto count = static_cast<std::size_t>(y.elements());
  if (tensor::IsFloating(y.type)) {
    std::vector<double> sums(count);
    MultiplyStacks(stacks, ToDoubles(call.in(0)).data(), ToDoubles(call.in(1)).data(), sums.data());
    FromDoubles(sums, y);
    return {};
  }
  std::vector<std::uint64_t> sums(count);
  MultiplyStacks(stacks, ToWords(call.in(0)).data(), ToWords(call.in(1)).data(), sums.data());
  DispatchNumeric(y.type, [&](auto zero) {
    using T = decltype(zero);
    const auto out = y.as<T>();
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<T>(sums[i]);
  });
  return {};
}

Status Gemm(const RefCall& call) {
  const auto& attributes = call.node.attributes;
  const bool trans_a = attributes.Int("transA", 0) != 0;
  const bool trans_b = attributes.Int("transB", 0) != 0;
  const auto alpha = static_cast<double>(attributes.Float("alpha", 1));
  const auto beta = static_cast<double>(attributes.Float("beta", 1));
  RefTensor& y = call.out();
  const auto m = static_cast<std::size_t>(y.shape[0]);
  const auto n = static_cast<std::size_t>(y.shape[1]);
  const auto k = static_cast<std::size_t>(call.in(0).shape[trans_a ? 0 : 1]);
  const Product product{
      m, n, k, trans_a ? 1 : k, trans_a ? m : 1, trans_b ? 1 : n, trans_b ? k : 1};
  std::vector<double> sums(m * n);
  Multiply(product, ToDoubles(call.in(0)).data(), ToDoubles(call.in(1)).data(), sums.data());
  for (double& v : sums) v *= alpha;
  if (call.has(2)) {
    const BroadcastIndex index(call.in(2).shape, y.shape);
    const std::vector<double> bias = ToDoubles(call.in(2));
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += beta * bias[index(i)];
  }
  FromDoubles(sums, y);
  return {};
}

}  // namespace

void RegisterReferenceGemm(RefRegistry& registry) {
  registry.Add("", "MatMul", MatMul);
  registry.Add("", "Gemm", Gemm);
}

}  // namespace hadron::backend::reference
