#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "config/model_config.h"
#include "serving/ordered_answers.h"
#include "serving/scheduler.h"

namespace hadron::serving {

/// Forms batches of waiting requests by the rules of Triton's dynamic batcher: preferred sizes,
/// queue delay, priority levels, queue policies. Who goes first among tenants is said by the terms;
/// the levels order the requests of one tenant. Where the configuration says nothing about
/// batching, sizes and delay are those of the terms; where it switches batching off every request
/// is a batch of its own.
class DynamicBatcher final : public Scheduler {
 public:
  explicit DynamicBatcher(std::shared_ptr<const config::ModelConfig> config);

  /// UNAVAILABLE "Exceeds maximum queue size" when the level's queue is full.
  base::Status Enqueue(Pending& pending) override;
  OnDone InOrder(OnDone done) override;
  Decision Next(base::TimePoint now, const Terms& terms) override;
  Decision Expire(base::TimePoint now) override;
  base::TimePoint MustStartBy(const Pending& pending) const override;
  std::size_t queued() const override { return queued_; }
  std::vector<FlowState> Flows() const override;
  base::TimePoint oldest() const override;
  std::vector<Pending> TakeOlder(base::TimePoint than) override;
  std::vector<Pending> TakeAll() override;

 private:
  using Queue = std::deque<Pending>;
  struct Level {
    Queue live;
    Queue delayed;  ///< expired under the action DELAY: served last, no more timeout
  };
  /// The requests of one tenant and class.
  struct Line {
    Flow flow;
    std::map<std::uint64_t, Level> levels;  ///< highest priority first
    std::size_t requests = 0;
  };
  /// What holds for a batch now.
  struct Rules {
    std::vector<std::int64_t> preferred;
    std::int64_t largest_preferred = 0;
    std::int64_t max_rows = 1;
    base::Duration delay{0};
  };
  /// How far the next batch reaches into the queue.
  struct Reach {
    std::size_t requests = 0;
    std::int64_t rows = 0;
    std::size_t preferred = 0;  ///< requests up to the best preferred size, 0 = none
    /// Up to where the execution would be padded to a smaller size.
    std::size_t smaller_requests = 0;
    std::int64_t smaller_rows = 0;
    bool full = false;       ///< the next request does not fit
    bool cancelled = false;  ///< a client has gone: measure again without its request
    base::TimePoint oldest = base::TimePoint::max();
    base::TimePoint deadline = base::TimePoint::max();
    base::TimePoint answer_by = base::TimePoint::max();  ///< promised to a member
  };
  /// Under what a batch is measured.
  struct Frame {
    Rules rules;
    base::TimePoint now;
    const ExecutionTimes* times = nullptr;
  };

  std::uint64_t LevelOf(const InferenceRequest& request) const;
  const config::QueuePolicy& PolicyOf(std::uint64_t level) const;
  base::TimePoint DeadlineOf(const Pending& pending, const config::QueuePolicy& policy) const;
  std::size_t WaitingAt(std::uint64_t level) const;
  Line& LineOf(const Flow& flow);
  Line* FindLine(const Flow& flow);
  /// Queues in the order of service, until `visit` says false.
  void Walk(std::span<const Flow> order, const std::function<bool(Queue&)>& visit);
  /// Ends whatever is over, wherever it waits.
  void DropEnded(base::TimePoint now, Decision& decision);
  void DropEnded(base::TimePoint now, Line& line, Decision& decision);
  Rules RulesNow(const Terms& terms) const;
  Reach Measure(std::span<const Flow> order, const Frame& frame);
  bool Extend(Reach& reach, const Pending& pending, const InferenceRequest*& first,
              const Frame& frame) const;
  bool Fits(const Reach& reach, const InferenceRequest& first, const InferenceRequest& request,
            const Frame& frame) const;
  std::size_t CountToSend(const Reach& reach, const Frame& frame, Decision& decision) const;
  std::vector<Pending> Take(std::span<const Flow> order, std::size_t count);
  /// Every request for which `take` says so.
  std::vector<Pending> TakeIf(const std::function<bool(const Pending&)>& take);

  const std::shared_ptr<const config::ModelConfig> config_;
  const config::DynamicBatching rules_;
  const std::int64_t max_rows_;
  const bool batches_;
  const bool same_shapes_;  ///< nothing to compare: inputs have one shape, or any
  std::vector<Line> lines_;
  std::size_t queued_ = 0;
  const std::shared_ptr<OrderedAnswers> order_;  ///< null: answers leave as they are made
  /// No request of the queue ends earlier; may be too early.
  base::TimePoint first_deadline_ = base::TimePoint::max();
};

}  // namespace hadron::serving
