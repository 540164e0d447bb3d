#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

/// Along one axis a tensor is `outer` stretches of shape[axis] * inner elements.
struct Stretches {
  Stretches(const tensor::Shape& shape, std::size_t axis) {
    for (std::size_t i = 0; i < axis; ++i) outer *= static_cast<std::size_t>(shape[i]);
    for (std::size_t i = axis + 1; i < shape.rank(); ++i) {
      inner *= static_cast<std::size_t>(shape[i]);
    }
    length = static_cast<std::size_t>(shape[axis]) * inner;
  }
  std::size_t outer = 1;
  std::size_t inner = 1;
  std::size_t length = 0;
};

Status Concat(const RefCall& call) {
  RefTensor& y = call.out();
  const std::size_t axis = AxisIndex(call.node.attributes.Int("axis", 1), y.shape);
  const Stretches whole(y.shape, axis);
  std::size_t start = 0;
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    const Stretches part(call.in(i).shape, axis);
    for (std::size_t o = 0; o < part.outer; ++o) {
      for (std::size_t k = 0; k < part.length; ++k) {
        CopyElement(call.in(i), o * part.length + k, y, o * whole.length + start + k);
      }
    }
    start += part.length;
  }
  return {};
}

Status Split(const RefCall& call) {
  const RefTensor& x = call.in(0);
  const std::size_t axis = AxisIndex(call.node.attributes.Int("axis", 0), x.shape);
  const Stretches whole(x.shape, axis);
  // Sizes of outputs that nobody wants are known from the sizes alone.
  std::vector<std::int64_t> sizes = call.has(1) ? ToInts(call.in(1)) : std::vector<std::int64_t>();
  const std::int64_t parts = call.node.attributes.Int("num_outputs", 1);
  const std::int64_t chunk = (x.shape[axis] + parts - 1) / parts;
  std::size_t start = 0;
  for (std::size_t i = 0; i < call.outputs.size(); ++i) {
    const std::int64_t size = call.has(1) ? sizes[i] : chunk;
    if (call.node.HasOutput(i)) {
      RefTensor& y = call.out(i);
      const Stretches part(y.shape, axis);
      for (std::size_t k = 0; k < part.outer * part.length; ++k) {
        CopyElement(x, k / part.length * whole.length + start + k % part.length, y, k);
      }
    }
    start += static_cast<std::size_t>(size) * whole.inner;
  }
  return {};
}

}  // namespace

void RegisterReferenceConcat(RefRegistry& registry) {
  registry.Add("", "Concat", Concat);
  registry.Add("", "Split", Split);
}

}  // namespace hadron::backend::reference
