#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

base::Status Where(const RefCall& call) {
  RefTensor& y = call.out();
  const auto condition = call.in(0).as<std::uint8_t>();
  const BroadcastIndex ic(call.in(0).shape, y.shape);
  const BroadcastIndex iy(call.in(1).shape, y.shape);
  const BroadcastIndex in(call.in(2).shape, y.shape);
  const auto count = static_cast<std::size_t>(y.elements());
  for (std::size_t i = 0; i < count; ++i) {
    if (condition[ic(i)] != 0) {
      CopyElement(call.in(1), iy(i), y, i);
    } else {
      CopyElement(call.in(2), in(i), y, i);
    }
  }
  return {};
}

}  // namespace

void RegisterReferenceWhere(RefRegistry& registry) { registry.Add("", "Where", Where); }

}  // namespace hadron::backend::reference
