#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {

std::vector<OpCase> TopKCases() {
  constexpr std::int64_t kOne = 1;
  const TestTensor x = F32({2, 3}, {1, 3, 3, 0, NAN, -1});
  const TestTensor one_axis = Const(I64({}, {0}));
  return {
      {"TopK",
       "ties by index, NaN first",
       {},
       {x, Ints({2})},
       {F32({2, 2}, {3, 3, NAN, 0}), I64({2, 2}, {1, 2, 1, 0})}},
      {"TopK",
       "smallest along the outer axis",
       {{"largest", std::int64_t{0}}, {"axis", std::int64_t{0}}},
       {F32({2, 2}, {1, 4, 2, 3}), Ints({1})},
       {F32({1, 2}, {1, 3}), I64({1, 2}, {0, 1})}},
      {"TopK", "none", {}, {x, Ints({0})}, {F32({2, 0}, {}), I64({2, 0}, {})}},
      {"TopK", "indices only", {}, {I64({3}, {5, 9, 7}), Ints({2})}, {None(), I64({2}, {1, 2})}},
      {"TopK",
       "opset 9 attribute",
       {{"k", kOne}},
       {F32({2}, {1, 2})},
       {F32({1}, {2}), I64({1}, {1})},
       "",
       9},
      {"TopK", "too many", {}, {x, Ints({4})}, {}, "K = 4 is out of range"},
      {"TopK", "negative", {}, {x, Ints({-1})}, {}, "K = -1 is out of range"},
      {"TopK", "K from data", {}, {x, I64({1}, {1})}, {}, "must not depend on the data"},
      {"CumSum", "plain", {}, {F32({3}, {1, 2, 3}), one_axis}, {F32({3}, {1, 3, 6})}},
      {"CumSum",
       "exclusive",
       {{"exclusive", kOne}},
       {F32({3}, {1, 2, 3}), one_axis},
       {F32({3}, {0, 1, 3})}},
      {"CumSum",
       "reverse along the inner axis",
       {{"reverse", kOne}},
       {I32({2, 2}, {1, 2, 3, 4}), Ints({-1})},
       {I32({2, 2}, {3, 2, 7, 4})}},
      {"CumSum",
       "axis out of range",
       {},
       {F32({3}, {1, 2, 3}), Ints({1})},
       {},
       "axis 1 is out of range"},
  };
}

}  // namespace hadron::ops_test
