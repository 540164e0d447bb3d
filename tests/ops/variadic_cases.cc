#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {

std::vector<OpCase> VariadicCases() {
  const TestTensor x = F32({4}, {-2, 0, 2, NAN});
  const auto bound = [](double v) { return Const(F32({}, {v})); };
  return {
      {"Max",
       "NaN wins",
       {},
       {F32({3}, {1, NAN, 3}), F32({3}, {2, 0, NAN})},
       {F32({3}, {2, NAN, NAN})}},
      {"Max", "one input", {}, {F32({1}, {3})}, {F32({1}, {3})}},
      {"Max",
       "three with broadcasting",
       {},
       {I32({2, 1}, {1, 5}), I32({2}, {2, 3}), I32({}, {2})},
       {I32({2, 2}, {2, 3, 5, 5})}},
      {"Min",
       "NaN wins",
       {},
       {F32({3}, {1, NAN, 3}), F32({3}, {2, 0, NAN})},
       {F32({3}, {1, NAN, NAN})}},
      {"Min", "uint8", {}, {U8({2}, {200, 3}), U8({}, {7})}, {U8({2}, {7, 3})}},
      {"Min", "types differ", {}, {F32({1}, {1}), I32({1}, {1})}, {}, "different types"},
      {"Sum",
       "three",
       {},
       {F32({2}, {1, 2}), F32({}, {10}), F32({2}, {3, 4})},
       {F32({2}, {14, 16})}},
      {"Sum", "integers", {}, {I32({1}, {1})}, {}, "type INT32"},
      {"Mean", "two", {}, {F32({2}, {1, 2}), F32({2}, {3, 6})}, {F32({2}, {2, 4})}},
      {"Mean",
       "shapes differ",
       {},
       {F32({2}, {1, 2}), F32({3}, {1, 2, 3})},
       {},
       "cannot be broadcast"},
      {"Clip", "both bounds", {}, {x, bound(-1), bound(1)}, {F32({4}, {-1, 0, 1, NAN})}},
      {"Clip", "upper only", {}, {x, None(), bound(1)}, {F32({4}, {-2, 0, 1, NAN})}},
      {"Clip", "no bounds", {}, {x}, {x}},
      {"Clip",
       "crossed bounds give the upper",
       {},
       {F32({2}, {-9, 9}), bound(2), bound(1)},
       {F32({2}, {1, 1})}},
      {"Clip",
       "integers",
       {},
       {I32({2}, {-9, 9}), Const(I32({}, {-1})), I32({}, {3})},
       {I32({2}, {-1, 3})}},
      {"Clip",
       "opset 7 attributes",
       {{"min", 0.0F}, {"max", 6.0F}},
       {F32({2}, {-1, 7})},
       {F32({2}, {0, 6})},
       "",
       7},
      {"Clip", "opset 10 without attributes", {}, {F32({2}, {-1, 7})}, {F32({2}, {-1, 7})}, "", 10},
      {"Clip", "bounds that are no scalars", {}, {x, F32({2}, {1, 2})}, {}, "is no scalar"},
      {"Clip", "bound of another type", {}, {I32({1}, {1}), bound(0)}, {}, "different types"},
  };
}

}  // namespace hadron::ops_test
