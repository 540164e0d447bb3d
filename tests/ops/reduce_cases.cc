#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

constexpr std::int64_t kZero = 0;
constexpr std::int64_t kOne = 1;
using Attribute = std::pair<std::string, graph::AttributeValue>;

std::vector<OpCase> EmptySets() {
  const auto empty = [](const char* op, double identity) {
    return OpCase{op,
                  "of nothing",
                  {{"keepdims", kZero}},
                  {F32({2, 0}, {}), Ints({1})},
                  {F32({2}, {identity, identity})}};
  };
  return {
      empty("ReduceSum", 0),
      empty("ReduceL1", 0),
      empty("ReduceL2", 0),
      empty("ReduceSumSquare", 0),
      empty("ReduceProd", 1),
      empty("ReduceLogSum", -INFINITY),
      empty("ReduceMax", -INFINITY),
      empty("ReduceMin", INFINITY),
      empty("ReduceMean", NAN),
      empty("ReduceLogSumExp", -INFINITY),
      {"ReduceMax",
       "integers of nothing",
       {{"keepdims", kZero}},
       {I32({0}, {})},
       {I32({}, {-2147483648.0})}},
      {"ReduceMin", "bool of nothing", {{"keepdims", kZero}}, {Bool({0}, {})}, {Bool({}, {1})}},
  };
}

std::vector<OpCase> Reductions() {
  const TestTensor x = F32({2, 3}, {1, -2, 3, 4, 5, -6});
  const Attribute drop = {"keepdims", kZero};
  return {
      {"ReduceSum", "all axes, kept", {}, {x}, {F32({1, 1}, {5})}},
      {"ReduceSum", "one axis", {drop}, {x, Ints({1})}, {F32({2}, {2, 3})}},
      {"ReduceSum", "negative axis", {drop}, {x, Ints({-2})}, {F32({3}, {5, 3, -3})}},
      {"ReduceSum",
       "middle axis",
       {},
       {Ramp({2, 2, 2}), Ints({1})},
       {F32({2, 1, 2}, {2, 4, 10, 12})}},
      {"ReduceSum",
       "two outer axes",
       {drop},
       {Ramp({2, 2, 2}), Ints({0, 1})},
       {F32({2}, {12, 16})}},
      {"ReduceSum", "no axes, no reduction", {{"noop_with_empty_axes", kOne}}, {x, Ints({})}, {x}},
      {"ReduceSum", "empty axes mean all", {drop}, {x, Ints({})}, {F32({}, {5})}},
      {"ReduceSum", "scalar", {}, {F32({}, {7})}, {F32({}, {7})}},
      {"ReduceSum",
       "integers wrap",
       {drop},
       {I32({2}, {2147483647, 2})},
       {I32({}, {-2147483647.0})}},
      {"ReduceSum",
       "opset 11 attribute",
       {{"axes", IntList{0}}, drop},
       {x},
       {F32({3}, {5, 3, -3})},
       "",
       11},
      {"ReduceSum", "axis twice", {}, {x, Ints({0, -2})}, {}, "axis -2 is given twice"},
      {"ReduceSum", "axis out of range", {}, {x, Ints({2})}, {}, "axis 2 is out of range"},
      {"ReduceSum", "axes from data", {}, {x, I64({1}, {0})}, {}, "must not depend on the data"},
      {"ReduceMean",
       "opset 13 attribute",
       {{"axes", IntList{1}}, drop},
       {x},
       {F32({2}, {2.0 / 3, 1})},
       "",
       13},
      {"ReduceMean", "integers truncate", {drop}, {I32({2}, {1, 2})}, {I32({}, {1})}},
      {"ReduceProd", "rows", {drop}, {x, Ints({1})}, {F32({2}, {-6, -120})}},
      {"ReduceMax", "NaN wins", {drop}, {F32({3}, {1, NAN, 3})}, {F32({}, {NAN})}},
      {"ReduceMax", "uint8", {drop}, {U8({2}, {3, 200})}, {U8({}, {200})}},
      {"ReduceMax",
       "bool is any",
       {drop},
       {Bool({2, 2}, {0, 1, 0, 0}), Ints({1})},
       {Bool({2}, {1, 0})}},
      {"ReduceMin", "rows", {drop}, {x, Ints({1})}, {F32({2}, {-2, -6})}},
      {"ReduceL1", "rows", {drop}, {x, Ints({1})}, {F32({2}, {6, 15})}},
      {"ReduceL1",
       "no axes: absolute values",
       {{"noop_with_empty_axes", kOne}},
       {x},
       {F32({2, 3}, {1, 2, 3, 4, 5, 6})}},
      {"ReduceL2", "3, 4, 5", {drop}, {F32({2}, {3, 4})}, {F32({}, {5})}},
      {"ReduceSumSquare", "rows", {drop}, {x, Ints({1})}, {F32({2}, {14, 77})}},
      {"ReduceLogSum", "rows", {drop}, {F32({2}, {1, 3})}, {F32({}, {std::log(4)})}},
      {"ReduceLogSumExp",
       "does not overflow",
       {drop},
       {F32({2}, {1000, 1000})},
       {F32({}, {1000 + std::log(2)})}},
      {"ReduceLogSumExp", "bool", {}, {Bool({1}, {1})}, {}, "type BOOL"},
  };
}

std::vector<OpCase> Positions() {
  const TestTensor x = F32({2, 3}, {1, 5, 5, 7, 7, 0});
  return {
      {"ArgMax", "first of equals", {{"axis", kOne}}, {x}, {I64({2, 1}, {1, 0})}},
      {"ArgMax",
       "last of equals",
       {{"axis", kOne}, {"select_last_index", kOne}},
       {x},
       {I64({2, 1}, {2, 1})}},
      {"ArgMax", "outer axis, dropped", {{"keepdims", kZero}}, {x}, {I64({3}, {1, 1, 0})}},
      {"ArgMin", "negative axis", {{"axis", std::int64_t{-1}}}, {x}, {I64({2, 1}, {0, 2})}},
      {"ArgMin", "no rows", {{"axis", kOne}}, {F32({0, 3}, {})}, {I64({0, 1}, {})}},
      {"ArgMax", "of nothing", {}, {F32({0, 3}, {})}, {}, "axis 0 has no elements"},
      {"ArgMax", "axis out of range", {{"axis", std::int64_t{2}}}, {x}, {}, "axis 2 is out of"},
  };
}

}  // namespace

std::vector<OpCase> ReduceCases() {
  std::vector<OpCase> cases = EmptySets();
  for (OpCase& c : Reductions()) cases.push_back(std::move(c));
  for (OpCase& c : Positions()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace hadron::ops_test
