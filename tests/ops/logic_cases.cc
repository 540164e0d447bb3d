#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {

std::vector<OpCase> LogicCases() {
  const TestTensor a = F32({3}, {1, 2, NAN});
  const TestTensor b = F32({3}, {1, 3, NAN});
  const TestTensor p = Bool({4}, {0, 0, 1, 1});
  const TestTensor q = Bool({4}, {0, 1, 0, 1});
  return {
      {"Equal", "NaN equals nothing", {}, {a, b}, {Bool({3}, {1, 0, 0})}},
      {"Equal", "strings", {}, {Text({2}, {"a", "b"}), Text({1}, {"b"})}, {Bool({2}, {0, 1})}},
      {"Equal", "bool", {}, {p, q}, {Bool({4}, {1, 0, 0, 1})}},
      {"Equal", "types differ", {}, {a, I32({3}, {1, 2, 3})}, {}, "different types"},
      {"Greater",
       "broadcast",
       {},
       {F32({2, 1}, {1, 3}), F32({2}, {0, 2})},
       {Bool({2, 2}, {1, 0, 1, 1})}},
      {"Greater",
       "half precision",
       {},
       {Of(tensor::DataType::kFp16, {1}, {2}), Of(tensor::DataType::kFp16, {1}, {1})},
       {Bool({1}, {1})}},
      {"Greater", "strings", {}, {Text({1}, {"a"}), Text({1}, {"b"})}, {}, "type BYTES"},
      {"Less", "floats", {}, {a, b}, {Bool({3}, {0, 1, 0})}},
      {"Less", "nothing", {}, {I64({0}, {}), I64({1}, {1})}, {Bool({0}, {})}},
      {"GreaterOrEqual", "floats", {}, {a, b}, {Bool({3}, {1, 0, 0})}},
      {"LessOrEqual", "integers", {}, {I64({2}, {1, 3}), I64({}, {1})}, {Bool({2}, {1, 0})}},
      {"And", "table", {}, {p, q}, {Bool({4}, {0, 0, 0, 1})}},
      {"Or", "table", {}, {p, q}, {Bool({4}, {0, 1, 1, 1})}},
      {"Xor", "table", {}, {p, q}, {Bool({4}, {0, 1, 1, 0})}},
      {"Xor", "integers", {}, {I64({1}, {1}), I64({1}, {1})}, {}, "type INT64"},
      {"Not", "table", {}, {Bool({2}, {0, 1})}, {Bool({2}, {1, 0})}},
      {"IsNaN", "floats", {}, {F32({3}, {NAN, 1, INFINITY})}, {Bool({3}, {1, 0, 0})}},
      {"IsInf", "both", {}, {F32({3}, {-INFINITY, 1, INFINITY})}, {Bool({3}, {1, 0, 1})}},
      {"IsInf",
       "positive only",
       {{"detect_negative", std::int64_t{0}}},
       {F32({2}, {-INFINITY, INFINITY})},
       {Bool({2}, {0, 1})}},
  };
}

}  // namespace hadron::ops_test
