#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/sync.h"
#include "base/unique_function.h"

namespace hadron::serving {

/// How many requests may be in each step of an ensemble at once; whoever finds a step full waits,
/// first come, first served. Who has a place and is told of another one may give places back, and
/// so hand them on: that is a loop, however many wait.
///
/// Thread-safe. Lives as long as a place of it, or somebody who waits.
///
///     auto place = limits->Ask(2, this, [](StepLimits::Place place) { ... });
///     if (place) ...  // else the function is called when there is one
class StepLimits : public std::enable_shared_from_this<StepLimits> {
 public:
  /// A place in a step; goes back with it. Move-only.
  class Place {
   public:
    Place(std::shared_ptr<StepLimits> limits, std::size_t step)
        : limits_(std::move(limits)), step_(step) {}
    Place(Place&&) noexcept = default;
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (limits_ != nullptr) limits_->GiveBack(step_);
    }

   private:
    std::shared_ptr<StepLimits> limits_;
    std::size_t step_;
  };
  using Granted = base::UniqueFunction<void(Place)>;

  StepLimits(std::size_t steps, std::size_t most) : most_(most), steps_(steps) {}

  /// A place, or nothing: then `granted` is called with one later, on the thread of whoever makes
  /// room, unless `who` withdraws.
  std::optional<Place> Ask(std::size_t step, const void* who, Granted granted);
  /// Forgets what `who` waits for; how much that was.
  std::size_t Withdraw(const void* who);

 private:
  struct Waiting {
    const void* who = nullptr;
    Granted granted;
  };
  struct Step {
    std::size_t taken = 0;
    std::deque<Waiting> waiting;
  };
  struct Grant {
    std::size_t step = 0;
    Granted granted;
  };

  void GiveBack(std::size_t step);
  std::optional<Grant> TakeGrant();

  const std::size_t most_;
  base::Mutex mutex_;
  std::vector<Step> steps_ HADRON_GUARDED_BY(mutex_);
  bool granting_ HADRON_GUARDED_BY(mutex_) = false;  ///< somebody hands out what becomes free
};

}  // namespace hadron::serving
