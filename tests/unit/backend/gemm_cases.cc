#include "unit/backend/gemm_cases.h"

#include <utility>

namespace hadron::backend {

using tensor::DataType;
using tensor::Shape;

NodeCase Gemm(std::mt19937& random, std::int64_t m, std::int64_t n, std::int64_t k, bool trans_b) {
  NodeCase c = Case("Gemm");
  if (trans_b) c.node.attributes.Set("transB", std::int64_t{1});
  // A few sums may cancel to almost nothing, which says nothing of the kernel: no signs then.
  const float low = m * n < 10 ? 0.25F : -1.0F;
  c.AddInput(RandomTensor(random, {m, k}, low));
  c.AddInput(RandomTensor(random, trans_b ? Shape{n, k} : Shape{k, n}, low), true);
  c.outputs = {{"y", DataType::kFp32, {m, n}}};
  return c;
}

NodeCase MatMul(std::mt19937& random, Shape a, Shape b, Shape y, bool constant, float low) {
  NodeCase c = Case("MatMul");
  c.AddInput(RandomTensor(random, std::move(a), low));
  c.AddInput(RandomTensor(random, std::move(b), low), constant);
  c.outputs = {{"y", DataType::kFp32, std::move(y)}};
  return c;
}

}  // namespace hadron::backend
