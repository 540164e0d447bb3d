#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

OpCase Line(std::string name, std::string mode, std::vector<double> pads, TestTensor y) {
  return {"Pad",
          std::move(name),
          {{"mode", std::move(mode)}},
          {F32({3}, {1, 2, 3}), Ints(std::move(pads))},
          {std::move(y)}};
}

}  // namespace

std::vector<OpCase> PadCases() {
  const TestTensor x = F32({2, 2}, {1, 2, 3, 4});
  return {
      Line("zeros by default", "constant", {1, 2}, F32({6}, {0, 1, 2, 3, 0, 0})),
      Line("negative pads crop", "constant", {-1, 1}, F32({3}, {2, 3, 0})),
      Line("crop everything", "constant", {-1, -2}, F32({0}, {})),
      Line("reflect", "reflect", {2, 1}, F32({6}, {3, 2, 1, 2, 3, 2})),
      Line("reflect goes on beyond the length", "reflect", {5, 0},
           F32({8}, {2, 1, 2, 3, 2, 1, 2, 3})),
      Line("edge", "edge", {1, 2}, F32({6}, {1, 1, 2, 3, 3, 3})),
      Line("wrap", "wrap", {2, 1}, F32({6}, {2, 3, 1, 2, 3, 1})),
      Line("crop first, then reflect", "reflect", {-1, 1}, F32({3}, {2, 3, 2})),
      {"Pad",
       "value",
       {},
       {x, Ints({0, 1, 1, 0}), Const(F32({}, {9}))},
       {F32({3, 3}, {9, 1, 2, 9, 3, 4, 9, 9, 9})}},
      {"Pad", "axes", {}, {x, Ints({1, 0}), None(), Ints({-1})}, {F32({2, 3}, {0, 1, 2, 0, 3, 4})}},
      {"Pad",
       "integers",
       {},
       {I64({1}, {5}), Ints({1, 0}), Const(I64({}, {-7}))},
       {I64({2}, {-7, 5})}},
      {"Pad", "strings", {}, {Text({1}, {"a"}), Ints({1, 0})}, {Text({2}, {"", "a"})}},
      {"Pad",
       "reflect of one element",
       {{"mode", "reflect"}},
       {F32({1}, {5}), Ints({2, 1})},
       {F32({4}, {5, 5, 5, 5})}},
      {"Pad", "nothing becomes something", {}, {F32({0}, {}), Ints({1, 1})}, {F32({2}, {0, 0})}},
      {"Pad",
       "opset 10",
       {{"pads", IntList{0, 1}}, {"value", 2.5F}},
       {F32({1}, {1})},
       {F32({2}, {1, 2.5})},
       "",
       10},
      {"Pad",
       "cropped more than there is",
       {},
       {F32({3}, {1, 2, 3}), Ints({-2, -2})},
       {},
       "leave nothing of a dimension of 3"},
      {"Pad",
       "reflect of nothing",
       {{"mode", "reflect"}},
       {F32({0}, {}), Ints({1, 1})},
       {},
       "leave nothing"},
      {"Pad", "huge", {}, {F32({1}, {1}), Ints({9e18, 9e18})}, {}, "are not allowed"},
      {"Pad", "terabytes", {}, {F32({1, 1}, {1}), Ints({2e9, 2e9, 2e9, 2e9})}, {}, "too large"},
      {"Pad", "wrong number of pads", {}, {x, Ints({1, 1})}, {}, "2 pads are given for 2 axes"},
      {"Pad", "unknown mode", {{"mode", "mirror"}}, {x, Ints({0, 0, 0, 0})}, {}, "'mirror'"},
      {"Pad", "pads missing", {}, {x}, {}, "required input 1 ('pads')"},
      {"Pad",
       "value of another type",
       {},
       {x, Ints({0, 0, 0, 0}), Const(I64({}, {1}))},
       {},
       "different types"},
  };
}

}  // namespace hadron::ops_test
