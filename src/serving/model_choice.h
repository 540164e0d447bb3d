#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace hadron::serving {

/// A model with requests in its queue.
struct WaitingModel {
  double age_seconds = 0;      ///< of its oldest request
  double exec_seconds = 0;     ///< of one batch
  double restore_seconds = 0;  ///< until it is on the device; 0 when it is
};

/// Requests that a model is served one after the other before the others are looked at again.
inline constexpr int kExhaustive = 64;

/// In which order models are to be asked for their next batch: the largest age over cost first.
/// Together with serving a queue to its end this keeps up with any load below capacity. (A rule
/// "older than T goes first" would not: with a queue longer than T it is first come, first served,
/// and every request brings its model in anew.) Pure; ties keep the order given.
std::vector<std::size_t> OrderModels(std::span<const WaitingModel> models);

}  // namespace hadron::serving
