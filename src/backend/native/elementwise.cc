// Unary operators (each is one step), BatchNormalization (a scale and a shift per channel), and
// binary operators with broadcasting.
#include <algorithm>
#include <cmath>

#include "backend/native/isa.h"
#include "backend/native/operators.h"
#include "backend/native/parallel.h"
#include "backend/native/steps.h"

namespace hadron::backend::native {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;
using tensor::Shape;

struct UnaryRow {
  std::string_view op_type;
  StepKind kind;
};

constexpr UnaryRow kUnary[] = {{"Relu", StepKind::kRelu},
                               {"LeakyRelu", StepKind::kLeakyRelu},
                               {"Clip", StepKind::kClip},
                               {"Sigmoid", StepKind::kSigmoid},
                               {"Tanh", StepKind::kTanh},
                               {"Softplus", StepKind::kSoftplus},
                               {"Elu", StepKind::kElu},
                               {"Exp", StepKind::kExp},
                               {"Log", StepKind::kLog},
                               {"Neg", StepKind::kNeg},
                               {"Abs", StepKind::kAbs},
                               {"Sqrt", StepKind::kSqrt},
                               {"Reciprocal", StepKind::kReciprocal},
                               {"Erf", StepKind::kErf},
                               {"Floor", StepKind::kFloor},
                               {"Ceil", StepKind::kCeil},
                               {"Gelu", StepKind::kGelu},
                               {"Swish", StepKind::kSwish},
                               {"HardSigmoid", StepKind::kHardSigmoid},
                               {"HardSwish", StepKind::kHardSwish}};

/// A bound of Clip: the value of a constant scalar input.
StatusOr<float> ClipBound(const KernelRequest& request, std::size_t i, float missing) {
  if (!request.node.HasInput(i)) return missing;
  if (request.constants[i] == nullptr) return NotHere(request, "computed bounds");
  HADRON_ASSIGN_OR_RETURN(const auto values, request.constants[i]->Doubles());
  return values.empty() ? missing : static_cast<float>(values[0]);
}

StatusOr<Step> UnaryStep(const KernelRequest& request, StepKind kind) {
  const graph::Attributes& attributes = request.node.attributes;
  Step step{kind};
  switch (kind) {
    case StepKind::kLeakyRelu:
      step.a = attributes.Float("alpha", 0.01F);
      break;
    case StepKind::kElu:
      step.a = attributes.Float("alpha", 1);
      break;
    case StepKind::kHardSigmoid:
      step.a = attributes.Float("alpha", 0.2F);
      step.b = attributes.Float("beta", 0.5F);
      break;
    case StepKind::kHardSwish:
      step.a = 1.0F / 6;
      step.b = 0.5F;
      break;
    case StepKind::kGelu:
      if (attributes.String("approximate", "none") != "none") step.kind = StepKind::kGeluTanh;
      break;
    case StepKind::kSwish:
      step.a = attributes.Float("alpha", 1);
      break;
    case StepKind::kClip: {
      HADRON_ASSIGN_OR_RETURN(step.a, ClipBound(request, 1, -INFINITY));
      HADRON_ASSIGN_OR_RETURN(step.b, ClipBound(request, 2, INFINITY));
      break;
    }
    default:
      break;
  }
  return step;
}

/// Steps applied to a whole tensor.
struct StepsRun {
  StepList steps;
  RowShape shape;
  const float* x;
  float* y;
  int threads;

  void operator()() const {
    if (shape.rows == 1) {  // one long row: cut it instead
      ParallelFor(threads, shape.count, [&](std::int64_t first, std::int64_t last) {
        const std::size_t at = Size(first);
        Vector().apply(steps, {at, at, false}, x + at, y + at, Size(last - first));
      });
      return;
    }
    ParallelFor(threads, shape.rows, [&](std::int64_t first, std::int64_t last) {
      ApplyToRows(steps, shape, x, y, first, last);
    });
  }
};

bool NeedsChannels(std::span<const PlannedStep> steps) {
  return std::ranges::any_of(steps, [](const PlannedStep& s) {
    return s.step.kind == StepKind::kScale || s.step.kind == StepKind::kShift;
  });
}

Status RequireOneOrder(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequireFloats(request));
  const TensorSpec& x = request.inputs[0];
  const TensorSpec& y = request.outputs[0];
  if (x.layout == y.layout || SameOrder(x.layout, y.layout, y.shape)) return {};
  return NotHere(request, "input and output differ in layout");
}

