#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

std::vector<OpCase> Functions() {
  const TestTensor half = F32({2}, {0.5, -0.5});
  const auto of = [&half](const char* op, double (*f)(double)) {
    return OpCase{op, "two values", {}, {half}, {F32({2}, {f(0.5), f(-0.5)})}};
  };
  return {
      of("Sin", std::sin),
      of("Cos", std::cos),
      of("Tan", std::tan),
      of("Asin", std::asin),
      of("Acos", std::acos),
      of("Atan", std::atan),
      of("Sinh", std::sinh),
      of("Cosh", std::cosh),
      of("Asinh", std::asinh),
      of("Atanh", std::atanh),
      of("Tanh", std::tanh),
      of("Erf", std::erf),
      of("Exp", std::exp),
      {"Acosh", "below 1 is NaN", {}, {F32({2}, {1, 0.5})}, {F32({2}, {0, NAN})}},
      {"Abs",
       "the smallest integer wraps",
       {},
       {I32({2}, {-5, -2147483648.0})},
       {I32({2}, {5, -2147483648.0})}},
      {"Abs", "floats", {}, {F32({3}, {-1.5, NAN, -INFINITY})}, {F32({3}, {1.5, NAN, INFINITY})}},
      {"Sign", "of NaN is NaN", {}, {F32({4}, {-3, 0, 7, NAN})}, {F32({4}, {-1, 0, 1, NAN})}},
      {"Ceil", "negative", {}, {F32({2}, {-1.5, 1.2})}, {F32({2}, {-1, 2})}},
      {"Floor", "negative", {}, {F32({2}, {-1.5, 1.2})}, {F32({2}, {-2, 1})}},
      {"Round", "half to even", {}, {F32({4}, {0.5, 1.5, -2.5, 2.6})}, {F32({4}, {0, 2, -2, 3})}},
      {"Sqrt", "of a negative number", {}, {F32({2}, {4, -1})}, {F32({2}, {2, NAN})}},
      {"Log", "of zero", {}, {F32({2}, {1, 0})}, {F32({2}, {0, -INFINITY})}},
      {"Reciprocal", "of zero", {}, {F32({2}, {4, 0})}, {F32({2}, {0.25, INFINITY})}},
      {"Neg",
       "the smallest integer wraps",
       {},
       {I32({2}, {-2147483648.0, 3})},
       {I32({2}, {-2147483648.0, -3})}},
      {"Exp",
       "half precision",
       {},
       {Of(tensor::DataType::kFp16, {1}, {0})},
       {Of(tensor::DataType::kFp16, {1}, {1})}},
      {"Exp", "integers", {}, {I32({1}, {1})}, {}, "type INT32 of input 0"},
  };
}

std::vector<OpCase> Activations() {
  const double e = std::exp(-1.0);
  const TestTensor x = F32({3}, {-1, 0, 1});
  return {
      {"Identity", "strings", {}, {Text({2}, {"a", ""})}, {Text({2}, {"a", ""})}},
      {"Relu", "NaN stays", {}, {F32({3}, {-1, NAN, 2})}, {F32({3}, {0, NAN, 2})}},
      {"Relu", "integers", {}, {I32({2}, {-1, 5})}, {I32({2}, {0, 5})}},
      {"LeakyRelu", "alpha", {{"alpha", 0.5F}}, {F32({2}, {-2, 2})}, {F32({2}, {-1, 2})}},
      {"ThresholdedRelu",
       "at the threshold",
       {{"alpha", 1.0F}},
       {F32({3}, {0.5, 1, 1.5})},
       {F32({3}, {0, 0, 1.5})}},
      {"Sigmoid", "limits", {}, {F32({3}, {0, 1000, -1000})}, {F32({3}, {0.5, 1, 0})}},
      {"Softplus", "does not overflow", {}, {F32({2}, {0, 1000})}, {F32({2}, {std::log(2), 1000})}},
      {"Softsign", "both signs", {}, {F32({2}, {1, -3})}, {F32({2}, {0.5, -0.75})}},
      {"Elu", "alpha", {{"alpha", 2.0F}}, {x}, {F32({3}, {2 * (e - 1), 0, 1})}},
      {"Selu",
       "defaults",
       {},
       {F32({2}, {-1, 1})},
       {F32({2}, {1.0507009873554805 * 1.6732632423543772 * (e - 1), 1.0507009873554805})}},
      {"Celu", "alpha", {{"alpha", 2.0F}}, {F32({2}, {-2, 1})}, {F32({2}, {2 * (e - 1), 1})}},
      {"HardSigmoid", "defaults", {}, {F32({3}, {-5, 0, 1})}, {F32({3}, {0, 0.5, 0.7})}},
      {"HardSwish", "three ranges", {}, {F32({3}, {-4, 3, 1})}, {F32({3}, {0, 3, 2.0 / 3})}},
      {"Mish", "one", {}, {F32({1}, {1})}, {F32({1}, {std::tanh(std::log1p(std::exp(1)))})}},
      {"Swish", "alpha", {{"alpha", 0.5F}}, {F32({1}, {2})}, {F32({1}, {2 / (1 + e)})}},
      {"Gelu", "exact", {}, {F32({1}, {1})}, {F32({1}, {0.8413447460685429})}},
      {"Gelu", "tanh", {{"approximate", "tanh"}}, {F32({1}, {1})}, {F32({1}, {0.8411919906})}},
      {"Gelu",
       "unknown approximation",
       {{"approximate", "erf"}},
       {F32({1}, {1})},
       {},
       "'approximate' is 'erf'"},
      {"Shrink",
       "soft",
       {{"bias", 0.5F}, {"lambd", 1.0F}},
       {F32({4}, {-2, -1, 1, 2})},
       {F32({4}, {-1.5, 0, 0, 1.5})}},
      {"PRelu",
       "slope per channel",
       {},
       {F32({1, 2, 2}, {-1, 1, -1, 1}), F32({2, 1}, {2, 3})},
       {F32({1, 2, 2}, {-2, 1, -3, 1})}},
      {"PRelu",
       "slope larger than the input",
       {},
       {F32({2}, {1, 2}), F32({2, 2}, {1, 1, 1, 1})},
       {},
       "does not broadcast"},
  };
}

