#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "config/model_config.h"
#include "serving/scheduler.h"

namespace hadron::serving {

/// Forms batches of waiting requests by the rules of Triton's dynamic batcher: preferred sizes,
/// queue delay, priority levels, queue policies. Without a `dynamic_batching` configuration every
/// request is a batch of its own, first come first served.
class DynamicBatcher final : public Scheduler {
 public:
  explicit DynamicBatcher(std::shared_ptr<const config::ModelConfig> config);

  /// UNAVAILABLE "Exceeds maximum queue size" when the level's queue is full.
  base::Status Enqueue(Pending& pending) override;
  Decision Next(base::TimePoint now) override;
  Decision Expire(base::TimePoint now) override;
  std::size_t queued() const override;
  base::TimePoint oldest() const override;
  std::vector<Pending> TakeOlder(base::TimePoint than) override;
  std::vector<Pending> TakeAll() override;

 private:
  struct Level {
    std::deque<Pending> live;
    std::deque<Pending> delayed;  ///< expired under the action DELAY: served last, no more timeout
  };
  /// How far the next batch reaches into the queue.
  struct Reach {
    std::size_t requests = 0;
    std::int64_t rows = 0;
    std::size_t preferred = 0;  ///< requests up to the best preferred size, 0 = none
    bool full = false;          ///< the next request does not fit
    base::TimePoint oldest = base::TimePoint::max();
    base::TimePoint deadline = base::TimePoint::max();
  };

  std::uint64_t LevelOf(const InferenceRequest& request) const;
  const config::QueuePolicy& PolicyOf(std::uint64_t level) const;
  void DropExpired(base::TimePoint now, Decision& decision);
  void End(Pending& pending, base::Status status, Decision& decision);
  Reach Measure() const;
  std::size_t CountToSend(const Reach& reach, base::TimePoint now, Decision& decision) const;
  std::vector<Pending> Take(std::size_t count);
  bool IsPreferred(std::int64_t rows) const;

  const std::shared_ptr<const config::ModelConfig> config_;
  const config::DynamicBatching rules_;
  const std::int64_t max_rows_;
  const bool batches_;
  std::map<std::uint64_t, Level> levels_;  ///< highest priority first
  std::size_t queued_ = 0;
};

}  // namespace hadron::serving
