#include "ops/tables.h"

namespace hadron::ops_test {

std::vector<OpCase> DepthToSpaceCases() {
  const std::pair<std::string, graph::AttributeValue> two = {"blocksize", std::int64_t{2}};
  const TestTensor deep = Ramp({1, 8, 1, 1});
  return {
      {"DepthToSpace", "DCR", {two}, {deep}, {F32({1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7})}},
      {"DepthToSpace", "CRD", {two, {"mode", "CRD"}}, {deep}, {Ramp({1, 2, 2, 2})}},
      {"DepthToSpace",
       "channels do not divide",
       {two},
       {Ramp({1, 6, 1, 1})},
       {},
       "dimension 6 is no multiple of 4"},
      {"DepthToSpace",
       "blocksize 0",
       {{"blocksize", std::int64_t{0}}},
       {deep},
       {},
       "'blocksize' is 0"},
      {"DepthToSpace", "unknown mode", {two, {"mode", "XYZ"}}, {deep}, {}, "'mode' is 'XYZ'"},
      {"SpaceToDepth",
       "inverse of DCR",
       {two},
       {F32({1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7})},
       {deep}},
      {"SpaceToDepth", "empty batch", {two}, {F32({0, 1, 2, 2}, {})}, {F32({0, 4, 1, 1}, {})}},
      {"SpaceToDepth", "odd size", {two}, {Ramp({1, 1, 3, 2})}, {}, "no multiple of 2"},
      {"SpaceToDepth", "rank 3", {two}, {Ramp({1, 2, 2})}, {}, "rank 3"},
  };
}

}  // namespace hadron::ops_test
