#include "model/restore_choice.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace hadron::model {

std::vector<std::size_t> OrderRestores(std::span<const RestoreCandidate> candidates) {
  // Keeps quotients finite where nothing has been measured yet, and new requests comparable.
  constexpr double kLeast = 1e-6;
  const auto rank = [&](std::size_t i) {
    const RestoreCandidate& candidate = candidates[i];
    const double score = (candidate.age_seconds + kLeast) / (candidate.cost_seconds + kLeast);
    return std::pair(candidate.turn, -score);
  };
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, rank);
  return order;
}

}  // namespace hadron::model
