#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

using Attributes = std::vector<std::pair<std::string, graph::AttributeValue>>;

TestTensor Scales(std::vector<double> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return Const(F32({count}, std::move(values)));
}

OpCase Scaled(std::string name, Attributes attributes, TestTensor x, std::vector<double> scales,
              TestTensor y) {
  return {"Resize",
          std::move(name),
          std::move(attributes),
          {std::move(x), None(), Scales(std::move(scales))},
          {std::move(y)}};
}

OpCase Sized(std::string name, Attributes attributes, TestTensor x, std::vector<double> sizes,
             TestTensor y) {
  return {"Resize",
          std::move(name),
          std::move(attributes),
          {std::move(x), None(), None(), Ints(std::move(sizes))},
          {std::move(y)}};
}

OpCase Refused(std::string name, Attributes attributes, TestTensor scales, TestTensor sizes,
               std::string error) {
  return {"Resize",
          std::move(name),
          std::move(attributes),
          {Ramp({2}), None(), std::move(scales), std::move(sizes)},
          {},
          std::move(error)};
}

}  // namespace

std::vector<OpCase> ResizeCases() {
  const TestTensor line = F32({1, 1, 4}, {1, 2, 3, 4});
  const std::pair<std::string, graph::AttributeValue> linear = {"mode", "linear"};
  const auto coordinates = [](const char* mode) {
    return std::pair<std::string, graph::AttributeValue>{"coordinate_transformation_mode", mode};
  };
  return {
      Scaled("nearest doubles", {}, F32({1, 1, 2}, {1, 2}), {1, 1, 2},
             F32({1, 1, 4}, {1, 1, 2, 2})),
      Scaled("nearest by one and a half", {}, F32({2}, {1, 2}), {1.5}, F32({3}, {1, 1, 2})),
      Scaled("linear doubles", {linear}, F32({2}, {1, 2}), {2}, F32({4}, {1, 1.25, 1.75, 2})),
      Scaled("linear halves", {linear}, line, {1, 1, 0.5}, F32({1, 1, 2}, {1.5, 3.5})),
      Scaled("linear with align_corners", {linear, coordinates("align_corners")}, F32({2}, {1, 3}),
             {2.5}, F32({5}, {1, 1.5, 2, 2.5, 3})),
      Scaled("linear asymmetric", {linear, coordinates("asymmetric")}, F32({2}, {1, 2}), {2},
             F32({4}, {1, 1.5, 2, 2})),
      Scaled("two axes", {}, F32({2, 1}, {1, 2}), {2, 2}, F32({4, 2}, {1, 1, 1, 1, 2, 2, 2, 2})),
      Scaled("integers", {}, I64({2}, {9007199254740992.0, 5}), {2},
             I64({4}, {9007199254740992.0, 9007199254740992.0, 5, 5})),
      Scaled("cubic keeps a constant", {{"mode", "cubic"}}, Fill({4}, 3), {2}, Fill({8}, 3)),
      Scaled("cubic between elements", {{"mode", "cubic"}}, F32({4}, {1, 2, 3, 4}), {0.5},
             F32({2}, {1.40625, 3.59375})),
      Sized("nearest to sizes with ceil", {{"nearest_mode", "ceil"}, coordinates("asymmetric")},
            F32({3}, {1, 2, 3}), {2}, F32({2}, {1, 3})),
      Sized("round_prefer_ceil", {{"nearest_mode", "round_prefer_ceil"}}, F32({4}, {1, 2, 3, 4}),
            {2}, F32({2}, {2, 4})),
      Sized("pytorch_half_pixel to one", {linear, coordinates("pytorch_half_pixel")},
            F32({4}, {1, 2, 3, 4}), {1}, F32({1}, {1})),
      Sized("axes", {{"axes", IntList{-1}}}, F32({1, 2}, {1, 2}), {4}, F32({1, 4}, {1, 1, 2, 2})),
      {"Resize",
       "empty scales stand for none",
       {},
       {F32({2}, {1, 2}), Scales({}), Scales({}), Ints({4})},
       {F32({4}, {1, 1, 2, 2})}},
      {"Resize", "opset 10", {}, {F32({2}, {1, 2}), Scales({1.5})}, {F32({3}, {1, 1, 2})}, "", 10},
      {"Upsample",
       "opset 7",
       {{"scales", FloatList{2}}},
       {F32({2}, {1, 2})},
       {F32({4}, {1, 1, 2, 2})},
       "",
       7},
      {"Upsample",
       "opset 9 linear",
       {linear},
       {F32({2}, {1, 2}), Scales({2})},
       {F32({4}, {1, 1.5, 2, 2})},
       "",
       9},
      Refused("scale 0", {}, Scales({0}), None(), "a scale of 0"),
      Refused("scale NaN", {}, Scales({NAN}), None(), "a scale of nan"),
      Refused("huge scale", {}, Scales({1e30}), None(), "is too large"),
      Refused("size 0", {}, None(), Ints({0}), "a size of 0"),
      Refused("a table for every element", {}, None(), Ints({2e6}), "at most 1048576 are"),
      Refused("terabytes", {}, None(), Ints({9e15}), "too large"),
      Refused("both", {}, Scales({1}), Ints({2}), "exactly one of"),
      Refused("neither", {}, None(), None(), "exactly one of"),
      Refused("too many scales", {}, Scales({1, 1}), None(), "2 given, 1 expected"),
      Refused("antialias", {{"antialias", std::int64_t{1}}}, Scales({1}), None(), "'antialias'"),
      Refused("unknown mode", {{"mode", "area"}}, Scales({1}), None(), "'area' is unknown"),
      Refused("crop and resize", {coordinates("tf_crop_and_resize")}, Scales({1}), None(),
              "'tf_crop_and_resize' is not supported"),
  };
}

}  // namespace hadron::ops_test
