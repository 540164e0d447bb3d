#pragma once

#include <vector>

#include "plan/execution_plan.h"
#include "plan/memory_planner.h"

namespace hadron::test {

/// A tensor of an arena with its place, as it is used by a plan's steps: written first, read last.
struct PlacedInterval {
  plan::Interval interval;
  std::uint64_t offset = 0;
};

/// What a plan keeps in one arena, found from its steps alone (not from what the planner was told).
/// Views count for the tensor they show.
std::vector<PlacedInterval> ArenaIntervals(const plan::ExecutionPlan& plan, plan::Space arena);

/// No two of them share bytes at a time, each lies inside the arena at a multiple of its alignment,
/// and the arena is at most `factor` times the most bytes that are alive at one step.
void ExpectSoundArena(const plan::ExecutionPlan& plan, plan::Space arena, double factor);

}  // namespace hadron::test
