#include <array>

#include "ops/tables.h"

namespace hadron::ops_test {

std::vector<OpCase> ConstantOfShapeCases() {
  const std::array<std::int64_t, 2> ints = {7, 8};
  const std::array<float, 1> half = {0.5F};
  const auto seven = graph::Constant::FromInts("v", std::span(ints).first(1), {1});
  const auto two = graph::Constant::FromInts("v", ints, {2});
  return {
      {"ConstantOfShape", "zeros", {}, {Ints({2, 2})}, {F32({2, 2}, {0, 0, 0, 0})}},
      {"ConstantOfShape",
       "value",
       {{"value", graph::Constant::FromFloats("v", half, {1})}},
       {Ints({3})},
       {F32({3}, {0.5, 0.5, 0.5})}},
      {"ConstantOfShape", "integers", {{"value", seven}}, {Ints({2})}, {I64({2}, {7, 7})}},
      {"ConstantOfShape", "scalar", {{"value", seven}}, {Ints({})}, {I64({}, {7})}},
      {"ConstantOfShape", "nothing", {}, {Ints({0, 3})}, {F32({0, 3}, {})}},
      {"ConstantOfShape", "two values", {{"value", two}}, {Ints({2})}, {}, "must have one element"},
      {"ConstantOfShape", "negative", {}, {Ints({-1})}, {}, "is no shape"},
      {"ConstantOfShape", "terabytes", {}, {Ints({1e9, 1e9})}, {}, "too large"},
      {"ConstantOfShape", "shape from data", {}, {I64({1}, {2})}, {}, "depends on the data"},
  };
}

}  // namespace hadron::ops_test
