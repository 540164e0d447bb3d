#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/kernel.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/sync.h"

namespace hadron::backend::opencl {

struct Tile;

/// One kernel that can be run with several tiles. Used by one thread.
class TileTrial {
 public:
  virtual ~TileTrial() = default;
  /// Makes the kernel with this tile, runs it once on test data and gives the bytes of the result.
  virtual base::StatusOr<std::vector<std::byte>> Result(const Tile& tile) = 0;
  /// Time of a run of the tile that Result was last asked for.
  virtual base::StatusOr<base::Duration> Time() = 0;
};
using MakeTrial = std::function<base::StatusOr<std::unique_ptr<TileTrial>>()>;

/// Measured choices among tiles that give the same bytes, by shape class. They are kept in a JSON
/// file; what is damaged or was written for something else counts as absent and is replaced, what
/// cannot be read or written only costs time. Several processes may share the file. Thread-safe:
/// threads take turns in measuring.
///
///     Tuner tuner({.mode = TuneMode::kFast, .path = file, .clock = &clock});
///     const auto tuning = tuner.Begin([] { return true; });
///     const Tile tile = tuner.Choose("gemm:64x64x4096", candidates, make_trial);
class Tuner {
 public:
  struct Options {
    TuneMode mode = TuneMode::kOff;
    std::string path = {};  ///< empty: choices live as long as this object
    const base::Clock* clock = nullptr;
    base::Duration limit = std::chrono::seconds(5);  ///< of a Tuning in kFast
  };

  explicit Tuner(Options options);

  /// Until the result is destroyed, calls of Choose on this thread measure what is not known yet,
  /// as long as `idle` says that nothing else needs the device. Null where tuning is off. One
  /// Tuning a thread; it writes the file at its end.
  std::unique_ptr<Tuning> Begin(std::function<bool()> idle);
  /// The known choice, the one measured now, or the first candidate, which is the built-in one.
  Tile Choose(const std::string& shape, std::span<const Tile> candidates, const MakeTrial& make);
  bool enabled() const { return options_.mode != TuneMode::kOff; }
  /// Results and times that trials were asked for.
  std::uint64_t trial_runs() const { return runs_.load(); }

 private:
  class Session;
  using Choices = std::map<std::string, TunedShape>;

  std::optional<TunedShape> Find(const std::string& shape) const;
  std::optional<TunedShape> Measure(std::span<const Tile> candidates, TileTrial& trial,
                                    Session& session);
  /// Least time of a tile; nothing when it fails, gives other bytes than `right` (which the first
  /// one sets), has lost against `best`, or there is no time left.
  std::optional<base::Duration> Time(const Tile& tile, TileTrial& trial, Session& session,
                                     std::vector<std::byte>& right, base::Duration best);
  void Save() const;

  const Options options_;
  std::atomic<std::uint64_t> runs_{0};
  base::Mutex trial_mutex_;  ///< held while measuring; before mutex_
  mutable base::Mutex mutex_;
  Choices choices_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::backend::opencl
