#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hadron::bench {

/// Requests in the order in which they came, and a memory too small for all models.
struct Replay {
  std::vector<std::size_t> requests;  ///< by model
  std::vector<std::uint64_t> sizes;   ///< bytes of each model, at most the budget
  std::uint64_t budget = 0;
};

struct ReplayCost {
  std::uint64_t loads = 0;
  std::uint64_t bytes = 0;
};

/// Who leaves when somebody has to.
enum class Victim : std::uint8_t {
  kFarthest,       ///< MIN: whose next use is farthest; the best there is for equal sizes
  kFarthestLarge,  ///< largest next-use distance x size: frees more at once
  kLeastRecent,    ///< no foresight; to compare with
};

/// Serves the requests in order; a model has to be there when its request is served.
ReplayCost Serve(const Replay& replay, Victim victim);

/// The cheaper of the two that know the future.
ReplayCost Clairvoyant(const Replay& replay);

/// PFOO-L: loads that no policy which keeps the order can avoid. Every reuse takes its length x its
/// size of budget x requests; the cheapest are hits until that is used up.
std::uint64_t LowerBoundOfLoads(const Replay& replay);

}  // namespace hadron::bench
