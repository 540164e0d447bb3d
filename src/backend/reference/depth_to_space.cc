#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

/// Both operators are a reshape to six axes, a transpose and a reshape back: `split` are the six
/// dimensions of the input, `order` says which of them each axis of the output takes.
void Rearrange(const RefCall& call, const tensor::Shape& split,
               const std::vector<std::size_t>& order) {
  const auto strides = split.Strides();
  tensor::Shape target = split;
  std::vector<std::int64_t> taken(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    target[i] = split[order[i]];
    taken[i] = strides[order[i]];
  }
  CopyElements(call.in(0), call.out(), StridedIndex(target, std::move(taken)));
}

Status DepthToSpace(const RefCall& call) {
  const tensor::Shape& x = call.in(0).shape;
  const std::int64_t b = call.node.attributes.Int("blocksize", 1);
  const std::int64_t c = x[1] / (b * b);
  if (call.node.attributes.String("mode", "DCR") == "DCR") {
    Rearrange(call, {x[0], b, b, c, x[2], x[3]}, {0, 3, 4, 1, 5, 2});
  } else {
    Rearrange(call, {x[0], c, b, b, x[2], x[3]}, {0, 1, 4, 2, 5, 3});
  }
  return {};
}

Status SpaceToDepth(const RefCall& call) {
  const tensor::Shape& x = call.in(0).shape;
  const std::int64_t b = call.node.attributes.Int("blocksize", 1);
  Rearrange(call, {x[0], x[1], x[2] / b, b, x[3] / b, b}, {0, 3, 5, 1, 2, 4});
  return {};
}

}  // namespace

void RegisterReferenceDepthToSpace(RefRegistry& registry) {
  registry.Add("", "DepthToSpace", DepthToSpace);
  registry.Add("", "SpaceToDepth", SpaceToDepth);
}

}  // namespace hadron::backend::reference
