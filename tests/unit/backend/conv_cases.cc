#include "unit/backend/conv_cases.h"

#include <fmt/format.h>

#include "graph/window.h"

namespace hadron::backend {
namespace {

using graph::PostOp;
using tensor::DataType;
using tensor::Shape;

constexpr PostOpRow kPostOps[] = {
    {PostOp::Kind::kScale, 0, 0},
    {PostOp::Kind::kShift, 0, 0},
    {PostOp::Kind::kAdd, 0, 0},
    {PostOp::Kind::kRelu, 0, 0},
    {PostOp::Kind::kLeakyRelu, 0.1F, 0},
    {PostOp::Kind::kClip, -0.5F, 0.75F},
    {PostOp::Kind::kSigmoid, 0, 0},
    {PostOp::Kind::kTanh, 0, 0},
    {PostOp::Kind::kSoftplus, 0, 0},
    {PostOp::Kind::kElu, 0.7F, 0},
    {PostOp::Kind::kGelu, 0, 0},
    {PostOp::Kind::kGeluTanh, 0, 0},
    {PostOp::Kind::kSwish, 1.5F, 0},
    {PostOp::Kind::kHardSigmoid, 0.2F, 0.5F},
    {PostOp::Kind::kHardSwish, 0.25F, 0.5F},
};

std::int64_t Pick(std::mt19937& random, std::initializer_list<std::int64_t> values) {
  return *(values.begin() + static_cast<std::ptrdiff_t>(random() % values.size()));
}

}  // namespace

NodeCase Build(std::mt19937& random, const ConvCase& p) {
  NodeCase c = Case(p.transposed ? "ConvTranspose" : "Conv");
  auto& attributes = c.node.attributes;
  attributes.Set("group", p.groups);
  attributes.Set("strides", p.stride);
  attributes.Set("dilations", p.dilation);
  attributes.Set("pads", p.pads);
  std::vector<std::int64_t> x = {p.batch, p.groups * p.in};
  std::vector<std::int64_t> w =
      p.transposed ? std::vector{p.groups * p.in, p.out} : std::vector{p.groups * p.out, p.in};
  x.insert(x.end(), p.size.begin(), p.size.end());
  w.insert(w.end(), p.kernel.begin(), p.kernel.end());
  c.AddInput(RandomTensor(random, Shape(x)));
  c.AddInput(RandomTensor(random, Shape(w)), true);
  if (p.bias) c.AddInput(RandomTensor(random, {p.groups * p.out}), true);
  const auto window = p.transposed ? graph::ResolveConvTranspose(c.node, Shape(x), Shape(w))
                                   : graph::ResolveConv(c.node, Shape(x), Shape(w));
  std::vector<std::int64_t> y = {p.batch, p.groups * p.out};
  if (window.ok()) {
    for (const auto& axis : window.value().axes) y.push_back(axis.output);
  }
  c.outputs = {{"y", DataType::kFp32, Shape(y)}};
  return c;
}

ConvCase RandomCase(std::mt19937& random, bool transposed) {
  const std::size_t rank = 1 + random() % 3;
  ConvCase p{Pick(random, {1, 2, 3}),
             Pick(random, {1, 1, 1, 2, 3}),
             Pick(random, {1, 2, 3, 5, 8, 16, 17, 31}),
             Pick(random, {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 40, 67}),
             {},
             {},
             {},
             {},
             {}};
  p.transposed = transposed;
  p.bias = random() % 2 == 0;
  for (std::size_t i = 0; i < rank; ++i) {
    p.kernel.push_back(Pick(random, {1, 2, 3, 4, 5}));
    p.stride.push_back(Pick(random, {1, 1, 2, 3}));
    p.dilation.push_back(Pick(random, {1, 1, 2}));
    p.size.push_back(Pick(random, {1, 2, 3, 5, 7, 8, 9}) + (p.kernel[i] - 1) * p.dilation[i]);
  }
  for (std::size_t side = 0; side < 2; ++side) {
    for (std::size_t i = 0; i < rank; ++i) {
      const std::int64_t most = transposed ? (p.kernel[i] - 1) * p.dilation[i] / 2 : p.kernel[i];
      p.pads.push_back(static_cast<std::int64_t>(random()) % (most + 1));
    }
  }
  return p;
}

std::string Describe(const ConvCase& p) {
  std::string text = fmt::format("batch {} groups {} in {} out {}", p.batch, p.groups, p.in, p.out);
  for (std::size_t i = 0; i < p.size.size(); ++i) {
    text +=
        fmt::format(" [size {} kernel {} stride {} dilation {} pads {} {}]", p.size[i], p.kernel[i],
                    p.stride[i], p.dilation[i], p.pads[i], p.pads[i + p.size.size()]);
  }
  return text;
}

std::span<const PostOpRow> AllPostOps() { return kPostOps; }

void Append(std::mt19937& random, const PostOpRow& row, NodeCase& c) {
  const Shape& y = c.outputs[0].shape;
  switch (row.kind) {
    case PostOp::Kind::kScale:
    case PostOp::Kind::kShift:
      c.AddPostOp(row.kind, RandomTensor(random, {y[1]}));
      break;
    case PostOp::Kind::kAdd:
      c.AddPostOp(row.kind, RandomTensor(random, y));
      break;
    default:
      c.AddPostOp(row.kind, row.a, row.b);
  }
}

}  // namespace hadron::backend
