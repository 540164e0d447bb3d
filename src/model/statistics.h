#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/sync.h"

namespace hadron::model {

/// Count and total time of something that happens again and again.
struct DurationTotal {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;

  void Add(std::uint64_t n) {
    ++count;
    ns += n;
  }
};

/// What the statistics endpoint reports of one version (v2 statistics extension).
struct StatisticsSnapshot {
  std::int64_t last_inference_ms = 0;  ///< Unix time, 0 = never
  std::uint64_t inference_count = 0;   ///< rows of successful requests
  std::uint64_t execution_count = 0;   ///< batches run
  DurationTotal success;
  DurationTotal fail;
  DurationTotal queue;
  DurationTotal compute_input;
  DurationTotal compute_infer;
  DurationTotal compute_output;
  DurationTotal cache_hit;   ///< counted in success, too
  DurationTotal cache_miss;  ///< finding out, and keeping the answer
  struct BatchRow {
    DurationTotal compute_input;
    DurationTotal compute_infer;
    DurationTotal compute_output;
  };
  std::map<std::uint64_t, BatchRow> by_batch_size;
};

/// Times of one executed batch, nanoseconds.
struct BatchTimes {
  std::uint64_t rows = 0;
  std::uint64_t input_ns = 0;
  std::uint64_t infer_ns = 0;
  std::uint64_t output_ns = 0;
};

/// Statistics of one version since it was loaded. Thread-safe.
class VersionStatistics {
 public:
  void RecordBatch(const BatchTimes& times);
  void RecordSuccess(std::uint64_t rows, std::uint64_t total_ns, std::uint64_t queue_ns,
                     const BatchTimes& batch, std::int64_t now_ms);
  /// An answer from the cache: it waited for nothing and ran nowhere.
  void RecordCacheHit(std::uint64_t total_ns, std::uint64_t lookup_ns, std::int64_t now_ms);
  void RecordCacheMiss(std::uint64_t ns);
  void RecordFailure(std::uint64_t total_ns);
  StatisticsSnapshot Snapshot() const;

 private:
  mutable base::Mutex mutex_;
  StatisticsSnapshot totals_ HADRON_GUARDED_BY(mutex_);
};

/// How much a version is in use, and what it costs to bring it back: on this rests who has to
/// leave. Belongs to ResidencyManager, and is guarded by its mutex.
struct VersionUse {
  double frequency = 0;                              ///< requests, decayed by requests
  std::uint64_t last_used = 0;                       ///< in requests to all models
  std::optional<std::uint64_t> restored_bytes = {};  ///< copied onto the device the last time
  double slowness = 1;  ///< of its restores, against what so many bytes usually take
};

/// What outlives a version's instance when it leaves memory: the next instance of the same content
/// goes on with it. A reload of something else, and an unload, begin anew.
struct VersionHistory {
  VersionStatistics statistics;
  VersionUse use;
};

}  // namespace hadron::model
