#include "graph/resize.h"

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

std::vector<graph::ResizeAxis> Axes(const RefCall& call) {
  const bool given = call.has(2) && call.in(2).elements() > 0;
  const auto scales = given ? ToDoubles(call.in(2)) : std::vector<double>();
  return graph::ResizeAxes(call.node, call.in(0).shape, call.out().shape, scales);
}

/// Picks elements; exact for every type.
Status ResizeNearest(const RefCall& call) {
  const RefTensor* from = &call.in(0);
  RefTensor current;
  for (const graph::ResizeAxis& axis : Axes(call)) {
    RefTensor next{from->type, from->shape, {}, {}};
    next.shape[axis.index] = axis.out;
    next.bytes.resize(*next.shape.CheckedBytes(next.type));
    const auto inner = static_cast<std::size_t>(from->shape.Strides()[axis.index]);
    const auto out = static_cast<std::size_t>(axis.out);
    CopyElements(*from, next, [&](std::size_t i) {
      const auto picked = static_cast<std::size_t>(axis.taps[i / inner % out][0].first);
      return (i / inner / out * static_cast<std::size_t>(axis.in) + picked) * inner + i % inner;
    });
    current = std::move(next);
    from = &current;
  }
  CopyAll(*from, call.out());
  return {};
}

/// Interpolates along one axis after the other.
Status ResizeSmooth(const RefCall& call) {
  std::vector<double> values = ToDoubles(call.in(0));
  tensor::Shape shape = call.in(0).shape;
  for (const graph::ResizeAxis& axis : Axes(call)) {
    const auto inner = static_cast<std::size_t>(shape.Strides()[axis.index]);
    const auto in = static_cast<std::size_t>(axis.in);
    const auto out = static_cast<std::size_t>(axis.out);
    shape[axis.index] = axis.out;
    std::vector<double> next(static_cast<std::size_t>(shape.elements()), 0.0);
    for (std::size_t i = 0; i < next.size(); ++i) {
      const std::size_t start = i / inner / out * in * inner + i % inner;
      for (const auto& [index, weight] : axis.taps[i / inner % out]) {
        next[i] += weight * values[start + static_cast<std::size_t>(index) * inner];
      }
    }
    values = std::move(next);
  }
  FromDoubles(values, call.out());
  return {};
}

Status Resize(const RefCall& call) {
  return call.node.attributes.String("mode", "nearest") == "nearest" ? ResizeNearest(call)
                                                                     : ResizeSmooth(call);
}

}  // namespace

void RegisterReferenceResize(RefRegistry& registry) { registry.Add("", "Resize", Resize); }

}  // namespace hadron::backend::reference
