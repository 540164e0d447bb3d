#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

base::Status Range(const RefCall& call) {
  RefTensor& y = call.out();
  const auto count = static_cast<std::size_t>(y.elements());
  if (tensor::IsFloating(y.type)) {
    const double start = ToDoubles(call.in(0))[0];
    const double delta = ToDoubles(call.in(2))[0];
    std::vector<double> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = start + static_cast<double>(i) * delta;
    FromDoubles(values, y);
    return {};
  }
  const auto start = static_cast<std::uint64_t>(ToInts(call.in(0))[0]);
  const auto delta = static_cast<std::uint64_t>(ToInts(call.in(2))[0]);
  DispatchNumeric(y.type, [&](auto zero) {
    const auto out = y.as<decltype(zero)>();
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = static_cast<decltype(zero)>(start + i * delta);
    }
  });
  return {};
}

}  // namespace

void RegisterReferenceRange(RefRegistry& registry) { registry.Add("", "Range", Range); }

}  // namespace hadron::backend::reference
