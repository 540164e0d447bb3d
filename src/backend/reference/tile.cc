#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

base::Status Tile(const RefCall& call) {
  const tensor::Shape& from = call.in(0).shape;
  const auto strides = from.Strides();
  const auto y_strides = call.out().shape.Strides();
  CopyElements(call.in(0), call.out(), [&](std::size_t i) {
    auto rest = static_cast<std::int64_t>(i);
    std::int64_t index = 0;
    for (std::size_t axis = 0; axis < strides.size(); ++axis) {
      index += rest / y_strides[axis] % from[axis] * strides[axis];
      rest %= y_strides[axis];
    }
    return static_cast<std::size_t>(index);
  });
  return {};
}

}  // namespace

void RegisterReferenceTile(RefRegistry& registry) { registry.Add("", "Tile", Tile); }

}  // namespace hadron::backend::reference
