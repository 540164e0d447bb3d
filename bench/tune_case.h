#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "bench/device_runner.h"

namespace hadron::bench {

struct TuneOptions {
  std::string repository;
  std::vector<std::string> models;
  std::vector<int> batches = {1, 8};
  DeviceOptions device;
};

/// Subcommand `tune`: measures every candidate for every large shape of the models at these
/// batches, prints what was found, and keeps it in the cache directory in the file that the
/// server's --tune=fast reads. UNAVAILABLE without a device.
base::Status RunTune(const TuneOptions& options);

}  // namespace hadron::bench
