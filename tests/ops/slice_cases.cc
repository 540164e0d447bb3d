#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

constexpr double kMax = 9223372036854775807.0;

OpCase Along0(std::string name, double start, double end, double step, TestTensor y) {
  return {"Slice",
          std::move(name),
          {},
          {Ramp({5}), Ints({start}), Ints({end}), Ints({0}), Ints({step})},
          {std::move(y)}};
}

}  // namespace

std::vector<OpCase> SliceCases() {
  const TestTensor x = Ramp({3, 4});
  return {
      Along0("plain", 1, 3, 1, Ramp({2}, 1)),
      Along0("step", 0, 5, 2, F32({3}, {0, 2, 4})),
      Along0("negative bounds", -3, -1, 1, Ramp({2}, 2)),
      Along0("backwards", 4, 0, -2, F32({2}, {4, 2})),
      Along0("backwards over the beginning", kMax, -kMax, -1, F32({5}, {4, 3, 2, 1, 0})),
      Along0("bounds beyond the ends", -100, kMax, 1, Ramp({5})),
      Along0("empty", 3, 3, 1, F32({0}, {})),
      Along0("start after end", 4, 2, 1, F32({0}, {})),
      Along0("a step longer than the tensor", 1, kMax, kMax, F32({1}, {1})),
      Along0("the longest step back", 1, -kMax, -kMax, F32({1}, {1})),
      {"Slice",
       "two axes, one negative",
       {},
       {x, Ints({1, 0}), Ints({3, 2}), Ints({0, -1})},
       {F32({2, 2}, {4, 5, 8, 9})}},
      {"Slice", "axes default to the first", {}, {x, Ints({2}), Ints({3})}, {Ramp({1, 4}, 8)}},
      {"Slice",
       "int32 bounds",
       {},
       {x, Const(I32({1}, {2})), Const(I32({1}, {3}))},
       {Ramp({1, 4}, 8)}},
      {"Slice", "nothing to slice", {}, {F32({0, 2}, {}), Ints({1}), Ints({3})}, {F32({0, 2}, {})}},
      {"Slice",
       "strings",
       {},
       {Text({3}, {"a", "b", "c"}), Ints({1}), Ints({3})},
       {Text({2}, {"b", "c"})}},
      {"Slice",
       "opset 9",
       {{"starts", IntList{1}}, {"ends", IntList{INT64_MAX}}, {"axes", IntList{1}}},
       {x},
       {F32({3, 3}, {1, 2, 3, 5, 6, 7, 9, 10, 11})},
       "",
       9},
      {"Slice", "step 0", {}, {x, Ints({0}), Ints({1}), Ints({0}), Ints({0})}, {}, "a step of 0"},
      {"Slice",
       "axis twice",
       {},
       {x, Ints({0, 0}), Ints({1, 1}), Ints({0, -2})},
       {},
       "axis -2 is given twice"},
      {"Slice",
       "axis out of range",
       {},
       {x, Ints({0}), Ints({1}), Ints({2})},
       {},
       "axis 2 is out of range"},
      {"Slice", "counts differ", {}, {x, Ints({0}), Ints({1, 2})}, {}, "2 given, 1 expected"},
      {"Slice",
       "more starts than axes",
       {},
       {Ramp({2}), Ints({0, 0}), Ints({1, 1})},
       {},
       "2 starts are given"},
      {"Slice", "ends missing", {}, {x, Ints({0})}, {}, "required input 2 ('ends')"},
  };
}

}  // namespace hadron::ops_test
