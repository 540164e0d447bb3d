#include "backend/native/line_plan.h"

#include <algorithm>
#include <array>

#include "backend/native/isa.h"
#include "backend/native/parallel.h"
#include "backend/native/scratch_pieces.h"

namespace hadron::backend::native {
namespace {

/// Measured: tensors below this are in the caches of the threads that meet them again.
constexpr std::int64_t kCachedFloats = std::int64_t{1} << 18U;
/// Pixels that are computed together: enough to fill tiles, few enough to stay in the first cache.
constexpr std::int64_t kTurnPixels = 112;
constexpr std::int64_t kLineAlignment = 16;

std::int64_t Ceil(std::int64_t value, std::int64_t by) { return (value + by - 1) / by; }
std::int64_t RoundUp(std::int64_t value, std::int64_t to) { return Ceil(value, to) * to; }

bool IsPlane(const ConvShape& s) {
  return !s.transposed && s.in_size[0] == 1 && s.axes[0].kernel == 1 && s.axes[0].output == 1;
}

bool IsPointwise(const ConvShape& s) {
  return IsPlane(s) && s.groups == 1 && std::ranges::all_of(s.axes, [](const auto& axis) {
           return axis.kernel == 1 && axis.stride == 1 && axis.pad_begin == 0 && axis.pad_end == 0;
         });
}

bool IsDepthwise(const ConvShape& s) {
  return IsPlane(s) && s.groups > 1 && s.in_channels == 1 && s.out_channels == 1 &&
         s.axes[1].dilation == 1 && s.axes[1].kernel >= s.axes[1].stride;
}

std::int64_t OutputFloats(const ConvShape& s) {
  return s.groups * s.out_channels * s.axes[1].output * s.axes[2].output;
}

/// Whether the thread with the most turns has more than 5 % more lines than its share.
bool IsUneven(std::int64_t height, std::int64_t turn, std::int64_t threads) {
  const std::int64_t most = Ceil(Ceil(height, turn), threads) * turn;
  return most * threads * 100 > height * 105;
}

std::int64_t LinesOfTurn(std::int64_t width, std::int64_t height) {
  return std::clamp<std::int64_t>(kTurnPixels / width, 1, height);
}

/// At most so many lines, if threads are to have as much to do.
std::int64_t EvenTurn(std::int64_t lines, std::int64_t height, std::int64_t threads) {
  while (lines > 1 && IsUneven(height, lines, threads)) --lines;
  return lines;
}

}  // namespace

std::optional<LinePlan::Pointwise> LinePlan::MakePointwise(const ConvShape& shape,
                                                           std::int64_t width, std::int64_t lines) {
  Pointwise made;
  made.lines = lines;
  for (std::int64_t count = 1; count <= lines; ++count) {
    ConvShape some = shape;
    some.images = 1;
    some.in_size = {1, count, width};
    some.axes[1].output = count;
    made.of.push_back(DirectPlan::Make(some));
    const auto& plan = made.of.back();
    if (plan == nullptr || plan->kernel_name() != std::string_view("direct")) return {};
  }
  made.in_line = width * shape.in_channels;
  made.out_line = width * shape.out_channels;
  return made;
}

std::shared_ptr<const LinePlan> LinePlan::Make(std::span<const ConvShape> shapes, int threads) {
  const bool expands = IsPointwise(shapes.front());
  const bool projects = IsPointwise(shapes.back());
  const std::size_t middle = expands ? 1 : 0;
  if (shapes.size() != middle + 1 + (projects ? 1 : 0) || !IsDepthwise(shapes[middle])) {
    return nullptr;
  }
  std::int64_t largest = 0;
  for (const ConvShape& shape : shapes.first(shapes.size() - 1)) {
    largest = std::max(largest, OutputFloats(shape));
  }
  if (largest < kCachedFloats) return nullptr;
  const ConvShape& lines = shapes[middle];
  // Lines are what threads share out, and what is kept of them is little beside the tensor.
  if (lines.axes[1].output < 2 * threads) return nullptr;
  std::shared_ptr<LinePlan> plan(new LinePlan);
  plan->depthwise_ = DirectPlan::Make(lines);
  if (plan->depthwise_ == nullptr || plan->depthwise_->problem().line_rows == 0) return nullptr;
  plan->lines_ = plan->depthwise_->problem();
  plan->axis_ = lines.axes[1];
  plan->in_lines_ = lines.in_size[1];
  plan->images_ = lines.images;
  plan->threads_ = std::clamp(threads, 1, ScratchPieces::kMost);
  const std::int64_t height = lines.axes[1].output;
  const std::int64_t width = lines.axes[2].output;
  plan->turn_ = EvenTurn(LinesOfTurn(width, height), height, plan->threads_);
  plan->turns_ = Ceil(height, plan->turn_);
  if (projects) {
    plan->project_ = MakePointwise(shapes.back(), width, plan->turn_);
    if (!plan->project_) return nullptr;
    plan->buffer_floats_ = RoundUp(plan->turn_ * width * lines.groups, kLineAlignment);
  }
  if (expands) {
    const std::int64_t group = LinesOfTurn(lines.in_size[2], plan->in_lines_);
    plan->expand_ = MakePointwise(shapes.front(), lines.in_size[2], group);
    if (!plan->expand_) return nullptr;
    const std::int64_t span = (plan->turn_ - 1) * plan->axis_.stride + plan->axis_.kernel;
    const std::int64_t ring = RoundUp(span + group - 1, group);
    plan->lines_.ring_lines = static_cast<std::int32_t>(ring);
    plan->ring_floats_ = RoundUp(ring * plan->expand_->out_line, kLineAlignment);
  }
  if (plan->ring_floats_ + plan->buffer_floats_ > largest) return nullptr;
  return plan;
}

std::int64_t LinePlan::scratch_floats() const { return threads_ * (ring_floats_ + buffer_floats_); }

void LinePlan::Run(std::span<const DirectMemory> memories, float* scratch) const {
  const std::size_t middle = expand_ ? 1 : 0;
  const Memories m{expand_ ? &memories.front() : nullptr, &memories[middle],
                   project_ ? &memories.back() : nullptr};
  ScratchPieces pieces;
  std::array<Ring, ScratchPieces::kMost> rings;
  ParallelFor(threads_, images_ * turns_, [&](std::int64_t first, std::int64_t last) {
    const std::size_t piece = pieces.Take();
    float* own = scratch + static_cast<std::int64_t>(piece) * (ring_floats_ + buffer_floats_);
    RunTurns(m, own, rings[piece], first, last);
    pieces.Return(piece);
  });
}

/// From what is in the ring already, if that lies beside them. Who begins behind the first turn
/// goes down: helpers take what is left from the back.
void LinePlan::RunTurns(const Memories& m, float* scratch, Ring& ring, std::int64_t first,
                        std::int64_t last) const {
  const std::int64_t next = last % turns_ * turn_ * axis_.stride;  // what the turn behind reads
  const bool beside =
      ring.image == last / turns_ && ring.begin > next - axis_.kernel * 2 && ring.begin <= next;
  const bool down = ring.image < 0 ? first > 0 : last % turns_ != 0 && beside;
  for (std::int64_t i = first; i < last; ++i) {
    RunTurn(m, scratch, ring, down ? last - 1 - (i - first) : i);
  }
}

void LinePlan::RunTurn(const Memories& m, float* scratch, Ring& ring, std::int64_t item) const {
  float* const lines = scratch;
  float* const buffer = scratch + ring_floats_;
  const std::int64_t image = item / turns_;
  const std::int64_t line = item % turns_ * turn_;
  const std::int64_t count = std::min(turn_, std::int64_t{axis_.output} - line);
  if (expand_) {
    const std::int64_t begin = line * axis_.stride - axis_.pad_begin;
    const std::int64_t end = begin + (count - 1) * axis_.stride + axis_.kernel;
    Provide(m, lines, ring, image, std::max<std::int64_t>(0, begin), std::min(in_lines_, end));
  }
  Filter(m, lines, buffer, image, line, count);
  if (project_) Project(m, buffer, image, line, count);
}

/// Sees to it that lines [begin, end) of the image are in the ring.
void LinePlan::Provide(const Memories& m, float* lines, Ring& ring, std::int64_t image,
                       std::int64_t begin, std::int64_t end) const {
  const std::int64_t group = expand_->lines;
  begin = begin / group * group;
  end = RoundUp(end, group);
  if (ring.image != image || end < ring.begin || begin > ring.end) ring = {image, begin, begin};
  for (; ring.end < end; ring.end += group) Expand(m, lines, image, ring.end);
  ring.begin = std::max(ring.begin, ring.end - lines_.ring_lines);
  for (; ring.begin > begin; ring.begin -= group) Expand(m, lines, image, ring.begin - group);
  ring.end = std::min(ring.end, ring.begin + lines_.ring_lines);
}

void LinePlan::Expand(const Memories& m, float* ring, std::int64_t image, std::int64_t line) const {
  const std::int64_t count = std::min(expand_->lines, in_lines_ - line);
  const DirectPlan& plan = *expand_->of[static_cast<std::size_t>(count - 1)];
  DirectMemory memory = *m.expand;
  memory.x += (image * in_lines_ + line) * expand_->in_line;
  memory.y = ring + line % lines_.ring_lines * expand_->out_line;
  Vector().direct(plan.problem(), memory, 0, plan.problem().items);
}

void LinePlan::Filter(const Memories& m, float* ring, float* buffer, std::int64_t image,
                      std::int64_t line, std::int64_t count) const {
  DirectMemory memory = *m.depthwise;
  memory.x = expand_ ? ring : memory.x + image * lines_.in_image;
  if (project_) {
    memory.y = buffer - line * lines_.out_stride[1];
    return Vector().direct_depthwise(lines_, memory, line, line + count);
  }
  const std::int64_t out = image * lines_.out_image;
  memory.y += out;
  for (int i = 0; i < memory.steps.count; ++i) {
    Step& step = memory.steps.steps[i];
    if (step.kind == StepKind::kAdd) step.operand += out;
  }
  Vector().direct_depthwise(lines_, memory, line, line + count);
}

void LinePlan::Project(const Memories& m, const float* buffer, std::int64_t image,
                       std::int64_t line, std::int64_t count) const {
  const DirectPlan& plan = *project_->of[static_cast<std::size_t>(count - 1)];
  DirectMemory memory = *m.project;
  const std::int64_t out = (image * axis_.output + line) * project_->out_line;
  memory.x = buffer;
  memory.y += out;
  for (int i = 0; i < memory.steps.count; ++i) {
    Step& step = memory.steps.steps[i];
    if (step.kind == StepKind::kAdd) step.operand += out;
  }
  Vector().direct(plan.problem(), memory, 0, plan.problem().items);
}

}  // namespace hadron::backend::native
