#include <fmt/format.h>

#include "config/wire/checks.h"

namespace hadron::config::wire {
namespace {

using ::inference::ModelDynamicBatching;
using ::inference::ModelQueuePolicy;

base::Status CheckPreferredSizes(const ModelDynamicBatching& batching, int max_batch_size) {
  for (const int size : batching.preferred_batch_size()) {
    if (size >= 1 && size <= max_batch_size) continue;
    return base::InvalidArgument(fmt::format(
        "dynamic_batching.preferred_batch_size {} must be between 1 and max_batch_size ({})", size,
        max_batch_size));
  }
  return base::OkStatus();
}

base::Status CheckPriorities(const ModelDynamicBatching& batching) {
  const std::uint64_t levels = batching.priority_levels();
  const std::uint64_t normal = batching.default_priority_level();
  if (levels > 0 && (normal == 0 || normal > levels)) {
    return base::InvalidArgument(
        fmt::format("dynamic_batching.default_priority_level {} must be between 1 and "
                    "priority_levels ({})",
                    normal, levels));
  }
  for (const auto& [level, policy] : batching.priority_queue_policy()) {
    if (level >= 1 && level <= levels) continue;
    return base::InvalidArgument(
        fmt::format("dynamic_batching.priority_queue_policy has key {}, which is not between 1 "
                    "and priority_levels ({})",
                    level, levels));
  }
  return base::OkStatus();
}

bool MayDelay(const ModelQueuePolicy& policy) {
  return policy.timeout_action() == ModelQueuePolicy::DELAY &&
         policy.default_timeout_microseconds() != 0;
}

base::Status CheckOrdering(const ModelDynamicBatching& batching) {
  if (!batching.preserve_ordering()) return base::OkStatus();
  if (batching.priority_levels() > 1) {
    return base::InvalidArgument(
        "dynamic_batching.preserve_ordering allows one priority level only");
  }
  bool may_delay = MayDelay(batching.default_queue_policy());
  for (const auto& [level, policy] : batching.priority_queue_policy()) {
    may_delay = may_delay || MayDelay(policy);
  }
  if (!may_delay) return base::OkStatus();
  return base::InvalidArgument(
      "dynamic_batching.preserve_ordering forbids timeout_action DELAY with a timeout");
}

}  // namespace

base::Status CheckDynamicBatching(const ::inference::ModelConfig& config) {
  if (!config.has_dynamic_batching()) return base::OkStatus();
  const ModelDynamicBatching& batching = config.dynamic_batching();
  HADRON_RETURN_IF_ERROR(CheckPreferredSizes(batching, config.max_batch_size()));
  HADRON_RETURN_IF_ERROR(CheckPriorities(batching));
  return CheckOrdering(batching);
}

}  // namespace hadron::config::wire
