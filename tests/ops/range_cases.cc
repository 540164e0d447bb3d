#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

TestTensor Scalar(double v) { return Const(F32({}, {v})); }
TestTensor Whole(double v) { return Const(I64({}, {v})); }

}  // namespace

std::vector<OpCase> RangeCases() {
  return {
      {"Range",
       "floats",
       {},
       {Scalar(1), Scalar(2), Scalar(0.25)},
       {F32({4}, {1, 1.25, 1.5, 1.75})}},
      {"Range", "integers downwards", {}, {Whole(10), Whole(4), Whole(-3)}, {I64({2}, {10, 7})}},
      {"Range", "empty", {}, {Whole(4), Whole(1), Whole(1)}, {I64({0}, {})}},
      {"Range",
       "vectors of one element",
       {},
       {Ints({0}), Ints({3}), Ints({1})},
       {I64({3}, {0, 1, 2})}},
      {"Range", "delta 0", {}, {Whole(0), Whole(3), Whole(0)}, {}, "give no range"},
      {"Range", "NaN", {}, {Scalar(0), Scalar(NAN), Scalar(1)}, {}, "give no range"},
      {"Range", "endless", {}, {Scalar(0), Scalar(INFINITY), Scalar(1)}, {}, "give no range"},
      {"Range", "terabytes", {}, {Whole(0), Whole(9e11), Whole(1)}, {}, "too large"},
      {"Range", "no scalar", {}, {Ints({0, 1}), Whole(3), Whole(1)}, {}, "is no scalar"},
      {"Range", "types differ", {}, {Whole(0), Scalar(3), Whole(1)}, {}, "different types"},
      {"Range", "from data", {}, {Whole(0), I64({}, {3}), Whole(1)}, {}, "depends on the data"},
  };
}

}  // namespace hadron::ops_test
