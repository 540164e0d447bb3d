#pragma once

#include <random>
#include <span>
#include <string>
#include <vector>

#include "unit/backend/kernel_rig.h"

namespace hadron::backend {

/// A convolution by its numbers; sizes by spatial axis, channels per group.
struct ConvCase {
  std::int64_t batch, groups, in, out;
  std::vector<std::int64_t> size, kernel, stride, dilation, pads;
  bool transposed = false;
  bool bias = true;
};

NodeCase Build(std::mt19937& random, const ConvCase& p);
/// One to three axes, groups, strides, dilations, uneven pads; small sizes.
ConvCase RandomCase(std::mt19937& random, bool transposed);
std::string Describe(const ConvCase& p);

struct PostOpRow {
  graph::PostOp::Kind kind;
  float a, b;
};
/// Every kind of post-op once.
std::span<const PostOpRow> AllPostOps();
/// Appends it to a case whose output is there, with a random operand where it needs one.
void Append(std::mt19937& random, const PostOpRow& row, NodeCase& c);

}  // namespace hadron::backend
