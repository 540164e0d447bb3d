#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

std::vector<OpCase> Convolutions() {
  return {
      {"Conv",
       "1-D valid",
       {},
       {F32({1, 1, 4}, {1, 2, 3, 4}), F32({1, 1, 2}, {1, 10})},
       {F32({1, 1, 3}, {21, 32, 43})}},
      {"Conv",
       "cross-correlation with pads",
       {{"kernel_shape", IntList{3, 3}}, {"pads", IntList{1, 1, 1, 1}}},
       {Ramp({1, 1, 5, 5}), Fill({1, 1, 3, 3}, 1)},
       {F32({1, 1, 5, 5}, {12,  21, 27, 33,  24,  33,  54,  63, 72,  51,  63,  99, 108,
                           117, 81, 93, 144, 153, 162, 111, 72, 111, 117, 123, 84})}},
      {"Conv",
       "strides with asymmetric pads",
       {{"strides", IntList{2, 2}}, {"pads", IntList{1, 0, 1, 0}}},
       {Ramp({1, 1, 7, 5}), Fill({1, 1, 3, 3}, 1)},
       {F32({1, 1, 4, 2}, {21, 33, 99, 117, 189, 207, 171, 183})}},
      {"Conv",
       "bias and two filters",
       {},
       {F32({1, 1, 2}, {3, 5}), F32({2, 1, 1}, {2, -1}), F32({2}, {10, 20})},
       {F32({1, 2, 2}, {16, 20, 17, 15})}},
      {"Conv",
       "depthwise with multiplier",
       {{"group", std::int64_t{2}}},
       {F32({1, 2, 2}, {1, 2, 3, 4}), F32({4, 1, 1}, {1, 2, 3, 4})},
       {F32({1, 4, 2}, {1, 2, 2, 4, 9, 12, 12, 16})}},
      {"Conv",
       "groups and dilation",
       {{"group", std::int64_t{2}}, {"dilations", IntList{2}}},
       {F32({1, 2, 4}, {1, 2, 3, 4, 10, 20, 30, 40}), F32({2, 1, 2}, {1, 1, 1, -1})},
       {F32({1, 2, 2}, {4, 6, -20, -20})}},
      {"Conv",
       "3-D sums a cube",
       {},
       {Ramp({1, 1, 2, 2, 2}), Fill({1, 1, 2, 2, 2}, 0.5)},
       {F32({1, 1, 1, 1, 1}, {14})}},
      {"Conv",
       "3-D with pads and stride",
       {{"pads", IntList{1, 0, 0, 0, 0, 0}}, {"strides", IntList{2, 1, 1}}},
       {Ramp({1, 1, 3, 1, 2}), Fill({1, 1, 2, 1, 2}, 1)},
       {F32({1, 1, 2, 1, 1}, {1, 14})}},
      {"Conv",
       "empty batch",
       {},
       {F32({0, 1, 3}, {}), F32({2, 1, 3}, {1, 1, 1, 1, 1, 1})},
       {F32({0, 2, 1}, {})}},
      {"Conv",
       "constant weights and opset 7",
       {},
       {F32({2, 1, 2}, {1, 2, 3, 4}), Const(F32({1, 1, 2}, {1, 1}))},
       {F32({2, 1, 1}, {3, 7})},
       "",
       7},
  };
}

std::vector<OpCase> AutomaticPads() {
  return {
      {"Conv",
       "auto_pad SAME_LOWER",
       {{"auto_pad", "SAME_LOWER"}},
       {F32({1, 1, 3}, {1, 2, 3}), F32({1, 1, 2}, {10, 1})},
       {F32({1, 1, 3}, {1, 12, 23})}},
      {"Conv",
       "auto_pad SAME_UPPER with stride",
       {{"auto_pad", "SAME_UPPER"}, {"strides", IntList{2}}},
       {F32({1, 1, 4}, {1, 2, 3, 4}), F32({1, 1, 3}, {1, 1, 1})},
       {F32({1, 1, 2}, {6, 7})}},
      {"Conv",
       "auto_pad VALID ignores pads",
       {{"auto_pad", "VALID"}, {"pads", IntList{5, 5}}},
       {F32({1, 1, 3}, {1, 2, 3}), F32({1, 1, 3}, {1, 1, 1})},
       {F32({1, 1, 1}, {6})}},
  };
}

