#include "unit/backend/pool_cases.h"

#include <gtest/gtest.h>

#include "graph/window.h"

namespace hadron::backend {

using tensor::DataType;
using tensor::Shape;

NodeCase RandomPool(std::mt19937& random, const std::string& op_type) {
  const auto pick = [&](std::int64_t most) { return static_cast<std::int64_t>(random()) % most; };
  NodeCase c = Case(op_type);
  const std::size_t rank = 1 + random() % 3;
  std::vector<std::int64_t> x = {1 + pick(4), 1 + pick(40)};
  std::vector<std::int64_t> kernel, strides, dilations, pads;
  for (std::size_t a = 0; a < rank; ++a) {
    kernel.push_back(1 + pick(4));
    strides.push_back(1 + pick(3));
    dilations.push_back(1 + pick(2));
    x.push_back((kernel[a] - 1) * dilations[a] + 1 + pick(8));
  }
  for (std::size_t a = 0; a < 2 * rank; ++a) {
    pads.push_back(pick((kernel[a % rank] - 1) * dilations[a % rank] + 1));
  }
  auto& attributes = c.node.attributes;
  attributes.Set("kernel_shape", kernel);
  attributes.Set("strides", strides);
  attributes.Set("dilations", dilations);
  attributes.Set("pads", pads);
  attributes.Set("ceil_mode", pick(2));
  attributes.Set("count_include_pad", pick(2));
  c.AddInput(RandomTensor(random, Shape(x)));
  const auto window = graph::ResolvePool(c.node, Shape(x));
  EXPECT_TRUE(window.ok());
  std::vector<std::int64_t> y = {x[0], x[1]};
  for (const auto& axis : window.value().axes) y.push_back(axis.output);
  c.outputs = {{"y", DataType::kFp32, Shape(y)}};
  return c;
}

}  // namespace hadron::backend
