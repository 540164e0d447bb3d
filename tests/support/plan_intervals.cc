#include "support/plan_intervals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/checked.h"

namespace hadron::test {
namespace {

constexpr std::uint64_t kAlignment = 256;

/// True when the step writes its result over an input that its kernel reads element by element.
bool WritesInPlace(const plan::ExecutionPlan& plan, const plan::PlanStep& step,
                   const plan::PlanTensor& output) {
  if (step.kernel == nullptr || &output != &plan.tensors[step.outputs[0]]) return false;
  return std::ranges::any_of(step.kernel->in_place_inputs(), [&](std::size_t i) {
    const plan::PlanTensor& input = plan.tensors[step.inputs[i]];
    return input.space == output.space && input.offset == output.offset &&
           input.spec.bytes() == output.spec.bytes();
  });
}

/// The interval that holds the tensor: views are a part of it. Null if there is none.
PlacedInterval* HolderOf(const plan::PlanTensor& tensor,
                         const std::map<std::uint64_t, std::size_t>& at,
                         std::vector<PlacedInterval>& found) {
  const auto behind = at.upper_bound(tensor.offset);
  if (behind == at.begin()) return nullptr;
  PlacedInterval& holder = found[std::prev(behind)->second];
  const bool inside = tensor.offset + tensor.spec.bytes() <= holder.offset + holder.interval.bytes;
  return inside ? &holder : nullptr;
}

/// Of what lay where this interval is written now, nothing can be read any more.
void Overwrite(const PlacedInterval& written, std::map<std::uint64_t, std::size_t>& at,
               const std::vector<PlacedInterval>& found) {
  std::erase_if(at, [&](const auto& entry) {
    const PlacedInterval& old = found[entry.second];
    return old.offset < written.offset + written.interval.bytes &&
           written.offset < old.offset + old.interval.bytes;
  });
}

}  // namespace

std::vector<PlacedInterval> ArenaIntervals(const plan::ExecutionPlan& plan, plan::Space arena) {
  std::vector<PlacedInterval> found;
  std::map<std::uint64_t, std::size_t> at;  // offset: the interval written there last
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const int now = static_cast<int>(i);
    for (const std::uint32_t t : plan.steps[i].inputs) {
      const plan::PlanTensor& tensor = plan.tensors[t];
      if (tensor.space != arena || tensor.spec.bytes() == 0) continue;
      PlacedInterval* const read = HolderOf(tensor, at, found);
      EXPECT_NE(read, nullptr) << plan.steps[i].label << " reads what no step wrote";
      if (read != nullptr) read->interval.last = now;
    }
    for (const std::uint32_t t : plan.steps[i].outputs) {
      const plan::PlanTensor& tensor = plan.tensors[t];
      if (tensor.space != arena || tensor.spec.bytes() == 0) continue;
      if (WritesInPlace(plan, plan.steps[i], tensor)) continue;  // the interval goes on
      found.push_back({{base::AlignUp(tensor.spec.bytes(), kAlignment), now, now}, tensor.offset});
      Overwrite(found.back(), at, found);
      at[tensor.offset] = found.size() - 1;
    }
  }
  return found;
}

void ExpectSoundArena(const plan::ExecutionPlan& plan, plan::Space arena, double factor) {
  const std::uint64_t bytes =
      arena == plan::Space::kHostArena ? plan.host_arena_bytes : plan.device_arena_bytes;
  const std::vector<PlacedInterval> placed = ArenaIntervals(plan, arena);
  std::vector<plan::Interval> intervals;
  for (const PlacedInterval& a : placed) {
    intervals.push_back(a.interval);
    EXPECT_EQ(a.offset % kAlignment, 0U);
    EXPECT_LE(a.offset + a.interval.bytes, bytes);
    for (const PlacedInterval& b : placed) {
      if (&a == &b) break;
      const bool together =
          a.interval.first <= b.interval.last && b.interval.first <= a.interval.last;
      const bool apart =
          a.offset + a.interval.bytes <= b.offset || b.offset + b.interval.bytes <= a.offset;
      EXPECT_TRUE(!together || apart)
          << "steps " << a.interval.first << " and " << b.interval.first << " share bytes";
    }
  }
  const std::uint64_t least = plan::PeakLiveBytes(intervals);
  if (least == 0) return;  // empty tensors at most
  EXPECT_LE(static_cast<double>(bytes), factor * static_cast<double>(least));
  EXPECT_GE(bytes, least);
  // The largest of a test is in its report (--gtest_output=json:FILE).
  ::testing::Test::RecordProperty(
      "arena_over_peak", std::to_string(static_cast<double>(bytes) / static_cast<double>(least)));
}

}  // namespace hadron::test
