#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

std::vector<OpCase> MatMuls() {
  const TestTensor a = F32({2, 3}, {1, 2, 3, 4, 5, 6});
  const TestTensor b = F32({3, 2}, {1, 0, 0, 1, 1, 1});
  return {
      {"MatMul", "2-D", {}, {a, b}, {F32({2, 2}, {4, 5, 10, 11})}},
      {"MatMul",
       "vectors give a scalar",
       {},
       {F32({3}, {1, 2, 3}), F32({3}, {4, 5, 6})},
       {F32({}, {32})}},
      {"MatMul", "row vector", {}, {F32({3}, {1, 2, 3}), b}, {F32({2}, {4, 5})}},
      {"MatMul", "column vector", {}, {a, F32({3}, {1, 0, -1})}, {F32({2}, {-2, -2})}},
      {"MatMul",
       "batches broadcast",
       {},
       {F32({2, 1, 1, 2}, {1, 2, 3, 4}), F32({3, 2, 1}, {1, 1, 2, 0, 0, 2})},
       {F32({2, 3, 1, 1}, {3, 2, 4, 7, 6, 8})}},
      {"MatMul",
       "inner dimension 0 gives zeros",
       {},
       {F32({2, 0}, {}), F32({0, 2}, {})},
       {F32({2, 2}, {0, 0, 0, 0})}},
      {"MatMul", "no rows", {}, {F32({0, 3}, {}), b}, {F32({0, 2}, {})}},
      {"MatMul",
       "integers wrap",
       {},
       {I32({1, 2}, {2147483647, 1}), I32({2, 1}, {2, 3})},
       {I32({1, 1}, {1})}},
      {"MatMul", "inner dimensions differ", {}, {a, a}, {}, "rows of input 1: 2 given"},
      {"MatMul", "scalar", {}, {F32({}, {1}), b}, {}, "rank 0"},
      {"MatMul",
       "batches do not broadcast",
       {},
       {Ramp({2, 1, 1}), Ramp({3, 1, 1})},
       {},
       "cannot be broadcast"},
      {"MatMul", "types differ", {}, {a, I32({3, 1}, {1, 1, 1})}, {}, "different types"},
  };
}

std::vector<OpCase> Gemms() {
  const TestTensor a = F32({2, 3}, {1, 2, 3, 4, 5, 6});
  const TestTensor b = F32({3, 2}, {1, 0, 0, 1, 1, 1});
  return {
      {"Gemm", "plain", {}, {a, b}, {F32({2, 2}, {4, 5, 10, 11})}},
      {"Gemm",
       "alpha, beta and a row",
       {{"alpha", 2.0F}, {"beta", 0.5F}},
       {a, b, F32({2}, {10, 20})},
       {F32({2, 2}, {13, 20, 25, 32})}},
      {"Gemm",
       "column of biases",
       {},
       {a, b, F32({2, 1}, {100, 200})},
       {F32({2, 2}, {104, 105, 210, 211})}},
      {"Gemm", "scalar bias", {}, {a, b, F32({}, {1})}, {F32({2, 2}, {5, 6, 11, 12})}},
      {"Gemm",
       "both transposed",
       {{"transA", std::int64_t{1}}, {"transB", std::int64_t{1}}},
       {F32({3, 2}, {1, 4, 2, 5, 3, 6}), F32({2, 3}, {1, 0, 1, 0, 1, 1})},
       {F32({2, 2}, {4, 5, 10, 11})}},
      {"Gemm",
       "beta 0 keeps a NaN of C",
       {{"beta", 0.0F}},
       {F32({1, 1}, {2}), F32({1, 1}, {3}), F32({1}, {NAN})},
       {F32({1, 1}, {NAN})}},
      {"Gemm", "no rows", {}, {F32({0, 3}, {}), b, F32({2}, {1, 2})}, {F32({0, 2}, {})}},
      {"Gemm", "rank 3", {}, {Ramp({1, 2, 3}), b}, {}, "rank 3"},
      {"Gemm",
       "dimensions differ",
       {{"transB", std::int64_t{1}}},
       {a, b},
       {},
       "the reduced dimension of input 1: 2 given, 3 expected"},
      {"Gemm",
       "bias does not fit",
       {},
       {a, b, F32({3}, {1, 2, 3})},
       {},
       "a dimension of input 2: 3 given, 2 expected"},
  };
}

}  // namespace

std::vector<OpCase> GemmCases() {
  std::vector<OpCase> cases = MatMuls();
  for (OpCase& c : Gemms()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace hadron::ops_test
