#include "ops/tables.h"

namespace hadron::ops_test {

std::vector<OpCase> TileCases() {
  const TestTensor x = F32({2, 2}, {1, 2, 3, 4});
  return {
      {"Tile", "both axes", {}, {x, Ints({1, 2})}, {F32({2, 4}, {1, 2, 1, 2, 3, 4, 3, 4})}},
      {"Tile", "outer axis", {}, {x, Ints({2, 1})}, {F32({4, 2}, {1, 2, 3, 4, 1, 2, 3, 4})}},
      {"Tile", "no repeats", {}, {x, Ints({0, 1})}, {F32({0, 2}, {})}},
      {"Tile", "strings", {}, {Text({1}, {"a"}), Ints({2})}, {Text({2}, {"a", "a"})}},
      {"Tile", "scalar", {}, {F32({}, {3}), Ints({})}, {F32({}, {3})}},
      {"Tile", "too few repeats", {}, {x, Ints({2})}, {}, "elements of input 1: 1 given"},
      {"Tile", "negative", {}, {x, Ints({-1, 1})}, {}, "-1 repeats"},
      {"Tile", "overflow", {}, {x, Ints({9e18, 1})}, {}, "overflows"},
      {"Tile", "terabytes", {}, {x, Ints({1e9, 1e9})}, {}, "too large"},
  };
}

}  // namespace hadron::ops_test
