#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "serving/scheduler.h"

namespace hadron::serving {

/// Another scheduler that forms no batch before it holds so much, once; then it is as if this were
/// not there. For tests from outside that must know what meets in a batch.
class HeldScheduler final : public Scheduler {
 public:
  /// `enough` is asked whenever a batch is wanted, until it says so.
  HeldScheduler(std::unique_ptr<Scheduler> held, std::function<bool()> enough)
      : held_(std::move(held)), enough_(std::move(enough)) {}

  base::Status Enqueue(Pending& pending) override { return held_->Enqueue(pending); }
  Decision Next(base::TimePoint now, const Terms& terms) override {
    released_ = released_ || enough_();
    return released_ ? held_->Next(now, terms) : held_->Expire(now);
  }
  void Ended(const std::vector<Pending>& requests, const plan::RunResult& result,
             base::TimePoint now) override {
    held_->Ended(requests, result, now);
  }
  Decision Expire(base::TimePoint now) override { return held_->Expire(now); }
  base::TimePoint MustStartBy(const Pending& pending) const override {
    return held_->MustStartBy(pending);
  }
  void AddKept(std::vector<tenancy::KeptBytes>& kept) const override { held_->AddKept(kept); }
  std::size_t queued() const override { return held_->queued(); }
  std::vector<FlowState> Flows() const override { return held_->Flows(); }
  base::TimePoint oldest() const override { return held_->oldest(); }
  std::vector<Pending> TakeOlder(base::TimePoint than) override { return held_->TakeOlder(than); }
  std::vector<Pending> TakeAll() override { return held_->TakeAll(); }

 private:
  const std::unique_ptr<Scheduler> held_;
  const std::function<bool()> enough_;
  bool released_ = false;
};

/// The scheduler of a version, by its configuration. With HADRON_TEST_HOOKS=1 it is held until
/// TRITONSERVER_DELAY_SCHEDULER requests wait, those of sequences also until
/// TRITONSERVER_BACKLOG_DELAY_SCHEDULER of them wait without a slot.
std::unique_ptr<Scheduler> MakeScheduler(const model::ModelVersion& version);

}  // namespace hadron::serving
