#include "plan/batch_invariance.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <future>
#include <map>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "backend/reorder.h"
#include "base/bytes.h"
#include "tensor/half.h"

namespace hadron::plan {
namespace {

using base::Status;
using base::StatusOr;
using device::DeviceBuffer;
using tensor::DataType;
using PlanRef = std::shared_ptr<const ExecutionPlan>;
using Digests = std::vector<std::uint64_t>;  ///< by probe, of one row

constexpr std::uint64_t kSeed = 20;

/// The two plans that are compared.
struct Pair {
  PlanRef alone;
  PlanRef together;
};

/// A tensor of both plans, looked at after a step of each.
struct Probe {
  std::array<std::uint32_t, 2> tensor;  ///< alone, together
  std::array<std::size_t, 2> step;
  std::string name;
};

/// One NaN for all: which of two operands' NaN a sum hands on is the compiler's choice, and random
/// values make NaN of logarithms and roots.
std::uint32_t Canonical(std::uint32_t bits) {
  return (bits & 0x7fffffffU) > 0x7f800000U ? 0x7fc00000U : bits;
}

/// Every step is a bijection of the state, so that one differing word always shows.
std::uint64_t Digest(DataType type, std::span<const std::byte> bytes) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;
  std::uint64_t state = bytes.size();
  std::size_t at = 0;
  const auto mix = [&state](std::uint64_t word) { state = std::rotl(state ^ word, 29) * kOdd; };
  for (; type == DataType::kFp32 && at + 4 <= bytes.size(); at += 4) {
    mix(Canonical(base::LoadLe<std::uint32_t>(bytes.data() + at)));
  }
  for (; at + 8 <= bytes.size(); at += 8) mix(base::LoadLe<std::uint64_t>(bytes.data() + at));
  for (; at < bytes.size(); ++at) mix(std::to_integer<std::uint64_t>(bytes[at]));
  return state;
}

std::uint64_t RowBytes(const PlanTensor& tensor) {
  return tensor.spec.bytes() / static_cast<std::uint64_t>(tensor.spec.shape[0]);
}

bool InMemory(const PlanTensor& tensor) {
  return tensor.space == Space::kIo || tensor.space == Space::kHostArena ||
         tensor.space == Space::kDeviceArena;
}

/// True when row r of the batch lies where rows in front are, in the same order as alone.
bool Comparable(const PlanTensor& alone, const PlanTensor& together, std::int64_t rows) {
  if (!InMemory(alone) || !InMemory(together) || alone.spec.type != together.spec.type)
    return false;
  const tensor::Shape& one = alone.spec.shape;
  const tensor::Shape& many = together.spec.shape;
  return one.rank() > 0 && many.rank() > 0 && one[0] == 1 && many[0] == rows &&
         one.WithoutFirst() == many.WithoutFirst() && one.elements() > 0 &&
         backend::SameOrder(alone.spec.layout, together.spec.layout, one);
}

/// What of a step's outputs belongs to its node: not the scratch.
std::size_t NodeOutputs(const PlanStep& step) {
  const bool scratch = step.kernel != nullptr && step.kernel->scratch_bytes() > 0;
  return step.outputs.size() - (scratch ? 1 : 0);
}

/// The step's name in both plans: kernels may be chosen by the number of rows.
std::string ProbeName(const PlanStep& alone, const PlanStep& together) {
  if (alone.label == together.label) return together.label;
  return fmt::format("{} (alone: {})", together.label, alone.label);
}

std::vector<Probe> Probes(const CompiledModel& model, const Pair& plans) {
  std::map<int, std::size_t> alone;  // by node: step
  for (std::size_t i = 0; i < plans.alone->steps.size(); ++i) {
    if (plans.alone->steps[i].node >= 0) alone[plans.alone->steps[i].node] = i;
  }
  std::vector<Probe> probes;
  const auto add = [&](std::array<std::uint32_t, 2> tensor, std::array<std::size_t, 2> step,
                       std::string name) {
    const PlanTensor& one = plans.alone->tensors[tensor[0]];
    if (!Comparable(one, plans.together->tensors[tensor[1]], plans.together->rows)) return;
    probes.push_back({tensor, step, std::move(name)});
  };
  for (std::size_t i = 0; i < plans.together->steps.size(); ++i) {
    const PlanStep& many = plans.together->steps[i];
    const auto found = alone.find(many.node);
    if (found == alone.end()) continue;
    const PlanStep& one = plans.alone->steps[found->second];
    for (std::size_t k = 0; k < std::min(NodeOutputs(one), NodeOutputs(many)); ++k) {
      add({one.outputs[k], many.outputs[k]}, {found->second, i}, ProbeName(one, many));
    }
  }
  if (plans.alone->steps.empty() || plans.together->steps.empty()) return probes;
  for (std::size_t k = 0; k < plans.together->outputs.size(); ++k) {
    add({plans.alone->outputs[k], plans.together->outputs[k]},
        {plans.alone->steps.size() - 1, plans.together->steps.size() - 1},
        fmt::format("output '{}'", model.graph().outputs()[k].name));
  }
  return probes;
}

/// Normal numbers; integers and booleans are 0 or 1, which no index or table is too short for.
void FillRandomly(DataType type, std::mt19937_64& random, std::span<std::byte> to) {
  std::normal_distribution<float> normal;
  const std::size_t size = tensor::ElementSize(type);
  for (std::size_t at = 0; at + size <= to.size(); at += size) {
    std::byte* const element = to.data() + at;
    switch (type) {
      case DataType::kFp16:
        base::StoreLe(element, tensor::FloatToHalf(normal(random)));
        break;
      case DataType::kBf16:
        base::StoreLe(element, tensor::FloatToBf16(normal(random)));
        break;
      case DataType::kFp32:
        base::StoreLe(element, normal(random));
        break;
      case DataType::kFp64:
        base::StoreLe(element, static_cast<double>(normal(random)));
        break;
      default:
        *element = static_cast<std::byte>(random() & 1U);  // little-endian; the rest stays zero
        break;
    }
  }
}

std::vector<base::IoBuf> RandomInputs(const ExecutionPlan& plan) {
  std::mt19937_64 random(kSeed);
  std::vector<base::IoBuf> inputs;
  for (const std::uint32_t t : plan.inputs) {
    const backend::TensorSpec& spec = plan.tensors[t].spec;
    std::vector<std::byte> bytes(spec.bytes());
    FillRandomly(spec.type, random, bytes);
    inputs.push_back(base::IoBuf::FromVector(std::move(bytes)));
  }
  return inputs;
}

/// Rows of the inputs as a run takes them.
std::vector<RunInput> TakeRows(const std::vector<base::IoBuf>& inputs, std::int64_t of,
                               std::int64_t first, std::int64_t rows) {
  std::vector<RunInput> taken;
  for (const base::IoBuf& input : inputs) {
    const std::size_t row = input.size() / static_cast<std::size_t>(of);
    taken.push_back(
        {{input.Sub(static_cast<std::size_t>(first) * row, static_cast<std::size_t>(rows) * row)},
         {}});
  }
  return taken;
}

std::uint64_t InputBytes(const ExecutionPlan& plan) {
  std::uint64_t bytes = 0;
  for (const std::uint32_t t : plan.inputs) bytes += plan.tensors[t].spec.bytes();
  return bytes;
}

/// Memory, stream and bound plans of one check.
class Comparison {
 public:
  Comparison(const SinglePlan::Places& places, Pair plans, std::vector<Probe> probes)
      : places_(places), plans_(std::move(plans)), probes_(std::move(probes)) {}

