#include <algorithm>

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

using base::Status;

std::int64_t Modulo(std::int64_t a, std::int64_t n) { return (a % n + n) % n; }

/// Source of an element `at` outside of [0, size), or -1 for the constant.
std::int64_t Source(std::int64_t at, std::int64_t size, const std::string& mode) {
  if (at >= 0 && at < size) return at;
  if (mode == "edge") return std::clamp<std::int64_t>(at, 0, size - 1);
  if (mode == "wrap") return Modulo(at, size);
  if (mode != "reflect") return -1;
  if (size == 1) return 0;
  const std::int64_t phase = Modulo(at, 2 * (size - 1));
  return std::min(phase, 2 * (size - 1) - phase);
}

/// For each element along an axis of the output, the input's, or -1. Crops first, then pads.
std::vector<std::int64_t> AxisSources(std::int64_t size, std::int64_t begin, std::int64_t end,
                                      const std::string& mode) {
  const std::int64_t cut = std::max<std::int64_t>(0, -begin);
  const std::int64_t rest = size - cut - std::max<std::int64_t>(0, -end);
  std::vector<std::int64_t> sources;
  for (std::int64_t i = 0; i < size + begin + end; ++i) {
    const std::int64_t at = Source(i - std::max<std::int64_t>(0, begin), rest, mode);
    sources.push_back(at < 0 ? -1 : at + cut);
  }
  return sources;
}

/// The constant in the type of the data; zero or "" when it is not given.
RefTensor FillValue(const RefCall& call) {
  const RefTensor& x = call.in(0);
  RefTensor value{x.type, {}, std::vector<std::byte>(tensor::ElementSize(x.type)), {""}};
  if (!call.has(2)) return value;
  if (call.in(2).type == x.type) return call.in(2);
  FromDoubles(ToDoubles(call.in(2)), value);
  return value;
}

Status Pad(const RefCall& call) {
  const RefTensor& x = call.in(0);
  RefTensor& y = call.out();
  const std::string mode = call.node.attributes.String("mode", "constant");
  const auto pads = ToInts(call.in(1));
  const auto axes = call.has(3) ? ToInts(call.in(3)) : std::vector<std::int64_t>();
  std::vector<std::pair<std::int64_t, std::int64_t>> ends(x.shape.rank());
  for (std::size_t i = 0; i < pads.size() / 2; ++i) {
    ends[axes.empty() ? i : AxisIndex(axes[i], x.shape)] = {pads[i], pads[i + pads.size() / 2]};
  }
  std::vector<std::vector<std::int64_t>> sources;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    sources.push_back(AxisSources(x.shape[i], ends[i].first, ends[i].second, mode));
  }
  const RefTensor value = FillValue(call);
  const auto strides = x.shape.Strides();
  const auto y_strides = y.shape.Strides();
  const auto count = static_cast<std::size_t>(y.elements());
  for (std::size_t i = 0; i < count; ++i) {
    auto rest = static_cast<std::int64_t>(i);
    std::int64_t from = 0;
    for (std::size_t axis = 0; axis < strides.size() && from >= 0; ++axis) {
      const std::int64_t at = sources[axis][static_cast<std::size_t>(rest / y_strides[axis])];
      from = at < 0 ? -1 : from + at * strides[axis];
      rest %= y_strides[axis];
    }
    if (from < 0) {
      CopyElement(value, 0, y, i);
    } else {
      CopyElement(x, static_cast<std::size_t>(from), y, i);
    }
  }
  return {};
}

}  // namespace

void RegisterReferencePad(RefRegistry& registry) { registry.Add("", "Pad", Pad); }

}  // namespace hadron::backend::reference
