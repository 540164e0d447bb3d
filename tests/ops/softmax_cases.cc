#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

// Softmax of 0 and 1.
const double kHigh = 1 / (1 + std::exp(-1.0));
const double kLow = 1 - kHigh;

std::vector<OpCase> Softmaxes() {
  return {
      {"Softmax",
       "last axis",
       {},
       {F32({2, 2}, {0, 1, 5, 5})},
       {F32({2, 2}, {kLow, kHigh, 0.5, 0.5})}},
      {"Softmax",
       "inner axis",
       {{"axis", std::int64_t{0}}},
       {F32({2, 2}, {0, 5, 1, 5})},
       {F32({2, 2}, {kLow, 0.5, kHigh, 0.5})}},
      {"Softmax",
       "large numbers do not overflow",
       {},
       {F32({2}, {1000, 1001})},
       {F32({2}, {kLow, kHigh})}},
      {"Softmax",
       "only -inf gives NaN",
       {},
       {F32({2}, {-INFINITY, -INFINITY})},
       {F32({2}, {NAN, NAN})}},
      {"Softmax", "-inf has probability 0", {}, {F32({2}, {0, -INFINITY})}, {F32({2}, {1, 0})}},
      {"Softmax", "one element", {}, {F32({3, 1}, {1, 2, 3})}, {F32({3, 1}, {1, 1, 1})}},
      {"Softmax", "no elements", {}, {F32({2, 0}, {})}, {F32({2, 0}, {})}},
      {"Softmax",
       "before opset 13 everything from axis 1 on is one row",
       {},
       {F32({1, 2, 2}, {0, 0, 0, 0})},
       {F32({1, 2, 2}, {0.25, 0.25, 0.25, 0.25})},
       "",
       11},
      {"Softmax",
       "opset 11, axis 2 of 3",
       {{"axis", std::int64_t{2}}},
       {F32({1, 2, 2}, {0, 0, 0, 0})},
       {F32({1, 2, 2}, {0.5, 0.5, 0.5, 0.5})},
       "",
       11},
      {"Softmax",
       "opset 11, negative axis",
       {{"axis", std::int64_t{-2}}},
       {F32({1, 2, 2}, {0, 0, 0, 0})},
       {F32({1, 2, 2}, {0.25, 0.25, 0.25, 0.25})},
       "",
       11},
      {"Softmax",
       "axis out of range",
       {{"axis", std::int64_t{2}}},
       {F32({1, 2}, {0, 0})},
       {},
       "axis 2 is out of range"},
      {"Softmax", "integers", {}, {I32({1}, {1})}, {}, "type INT32"},
  };
}

std::vector<OpCase> LogSoftmaxes() {
  return {
      {"LogSoftmax",
       "last axis",
       {},
       {F32({1, 2}, {0, 1})},
       {F32({1, 2}, {std::log(kLow), std::log(kHigh)})}},
      {"LogSoftmax", "far from the maximum", {}, {F32({2}, {0, 1000})}, {F32({2}, {-1000, 0})}},
      {"LogSoftmax",
       "opset 7",
       {},
       {F32({1, 2, 1}, {0, 0})},
       {F32({1, 2, 1}, {-std::log(2), -std::log(2)})},
       "",
       7},
  };
}

}  // namespace

std::vector<OpCase> SoftmaxCases() {
  std::vector<OpCase> cases = Softmaxes();
  for (OpCase& c : LogSoftmaxes()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace hadron::ops_test
