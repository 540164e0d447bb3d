#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/snapshot.h"
#include "model/catalogue.h"
#include "telemetry/instruments.h"

namespace hadron::protocol {

/// What a version did lately: between the last two samples.
struct VersionActivity {
  double requests_per_s = 0;
  double device_share = 0;            ///< of the time, 0..1 for each lane
  std::optional<double> p50_seconds;  ///< of the last sample that saw requests
  std::optional<double> p99_seconds;
};

/// By model and version.
using Activity = std::map<std::pair<std::string, std::int64_t>, VersionActivity>;

/// Turns counters into rates: whoever asks for the server's status wants to know what is going on
/// now, and no two who ask may disturb each other. Sample is for one thread (a timer of the control
/// thread), Read for any.
///
///     meter.Sample(*models.catalogue(), clock.Now());
///     auto activity = meter.Read();
class ActivityMeter {
 public:
  ActivityMeter() : published_(std::make_shared<const Activity>()) {}

  /// Takes the difference to the sample before. Costs nothing for versions that are not loaded.
  /// `busy_seconds`: how long the device has been busy, all in all.
  void Sample(const model::Catalogue& catalogue, base::TimePoint now, double busy_seconds = 0);
  /// Never null.
  std::shared_ptr<const Activity> Read() const { return published_.Load(); }
  /// The device's busy share of the time between the last two samples, 0..1.
  double busy_ratio() const { return busy_ratio_.load(); }

 private:
  struct Counts {
    const model::VersionHistory* history = nullptr;  ///< compared, never followed
    std::uint64_t requests = 0;
    std::uint64_t busy_ns = 0;
    std::vector<std::uint64_t> latencies;  ///< all doors and codes together
  };

  VersionActivity Compare(const Counts* before, const Counts& now, double seconds,
                          const VersionActivity* last) const;

  std::map<std::pair<std::string, std::int64_t>, Counts> counts_;
  base::TimePoint sampled_{};
  double busy_seconds_ = 0;
  std::atomic<double> busy_ratio_{0};
  base::Snapshot<Activity> published_;
};

/// The value below which `share` of what fell into the buckets lies, as if it were spread evenly in
/// each; nothing for empty buckets. What lies above all bounds counts as the last bound. Pure.
std::optional<double> Percentile(std::span<const double> bounds,
                                 std::span<const std::uint64_t> buckets, double share);

}  // namespace hadron::protocol
