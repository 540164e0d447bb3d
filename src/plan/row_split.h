#pragma once

#include <cstdint>

#include "plan/execution_plan.h"

namespace hadron::plan {

/// Into how many pieces of rows a batch is best cut on the CPU; 1: not at all. A layer of a large
/// batch writes more than the caches hold, and the next one reads it back from memory; piece by
/// piece the activations stay, and only the weights come again. Depends on the plan alone. Pure.
std::int64_t ChoosePieces(const ExecutionPlan& whole);

}  // namespace hadron::plan
