#pragma once

#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "cli/push/options.h"
#include "storage/object_store.h"
#include "storage/object_writer.h"

namespace hadron::cli::push {

/// One place, for reading and for writing.
struct Place {
  std::unique_ptr<storage::ObjectStore> store;
  std::unique_ptr<storage::ObjectWriter> writer;
};

/// The repository that models go to. `clock` outlives it. INVALID_ARGUMENT and NOT_FOUND name it
/// and what may be given.
base::StatusOr<Place> OpenDestination(const Options& options, const base::Clock& clock);

/// A directory of this machine.
base::StatusOr<std::unique_ptr<storage::ObjectStore>> OpenDirectory(const std::string& path);

}  // namespace hadron::cli::push
