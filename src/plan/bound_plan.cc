#include "plan/bound_plan.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "tensor/string_tensor.h"

namespace hadron::plan {
namespace {

using backend::BufferView;
using base::Status;
using base::StatusOr;
using tensor::DataType;
using tensor::HostTensor;

BufferView Range(device::DeviceBuffer* buffer, std::uint64_t offset, std::uint64_t bytes) {
  HADRON_CHECK(buffer != nullptr && offset + bytes <= buffer->bytes());
  std::byte* host = buffer->host();
  return {buffer, offset, bytes, host == nullptr ? nullptr : host + offset, nullptr};
}

}  // namespace

StatusOr<std::unique_ptr<BoundPlan>> BoundPlan::Bind(std::shared_ptr<const ExecutionPlan> plan,
                                                     std::shared_ptr<const WeightBinding> weights,
                                                     const LaneMemory& memory) {
  auto bound = std::unique_ptr<BoundPlan>(new BoundPlan);  // NOLINT: private constructor
  bound->plan_ = std::move(plan);
  bound->weights_ = std::move(weights);
  bound->memory_ = memory;
  bound->constants_ = bound->plan_->constants;
  bound->strings_.resize(bound->plan_->string_slots);
  for (const auto& [slot, strings] : bound->plan_->string_constants) {
    bound->strings_[slot] = strings;
  }
  for (std::int64_t piece = 0; piece < bound->plan_->pieces; ++piece) {
    for (const PlanStep& step : bound->plan_->steps) {
      HADRON_RETURN_IF_ERROR(bound->BindStep(step, static_cast<std::uint64_t>(piece)));
    }
  }
  bound->FindReaders();
  return bound;
}

BufferView BoundPlan::View(std::uint32_t index, std::uint64_t piece) {
  const PlanTensor& tensor = plan_->tensors[index];
  const std::uint64_t bytes = tensor.spec.bytes();
  switch (tensor.space) {
    case Space::kNone:
      return {};
    case Space::kIo:
      return Range(memory_.io, tensor.offset + piece * tensor.piece_bytes, bytes);
    case Space::kHostArena:
      return Range(memory_.host_arena, memory_.host_arena_offset + tensor.offset, bytes);
    case Space::kDeviceArena:
      return Range(memory_.device_arena, memory_.device_arena_offset + tensor.offset, bytes);
    case Space::kWeight:
      return weights_->View(tensor.weight);
    case Space::kStrings: {
      BufferView view;
      view.strings = &strings_[tensor.offset];
      return view;
    }
    case Space::kConstant: {
      BufferView view;
      view.bytes = bytes;
      view.host = constants_.data() + tensor.offset;
      return view;
    }
  }
  return {};
}

Status BoundPlan::BindStep(const PlanStep& step, std::uint64_t piece) {
  backend::KernelArgs args;
  for (const std::uint32_t t : step.inputs) args.inputs.push_back(View(t, piece));
  for (const std::uint32_t t : step.outputs) args.outputs.push_back(View(t, piece));
  std::unique_ptr<backend::Launch> launch;
  if (step.kind == PlanStep::Kind::kKernel) {
    if (step.kernel->scratch_bytes() > 0) {
      args.scratch = args.outputs.back();
      args.outputs.pop_back();
    }
    HADRON_ASSIGN_OR_RETURN(launch, step.kernel->Bind(args));
  }
  views_.push_back(std::move(args));
  launches_.push_back(std::move(launch));
  return {};
}

const PlanStep& BoundPlan::StepOf(std::size_t run) const {
  return plan_->steps[run % plan_->steps.size()];
}

bool BoundPlan::IsHostStep(std::size_t run) const {
  const PlanStep& step = StepOf(run);
  if (step.kind == PlanStep::Kind::kKernel) return !step.kernel->on_device();
  return step.kind == PlanStep::Kind::kCopy;
}

Status BoundPlan::RunHostStep(std::size_t run) {
  if (launches_[run] != nullptr) return launches_[run]->Run();
  const BufferView& from = views_[run].inputs[0];
  const BufferView& to = views_[run].outputs[0];
  if (from.bytes > 0) std::memcpy(to.host, from.host, from.bytes);
  return {};
}

Status BoundPlan::RunHost(std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    Status status = RunHostStep(i);
    if (!status.ok()) return std::move(status).With(StepOf(i).label);
  }
  return {};
}

