#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "bench/served_models.h"
#include "bench/server_under_test.h"

namespace hadron::bench {

/// A device with memory of its own that the CPU plays: so many bytes behind a link of such a speed.
struct PlayedCard {
  std::uint64_t bytes = 0;
  double copy_bytes_per_s = 0;
  std::string policy = "cost-lru";

  /// Has a server play it.
  void AddTo(ServerUnderTest::Setup& setup) const;
};

/// A server with all of `models` loaded, ready, on such a card.
base::StatusOr<std::unique_ptr<ServerUnderTest>> StartOnCard(const ServedOptions& options,
                                                             const ServedModels& models,
                                                             const PlayedCard& card,
                                                             const std::vector<int>& cpus = {});

}  // namespace hadron::bench
