#include <fmt/format.h>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

base::Status Gather(const RefCall& call) {
  const RefTensor& x = call.in(0);
  const std::size_t axis = AxisIndex(call.node.attributes.Int("axis", 0), x.shape);
  const std::int64_t size = x.shape[axis];
  std::vector<std::int64_t> indices = ToInts(call.in(1));
  for (std::int64_t& index : indices) {
    if (index < -size || index >= size) {
      return base::InvalidArgument(fmt::format("{}: index {} is out of range [{}, {}]",
                                               call.node.Label(), index, -size, size - 1));
    }
    if (index < 0) index += size;
  }
  std::size_t inner = 1;
  for (std::size_t i = axis + 1; i < x.shape.rank(); ++i) {
    inner *= static_cast<std::size_t>(x.shape[i]);
  }
  const auto length = static_cast<std::size_t>(size);
  CopyElements(x, call.out(), [&](std::size_t i) {
    const std::size_t row = i / inner;
    const std::size_t picked = static_cast<std::size_t>(indices[row % indices.size()]);
    return (row / indices.size() * length + picked) * inner + i % inner;
  });
  return {};
}

}  // namespace

void RegisterReferenceGather(RefRegistry& registry) { registry.Add("", "Gather", Gather); }

}  // namespace hadron::backend::reference