void BoundPlan::EnqueueDeviceStep(std::size_t run, device::Stream& stream,
                                  const IoTraffic& traffic) {
  const backend::KernelArgs& args = views_[run];
  switch (StepOf(run).kind) {
    case PlanStep::Kind::kUpload:
      if (args.inputs[0].buffer == memory_.io) {
        return traffic.EnqueueUpload(stream, args.inputs[0], args.outputs[0]);
      }
      stream.Upload({args.inputs[0].host, args.inputs[0].bytes}, *args.outputs[0].buffer,
                    args.outputs[0].offset);
      return;
    case PlanStep::Kind::kDownload:
      if (args.outputs[0].buffer == memory_.io) {
        return traffic.EnqueueDownload(stream, args.inputs[0], args.outputs[0]);
      }
      stream.Download(*args.inputs[0].buffer, args.inputs[0].offset,
                      {args.outputs[0].host, args.outputs[0].bytes});
      return;
    default:
      break;
  }
  Status status = launches_[run]->Enqueue(stream);
  if (status.ok()) return;
  // The stream carries the failure to the run's Record.
  stream.Host([failure = std::make_shared<Status>(std::move(status))] { return failure->Clone(); });
}

std::vector<std::shared_ptr<const device::Event>> BoundPlan::PendingWeights(std::size_t run) const {
  std::vector<std::shared_ptr<const device::Event>> events;
  for (const std::uint32_t t : StepOf(run).inputs) {
    const PlanTensor& tensor = plan_->tensors[t];
    if (tensor.space != Space::kWeight) continue;
    if (auto event = weights_->Pending(tensor.weight.segment)) events.push_back(std::move(event));
  }
  return events;
}

void BoundPlan::EnqueueStep(std::size_t piece, std::size_t index, device::Stream& stream) {
  const std::size_t run = piece * plan_->steps.size() + index;
  for (auto& event : PendingWeights(run)) stream.Wait(std::move(event));
  if (!IsHostStep(run)) return EnqueueDeviceStep(run, stream, {});
  stream.Host([this, run] { return RunHost(run, run + 1); });
}

BoundPlan::Progress BoundPlan::Start(std::int64_t rows) const {
  const std::int64_t piece_rows = plan_->rows / plan_->pieces;
  const std::int64_t pieces = (rows + piece_rows - 1) / piece_rows;
  return {0, plan_->steps.size() * static_cast<std::size_t>(pieces)};
}

Status BoundPlan::RunHostPart(Progress& progress, std::size_t end, base::Duration longest) {
  using Clock = std::chrono::steady_clock;
  host_times_.resize(launches_.size());
  const base::TimePoint began = Clock::now();
  base::TimePoint now = began;
  while (progress.next < end) {
    const std::size_t run = progress.next;
    if (now != began && now - began + host_times_[run] > longest) return {};
    Status status = RunHostStep(run);
    if (!status.ok()) return std::move(status).With(StepOf(run).label);
    const base::TimePoint before = std::exchange(now, Clock::now());
    host_times_[run] = now - before;
    ++progress.next;
  }
  return {};
}

std::size_t BoundPlan::EndOfHostSteps(std::size_t begin, std::size_t count) const {
  const bool settled = weights_->settled();
  std::size_t end = begin;
  while (end < count && IsHostStep(end) && (settled || end == begin || PendingWeights(end).empty()))
    ++end;
  return end;
}

void BoundPlan::EnqueuePart(device::Stream& stream, Progress& progress, const PartLimit& limit,
                            const IoTraffic& traffic) {
  for (auto& event : PendingWeights(progress.next)) stream.Wait(std::move(event));
  if (IsHostStep(progress.next)) {
    const std::size_t end = EndOfHostSteps(progress.next, progress.count);
    stream.Host([this, &progress, end, longest = limit.longest] {
      return RunHostPart(progress, end, longest);
    });
    return;
  }
  constexpr std::size_t kUnknown = 8;
  const double longest = std::chrono::duration<double>(limit.longest).count();
  const std::size_t steps = limit.seconds_a_step <= 0
                                ? kUnknown
                                : static_cast<std::size_t>(longest / limit.seconds_a_step);
  const std::size_t end = std::min(progress.count, progress.next + std::max<std::size_t>(1, steps));
  while (progress.next < end && !IsHostStep(progress.next)) {
    for (auto& event : PendingWeights(progress.next)) stream.Wait(std::move(event));
    EnqueueDeviceStep(progress.next++, stream, traffic);
  }
}

void BoundPlan::Enqueue(device::Stream& stream, std::int64_t rows, const IoTraffic& traffic) {
  const std::size_t count = Start(rows).count;
  const bool settled = weights_->settled();
  for (std::size_t i = 0; i < count;) {
    if (!settled) {
      for (auto& event : PendingWeights(i)) stream.Wait(std::move(event));
    }
    if (!IsHostStep(i)) {
      EnqueueDeviceStep(i++, stream, traffic);
      continue;
    }
    std::size_t end = i + 1;
    while (end < count && IsHostStep(end) && (settled || PendingWeights(end).empty())) ++end;
    stream.Host([this, i, end] { return RunHost(i, end); });
    i = end;
  }
}