std::vector<OpCase> Transposed() {
  return {
      {"ConvTranspose",
       "overlapping 1-D",
       {},
       {F32({1, 1, 3}, {1, 2, 3}), F32({1, 1, 2}, {1, 10})},
       {F32({1, 1, 4}, {1, 12, 23, 30})}},
      {"ConvTranspose",
       "two output channels",
       {},
       {Ramp({1, 1, 3, 3}), Fill({1, 2, 3, 3}, 1)},
       {F32({1, 2, 5, 5}, {0,  1,  3,  3,  2,  3,  8,  15, 12, 7,  9,  21, 36, 27, 15, 9,  20,
                           33, 24, 13, 6,  13, 21, 15, 8,  0,  1,  3,  3,  2,  3,  8,  15, 12,
                           7,  9,  21, 36, 27, 15, 9,  20, 33, 24, 13, 6,  13, 21, 15, 8})}},
      {"ConvTranspose",
       "stride, pads and output_padding",
       {{"strides", IntList{2}}, {"pads", IntList{1, 0}}, {"output_padding", IntList{1}}},
       {F32({1, 1, 2}, {1, 2}), F32({1, 1, 3}, {1, 2, 3})},
       {F32({1, 1, 5}, {2, 5, 4, 6, 0})}},
      {"ConvTranspose",
       "groups and bias",
       {{"group", std::int64_t{2}}},
       {F32({1, 2, 1}, {2, 3}), F32({2, 1, 2}, {1, 2, 3, 4}), F32({2}, {100, 200})},
       {F32({1, 2, 2}, {102, 104, 209, 212})}},
      {"ConvTranspose",
       "dilation",
       {{"dilations", IntList{2}}},
       {F32({1, 1, 2}, {1, 2}), F32({1, 1, 2}, {1, 10})},
       {F32({1, 1, 4}, {1, 2, 10, 20})}},
      {"ConvTranspose",
       "3-D doubles the size",
       {{"strides", IntList{2, 2, 2}}},
       {F32({1, 1, 1, 1, 2}, {1, 2}), Fill({1, 1, 2, 2, 2}, 1)},
       {F32({1, 1, 2, 2, 4}, {1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2})}},
      {"ConvTranspose",
       "output_shape cuts the beginning more",
       {{"strides", IntList{2}}, {"output_shape", IntList{4}}},
       {F32({1, 1, 2}, {1, 2}), F32({1, 1, 3}, {1, 2, 3})},
       {F32({1, 1, 4}, {2, 5, 4, 6})}},
      {"ConvTranspose",
       "output_shape with batch and channels, longer than the window reaches",
       {{"output_shape", IntList{1, 1, 4}}},
       {F32({1, 1, 1}, {5}), F32({1, 1, 2}, {1, 2})},
       {F32({1, 1, 4}, {5, 10, 0, 0})}},
      {"ConvTranspose",
       "auto_pad SAME_UPPER",
       {{"auto_pad", "SAME_UPPER"}, {"strides", IntList{2}}},
       {F32({1, 1, 2}, {1, 2}), F32({1, 1, 3}, {1, 2, 3})},
       {F32({1, 1, 4}, {1, 2, 5, 4})}},
  };
}

