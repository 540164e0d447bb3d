#include <algorithm>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

Status Copy(const RefCall& call) {
  CopyAll(call.in(0), call.out());
  return {};
}

Status ShapeOf(const RefCall& call) {
  const auto rank = static_cast<std::int64_t>(call.in(0).shape.rank());
  const std::int64_t start = call.node.attributes.Int("start", 0);
  const std::int64_t first = std::clamp<std::int64_t>(start < 0 ? start + rank : start, 0, rank);
  const auto out = call.out().as<std::int64_t>();
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = call.in(0).shape[static_cast<std::size_t>(first) + i];
  }
  return {};
}

Status Size(const RefCall& call) {
  call.out().as<std::int64_t>()[0] = call.in(0).elements();
  return {};
}

Status Expand(const RefCall& call) {
  CopyElements(call.in(0), call.out(), BroadcastIndex(call.in(0).shape, call.out().shape));
  return {};
}

}  // namespace

void RegisterReferenceReshape(RefRegistry& registry) {
  registry.Add("", "Reshape", Copy);
  registry.Add("", "Flatten", Copy);
  registry.Add("", "Squeeze", Copy);
  registry.Add("", "Unsqueeze", Copy);
  registry.Add("", "Shape", ShapeOf);
  registry.Add("", "Size", Size);
  registry.Add("", "Expand", Expand);
}

}  // namespace hadron::backend::reference