Status BoundPlan::GatherStrings(const RunInput& input, std::uint32_t index) {
  const PlanTensor& tensor = plan_->tensors[index];
  std::vector<std::string>& slot = strings_[tensor.offset];
  slot.clear();
  for (std::size_t i = 0; i < input.parts.size(); ++i) {
    HADRON_ASSIGN_OR_RETURN(auto part, tensor::DecodeStrings(input.parts[i], input.elements[i]));
    std::move(part.begin(), part.end(), std::back_inserter(slot));
  }
  const auto all = static_cast<std::size_t>(tensor.spec.shape.elements());
  const std::size_t row = all / static_cast<std::size_t>(plan_->rows);
  while (slot.size() < all && slot.size() >= row) slot.push_back(slot[slot.size() - row]);
  slot.resize(all);
  return {};
}

void BoundPlan::GatherBytes(const RunInput& input, std::uint32_t index) const {
  const PlanTensor& tensor = plan_->tensors[index];
  const auto pieces = static_cast<std::uint64_t>(plan_->pieces);
  const std::uint64_t piece = tensor.spec.bytes();
  std::byte* const begin = memory_.io->host() + tensor.offset;
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < input.parts.size(); ++i) {
    const std::uint64_t bytes = input.PartBytes(i);
    HADRON_CHECK(at + bytes <= piece * pieces);
    if (!input.IsOnDevice(i)) input.parts[i].CopyTo({begin + at, bytes});
    at += bytes;
  }
  const std::uint64_t row = piece * pieces / static_cast<std::uint64_t>(plan_->rows);
  if (row == 0) return;
  const std::uint64_t end = (at + piece - 1) / piece * piece;
  for (; at < end && at >= row; at += row) std::memcpy(begin + at, begin + at - row, row);
  if (at < end) std::memset(begin + at, 0, end - at);
}

void BoundPlan::FindReaders() {
  readers_.resize(plan_->inputs.size());
  for (std::size_t i = 0; i < readers_.size(); ++i) {
    if (const auto step = SoleReader(*plan_, plan_->inputs[i])) {
      readers_[i].first = launches_[*step].get();
    }
  }
}

/// All of the input in one piece, as the reader wants it.
bool BoundPlan::ReadsInPlace(const RunInput& input, std::size_t number) {
  auto& [launch, bytes] = readers_[number];
  if (launch == nullptr) return false;
  const backend::TensorSpec& spec = plan_->tensors[plan_->inputs[number]].spec;
  const bool whole = input.parts.size() == 1 && !input.IsOnDevice(0) &&
                     input.parts[0].contiguous() && input.parts[0].size() == spec.bytes();
  bytes = whole ? input.parts[0] : base::IoBuf();
  const std::byte* const at = bytes.bytes().data();
  const bool fits =
      whole && reinterpret_cast<std::uintptr_t>(at) % tensor::ElementSize(spec.type) == 0;
  launch->ReadFrom(fits ? at : nullptr);
  return fits;
}

Status BoundPlan::Gather(std::span<const RunInput> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::uint32_t t = plan_->inputs[i];
    if (plan_->tensors[t].spec.type == DataType::kString) {
      HADRON_RETURN_IF_ERROR(GatherStrings(inputs[i], t));
    } else if (!ReadsInPlace(inputs[i], i)) {
      GatherBytes(inputs[i], t);
    }
  }
  return {};
}

StatusOr<std::vector<HostTensor>> BoundPlan::Collect(std::int64_t rows,
                                                     const std::vector<bool>& unread) {
  for (auto& reader : readers_) reader.second = {};
  std::vector<HostTensor> outputs;
  for (const std::uint32_t t : plan_->outputs) {
    const PlanTensor& tensor = plan_->tensors[t];
    const bool left = outputs.size() < unread.size() && unread[outputs.size()];
    HostTensor out{{"", tensor.spec.type, tensor.spec.shape}, {}};
    if (rows != plan_->rows || plan_->pieces > 1) out.desc.shape[0] = rows;
    if (tensor.spec.type == DataType::kString) {
      const auto count = static_cast<std::size_t>(out.desc.shape.elements());
      out.bytes = tensor::EncodeStrings(std::span(strings_[tensor.offset]).first(count));
    } else if (!left) {
      const std::uint64_t bytes = *out.desc.shape.CheckedBytes(out.desc.type);
      out.bytes = base::IoBuf::Copy({memory_.io->host() + tensor.offset, bytes});
    }
    outputs.push_back(std::move(out));
  }
  return outputs;
}

}  // namespace hadron::plan
