#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

const double kUnit = 1 / std::sqrt(1.00001);  // what the default epsilon leaves of 1

std::vector<OpCase> BatchNormalizations() {
  const TestTensor x = F32({1, 2, 2}, {1, 3, 10, 30});
  const TestTensor one = F32({2}, {1, 1});
  const TestTensor zero = F32({2}, {0, 0});
  return {
      {"BatchNormalization",
       "channels",
       {{"epsilon", 0.0F}},
       {x, F32({2}, {2, 3}), F32({2}, {1, -1}), F32({2}, {1, 10}), F32({2}, {4, 100})},
       {F32({1, 2, 2}, {1, 3, -1, 5})}},
      {"BatchNormalization",
       "rank 1 has one channel",
       {{"epsilon", 0.0F}},
       {F32({2}, {1, 2}), F32({1}, {2}), F32({1}, {1}), F32({1}, {0}), F32({1}, {1})},
       {F32({2}, {3, 5})}},
      {"BatchNormalization",
       "default epsilon",
       {},
       {F32({1, 1}, {1}), F32({1}, {1}), F32({1}, {0}), F32({1}, {0}), F32({1}, {1})},
       {F32({1, 1}, {kUnit})},
       "",
       7},
      {"BatchNormalization",
       "empty batch",
       {},
       {F32({0, 2}, {}), one, zero, zero, one},
       {F32({0, 2}, {})}},
      {"BatchNormalization",
       "opset 7 with spatial = 1 and momentum",
       {{"spatial", std::int64_t{1}}, {"momentum", 0.9F}, {"epsilon", 0.0F}},
       {x, one, zero, zero, one},
       {x},
       "",
       7},
      {"BatchNormalization",
       "spatial = 0",
       {{"spatial", std::int64_t{0}}},
       {x, one, zero, zero, one},
       {},
       "'spatial' = 0",
       7},
      {"BatchNormalization",
       "training",
       {{"training_mode", std::int64_t{1}}},
       {x, one, zero, zero, one},
       {},
       "'training_mode'"},
      {"BatchNormalization",
       "training outputs",
       {},
       {x, one, zero, zero, one},
       {x, one},
       "training only"},
      {"BatchNormalization",
       "wrong number of channels",
       {},
       {x, one, F32({3}, {1, 2, 3}), zero, one},
       {},
       "elements of input 2: 3 given, 2 expected"},
  };
}

std::vector<OpCase> OtherNormalizations() {
  const double far = 10 / std::sqrt(100.00001);
  const TestTensor x = F32({1, 2, 2}, {1, 3, 10, 30});
  const TestTensor one = F32({2}, {1, 1});
  const TestTensor zero = F32({2}, {0, 0});
  return {
      {"InstanceNormalization",
       "each plane by itself",
       {},
       {x, F32({2}, {1, 2}), F32({2}, {0, 5})},
       {F32({1, 2, 2}, {-kUnit, kUnit, 5 - 2 * far, 5 + 2 * far})}},
      {"InstanceNormalization", "rank 2", {}, {F32({1, 2}, {1, 2}), one, zero}, {}, "rank 2"},
      {"LayerNormalization",
       "last axis",
       {},
       {F32({2, 2}, {1, 3, 2, 4}), F32({2}, {1, 2})},
       {F32({2, 2}, {-kUnit, 2 * kUnit, -kUnit, 2 * kUnit})}},
      {"LayerNormalization",
       "two axes, bias, statistics",
       {{"axis", std::int64_t{1}}, {"epsilon", 0.0F}},
       {F32({1, 2, 2}, {1, 1, 3, 3}), F32({2, 2}, {1, 1, 1, 1}), F32({2}, {10, 20})},
       {F32({1, 2, 2}, {9, 19, 11, 21}), F32({1, 1, 1}, {2}), F32({1, 1, 1}, {1})}},
      {"LayerNormalization",
       "mean left out",
       {{"epsilon", 0.0F}},
       {F32({1, 2}, {1, 5}), F32({2}, {1, 1})},
       {F32({1, 2}, {-1, 1}), None(), F32({1, 1}, {0.5})}},
      {"LayerNormalization",
       "axis out of range",
       {{"axis", std::int64_t{2}}},
       {F32({1, 2}, {1, 5}), F32({2}, {1, 1})},
       {},
       "axis 2 is out of range"},
      {"LayerNormalization",
       "scale does not fit",
       {},
       {F32({1, 2}, {1, 5}), F32({3}, {1, 1, 1})},
       {},
       "a dimension of input 1"},
      {"LRN",
       "window of three channels",
       {{"size", std::int64_t{3}}, {"alpha", 3.0F}, {"beta", 1.0F}, {"bias", 1.0F}},
       {F32({1, 3, 1}, {1, 2, 3})},
       {F32({1, 3, 1}, {1.0 / 6, 2.0 / 15, 3.0 / 14})}},
      {"LRN",
       "even window reaches one further up",
       {{"size", std::int64_t{2}}, {"alpha", 2.0F}, {"beta", 1.0F}, {"bias", 0.0F}},
       {F32({1, 3, 1}, {1, 2, 3})},
       {F32({1, 3, 1}, {1.0 / 5, 2.0 / 13, 3.0 / 9})}},
      {"LRN",
       "size 0",
       {{"size", std::int64_t{0}}},
       {F32({1, 3, 1}, {1, 2, 3})},
       {},
       "'size' is 0"},
  };
}

}  // namespace

std::vector<OpCase> NormCases() {
  std::vector<OpCase> cases = BatchNormalizations();
  for (OpCase& c : OtherNormalizations()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace hadron::ops_test
