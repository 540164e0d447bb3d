#include "serving/held_scheduler.h"

#include "serving/dynamic_batcher.h"
#include "serving/sequence_batcher.h"
#include "serving/test_hooks.h"

namespace hadron::serving {
std::unique_ptr<Scheduler> MakeScheduler(const model::ModelVersion& version) {
  const config::ModelConfig& config = version.config();
  const std::size_t requests = TestHook("TRITONSERVER_DELAY_SCHEDULER");
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
  const std::size_t backlog = TestHook("TRITONSERVER_BACKLOG_DELAY_SCHEDULER");
  if (requests == 0 && backlog == 0) return batcher;
  const SequenceBatcher& held = *batcher;
  return std::make_unique<HeldScheduler>(std::move(batcher), [&held, requests, backlog] {
    return held.queued() >= requests && held.queued_in_backlog() >= backlog;
  });
}

}  // namespace hadron::serving
