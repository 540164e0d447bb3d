#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace hadron::serving {

/// How long executions of one model take, by their rows, as measured. Newer runs count more. Pure;
/// externally synchronised.
class ExecutionTimes {
 public:
  ExecutionTimes() = default;
  /// `sizes`, ascending: executions of rows in between are padded to the next of them.
  explicit ExecutionTimes(std::vector<std::int64_t> sizes) : sizes_(std::move(sizes)) {}

  /// Rows of an execution, with those that fill it up.
  std::int64_t Padded(std::int64_t rows) const;
  void Note(std::int64_t rows, double seconds);

  /// Of an execution with so many rows: measured, between two measured ones, or beyond the largest
  /// in proportion. 0 when nothing is known.
  double Expected(std::int64_t rows) const;
  /// What an execution costs however few its rows are, as far as two sizes have been measured.
  double Fixed() const;
  /// The most rows worth waiting for, of at most `limit`: with more of them a row takes longer.
  /// Sizes that were not measured for long are believed to be worth it: a moment at which the
  /// machine stood still is not held against them for ever.
  std::int64_t BestRows(std::int64_t limit) const;

 private:
  struct Known {
    double seconds = 0;
    std::uint64_t noted = 0;  ///< the number of the last of them
  };
  std::vector<std::int64_t> sizes_;
  std::map<std::int64_t, Known> known_;  ///< by padded rows
  std::uint64_t noted_ = 0;
};

}  // namespace hadron::serving
