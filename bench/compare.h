#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hadron::bench {

/// What `hadron-bench compare` found in two result files.
struct Comparison {
  std::string text;  ///< a table: ratios side by side; absolute times are not compared
  int worse = 0;     ///< ratios whose ranges do not overlap, to the worse
  int better = 0;    ///< and to the better
};

/// Compares the results.json of two runs by their ratios. A change is one only if the ranges from
/// minimum to maximum do not touch. INVALID_ARGUMENT, naming the file by `a` or `b`, for what is no
/// such file, and for runs that are not comparable: another schema, profile, seed or scale.
base::StatusOr<Comparison> Compare(std::string_view a, std::string_view b);

}  // namespace hadron::bench
