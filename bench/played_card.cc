#include "bench/played_card.h"

#include <fmt/format.h>

namespace hadron::bench {

void PlayedCard::AddTo(ServerUnderTest::Setup& setup) const {
  setup.arguments.push_back(fmt::format("--device-memory-budget={}", bytes));
  setup.arguments.push_back("--eviction-policy=" + policy);
  setup.environment.emplace_back("HADRON_TEST_HOOKS=1");
  setup.environment.push_back(fmt::format("HADRON_TEST_COPY_RATE={:.0f}", copy_bytes_per_s));
}

base::StatusOr<std::unique_ptr<ServerUnderTest>> StartOnCard(const ServedOptions& options,
                                                             const ServedModels& models,
                                                             const PlayedCard& card,
                                                             const std::vector<int>& cpus) {
  ServerUnderTest::Setup setup{
      options.server, {"--model-repository=" + models.directory()}, {}, cpus};
  card.AddTo(setup);
  HADRON_ASSIGN_OR_RETURN(auto server, ServerUnderTest::Start(setup));
  HADRON_RETURN_IF_ERROR(server->AwaitReady());
  return server;
}

}  // namespace hadron::bench
