#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bench/goals.h"
#include "bench/machine.h"
#include "bench/rounds.h"

namespace hadron::bench {

/// How a run was started, and of what.
struct RunFacts {
  std::string utc;  ///< of its begin
  std::string commit;
  bool dirty = false;  ///< the sources had changes besides the commit
  std::string version;
  std::string build;  ///< build type and compiler
  std::string profile;
  std::uint64_t seed = 0;
  double scale = 0;
  double duration_s = 0;
};

/// A case of a run. `error`: why it has no ratios.
struct CaseReport {
  std::string name;
  CaseResult result;
  std::vector<Check> checks;
  std::string error;
  bool wrong_answer = false;
};

enum class Verdict : std::uint8_t { kPass, kFail, kInconclusive, kNone };
std::string_view VerdictName(Verdict verdict);

/// All of a run. Tables and pictures are made from it alone, so also from a stored file.
struct RunReport {
  RunFacts facts;
  Machine machine;
  std::vector<CaseReport> cases;

  Quietness quietness() const { return {machine.cores, machine.load_before}; }
  /// kNone without a goal that could be checked. A wrong answer fails whatever the goals say, a
  /// case that ended early leaves them open.
  Verdict verdict() const;
};

/// Exit code of `run`: 0 all checks hold or there were none, 1 a check fails or an answer was
/// wrong, 2 a case could not start, 3 nothing fails but something is inconclusive.
int ExitCode(const RunReport& report);

inline constexpr std::string_view kSchema = "hadron-bench/1";

std::string ToJson(const RunReport& report);
/// INVALID_ARGUMENT for what ToJson has not written, or written by another schema.
base::StatusOr<RunReport> FromJson(std::string_view text);

}  // namespace hadron::bench
