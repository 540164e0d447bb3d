#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/sync.h"
#include "telemetry/instruments.h"

namespace hadron::telemetry {

/// Why a request failed, as the failure counter's label `reason` says it. A full queue and a queue
/// timeout are kRejected, memory pressure is kOther.
enum class FailureReason : std::uint8_t { kRejected, kCanceled, kBackend, kOther };
inline constexpr std::array<std::string_view, 4> kFailureReasons = {"REJECTED", "CANCELED",
                                                                    "BACKEND", "OTHER"};

/// Through which door a request came.
enum class Protocol : std::uint8_t { kRest, kGrpc };
inline constexpr std::array<std::string_view, 2> kProtocols = {"rest", "grpc"};

/// The states a version can be in, spelled as clients see them.
inline constexpr std::array<std::string_view, 5> kModelStates = {"UNKNOWN", "LOADING", "READY",
                                                                 "UNLOADING", "UNAVAILABLE"};

/// Why weights left the device.
enum class EvictionCause : std::uint8_t { kPressure, kIdle, kManual, kArena, kQuota };
inline constexpr std::array<std::string_view, 5> kEvictionCauses = {"pressure", "idle", "manual",
                                                                    "arena", "quota"};

/// From where weights came: the host's packed copy, this machine's disk, or a repository.
enum class LoadSource : std::uint8_t { kHost, kDisk, kObjectStore, kLocal };
inline constexpr std::array<std::string_view, 4> kLoadSources = {"host", "disk", "object_store",
                                                                 "local"};

/// Why a load failed: the model itself, memory, the repository it came from, or us.
enum class LoadFailure : std::uint8_t { kModel, kMemory, kRepository, kInternal };
inline constexpr std::array<std::string_view, 4> kLoadFailures = {"model", "memory", "repository",
                                                                  "internal"};

/// What a request waited for.
enum class Wait : std::uint8_t {
  kQueue,      ///< from acceptance until it ran
  kResidency,  ///< of that, for its model to be loaded or brought onto the device
};

/// Loads of one model, from its repository to ready. Not of a version: they outlive an unload.
/// Thread-safe.
class LoadCounts {
 public:
  void CountLoad(LoadSource source) { loads_[static_cast<std::size_t>(source)].Add(); }
  void CountFailure(LoadFailure cause) { failures_[static_cast<std::size_t>(cause)].Add(); }
  std::uint64_t loads(LoadSource source) const {
    return loads_[static_cast<std::size_t>(source)].value();
  }
  std::uint64_t failures(LoadFailure cause) const {
    return failures_[static_cast<std::size_t>(cause)].value();
  }
  /// Whether this version was loaded before; from now on it was.
  bool Remember(std::int64_t version);

 private:
  std::array<Counter, kLoadSources.size()> loads_;
  std::array<Counter, kLoadFailures.size()> failures_;
  base::Mutex mutex_;
  std::set<std::int64_t> versions_ HADRON_GUARDED_BY(mutex_);
};

/// Where the weights of a version are.
struct WeightPlace {
  std::string device;  ///< id; empty = not admitted to any
  bool resident = false;
  std::uint64_t weights = 0;    ///< bytes on the device
  std::uint64_t host_copy = 0;  ///< bytes in host memory
};

/// Sizes of executed batches of one model, all versions together.
struct BatchSizes {
  BatchSizes();
  Histogram histogram;
};

/// The series of one model version. Made by Metrics::AddModel, held by whoever counts; it may be
/// counted into after the version's series have vanished. Thread-safe.
///
///     metrics->success.Add();
///     metrics->request_ns.Add(elapsed_ns);
///     metrics->ObserveRequest(Protocol::kRest, StatusCode::kOk, 0.004);
class ModelMetrics {
 public:
  explicit ModelMetrics(std::shared_ptr<BatchSizes> batch_sizes);

  Counter success;          ///< requests; a batch counts as one
  Counter inference_count;  ///< items executed
  Counter exec_count;       ///< batches executed
  // Durations are kept in nanoseconds and written as whole microseconds.
  Counter request_ns;
  Counter queue_ns;
  Counter compute_input_ns;
  Counter compute_infer_ns;
  Counter compute_output_ns;
  // Of versions whose answers are kept (`caches_responses`).
  std::atomic<bool> caches_responses{false};
  Counter cache_hits;
  Counter cache_misses;
  Counter cache_hit_ns;
  Counter cache_miss_ns;
  Gauge pending;  ///< accepted, not yet executing
  Gauge running;  ///< executing, not yet answered
  std::atomic<double> load_seconds{0};

  void CountFailure(FailureReason reason) { failures_[static_cast<std::size_t>(reason)].Add(); }
  std::uint64_t failures(FailureReason reason) const {
    return failures_[static_cast<std::size_t>(reason)].value();
  }
  void CountEviction(EvictionCause cause) { evictions_[static_cast<std::size_t>(cause)].Add(); }
  std::uint64_t evictions(EvictionCause cause) const {
    return evictions_[static_cast<std::size_t>(cause)].value();
  }
  /// Weights have come onto the device. The histogram appears with the first call.
  void ObserveRestore(LoadSource source, double seconds);
  std::map<LoadSource, Histogram::Reading> ReadRestores() const;
  /// How long a request waited. The histogram appears with the first call.
  void ObserveWait(Wait what, double seconds);
  std::map<Wait, Histogram::Reading> ReadWaits() const;
  /// How long the last load from there took, if there was one.
  void SetLoadTime(LoadSource source, double seconds);
  std::optional<double> load_time(LoadSource source) const;
  void SetPlace(WeightPlace place);
  WeightPlace place() const;
  /// `state` is one of kModelStates; anything else counts as UNKNOWN.
  void SetState(std::string_view state);
  std::string_view state() const { return kModelStates[state_.load(std::memory_order_relaxed)]; }

  void ObserveBatch(std::size_t rows);
  /// Latency as the client's door sees it. The histogram appears with the first call.
  void ObserveRequest(Protocol protocol, base::StatusCode code, double seconds);

  using LatencyKey = std::pair<Protocol, base::StatusCode>;
  std::map<LatencyKey, Histogram::Reading> ReadLatencies() const;
  const BatchSizes& batch_sizes() const { return *batch_sizes_; }
  /// Upper ends of the latency ranges in seconds.
  static std::span<const double> LatencyBounds();

 private:
  std::array<Counter, kFailureReasons.size()> failures_;
  std::array<Counter, kEvictionCauses.size()> evictions_;
  std::array<std::atomic<double>, kLoadSources.size()> load_times_{};  ///< 0: never
  std::atomic<std::size_t> state_{0};
  std::shared_ptr<BatchSizes> batch_sizes_;
  mutable base::Mutex mutex_;
  /// Histograms are never removed, so one may be counted into after the lock.
  template <typename Key>
  using Histograms = std::map<Key, std::unique_ptr<Histogram>>;
  template <typename Key>
  static Histogram& Of(Histograms<Key>& histograms, const Key& key);
  template <typename Key>
  static std::map<Key, Histogram::Reading> ReadAll(const Histograms<Key>& histograms);

  Histograms<LatencyKey> latencies_ HADRON_GUARDED_BY(mutex_);
  WeightPlace place_ HADRON_GUARDED_BY(mutex_);
  Histograms<LoadSource> restores_ HADRON_GUARDED_BY(mutex_);
  Histograms<Wait> waits_ HADRON_GUARDED_BY(mutex_);
};

}  // namespace hadron::telemetry
