#include "ops/tables.h"

namespace hadron::ops_test {

std::vector<OpCase> GatherCases() {
  const TestTensor x = Ramp({3, 2});
  return {
      {"Gather", "rows", {}, {x, I64({2}, {2, 0})}, {F32({2, 2}, {4, 5, 0, 1})}},
      {"Gather", "a scalar index drops the axis", {}, {x, I64({}, {1})}, {F32({2}, {2, 3})}},
      {"Gather",
       "columns by a matrix of indices",
       {{"axis", std::int64_t{1}}},
       {x, I64({1, 2}, {1, 0})},
       {F32({3, 1, 2}, {1, 0, 3, 2, 5, 4})}},
      {"Gather",
       "negative index and axis",
       {{"axis", std::int64_t{-2}}},
       {x, I32({1}, {-1})},
       {F32({1, 2}, {4, 5})}},
      {"Gather", "no indices", {}, {x, I64({0}, {})}, {F32({0, 2}, {})}},
      {"Gather", "strings", {}, {Text({2}, {"a", "b"}), I64({2}, {1, 1})}, {Text({2}, {"b", "b"})}},
      {"Gather",
       "constant index out of range",
       {},
       {x, Ints({3})},
       {},
       "index 3 is out of range [-3, 2]"},
      {"Gather",
       "index out of range at run time",
       {},
       {x, I64({1}, {-4})},
       {},
       "index -4 is out of range [-3, 2]"},
      {"Gather",
       "index into nothing",
       {},
       {F32({0, 2}, {}), I64({1}, {0})},
       {},
       "index 0 is out of range"},
      {"Gather", "float indices", {}, {x, F32({1}, {0})}, {}, "type FP32 of input 1"},
      {"Gather", "scalar data", {}, {Ramp({}), Ints({0})}, {}, "rank 0"},
      {"Gather",
       "axis out of range",
       {{"axis", std::int64_t{2}}},
       {x, Ints({0})},
       {},
       "axis 2 is out of range"},
  };
}

}  // namespace hadron::ops_test
