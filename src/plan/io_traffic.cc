#include "plan/io_traffic.h"

#include <algorithm>

namespace hadron::plan {
namespace {

using backend::BufferView;

struct Bytes {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool Meets(const Bytes& other) const { return begin < other.end && other.begin < end; }
};

Bytes BytesOf(const PlanTensor& tensor) {
  return {tensor.offset, tensor.offset + tensor.spec.bytes()};
}

bool OnHost(const PlanStep& step) {
  if (step.kind == PlanStep::Kind::kKernel) return !step.kernel->on_device();
  return step.kind == PlanStep::Kind::kCopy;
}

/// Whether a step of that sort reads, or writes, any of these bytes of the I/O region.
template <typename Sort>
bool Touched(const ExecutionPlan& plan, const Bytes& bytes,
             std::vector<std::uint32_t> PlanStep::*side, const Sort& sort) {
  return std::ranges::any_of(plan.steps, [&](const PlanStep& step) {
    return sort(step) && std::ranges::any_of(step.*side, [&](std::uint32_t t) {
             const PlanTensor& tensor = plan.tensors[t];
             return tensor.space == Space::kIo && BytesOf(tensor).Meets(bytes);
           });
  });
}

}  // namespace

DeviceEnds FindDeviceEnds(const ExecutionPlan& plan) {
  DeviceEnds ends{std::vector<bool>(plan.inputs.size()), std::vector<bool>(plan.outputs.size())};
  if (plan.pieces != 1) return ends;
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    const PlanTensor& tensor = plan.tensors[plan.inputs[i]];
    ends.inputs[i] =
        tensor.space == Space::kIo && !Touched(plan, BytesOf(tensor), &PlanStep::inputs, OnHost);
  }
  const auto any = [](const PlanStep&) { return true; };
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    const PlanTensor& tensor = plan.tensors[plan.outputs[i]];
    if (tensor.space != Space::kIo) continue;
    const bool downloaded = std::ranges::any_of(plan.steps, [&](const PlanStep& step) {
      return step.kind == PlanStep::Kind::kDownload && step.outputs[0] == plan.outputs[i];
    });
    const Bytes bytes = BytesOf(tensor);
    ends.outputs[i] = downloaded && !Touched(plan, bytes, &PlanStep::inputs, any) &&
                      !Touched(plan, bytes, &PlanStep::outputs, OnHost);
  }
  return ends;
}

std::optional<std::size_t> SoleReader(const ExecutionPlan& plan, std::uint32_t tensor) {
  const Bytes bytes = BytesOf(plan.tensors[tensor]);
  const auto meets = [&](std::uint32_t t) {
    const PlanTensor& other = plan.tensors[t];
    return other.space == Space::kIo && BytesOf(other).Meets(bytes);
  };
  if (plan.pieces != 1 || !meets(tensor) || std::ranges::any_of(plan.outputs, meets)) return {};
  std::optional<std::size_t> reader;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const PlanStep& step = plan.steps[i];
    const auto reads = std::ranges::count_if(step.inputs, meets);
    if (reads == 0) continue;
    const bool anywhere = reads == 1 && step.inputs[0] == tensor && !reader &&
                          step.kind == PlanStep::Kind::kKernel && step.kernel->reads_anywhere();
    if (!anywhere) return {};
    reader = i;
  }
  return reader;
}

IoTraffic::IoTraffic(const ExecutionPlan& plan, std::span<const RunInput> inputs,
                     std::span<const KeptPart> kept, const std::vector<bool>& unread) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].on_device.empty()) AddInput(plan, i, inputs[i]);
  }
  for (const KeptPart& part : kept) {
    HADRON_CHECK(plan.ends.outputs[part.output]);
    const PlanTensor& tensor = plan.tensors[plan.outputs[part.output]];
    HADRON_CHECK(part.first + part.to.bytes <= tensor.spec.bytes());
    out_.push_back({tensor.offset + part.first, part.to});
  }
  for (std::size_t i = 0; i < unread.size(); ++i) {
    if (unread[i]) unread_.push_back(plan.tensors[plan.outputs[i]].offset);
  }
  std::ranges::sort(in_, {}, &Piece::at);
}

void IoTraffic::AddInput(const ExecutionPlan& plan, std::size_t number, const RunInput& input) {
  const PlanTensor& tensor = plan.tensors[plan.inputs[number]];
  const bool straight = plan.ends.inputs[number];
  Piece last;
  std::uint64_t at = tensor.offset;
  for (std::size_t i = 0; i < input.parts.size(); ++i) {
    const std::uint64_t bytes = input.PartBytes(i);
    if (bytes > 0) last = {at, input.IsOnDevice(i) ? input.on_device[i] : DeviceSpan()};
    if (input.IsOnDevice(i) && bytes > 0) (straight ? in_ : fetched_).push_back(last);
    at += bytes;
  }
  HADRON_CHECK(at <= tensor.offset + tensor.spec.bytes() * static_cast<std::uint64_t>(plan.pieces));
  if (straight && last.span.buffer != nullptr) AddPadding(plan, number, last);
}

/// As BoundPlan::Gather does it in host memory: rows that nobody sent repeat the last one.
void IoTraffic::AddPadding(const ExecutionPlan& plan, std::size_t number, const Piece& last) {
  const PlanTensor& tensor = plan.tensors[plan.inputs[number]];
  const std::uint64_t row = tensor.spec.bytes() / static_cast<std::uint64_t>(plan.rows);
  const std::uint64_t end = tensor.offset + tensor.spec.bytes();
  if (row == 0 || last.span.bytes < row) return;
  const DeviceSpan row_span = last.span.Sub(last.span.bytes - row, row);
  for (std::uint64_t at = last.end(); at + row <= end; at += row) in_.push_back({at, row_span});
}

void IoTraffic::EnqueueFetches(device::Stream& stream, device::DeviceBuffer& io) const {
  for (const Piece& piece : fetched_) {
    stream.Download(*piece.span.buffer, piece.span.offset,
                    {io.host() + piece.at, piece.span.bytes});
  }
}

void IoTraffic::EnqueueUpload(device::Stream& stream, const BufferView& from,
                              const BufferView& to) const {
  std::uint64_t at = from.offset;
  const std::uint64_t end = from.offset + from.bytes;
  const auto from_host = [&](std::uint64_t until) {
    if (until <= at) return;
    stream.Upload({from.host + (at - from.offset), until - at}, *to.buffer,
                  to.offset + (at - from.offset));
  };
  for (const Piece& piece : in_) {
    const std::uint64_t first = std::max(piece.at, at);
    const std::uint64_t last = std::min(piece.end(), end);
    if (first >= last) continue;
    from_host(first);
    stream.Copy(*piece.span.buffer, piece.span.offset + (first - piece.at), *to.buffer,
                to.offset + (first - from.offset), last - first);
    at = last;
  }
  from_host(end);
}

void IoTraffic::EnqueueDownload(device::Stream& stream, const BufferView& from,
                                const BufferView& to) const {
  for (const Piece& piece : out_) {
    if (piece.at < to.offset || piece.end() > to.offset + to.bytes) continue;
    stream.Copy(*from.buffer, from.offset + (piece.at - to.offset), *piece.span.buffer,
                piece.span.offset, piece.span.bytes);
  }
  const bool unread = std::ranges::find(unread_, to.offset) != unread_.end();
  if (!unread) stream.Download(*from.buffer, from.offset, {to.host, to.bytes});
}

}  // namespace hadron::plan
