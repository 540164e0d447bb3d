#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

constexpr std::int64_t kOne = 1;

std::vector<OpCase> MaxPools() {
  const TestTensor x = Ramp({1, 1, 4, 4}, 1);
  return {
      {"MaxPool",
       "1-D",
       {{"kernel_shape", IntList{2}}},
       {F32({1, 1, 4}, {1, 5, 2, 4})},
       {F32({1, 1, 3}, {5, 5, 4})}},
      {"MaxPool",
       "2-D stride 2",
       {{"kernel_shape", IntList{2, 2}}, {"strides", IntList{2, 2}}},
       {x},
       {F32({1, 1, 2, 2}, {6, 8, 14, 16})}},
      {"MaxPool",
       "ceil_mode",
       {{"kernel_shape", IntList{3, 3}}, {"strides", IntList{2, 2}}, {"ceil_mode", kOne}},
       {x},
       {F32({1, 1, 2, 2}, {11, 12, 15, 16})}},
      {"MaxPool",
       "ceil_mode drops a window in the end padding",
       {{"kernel_shape", IntList{1}}, {"strides", IntList{2}}, {"ceil_mode", kOne}},
       {F32({1, 1, 2}, {1, 2})},
       {F32({1, 1, 1}, {1})}},
      {"MaxPool",
       "padding never wins",
       {{"kernel_shape", IntList{3}}, {"pads", IntList{1, 1}}},
       {F32({1, 1, 3}, {-5, -6, -7})},
       {F32({1, 1, 3}, {-5, -5, -6})}},
      {"MaxPool",
       "dilation",
       {{"kernel_shape", IntList{2, 2}}, {"dilations", IntList{2, 2}}},
       {x},
       {F32({1, 1, 2, 2}, {11, 12, 15, 16})}},
      {"MaxPool",
       "SAME_LOWER",
       {{"kernel_shape", IntList{2}}, {"auto_pad", "SAME_LOWER"}},
       {F32({1, 1, 3}, {3, 1, 2})},
       {F32({1, 1, 3}, {3, 3, 2})}},
      {"MaxPool",
       "3-D",
       {{"kernel_shape", IntList{2, 2, 2}}},
       {Ramp({1, 1, 2, 2, 3})},
       {F32({1, 1, 1, 1, 2}, {10, 11})}},
      {"MaxPool",
       "uint8",
       {{"kernel_shape", IntList{2}}},
       {U8({1, 1, 3}, {1, 255, 7})},
       {U8({1, 1, 2}, {255, 255})}},
      {"MaxPool",
       "NaN wins",
       {{"kernel_shape", IntList{2}}},
       {F32({1, 1, 3}, {1, NAN, 7})},
       {F32({1, 1, 2}, {NAN, NAN})}},
      {"MaxPool",
       "empty batch",
       {{"kernel_shape", IntList{2}}},
       {F32({0, 1, 3}, {})},
       {F32({0, 1, 2}, {})}},
  };
}

std::vector<OpCase> Averages() {
  const TestTensor x = Ramp({1, 1, 4, 4}, 1);
  const TestTensor line = F32({1, 1, 4}, {1, 2, 3, 4});
  return {
      {"AveragePool",
       "2-D",
       {{"kernel_shape", IntList{2, 2}}, {"strides", IntList{2, 2}}},
       {x},
       {F32({1, 1, 2, 2}, {3.5, 5.5, 11.5, 13.5})}},
      {"AveragePool",
       "pads do not count",
       {{"kernel_shape", IntList{3}}, {"pads", IntList{1, 1}}},
       {line},
       {F32({1, 1, 4}, {1.5, 2, 3, 3.5})}},
      {"AveragePool",
       "count_include_pad",
       {{"kernel_shape", IntList{3}}, {"pads", IntList{1, 1}}, {"count_include_pad", kOne}},
       {line},
       {F32({1, 1, 4}, {1, 2, 3, 7.0 / 3})}},
      {"AveragePool",
       "count_include_pad counts no overhang of ceil_mode",
       {{"kernel_shape", IntList{3}},
        {"strides", IntList{2}},
        {"ceil_mode", kOne},
        {"count_include_pad", kOne}},
       {line},
       {F32({1, 1, 2}, {2, 3.5})}},
      {"AveragePool",
       "dilation",
       {{"kernel_shape", IntList{2}}, {"dilations", IntList{2}}},
       {line},
       {F32({1, 1, 2}, {2, 3})}},
      {"GlobalAveragePool", "2-D", {}, {Ramp({1, 2, 2, 2})}, {F32({1, 2, 1, 1}, {1.5, 5.5})}},
      {"GlobalAveragePool", "3-D", {}, {Ramp({2, 1, 1, 2, 2})}, {F32({2, 1, 1, 1, 1}, {1.5, 5.5})}},
      {"GlobalMaxPool", "1-D", {}, {F32({1, 2, 2}, {-1, -2, 7, 3})}, {F32({1, 2, 1}, {-1, 7})}},
      {"GlobalMaxPool", "empty batch", {}, {F32({0, 2, 2}, {})}, {F32({0, 2, 1}, {})}},
  };
}

std::vector<OpCase> Bad() {
  const TestTensor x = Ramp({1, 1, 4, 4}, 1);
  const IntList two = {2, 2};
  return {
      {"MaxPool", "no kernel_shape", {}, {x}, {}, "'kernel_shape' has 0 entries"},
      {"MaxPool",
       "kernel 0",
       {{"kernel_shape", IntList{0, 2}}},
       {x},
       {},
       "'kernel_shape' contains 0"},
      {"MaxPool",
       "stride 0",
       {{"kernel_shape", two}, {"strides", IntList{0, 1}}},
       {x},
       {},
       "'strides'"},
      {"MaxPool",
       "pads as large as the kernel",
       {{"kernel_shape", two}, {"pads", IntList{2, 0, 0, 0}}},
       {x},
       {},
       "must be smaller"},
      {"MaxPool",
       "huge kernel",
       {{"kernel_shape", IntList{INT32_MAX, INT32_MAX}}},
       {x},
       {},
       "is not allowed"},
      {"MaxPool",
       "kernel larger than input",
       {{"kernel_shape", IntList{5, 5}}},
       {x},
       {},
       "too small"},
      {"MaxPool", "indices", {{"kernel_shape", two}}, {x}, {x, I64({1}, {0})}, "'Indices'"},
      {"AveragePool",
       "integers",
       {{"kernel_shape", IntList{1}}},
       {I32({1, 1, 1}, {1})},
       {},
       "type INT32"},
      {"AveragePool",
       "dilation 0",
       {{"kernel_shape", two}, {"dilations", IntList{0, 1}}},
       {x},
       {},
       "'dilations'"},
      {"GlobalAveragePool", "vector", {}, {F32({2}, {1, 2})}, {}, "rank 1"},
  };
}

}  // namespace

std::vector<OpCase> PoolCases() {
  std::vector<OpCase> cases = MaxPools();
  for (OpCase& c : Averages()) cases.push_back(std::move(c));
  for (OpCase& c : Bad()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace hadron::ops_test
