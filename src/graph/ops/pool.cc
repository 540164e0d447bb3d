// Pools over 1 to 3 spatial axes, and the global ones over all.
#include <fmt/format.h>

#include "graph/ops/util.h"
#include "graph/window.h"

namespace hadron::graph {
namespace {

using base::Status;
using tensor::DataType;

Status InferWindowPool(InferContext& c) {
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 3, 5));
  const auto kernel = c.attributes().Ints("kernel_shape");
  const SymbolicShape& x = c.shape(0);
  if (kernel.size() + 2 != x.size()) {
    return c.Invalid(fmt::format("attribute 'kernel_shape' has {} entries, expected {}",
                                 kernel.size(), x.size() - 2));
  }
  HADRON_ASSIGN_OR_RETURN(const Window window, ReadWindow(c.node(), kernel));
  SymbolicShape y = {x[0], x[1]};
  for (std::size_t i = 0; i < window.axes.size(); ++i) {
    WindowAxis axis = window.axes[i];
    if (axis.pad_begin >= axis.extent() || axis.pad_end >= axis.extent()) {
      return c.Invalid(fmt::format("pads {} and {} must be smaller than the kernel's extent {}",
                                   axis.pad_begin, axis.pad_end, axis.extent()));
    }
    const Dim& size = x[i + 2];
    if (!size.known()) {
      const bool keeps = axis.stride == 1 && axis.pad_begin + axis.pad_end == axis.extent() - 1;
      y.push_back(keeps ? size : c.NewSymbol());
      continue;
    }
    HADRON_RETURN_IF_ERROR(ResolveAxis(c.node(), window, axis, size.value()));
    y.emplace_back(axis.output);
  }
  return SetOutput(c, 0, c.type(0), std::move(y));
}

Status InferMaxPool(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, {DataType::kFp32, DataType::kFp64, DataType::kFp16,
                                           DataType::kBf16, DataType::kInt8, DataType::kUint8}));
  if (c.node().HasOutput(1)) return c.Unsupported("the output 'Indices' is not supported");
  return InferWindowPool(c);
}

Status InferAveragePool(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  return InferWindowPool(c);
}

Status InferGlobalPool(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kFloatTypes));
  HADRON_RETURN_IF_ERROR(RequireRank(c, 0, 2, INT32_MAX));
  SymbolicShape y = c.shape(0);
  std::fill(y.begin() + 2, y.end(), Dim(1));
  return SetOutput(c, 0, c.type(0), std::move(y));
}

std::vector<AttributeSpec> PoolAttributes(int dilations_since) {
  return {{"auto_pad", AttributeType::kString},
          {"ceil_mode", AttributeType::kInt, false, 10},
          {"dilations", AttributeType::kInts, false, dilations_since},
          {"kernel_shape", AttributeType::kInts, true},
          {"pads", AttributeType::kInts},
          {"strides", AttributeType::kInts}};
}

}  // namespace

void RegisterPool(OpRegistry& registry) {
  auto max_attributes = PoolAttributes(10);
  // Orders the output 'Indices', which is not supported, and nothing else.
  max_attributes.push_back({"storage_order", AttributeType::kInt, false, 8});
  registry.Add({.name = "MaxPool",
                .versions = {1, 8, 10, 11, 12, 22},
                .max_outputs = 2,
                .attributes = std::move(max_attributes),
                .infer = InferMaxPool});
  auto average_attributes = PoolAttributes(19);
  average_attributes.push_back({"count_include_pad", AttributeType::kInt, false, 7});
  registry.Add({.name = "AveragePool",
                .versions = {1, 7, 10, 11, 19, 22},
                .attributes = std::move(average_attributes),
                .infer = InferAveragePool});
  registry.Add({.name = "GlobalAveragePool", .versions = {1, 22}, .infer = InferGlobalPool});
  registry.Add({.name = "GlobalMaxPool", .versions = {1, 22}, .infer = InferGlobalPool});
}

}  // namespace hadron::graph
