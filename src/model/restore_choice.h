#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace hadron::model {

/// A model whose weights somebody waits for. One that several wait for stands there once for each.
struct RestoreCandidate {
  std::size_t turn = 0;     ///< of who waits, among all who have work: 0 is next
  double age_seconds = 0;   ///< of the oldest request
  double cost_seconds = 0;  ///< of bringing it
};

/// In which order models are to be brought onto the device: by whose turn it is, as for runs
/// (serving::FairShare), and of one's own models the largest age over cost first. Nobody starves:
/// who has had a model brought is charged for it, so that it is another's turn. Pure; ties keep the
/// order given.
std::vector<std::size_t> OrderRestores(std::span<const RestoreCandidate> candidates);

}  // namespace hadron::model
