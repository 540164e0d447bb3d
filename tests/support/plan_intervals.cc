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

}  // namespace

std::vector<PlacedInterval> ArenaIntervals(const plan::ExecutionPlan& plan, plan::Space arena) {
  std::vector<PlacedInterval> found;
  std::map<std::uint64_t, std::size_t> at;  // offset: the interval written there last
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const int now = static_cast<int>(i);
    for (const std::uint32_t t : plan.steps[i].inputs) {
      const plan::PlanTensor& tensor = plan.tensors[t];
      if (tensor.space != arena || tensor.spec.bytes() == 0) continue;
      const auto read = at.find(tensor.offset);
      EXPECT_NE(read, at.end()) << plan.steps[i].label << " reads what no step wrote";
      if (read != at.end()) found[read->second].interval.last = now;
    }
    for (const std::uint32_t t : plan.steps[i].outputs) {
      const plan::PlanTensor& tensor = plan.tensors[t];
      if (tensor.space != arena || tensor.spec.bytes() == 0) continue;
      if (WritesInPlace(plan, plan.steps[i], tensor)) continue;  // the interval goes on
      at[tensor.offset] = found.size();
      found.push_back({{base::AlignUp(tensor.spec.bytes(), kAlignment), now, now}, tensor.offset});
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
