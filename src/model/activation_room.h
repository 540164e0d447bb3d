#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_function.h"

namespace hadron::model {

/// Host memory for what a batch computes in, when the lane has to grow for it: models leave whom no
/// request waits for; those with requests are waited for, who are served meanwhile with what the
/// lane has. The models of batches that wait here are not: they would wait for themselves.
///
/// Control thread only.
///
///     room.Enter({"unet", bytes, now + std::chrono::seconds(30), done}, now);
class ActivationRoom {
 public:
  using Models = std::set<std::string>;
  struct Hooks {
    std::function<std::uint64_t()> free;  ///< bytes that nobody has reserved
    /// Has models leave that hold at least so many bytes, none of these; false: there are none, or
    /// not enough.
    std::function<bool(std::uint64_t bytes, const Models& but)> evict;
    /// Memory is about to come back, or may later, of others than these.
    std::function<bool(const Models& but)> leaving;
    std::function<bool(const Models& but)> busy;
  };
  struct Want {
    std::string model;
    std::uint64_t bytes = 0;
    base::TimePoint until;  ///< it waits no longer
    /// OK: that much is free, or was given to another one, with whom it can be shared.
    /// RESOURCE_EXHAUSTED: nobody may leave, or they did not in time.
    base::UniqueFunction<void(base::Status)> done;
  };

  explicit ActivationRoom(Hooks hooks) : hooks_(std::move(hooks)) {}

  void Enter(Want want, base::TimePoint now);
  /// Memory has come back, or time has passed. Who is busy says nothing when that ends: to be
  /// called again and again while somebody waits.
  void Look(base::TimePoint now);
  bool empty() const { return wants_.empty(); }
  /// What loads have to leave alone: the most that a batch waits for. They come one after the
  /// other.
  std::uint64_t wanted_bytes() const;
  /// Answers all with this.
  void Refuse(const base::Status& status);

 private:
  void Grant(Want granted);
  bool Waits(const Want& want, base::TimePoint now) const;

  const Hooks hooks_;
  std::deque<Want> wants_;
};

}  // namespace hadron::model