/// What a file may try: each is refused with a reason, none crashes.
std::vector<OpCase> BadConvolutions() {
  const TestTensor x = Ramp({1, 2, 4, 4});
  const TestTensor w = Fill({2, 2, 3, 3}, 1);
  return {
      {"Conv", "stride 0", {{"strides", IntList{0, 1}}}, {x, w}, {}, "'strides' contains 0"},
      {"Conv", "negative stride", {{"strides", IntList{-1, 1}}}, {x, w}, {}, "'strides'"},
      {"Conv", "dilation 0", {{"dilations", IntList{1, 0}}}, {x, w}, {}, "'dilations'"},
      {"Conv", "kernel 0", {}, {x, F32({2, 2, 0, 3}, {})}, {}, "kernel dimension 0"},
      {"Conv",
       "kernel_shape differs",
       {{"kernel_shape", IntList{2, 3}}},
       {x, w},
       {},
       "'kernel_shape' says 2, the weights say 3"},
      {"Conv", "too few pads", {{"pads", IntList{1, 1}}}, {x, w}, {}, "'pads' has 2 entries"},
      {"Conv", "huge pads", {{"pads", IntList{INT64_MAX, 0, INT64_MAX, 0}}}, {x, w}, {}, "'pads'"},
      {"Conv",
       "pads that ask for terabytes",
       {{"pads", IntList{INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX}}},
       {x, w},
       {},
       "too large"},
      {"Conv", "negative pads", {{"pads", IntList{-1, 0, 0, 0}}}, {x, w}, {}, "'pads'"},
      {"Conv", "group 0", {{"group", std::int64_t{0}}}, {x, w}, {}, "'group' is 0"},
      {"Conv", "group does not divide", {{"group", std::int64_t{3}}}, {x, w}, {}, "3 groups"},
      {"Conv", "channels differ", {}, {x, Fill({2, 3, 3, 3}, 1)}, {}, "input channels: 2 given"},
      {"Conv",
       "bias of wrong length",
       {},
       {x, w, F32({3}, {1, 2, 3})},
       {},
       "elements of input 2: 3 given, 2 expected"},
      {"Conv", "kernel larger than input", {}, {x, Fill({2, 2, 5, 5}, 1)}, {}, "too small"},
      {"Conv", "rank 2", {}, {Ramp({1, 2}), Fill({1, 2}, 1)}, {}, "rank 2"},
      {"Conv", "ranks differ", {}, {x, Fill({2, 2, 3}, 1)}, {}, "rank 3"},
      {"Conv", "unknown auto_pad", {{"auto_pad", "SAME"}}, {x, w}, {}, "'auto_pad' is 'SAME'"},
      {"Conv",
       "integers",
       {},
       {I32({1, 1, 1}, {1}), I32({1, 1, 1}, {1})},
       {},
       "type INT32 of input 0"},
  };
}

std::vector<OpCase> BadTransposed() {
  const TestTensor x = Ramp({1, 2, 4, 4});
  const TestTensor w = Fill({2, 2, 3, 3}, 1);
  return {
      {"ConvTranspose",
       "output_padding not below stride",
       {{"output_padding", IntList{1, 0}}},
       {x, w},
       {},
       "output_padding 1"},
      {"ConvTranspose",
       "output_shape 0",
       {{"output_shape", IntList{0, 4}}},
       {x, w},
       {},
       "'output_shape' contains 0"},
      {"ConvTranspose",
       "output_shape of wrong length",
       {{"output_shape", IntList{4}}},
       {x, w},
       {},
       "'output_shape' has 1 entries"},
      {"ConvTranspose",
       "pads eat everything",
       {{"pads", IntList{9, 9, 9, 9}}},
       {x, w},
       {},
       "too small"},
      {"ConvTranspose",
       "channels differ",
       {},
       {x, Fill({3, 1, 3, 3}, 1)},
       {},
       "input channels: 2 given, 3 expected"},
  };
}

}  // namespace

std::vector<OpCase> ConvCases() {
  std::vector<OpCase> cases = Convolutions();
  for (OpCase& c : AutomaticPads()) cases.push_back(std::move(c));
  for (OpCase& c : Transposed()) cases.push_back(std::move(c));
  for (OpCase& c : BadConvolutions()) cases.push_back(std::move(c));
  for (OpCase& c : BadTransposed()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace hadron::ops_test
