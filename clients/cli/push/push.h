#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "cli/push/progress.h"
#include "cli/push/source.h"
#include "cli/push/wiring.h"

namespace hadron::cli::push {

/// What a push did.
struct Outcome {
  std::vector<std::uint64_t> versions;  ///< as they are called there
  std::uint64_t sent = 0;               ///< files
  std::uint64_t sent_bytes = 0;
  std::uint64_t kept = 0;  ///< files that were there already
};

/// Brings a model to a repository so that no server ever sees half of it. What belongs to a version
/// goes first, the configuration just before the first file that makes a version a version, the
/// sums last; each object appears whole. Objects that are there with an equal SHA-256 are not sent
/// again, so an interrupted push goes on where it was.
///
/// A version that is complete there and has another content is never changed: ALREADY_EXISTS names
/// it and the way out. CANCELLED when `interrupted` was set.
base::StatusOr<Outcome> Push(const Source& source, const std::string& as_version, Place& place,
                             Progress& progress, const std::atomic<bool>* interrupted);

}  // namespace hadron::cli::push