  Status Prepare(const std::shared_ptr<const WeightBinding>& weights, const ArenaSource& arena);
  /// The failure names the first probe that differs.
  Status Run();

 private:
  /// Runs one plan; the digests of these rows of every probe.
  StatusOr<std::vector<Digests>> Trace(bool together, std::vector<RunInput> inputs,
                                       const std::vector<std::int64_t>& rows);
  void EnqueueProbe(const PlanTensor& tensor, std::int64_t row, std::uint64_t& digest);
  Status Compare(const Digests& alone, const Digests& together, std::int64_t row) const;
  StatusOr<std::unique_ptr<DeviceBuffer>> Allocate(device::Device& device,
                                                   std::uint64_t bytes) const;
  StatusOr<ArenaPlace> AllocateArena(std::uint64_t bytes) const;

  const SinglePlan::Places& places_;
  const Pair plans_;
  const std::vector<Probe> probes_;
  device::Reservation inputs_;
  std::unique_ptr<DeviceBuffer> io_;
  std::unique_ptr<DeviceBuffer> host_arena_;
  ArenaPlace device_arena_;                ///< none when the device is the host
  std::unique_ptr<DeviceBuffer> staging_;  ///< one row of any probe
  std::array<std::unique_ptr<BoundPlan>, 2> bound_;
  std::unique_ptr<device::Stream> stream_;
};

StatusOr<std::unique_ptr<DeviceBuffer>> Comparison::Allocate(device::Device& device,
                                                             std::uint64_t bytes) const {
  const std::uint64_t wanted = std::max<std::uint64_t>(bytes, 1);
  HADRON_ASSIGN_OR_RETURN(auto reservation, device.memory().Reserve(places_.owner, wanted));
  return device.Allocate(std::move(reservation), wanted);
}

StatusOr<ArenaPlace> Comparison::AllocateArena(std::uint64_t bytes) const {
  HADRON_ASSIGN_OR_RETURN(auto buffer, Allocate(places_.device, bytes));
  return ArenaPlace{std::move(buffer), 0, bytes, nullptr};
}

Status Comparison::Prepare(const std::shared_ptr<const WeightBinding>& weights,
                           const ArenaSource& arena) {
  const ExecutionPlan& one = *plans_.alone;
  const ExecutionPlan& many = *plans_.together;
  HADRON_ASSIGN_OR_RETURN(inputs_, places_.host.memory().Reserve(places_.owner, InputBytes(many)));
  HADRON_ASSIGN_OR_RETURN(io_, Allocate(places_.host, std::max(one.io_bytes, many.io_bytes)));
  HADRON_ASSIGN_OR_RETURN(
      host_arena_, Allocate(places_.host, std::max(one.host_arena_bytes, many.host_arena_bytes)));
  const std::uint64_t on_device = std::max(one.device_arena_bytes, many.device_arena_bytes);
  if (on_device > 0) {
    std::uint64_t row = 0;
    for (const Probe& probe : probes_) row = std::max(row, RowBytes(one.tensors[probe.tensor[0]]));
    HADRON_ASSIGN_OR_RETURN(staging_, Allocate(places_.host, row));
    HADRON_ASSIGN_OR_RETURN(device_arena_, arena ? arena(on_device) : AllocateArena(on_device));
  }
  const LaneMemory memory{io_.get(), host_arena_.get(), device_arena_.buffer.get(), 0,
                          device_arena_.offset};
  HADRON_ASSIGN_OR_RETURN(bound_[0], BoundPlan::Bind(plans_.alone, weights, memory));
  HADRON_ASSIGN_OR_RETURN(bound_[1], BoundPlan::Bind(plans_.together, weights, memory));
  HADRON_ASSIGN_OR_RETURN(stream_, places_.device.CreateStream(places_.lane));
  return {};
}

void Comparison::EnqueueProbe(const PlanTensor& tensor, std::int64_t row, std::uint64_t& digest) {
  const std::uint64_t bytes = RowBytes(tensor);
  const std::uint64_t offset = tensor.offset + static_cast<std::uint64_t>(row) * bytes;
  const std::byte* from = nullptr;
  if (tensor.space == Space::kDeviceArena) {
    stream_->Download(*device_arena_.buffer, device_arena_.offset + offset,
                      {staging_->host(), bytes});
    from = staging_->host();
  } else {
    from = (tensor.space == Space::kIo ? io_ : host_arena_)->host() + offset;
  }
  stream_->Host([from, bytes, type = tensor.spec.type, &digest] {
    digest = Digest(type, {from, bytes});
    return base::OkStatus();
  });
}

StatusOr<std::vector<Digests>> Comparison::Trace(bool together, std::vector<RunInput> inputs,
                                                 const std::vector<std::int64_t>& rows) {
  const std::size_t side = together ? 1 : 0;
  BoundPlan& bound = *bound_[side];
  std::vector<Digests> digests(rows.size(), Digests(probes_.size()));
  stream_->Host([&bound, inputs = std::move(inputs)] { return bound.Gather(inputs); });
  for (std::size_t i = 0; i < bound.plan().steps.size(); ++i) {
    bound.EnqueueStep(0, i, *stream_);
    for (std::size_t p = 0; p < probes_.size(); ++p) {
      if (probes_[p].step[side] != i) continue;
      const PlanTensor& tensor = bound.plan().tensors[probes_[p].tensor[side]];
      for (std::size_t r = 0; r < rows.size(); ++r) EnqueueProbe(tensor, rows[r], digests[r][p]);
    }
    stream_->Flush();  // a task of its own: the lane may serve between two steps
  }
  std::promise<Status> ran;
  stream_->Record([&ran](Status status) { ran.set_value(std::move(status)); });
  stream_->Flush();
  HADRON_RETURN_IF_ERROR(ran.get_future().get());
  return digests;
}

Status Comparison::Compare(const Digests& alone, const Digests& together, std::int64_t row) const {
  for (std::size_t p = 0; p < probes_.size(); ++p) {
    if (alone[p] == together[p]) continue;
    return base::Internal(fmt::format(
        "batch invariance: {} gives a row other bytes alone than as row {} of {}, so answers would "
        "depend on what else is in a batch. Either the model combines the rows of a batch (then "
        "set max_batch_size: 0) or this kernel rounds by the batch's size; --batch-invariant=off "
        "serves the model as it is",
        probes_[p].name, row, plans_.together->rows));
  }
  return {};
}

Status Comparison::Run() {
  const std::int64_t rows = plans_.together->rows;
  const std::vector<base::IoBuf> inputs = RandomInputs(*plans_.together);
  const std::vector<std::int64_t> watched = {0, rows - 1};
  HADRON_ASSIGN_OR_RETURN(const auto batch, Trace(true, TakeRows(inputs, rows, 0, rows), watched));
  for (std::size_t i = 0; i < watched.size(); ++i) {
    HADRON_ASSIGN_OR_RETURN(const auto single,
                            Trace(false, TakeRows(inputs, rows, watched[i], 1), {0}));
    HADRON_RETURN_IF_ERROR(Compare(single[0], batch[i], watched[i]));
  }
  return {};
}

InvarianceOutcome Skipped(std::string why) { return {0, 0, std::move(why)}; }

/// The largest bucket up to kInvarianceRows; 1 if there is no other.
std::int64_t CheckedBucket(const CompiledModel& model) {
  std::int64_t rows = 1;
  for (const std::int64_t bucket : model.buckets()) {
    if (bucket <= kInvarianceRows) rows = std::max(rows, bucket);
  }
  return rows;
}

std::vector<tensor::Shape> InputShapes(const CompiledModel& model, std::int64_t rows,
                                       std::int64_t size) {
  std::vector<tensor::Shape> shapes;
  for (const graph::ValueId id : model.graph().inputs()) {
    tensor::Shape shape = graph::ToShape(model.graph().value(id).shape);
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      if (axis == 0) shape[axis] = rows;
      if (shape[axis] < 0) shape[axis] = size;
    }
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

bool HasFreeDimensions(const CompiledModel& model) {
  return std::ranges::any_of(model.graph().inputs(), [&](graph::ValueId id) {
    const graph::SymbolicShape& shape = model.graph().value(id).shape;
    return std::any_of(shape.begin() + (shape.empty() ? 0 : 1), shape.end(),
                       [](const graph::Dim& dim) { return !dim.known(); });
  });
}

/// The plans to compare; free dimensions get the first size that the model takes.
StatusOr<Pair> MakePair(const CompiledModel& model) {
  static constexpr std::array<std::int64_t, 8> kSizes = {16, 64, 32, 128, 8, 4, 2, 1};
  const std::int64_t rows = CheckedBucket(model);
  const std::size_t tries = HasFreeDimensions(model) ? kSizes.size() : 1;
  Status refused;
  for (const std::int64_t size : std::span(kSizes).first(tries)) {
    auto together = model.SpecialiseWhole(InputShapes(model, rows, size));
    if (together.ok()) {
      HADRON_ASSIGN_OR_RETURN(auto alone, model.SpecialiseWhole(InputShapes(model, 1, size)));
      return Pair{std::move(alone), std::move(together).value()};
    }
    refused = std::move(together).status();
    if (refused.code() != base::StatusCode::kInvalidArgument) break;
  }
  return refused;
}

/// Why the model cannot be asked; empty if it can.
std::string Obstacle(const CompiledModel& model) {
  if (model.options().max_batch <= 1) return "the model does not batch";
  for (const graph::ValueId id : model.graph().inputs()) {
    if (model.graph().value(id).type == DataType::kString) return "an input holds strings";
  }
  return "";
}

StatusOr<InvarianceOutcome> Check(const SinglePlan::Places& places, const CompiledModel& model,
                                  const std::shared_ptr<const WeightBinding>& weights,
                                  const ArenaSource& arena) {
  HADRON_ASSIGN_OR_RETURN(Pair plans, MakePair(model));
  std::vector<Probe> probes = Probes(model, plans);
  const InvarianceOutcome outcome{plans.together->rows, probes.size(), ""};
  if (probes.empty()) return Skipped("no step computes a tensor with the batch in front");
  Comparison comparison(places, std::move(plans), std::move(probes));
  HADRON_RETURN_IF_ERROR(comparison.Prepare(weights, arena));
  HADRON_RETURN_IF_ERROR(comparison.Run());
  return outcome;
}

}  // namespace

StatusOr<InvarianceOutcome> CheckBatchInvariance(
    const SinglePlan::Places& places, const CompiledModel& model,
    const std::shared_ptr<const WeightBinding>& weights, const ArenaSource& arena) {
  if (std::string why = Obstacle(model); !why.empty()) return Skipped(std::move(why));
  auto outcome = Check(places, model, weights, arena);
  // Random values or a size made up may be none that the model takes; all else is worth knowing.
  if (outcome.code() != base::StatusCode::kInvalidArgument) return outcome;
  return Skipped(std::string(outcome.message()));
}

}  // namespace hadron::plan
