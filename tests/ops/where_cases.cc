#include "ops/tables.h"

namespace hadron::ops_test {

std::vector<OpCase> WhereCases() {
  return {
      {"Where",
       "three-way broadcast",
       {},
       {Bool({2, 1}, {1, 0}), F32({2}, {1, 2}), F32({}, {9})},
       {F32({2, 2}, {1, 2, 9, 9})}},
      {"Where",
       "strings",
       {},
       {Bool({2}, {0, 1}), Text({2}, {"a", "b"}), Text({1}, {"c"})},
       {Text({2}, {"c", "b"})}},
      {"Where", "nothing", {}, {Bool({0}, {}), F32({1}, {1}), F32({1}, {2})}, {F32({0}, {})}},
      {"Where",
       "condition is no bool",
       {},
       {I64({1}, {1}), F32({1}, {1}), F32({1}, {2})},
       {},
       "type INT64 of input 0"},
      {"Where",
       "types differ",
       {},
       {Bool({1}, {1}), F32({1}, {1}), I64({1}, {2})},
       {},
       "different types"},
      {"Where",
       "shapes differ",
       {},
       {Bool({2}, {1, 1}), F32({3}, {1, 2, 3}), F32({}, {2})},
       {},
       "cannot be broadcast"},
  };
}

}  // namespace hadron::ops_test
