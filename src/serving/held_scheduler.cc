#include "serving/held_scheduler.h"

#include <cstdlib>
#include <string_view>

#include "base/log.h"
#include "base/strings.h"
#include "serving/dynamic_batcher.h"
#include "serving/sequence_batcher.h"

namespace hadron::serving {
namespace {

/// The number of a hook; 0 unless tests have asked for it.
std::size_t Hook(const char* name) {
  const char* const hooks = std::getenv("HADRON_TEST_HOOKS");  // NOLINT(concurrency-mt-unsafe)
  const char* const value = std::getenv(name);                 // NOLINT(concurrency-mt-unsafe)
  if (hooks == nullptr || std::string_view(hooks) != "1" || value == nullptr) return 0;
  const auto number = base::ParseUint64(value);
  if (!number) base::LogWarning("not a number", {{"variable", name}, {"value", value}});
  return number ? static_cast<std::size_t>(*number) : 0;
}

}  // namespace

std::unique_ptr<Scheduler> MakeScheduler(const model::ModelVersion& version) {
  const config::ModelConfig& config = version.config();
  const std::size_t requests = Hook("TRITONSERVER_DELAY_SCHEDULER");
  if (!config.sequence_batching()) {
    auto batcher = std::make_unique<DynamicBatcher>(version.config_ptr());
    if (requests == 0 || !config.dynamic_batching()) return batcher;
    const DynamicBatcher& held = *batcher;
    return std::make_unique<HeldScheduler>(std::move(batcher),
                                           [&held, requests] { return held.queued() >= requests; });
  }
  auto batcher = std::make_unique<SequenceBatcher>(
      version.config_ptr(),
      SequenceInputs(version.config_ptr(), version.compiled().graph(), version.initial_states()));
  const std::size_t backlog = Hook("TRITONSERVER_BACKLOG_DELAY_SCHEDULER");
  if (requests == 0 && backlog == 0) return batcher;
  const SequenceBatcher& held = *batcher;
  return std::make_unique<HeldScheduler>(std::move(batcher), [&held, requests, backlog] {
    return held.queued() >= requests && held.queued_in_backlog() >= backlog;
  });
}

}  // namespace hadron::serving
