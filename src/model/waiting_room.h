#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_function.h"
#include "model/model_version.h"

namespace hadron::model {

/// Somebody who wants a loaded version and can wait for it.
struct Acquirer {
  std::string model;
  std::optional<std::int64_t> version;  ///< nothing = the newest READY
  Rung rung = Rung::kResident;
  base::TimePoint deadline = base::TimePoint::max();
  /// Set when the client has gone; nobody waits then. May be null.
  std::shared_ptr<const std::atomic<bool>> cancelled;
  /// Set before `done` when a load began because of this one. May be null.
  std::shared_ptr<std::atomic<bool>> causes_load;
  base::UniqueFunction<void(base::StatusOr<ModelHandle>)> done;  ///< called exactly once
};

/// Those who wait for models. Passive: it is asked to look at the time. Control thread only.
class WaitingRoom {
 public:
  void Enter(Acquirer acquirer) { waiting_.push_back(std::move(acquirer)); }
  bool empty() const { return waiting_.empty(); }
  /// How far those who wait for the model need it; nothing when nobody does.
  std::optional<Rung> RungFor(std::string_view model) const;
  /// Takes out those who wait for the model, the oldest first.
  std::vector<Acquirer> Take(std::string_view model);
  std::vector<Acquirer> TakeAll();
  /// Tells those whose time is over or whose client has gone.
  void Expire(base::TimePoint now);
  /// When to look again: at the next deadline, and often enough to see who has gone.
  base::TimePoint NextLook(base::TimePoint now) const;

 private:
  std::list<Acquirer> waiting_;
};

}  // namespace hadron::model