std::vector<OpCase> Arithmetic() {
  const auto fmod = [](std::int64_t v) {
    return std::pair<std::string, graph::AttributeValue>{"fmod", v};
  };
  return {
      {"Add",
       "broadcast both ways",
       {},
       {F32({2, 1}, {1, 2}), F32({3}, {10, 20, 30})},
       {F32({2, 3}, {11, 21, 31, 12, 22, 32})}},
      {"Add", "zero-size", {}, {F32({0, 1}, {}), F32({3}, {1, 2, 3})}, {F32({0, 3}, {})}},
      {"Add",
       "shapes differ",
       {},
       {F32({2}, {1, 2}), F32({3}, {1, 2, 3})},
       {},
       "cannot be broadcast"},
      {"Add", "types differ", {}, {F32({1}, {1}), I32({1}, {1})}, {}, "different types"},
      {"Sub", "uint8 wraps", {}, {U8({2}, {1, 5}), U8({2}, {2, 3})}, {U8({2}, {255, 2})}},
      {"Mul", "scalar", {}, {F32({2}, {1, 2}), F32({}, {3})}, {F32({2}, {3, 6})}},
      {"Div",
       "integers truncate, by zero gives zero",
       {},
       {I32({4}, {7, -7, 5, -2147483648.0}), I32({4}, {2, 2, 0, -1})},
       {I32({4}, {3, -3, 0, -2147483648.0})}},
      {"Div", "floats by zero", {}, {F32({2}, {1, 0}), F32({}, {0})}, {F32({2}, {INFINITY, NAN})}},
      {"Mod",
       "sign of the divisor",
       {},
       {I32({4}, {-4, 7, 4, 5}), I32({4}, {3, -3, 0, -1})},
       {I32({4}, {2, -2, 0, 0})}},
      {"Mod",
       "fmod",
       {fmod(1)},
       {F32({2}, {-4.5, 4.5}), F32({2}, {3, -3})},
       {F32({2}, {-1.5, 1.5})}},
      {"Mod", "fmod of integers", {fmod(1)}, {I32({1}, {-4}), I32({1}, {3})}, {I32({1}, {-1})}},
      {"Mod", "floats without fmod", {}, {F32({1}, {1}), F32({1}, {1})}, {}, "'fmod' = 1"},
      {"Pow", "exponent of another type", {}, {F32({2}, {2, 3}), I64({}, {2})}, {F32({2}, {4, 9})}},
      {"Pow",
       "integers with a negative exponent",
       {},
       {I32({2}, {2, 1}), I32({}, {-1})},
       {I32({2}, {0, 1})}},
  };
}

}  // namespace

std::vector<OpCase> ElementwiseCases() {
  std::vector<OpCase> cases = Functions();
  for (OpCase& c : Activations()) cases.push_back(std::move(c));
  for (OpCase& c : Arithmetic()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace hadron::ops_test
