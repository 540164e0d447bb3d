#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bench/rounds.h"

namespace hadron::bench {

/// What a ratio is to be. `ratio` is its name (NameOf), in which `*` stands for any text: names
/// hold versions and sizes. In a file:
///
///     {"goals": [{"case": "switch", "ratio": "* copy 4 x compute | * | time",
///                 "op": "<=", "goal": 1.15}]}
struct Goal {
  enum class Op : std::uint8_t { kAtMost, kAtLeast, kEqual };
  std::string case_name;
  std::string ratio;
  Op op = Op::kAtMost;
  double value = 0;

  bool Holds(double ratio_value) const;
  std::string ToString() const;  ///< "<= 1.15"
};

std::string_view OpName(Goal::Op op);  ///< "<="
base::StatusOr<Goal::Op> OpByName(std::string_view name);

/// Of a file like bench/goals.json. INVALID_ARGUMENT, with the number of the goal, for what is
/// none.
base::StatusOr<std::vector<Goal>> ParseGoals(std::string_view text);

/// What came of a goal. kSkipped: the run has no such ratio.
enum class CheckStatus : std::uint8_t { kPass, kFail, kInconclusive, kSkipped };
std::string_view CheckStatusName(CheckStatus status);
base::StatusOr<CheckStatus> CheckStatusByName(std::string_view name);

struct Check {
  std::string ratio;  ///< the ratio's name; the goal's pattern where there is none
  Goal goal;
  CheckStatus status = CheckStatus::kSkipped;
  bool mixed = false;  ///< some rounds held, some did not; the median decided
  std::string why;     ///< it is inconclusive or skipped
};

/// What of the machine decides whether a time can be believed.
struct Quietness {
  int cores = 1;
  double load_before = 0;  ///< average of the minute before the run
};

/// "what | peer | metric": unique in a case.
std::string NameOf(const Ratio& ratio);
/// Whether `text` is `pattern`, in which `*` stands for any text, even none.
bool Matches(std::string_view pattern, std::string_view text);

/// Why nothing follows from a ratio: its own doubt, rounds that spread by more than a quarter, or,
/// where time is measured, a machine that was busy before. Empty: something does.
std::string NoiseOf(const Ratio& ratio, const Quietness& machine);

/// Every goal of that case against every ratio that it names: pass where it holds in every round,
/// fail where in none; otherwise the median decides.
std::vector<Check> Judge(const std::vector<Goal>& goals, const std::string& case_name,
                         const std::vector<Ratio>& ratios, const Quietness& machine);

}  // namespace hadron::bench
