// The last part of building a plan: which tensors share memory, and where they lie.
#include <algorithm>

#include "plan/memory_planner.h"
#include "plan/plan_builder.h"

namespace hadron::plan {

using base::Status;

bool PlanBuilder::IsWhole(std::uint32_t t) const {
  const Extra& extra = extras_[t];
  return extra.within == 0 &&
         plan_.tensors[t].spec.bytes() == plan_.tensors[extra.root].spec.bytes();
}

void PlanBuilder::ShareInPlace() {
  for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
    const PlanStep& step = plan_.steps[i];
    if (step.kernel == nullptr || step.outputs.empty()) continue;
    for (const std::size_t input : step.kernel->in_place_inputs()) {
      if (TakeOver(static_cast<int>(i), step, input)) break;
    }
  }
}

bool PlanBuilder::TakeOver(int now, const PlanStep& step, std::size_t input) {
  const std::uint32_t output = step.outputs[0];
  const std::uint32_t root = extras_[step.inputs[input]].root;
  const Space space = plan_.tensors[root].space;
  const bool arena = space == Space::kHostArena || space == Space::kDeviceArena;
  const bool dies = extras_[root].last == now;
  const bool same = plan_.tensors[output].space == space && extras_[output].root == output &&
                    plan_.tensors[root].spec.bytes() == plan_.tensors[output].spec.bytes();
  if (!arena || !dies || !same || !IsWhole(step.inputs[input])) return false;
  const auto reads =
      std::ranges::count_if(step.inputs, [&](std::uint32_t t) { return extras_[t].root == root; });
  if (reads != 1) return false;
  extras_[root].last = extras_[output].last;
  for (Extra& extra : extras_) {
    if (extra.root == output) extra.root = root;
  }
  return true;
}

Status PlanBuilder::AssignMemory() {
  ShareInPlace();
  for (const Space space : {Space::kHostArena, Space::kDeviceArena}) {
    std::vector<Interval> intervals;
    std::vector<std::uint32_t> owners;
    for (std::uint32_t t = 0; t < plan_.tensors.size(); ++t) {
      if (extras_[t].root != t || plan_.tensors[t].space != space) continue;
      intervals.push_back({plan_.tensors[t].spec.bytes(), extras_[t].first, extras_[t].last});
      owners.push_back(t);
    }
    const MemoryPlan placed = PlanMemory(intervals, kArenaAlignment);
    for (std::size_t i = 0; i < owners.size(); ++i) {
      plan_.tensors[owners[i]].offset = placed.offsets[i];
    }
    // Empty tensors are bound like any other: an arena of nothing would leave them without a
    // buffer.
    const std::uint64_t least = owners.empty() ? 0 : kArenaAlignment;
    (space == Space::kHostArena ? plan_.host_arena_bytes : plan_.device_arena_bytes) =
        std::max(placed.arena_bytes, least);
  }
  for (std::uint32_t t = 0; t < plan_.tensors.size(); ++t) {
    const std::uint32_t root = extras_[t].root;
    if (root == t) continue;
    plan_.tensors[t].space = plan_.tensors[root].space;
    plan_.tensors[t].offset = plan_.tensors[root].offset + extras_[t].within;
    plan_.tensors[t].piece_bytes = plan_.tensors[root].piece_bytes;
  }
  return {};
}

}  // namespace hadron::plan
