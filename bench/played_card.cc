#include "bench/played_card.h"

#include <fmt/format.h>

namespace hadron::bench {

base::StatusOr<std::unique_ptr<ServerUnderTest>> StartOnCard(const ServedOptions& options,
                                                             const ServedModels& models,
                                                             const PlayedCard& card,
                                                             const std::vector<int>& cpus) {
  HADRON_ASSIGN_OR_RETURN(
      auto server,
      ServerUnderTest::Start({options.server,
                              {"--model-repository=" + models.directory(),
                               fmt::format("--device-memory-budget={}", card.bytes),
                               "--eviction-policy=" + card.policy},
                              {"HADRON_TEST_HOOKS=1",
                               fmt::format("HADRON_TEST_COPY_RATE={:.0f}", card.copy_bytes_per_s)},
                              cpus}));
  HADRON_RETURN_IF_ERROR(server->AwaitReady());
  return server;
}

}  // namespace hadron::bench
