#include "graph/slice_range.h"

#include "backend/reference/op.h"

namespace hadron::backend::reference {
namespace {

base::Status Slice(const RefCall& call) {
  const RefTensor& x = call.in(0);
  const auto starts = ToInts(call.in(1));
  const auto ends = ToInts(call.in(2));
  const auto axes = call.has(3) ? ToInts(call.in(3)) : std::vector<std::int64_t>();
  const auto steps = call.has(4) ? ToInts(call.in(4)) : std::vector<std::int64_t>(starts.size(), 1);
  if (call.out().elements() == 0) return {};
  auto strides = x.shape.Strides();
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t axis = axes.empty() ? i : AxisIndex(axes[i], x.shape);
    const auto range = graph::ResolveSlice(starts[i], ends[i], steps[i], x.shape[axis]);
    offset += range.start * strides[axis];
    // A single element needs no step, which may be too long to multiply.
    strides[axis] = range.count > 1 ? strides[axis] * steps[i] : 0;
  }
  CopyElements(x, call.out(), StridedIndex(call.out().shape, std::move(strides), offset));
  return {};
}

}  // namespace

void RegisterReferenceSlice(RefRegistry& registry) { registry.Add("", "Slice", Slice); }

}  // namespace hadron::backend::reference
