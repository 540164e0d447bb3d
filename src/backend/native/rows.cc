// Operators on whole rows of plain tensors: Softmax, LogSoftmax, LayerNormalization.
#include "backend/native/host_kernel.h"
#include "backend/native/isa.h"
#include "backend/native/operators.h"
#include "backend/native/parallel.h"

namespace hadron::backend::native {
namespace {

using base::StatusOr;

/// Rows that are contiguous: the axis is the last one, or everything after it is of size one.
StatusOr<std::unique_ptr<Kernel>> CreateSoftmax(const KernelRequest& request, bool logarithm) {
  HADRON_RETURN_IF_ERROR(RequireFloats(request));
  const tensor::Shape& shape = request.inputs[0].shape;
  if (shape.rank() == 0 || shape.elements() == 0) return NotHere(request, "empty tensors");
  if (!IsPlain(request.inputs[0]) || !IsPlain(request.outputs[0])) {
    return NotHere(request, "the native kernel needs plain tensors");
  }
  if (!request.node.post_ops.empty()) return NotHere(request, "fused operations");
  const std::int64_t axis = request.node.attributes.Int("axis", -1);
  const auto first = Size(axis < 0 ? axis + static_cast<std::int64_t>(shape.rank()) : axis);
  const bool flatten = request.node.attributes.Int("hadron_flatten", 0) != 0;
  std::int64_t count = 1;
  std::int64_t inner = 1;
  for (std::size_t i = first; i < shape.rank(); ++i) {
    (flatten || i == first ? count : inner) *= shape[i];
  }
  if (inner != 1) return NotHere(request, "an inner axis");
  const std::int64_t rows = shape.elements() / count;
  const int threads = ThreadsFor(static_cast<double>(shape.elements()) * 0.5, request.threads);
  HostKernelParts parts;
  parts.description = "native softmax";
  parts.in_place = {0};
  parts.bind = [=](const KernelArgs& args) {
    return MakeLaunch([=, x = Floats(args.inputs[0]), y = MutableFloats(args.outputs[0])] {
      ParallelFor(threads, rows, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          Vector().softmax(x + row * count, y + row * count, Size(count), logarithm);
        }
      });
    });
  };
  return MakeHostKernel(std::move(parts));
}

/// Over the last axes, with a scale (and a bias) for each element of a row.
StatusOr<std::unique_ptr<Kernel>> CreateLayerNorm(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequireFloats(request));
  const graph::Node& node = request.node;
  const tensor::Shape& shape = request.inputs[0].shape;
  if (shape.elements() == 0) return NotHere(request, "empty tensors");
  if (!IsPlain(request.inputs[0]) || !IsPlain(request.outputs[0])) {
    return NotHere(request, "the native kernel needs plain tensors");
  }
  if (!node.post_ops.empty()) return NotHere(request, "fused operations");
  for (const TensorSpec& statistic : request.outputs.subspan(1)) {
    if (statistic.type != tensor::DataType::kInvalid) return NotHere(request, "mean and deviation");
  }
  const std::int64_t axis = node.attributes.Int("axis", -1);
  const auto first = Size(axis < 0 ? axis + static_cast<std::int64_t>(shape.rank()) : axis);
  std::int64_t count = 1;
  for (std::size_t i = first; i < shape.rank(); ++i) count *= shape[i];
  const bool has_bias = node.HasInput(2);
  if (request.inputs[1].shape.elements() != count ||
      (has_bias && request.inputs[2].shape.elements() != count)) {
    return NotHere(request, "a broadcast scale or bias");
  }
  const std::int64_t rows = shape.elements() / count;
  const float epsilon = node.attributes.Float("epsilon", 1e-5F);
  const int threads = ThreadsFor(static_cast<double>(shape.elements()) * 0.3, request.threads);
  HostKernelParts parts;
  parts.description = "native layer norm";
  parts.in_place = {0};
  parts.bind = [=](const KernelArgs& args) {
    const float* bias = has_bias ? Floats(args.inputs[2]) : nullptr;
    return MakeLaunch([=, x = Floats(args.inputs[0]), scale = Floats(args.inputs[1]),
                       y = MutableFloats(args.outputs[0])] {
      ParallelFor(threads, rows, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t row = begin; row < end; ++row) {
          Vector().normalise(x + row * count, scale, bias, epsilon, y + row * count, Size(count));
        }
      });
    });
  };
  return MakeHostKernel(std::move(parts));
}

}  // namespace

void RegisterRows(KernelRegistry& registry) {
  registry.Add(BackendId::kNative, {.op_type = "LayerNormalization", .create = CreateLayerNorm});
  registry.Add(BackendId::kNative,
               {.op_type = "Softmax", .create = [](const KernelRequest& request) {
                  return CreateSoftmax(request, false);
                }});
  registry.Add(BackendId::kNative,
               {.op_type = "LogSoftmax", .create = [](const KernelRequest& request) {
                  return CreateSoftmax(request, true);
                }});
}

}  // namespace hadron::backend::native
