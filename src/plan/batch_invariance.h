#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "plan/compiled_model.h"
#include "plan/lane.h"
#include "plan/single_plan.h"

namespace hadron::plan {

/// What a check of CheckBatchInvariance came to that found no difference.
struct InvarianceOutcome {
  std::int64_t rows = 0;    ///< of the batch that was held against single rows
  std::size_t tensors = 0;  ///< compared, outputs included
  std::string skipped;      ///< why nothing was compared; empty when something was
};

/// Largest batch that a check computes: larger ones take longer and hardly show more.
inline constexpr std::int64_t kInvarianceRows = 8;

/// Who gives the memory for tensors between the layers.
using ArenaSource = std::function<base::StatusOr<ArenaPlace>(std::uint64_t bytes)>;

/// Holds single rows against a batch, layer by layer: two random rows, each alone in the bucket of
/// one, and the same as first and last of the largest bucket up to kInvarianceRows, other random
/// rows between them. Every tensor that both plans compute with the batch as dimension 0, and every
/// output, must have the same bytes. A net, not a proof: kernels keep the promise by how they sum.
///
/// INTERNAL names the first step that differs and its kernel. Models that cannot be asked like this
/// (no batches, strings as inputs, random values refused) are skipped; free dimensions get a small
/// size. Memory is reserved with `places.owner` and given back; what tensors between the layers
/// take on a device comes from `arena`, if there is one. Blocks (load threads only) and needs a
/// running `places.lane`, which gets the steps one by one, so that it serves others in between.
///
///     HADRON_ASSIGN_OR_RETURN(const auto outcome, CheckBatchInvariance(places, model, weights));
base::StatusOr<InvarianceOutcome> CheckBatchInvariance(
    const SinglePlan::Places& places, const CompiledModel& model,
    const std::shared_ptr<const WeightBinding>& weights, const ArenaSource& arena = {});

}  // namespace hadron::plan
