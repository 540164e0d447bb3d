#pragma once

#include <cstdint>

#include "base/clock.h"
#include "serving/execution_times.h"

namespace hadron::serving {

/// How much of something comes in a second, what came lately counting more. Pure; externally
/// synchronised.
class Rate {
 public:
  void Note(double amount, base::TimePoint now);
  double PerSecond(base::TimePoint now) const;

 private:
  double rate_ = 0;
  base::TimePoint last_;
};

/// What a batcher that nobody has configured does next.
struct BatchTuning {
  std::int64_t rows = 1;    ///< no batch of more
  base::Duration delay{0};  ///< the oldest request waits no longer for others to come
};

/// What the rules of a batch follow from, see docs/batching.md.
struct BatchTuningInput {
  const ExecutionTimes* times = nullptr;
  double rows_per_second = 0;
  double busy_share = 0;  ///< of the device, lately
  std::int64_t max_rows = 1;
};

/// Sizes and delay for a model whose file says nothing about batching. An idle device starts at
/// once. On a busy one a batch waits at most as long as its execution would cost if it held nothing
/// (waiting that long never costs more than twice what knowing the future would), and only if
/// another row is likely to come in that time. Batches grow no further than the rows that come out
/// faster together than apart. Pure.
BatchTuning TuneBatch(const BatchTuningInput& input);

/// Whether all of these rows are out sooner in two executions, `first` of them in the first, than
/// in one, which would compute more padding than a second execution costs. Pure.
bool FasterInTwo(const ExecutionTimes& times, std::int64_t rows, std::int64_t first);

}  // namespace hadron::serving
