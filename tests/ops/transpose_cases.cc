#include "ops/tables.h"

namespace hadron::ops_test {

std::vector<OpCase> TransposeCases() {
  return {
      {"Transpose", "reverses by default", {}, {Ramp({2, 3})}, {F32({3, 2}, {0, 3, 1, 4, 2, 5})}},
      {"Transpose",
       "perm",
       {{"perm", IntList{1, 0, 2}}},
       {Ramp({2, 2, 2})},
       {F32({2, 2, 2}, {0, 1, 4, 5, 2, 3, 6, 7})}},
      {"Transpose", "scalar", {}, {Ramp({}, 3)}, {Ramp({}, 3)}},
      {"Transpose", "nothing", {}, {F32({0, 3}, {})}, {F32({3, 0}, {})}},
      {"Transpose", "strings", {}, {Text({1, 2}, {"a", "b"})}, {Text({2, 1}, {"a", "b"})}},
      {"Transpose",
       "half precision",
       {{"perm", IntList{1, 0}}},
       {Of(tensor::DataType::kFp16, {2, 2}, {1, 2, 3, 4})},
       {Of(tensor::DataType::kFp16, {2, 2}, {1, 3, 2, 4})}},
      {"Transpose",
       "too short",
       {{"perm", IntList{0}}},
       {Ramp({2, 3})},
       {},
       "'perm' has 1 entries"},
      {"Transpose", "axis twice", {{"perm", IntList{0, 0}}}, {Ramp({2, 3})}, {}, "no permutation"},
      {"Transpose",
       "out of range",
       {{"perm", IntList{0, 2}}},
       {Ramp({2, 3})},
       {},
       "no permutation"},
      {"Transpose", "negative", {{"perm", IntList{0, -1}}}, {Ramp({2, 3})}, {}, "no permutation"},
  };
}

}  // namespace hadron::ops_test
