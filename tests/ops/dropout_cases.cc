#include "ops/tables.h"

namespace hadron::ops_test {

std::vector<OpCase> DropoutCases() {
  const TestTensor x = F32({2}, {1, 2});
  const TestTensor half = Const(F32({}, {0.5}));
  return {
      {"Dropout", "copies", {}, {x}, {x}},
      {"Dropout", "mask of ones", {}, {x, half}, {x, Bool({2}, {1, 1})}},
      {"Dropout", "training_mode false", {}, {x, half, Const(Bool({}, {0}))}, {x}},
      {"Dropout",
       "training that drops nothing",
       {},
       {x, Const(F32({}, {0})), Const(Bool({}, {1}))},
       {x}},
      {"Dropout", "opset 7", {{"ratio", 0.25F}}, {x}, {x}, "", 7},
      {"Dropout", "training", {}, {x, half, Const(Bool({}, {1}))}, {}, "'training_mode'"},
      {"Dropout", "training by request", {}, {x, half, Bool({}, {0})}, {}, "'training_mode'"},
  };
}

}  // namespace hadron::ops_test
