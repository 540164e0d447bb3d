#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

std::vector<OpCase> Concats() {
  const std::pair<std::string, graph::AttributeValue> axis1 = {"axis", std::int64_t{1}};
  const std::pair<std::string, graph::AttributeValue> axis0 = {"axis", std::int64_t{0}};
  return {
      {"Concat",
       "axis 1",
       {axis1},
       {F32({2, 1}, {1, 2}), F32({2, 2}, {3, 4, 5, 6})},
       {F32({2, 3}, {1, 3, 4, 2, 5, 6})}},
      {"Concat",
       "negative axis",
       {{"axis", std::int64_t{-2}}},
       {F32({1, 2}, {1, 2}), F32({1, 2}, {3, 4})},
       {F32({2, 2}, {1, 2, 3, 4})}},
      {"Concat",
       "an input of no elements",
       {axis0},
       {F32({0, 2}, {}), F32({1, 2}, {3, 4})},
       {F32({1, 2}, {3, 4})}},
      {"Concat", "one input", {axis0}, {F32({1}, {3})}, {F32({1}, {3})}},
      {"Concat",
       "strings",
       {axis0},
       {Text({1}, {"a"}), Text({2}, {"b", "c"})},
       {Text({3}, {"a", "b", "c"})}},
      {"Concat",
       "shapes differ",
       {axis1},
       {Ramp({2, 1}), Ramp({3, 1})},
       {},
       "dimension 0 of input 1: 3 given, 2 expected"},
      {"Concat", "ranks differ", {axis1}, {Ramp({2, 1}), Ramp({2})}, {}, "rank 1"},
      {"Concat", "types differ", {axis0}, {Ramp({2}), I64({1}, {1})}, {}, "different types"},
      {"Concat", "scalars", {axis0}, {Ramp({}), Ramp({})}, {}, "rank 0"},
      {"Concat",
       "axis out of range",
       {{"axis", std::int64_t{2}}},
       {Ramp({2, 1})},
       {},
       "axis 2 is out of range"},
  };
}

std::vector<OpCase> Splits() {
  const std::pair<std::string, graph::AttributeValue> axis1 = {"axis", std::int64_t{1}};
  const std::pair<std::string, graph::AttributeValue> axis0 = {"axis", std::int64_t{0}};
  return {
      {"Split",
       "sizes",
       {axis1},
       {Ramp({2, 3}), Ints({1, 2})},
       {F32({2, 1}, {0, 3}), F32({2, 2}, {1, 2, 4, 5})}},
      {"Split", "a size of 0", {axis0}, {Ramp({2}), Ints({0, 2})}, {F32({0}, {}), Ramp({2})}},
      {"Split",
       "num_outputs with a smaller last part",
       {{"num_outputs", std::int64_t{2}}},
       {Ramp({3})},
       {Ramp({2}), Ramp({1}, 2)}},
      {"Split",
       "output left out",
       {axis0},
       {Ramp({3}), Ints({1, 1, 1})},
       {Ramp({1}), None(), Ramp({1}, 2)}},
      {"Split", "equal parts before opset 18", {}, {Ramp({4})}, {Ramp({2}), Ramp({2}, 2)}, "", 13},
      {"Split",
       "attribute before opset 13",
       {{"split", IntList{1, 3}}},
       {Ramp({4})},
       {Ramp({1}), Ramp({3}, 1)},
       "",
       7},
      {"Split",
       "strings",
       {axis0},
       {Text({2}, {"a", "b"}), Ints({1, 1})},
       {Text({1}, {"a"}), Text({1}, {"b"})}},
      {"Split",
       "sizes that do not add up",
       {axis0},
       {Ramp({3}), Ints({1, 1})},
       {Ramp({1}), Ramp({1})},
       "the sum of the sizes: 2 given, 3 expected"},
      {"Split",
       "negative size",
       {axis0},
       {Ramp({3}), Ints({4, -1})},
       {Ramp({1}), Ramp({1})},
       "a size of -1"},
      {"Split",
       "sizes and outputs differ",
       {axis0},
       {Ramp({3}), Ints({3})},
       {Ramp({1}), Ramp({1})},
       "1 sizes are given for 2 outputs"},
      {"Split",
       "neither sizes nor number",
       {axis0},
       {Ramp({3})},
       {Ramp({1}), Ramp({1})},
       "'num_outputs' is 0"},
      {"Split", "scalar", {axis0}, {Ramp({}), Ints({1})}, {Ramp({})}, "rank 0"},
  };
}

}  // namespace

std::vector<OpCase> ConcatCases() {
  std::vector<OpCase> cases = Concats();
  for (OpCase& c : Splits()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace hadron::ops_test
