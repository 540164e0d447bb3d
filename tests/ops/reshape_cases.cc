#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

constexpr std::int64_t kOne = 1;

OpCase Reshape(std::string name, std::vector<double> shape, TestTensor x, TestTensor y) {
  return {"Reshape", std::move(name), {}, {std::move(x), Ints(std::move(shape))}, {std::move(y)}};
}

OpCase Refused(std::string name, std::vector<double> shape, std::string error) {
  return {"Reshape", std::move(name), {}, {Ramp({2, 3}), Ints(std::move(shape))},
          {},        std::move(error)};
}

std::vector<OpCase> Reshapes() {
  const TestTensor x = Ramp({2, 3});
  return {
      Reshape("plain", {3, 2}, x, Ramp({3, 2})),
      Reshape("-1 takes the rest", {-1, 2}, x, Ramp({3, 2})),
      Reshape("0 copies a dimension", {0, 1, -1}, x, Ramp({2, 1, 3})),
      Reshape("empty shape gives a scalar", {}, Ramp({1, 1}, 7), Ramp({}, 7)),
      Reshape("scalar to vector", {1}, Ramp({}, 7), Ramp({1}, 7)),
      Reshape("strings", {2, 1}, Text({2}, {"a", "b"}), Text({2, 1}, {"a", "b"})),
      Reshape("no elements", {0, 3}, F32({0, 5}, {}), F32({0, 3}, {})),
      Refused("element counts differ", {4, 2}, "6 elements cannot become [4,2] with 8"),
      Refused("-1 with a remainder", {4, -1}, "6 elements cannot be split into parts of 4"),
      Refused("-1 twice", {-1, -1}, "is no shape"),
      Refused("negative", {-2, 3}, "is no shape"),
      Refused("0 beyond the rank", {2, 3, 0}, "dimension 2 is copied"),
      Refused("product overflows", {4e18, 4e18}, "overflows"),
      Refused("-1 with a dimension of zero elements", {0, 3, -1, 5}, "cannot be split"),
      {"Reshape",
       "allowzero",
       {{"allowzero", kOne}},
       {F32({0, 5}, {}), Ints({5, 0})},
       {F32({5, 0}, {})}},
      {"Reshape",
       "allowzero with -1",
       {{"allowzero", kOne}},
       {F32({0, 5}, {}), Ints({0, -1})},
       {},
       "0 elements cannot be split into parts of 0"},
      {"Reshape", "shape from data", {}, {x, I64({2}, {3, 2})}, {}, "depends on the data"},
      {"Flatten", "default axis", {}, {Ramp({2, 3, 2})}, {Ramp({2, 6})}},
      {"Flatten", "axis 0", {{"axis", std::int64_t{0}}}, {Ramp({2, 3})}, {Ramp({1, 6})}},
      {"Flatten", "axis = rank", {{"axis", std::int64_t{2}}}, {Ramp({2, 3})}, {Ramp({6, 1})}},
      {"Flatten", "negative axis", {{"axis", std::int64_t{-1}}}, {Ramp({2, 3, 2})}, {Ramp({6, 2})}},
      {"Flatten", "scalar", {}, {Ramp({}, 5)}, {Ramp({1, 1}, 5)}},
      {"Flatten",
       "axis out of range",
       {{"axis", std::int64_t{3}}},
       {Ramp({2, 3})},
       {},
       "axis 3 is out of range [-2, 2]"},
  };
}

}  // namespace

std::vector<OpCase> ReshapeCases() {
  std::vector<OpCase> cases = {
      {"Squeeze", "axes", {}, {Ramp({1, 3, 1, 1}), Ints({0, -1})}, {Ramp({3, 1})}},
      {"Squeeze", "all", {}, {Ramp({1, 3, 1})}, {Ramp({3})}},
      {"Squeeze", "opset 11", {{"axes", IntList{0}}}, {Ramp({1, 3})}, {Ramp({3})}, "", 11},
      {"Squeeze",
       "dimension that is not 1",
       {},
       {Ramp({2, 3}), Ints({0})},
       {},
       "squeezed dimension: 2 given, 1 expected"},
      {"Squeeze", "axis twice", {}, {Ramp({1, 1}), Ints({0, -2})}, {}, "axis -2 is given twice"},
      {"Squeeze", "axis out of range", {}, {Ramp({1, 1}), Ints({2})}, {}, "axis 2 is out of"},
      {"Unsqueeze",
       "unsorted and negative axes",
       {},
       {Ramp({3}), Ints({-1, 0})},
       {Ramp({1, 3, 1})}},
      {"Unsqueeze", "scalar", {}, {Ramp({}, 4), Ints({0})}, {Ramp({1}, 4)}},
      {"Unsqueeze", "opset 7", {{"axes", IntList{1}}}, {Ramp({3})}, {Ramp({3, 1})}, "", 7},
      {"Unsqueeze", "axis twice", {}, {Ramp({3}), Ints({0, 0})}, {}, "axis 0 is given twice"},
      {"Unsqueeze", "axes missing", {}, {Ramp({3})}, {}, "required input 1 ('axes')"},
      {"Shape", "whole", {}, {Ramp({2, 0, 3})}, {I64({3}, {2, 0, 3})}},
      {"Shape", "scalar", {}, {Ramp({})}, {I64({0}, {})}},
      {"Shape",
       "start and end",
       {{"start", std::int64_t{-2}}, {"end", std::int64_t{-1}}},
       {Ramp({2, 3, 4})},
       {I64({1}, {3})}},
      {"Shape",
       "start after end",
       {{"start", std::int64_t{2}}, {"end", kOne}},
       {Ramp({2, 3, 4})},
       {I64({0}, {})}},
      {"Shape",
       "bounds are clamped",
       {{"start", std::int64_t{-9}}, {"end", std::int64_t{INT64_MAX}}},
       {Ramp({2, 3})},
       {I64({2}, {2, 3})}},
      {"Size", "strings", {}, {Text({2, 1}, {"a", "b"})}, {I64({}, {2})}},
      {"Size", "nothing", {}, {F32({4, 0}, {})}, {I64({}, {0})}},
      {"Expand",
       "bidirectional",
       {},
       {F32({2, 1}, {1, 2}), Ints({2, 1, 3})},
       {F32({2, 2, 3}, {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2})}},
      {"Expand",
       "1 keeps the larger dimension",
       {},
       {F32({2}, {1, 2}), Ints({1})},
       {F32({2}, {1, 2})}},
      {"Expand", "to nothing", {}, {F32({1}, {1}), Ints({0, 1})}, {F32({0, 1}, {})}},
      {"Expand", "does not fit", {}, {F32({2}, {1, 2}), Ints({3})}, {}, "cannot be broadcast"},
      {"Expand", "negative", {}, {F32({2}, {1, 2}), Ints({-1})}, {}, "is no shape"},
      {"Expand", "terabytes", {}, {F32({1}, {1}), Ints({4e9, 4e9})}, {}, "too large"},
  };
  for (OpCase& c : Reshapes()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace hadron::ops_test
