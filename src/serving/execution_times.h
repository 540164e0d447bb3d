#pragma once

#include <cstdint>
#include <map>

namespace hadron::serving {

/// How long executions of one model take, by their rows, as measured. Newer runs count more. Pure;
/// externally synchronised.
class ExecutionTimes {
 public:
  void Note(std::int64_t rows, double seconds);

  /// Of an execution with so many rows: measured, between two measured ones, or beyond the largest
  /// in proportion. 0 when nothing is known.
  double Expected(std::int64_t rows) const;
  /// What an execution costs however few its rows are, as far as two sizes have been measured.
  double Fixed() const;
  /// The most rows worth waiting for, of at most `limit`: more of them do not come out any faster.
  /// Sizes that were never measured are believed to be worth it.
  std::int64_t BestRows(std::int64_t limit) const;
  bool known() const { return !seconds_.empty(); }

 private:
  std::map<std::int64_t, double> seconds_;  ///< by rows
};

}  // namespace hadron::serving