StatusOr<std::unique_ptr<Kernel>> CreateUnary(const KernelRequest& request, StepKind kind) {
  HADRON_RETURN_IF_ERROR(RequireOneOrder(request));
  HADRON_ASSIGN_OR_RETURN(auto steps, PlanSteps(request));
  if (steps.size() == Size(kMaxSteps)) return NotHere(request, "too many fused operations");
  HADRON_ASSIGN_OR_RETURN(const Step own, UnaryStep(request, kind));
  steps.insert(steps.begin(), PlannedStep{own});
  const std::int64_t elements = request.outputs[0].shape.elements();
  const RowShape shape =
      NeedsChannels(steps) ? RowsOf(request.outputs[0]) : RowShape{1, elements, false, 1};
  const int threads = ThreadsFor(static_cast<double>(elements) * 0.3, request.threads);
  HostKernelParts parts;
  parts.description = "native elementwise";
  parts.in_place = {0};
  parts.bind = [steps = std::move(steps), shape, threads](const KernelArgs& args) {
    return MakeLaunch(StepsRun{BindSteps(steps, args), shape, Floats(args.inputs[0]),
                               MutableFloats(args.outputs[0]), threads});
  };
  return MakeHostKernel(std::move(parts));
}

/// scale / sqrt(variance + epsilon) and what it leaves to add, worked out at every run: the four
/// vectors are short.
struct NormalisationRun {
  StepsRun apply;
  const float* vectors[4];
  float* factors;
  std::size_t channels;
  float epsilon;

  void operator()() const {
    for (std::size_t c = 0; c < channels; ++c) {
      const double variance = static_cast<double>(vectors[3][c]) + static_cast<double>(epsilon);
      const double factor = static_cast<double>(vectors[0][c]) / std::sqrt(variance);
      factors[c] = static_cast<float>(factor);
      factors[channels + c] = static_cast<float>(static_cast<double>(vectors[1][c]) -
                                                 static_cast<double>(vectors[2][c]) * factor);
    }
    apply();
  }
};

StatusOr<std::unique_ptr<Kernel>> CreateBatchNormalization(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequireOneOrder(request));
  const TensorSpec& y = request.outputs[0];
  if (request.outputs.size() > 1 || y.shape.rank() < 2 || y.shape.elements() == 0) {
    return NotHere(request, "this form of normalisation");
  }
  HADRON_ASSIGN_OR_RETURN(auto steps, PlanSteps(request));
  if (steps.size() + 2 > Size(kMaxSteps)) return NotHere(request, "too many fused operations");
  steps.insert(steps.begin(), {PlannedStep{{StepKind::kScale}}, PlannedStep{{StepKind::kShift}}});
  const auto channels = Size(y.shape[1]);
  const int threads = ThreadsFor(static_cast<double>(y.shape.elements()) * 0.3, request.threads);
  HostKernelParts parts;
  parts.description = "native normalisation";
  parts.in_place = {0};
  parts.scratch_bytes = 2 * channels * sizeof(float);
  parts.bind = [steps = std::move(steps), shape = RowsOf(y), threads, channels,
                epsilon = request.node.attributes.Float("epsilon", 1e-5F)](const KernelArgs& args) {
    NormalisationRun run{{BindSteps(steps, args), shape, Floats(args.inputs[0]),
                          MutableFloats(args.outputs[0]), threads},
                         {},
                         MutableFloats(args.scratch),
                         channels,
                         epsilon};
    run.apply.steps.steps[0].operand = run.factors;
    run.apply.steps.steps[1].operand = run.factors + channels;
    for (std::size_t i = 0; i < 4; ++i) run.vectors[i] = Floats(args.inputs[i + 1]);
    return MakeLaunch(std::move(run));
  };
  return MakeHostKernel(std::move(parts));
}

}  // namespace

void RegisterElementwise(KernelRegistry& registry) {
  for (const UnaryRow& row : kUnary) {
    registry.Add(BackendId::kNative, {.op_type = row.op_type,
                                      .layout = LayoutRule::kFollow,
                                      .create =
                                          [kind = row.kind](const KernelRequest& request) {
                                            return CreateUnary(request, kind);
                                          },
                                      .fuses = FusesAll});
  }
  registry.Add(BackendId::kNative, {.op_type = "BatchNormalization",
                                    .layout = LayoutRule::kFollow,
                                    .create = CreateBatchNormalization,
                                    .fuses = FusesAll});
}

}  // namespace hadron::backend::native
