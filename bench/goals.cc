#include "bench/goals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace hadron::bench {
namespace {

using base::StatusOr;
using nlohmann::json;

constexpr double kNoisy = 0.25;

constexpr std::array<std::string_view, 3> kOps = {"<=", ">=", "=="};
constexpr std::array<std::string_view, 4> kStatuses = {"pass", "fail", "inconclusive", "skipped"};

/// What a busy machine does not change: counts, bytes and CPU time.
constexpr std::array<std::string_view, 13> kNotTimed = {
    "cpu",          "cpu_share",       "device_bytes", "device_bytes_left",
    "failed_loads", "failed_requests", "loads",        "loaded_bytes",
    "memory",       "peak_rss",        "requests",     "rss",
    "rss_per_model"};

StatusOr<Goal> ParseGoal(const json& entry) {
  Goal goal;
  goal.case_name = entry.at("case").get<std::string>();
  goal.ratio = entry.at("ratio").get<std::string>();
  HADRON_ASSIGN_OR_RETURN(goal.op, OpByName(entry.at("op").get<std::string>()));
  goal.value = entry.at("goal").get<double>();
  return goal;
}

Check JudgeOne(const Goal& goal, const Ratio& ratio, const Quietness& machine) {
  Check check{NameOf(ratio), goal, CheckStatus::kInconclusive, false, NoiseOf(ratio, machine)};
  const auto held = static_cast<std::size_t>(
      std::ranges::count_if(ratio.ratios, [&](double value) { return goal.Holds(value); }));
  check.mixed = held > 0 && held < ratio.ratios.size();
  if (check.why.empty()) {
    check.status = goal.Holds(Median(ratio.ratios)) ? CheckStatus::kPass : CheckStatus::kFail;
  }
  return check;
}

template <std::size_t kCount>
StatusOr<std::size_t> IndexOf(const std::array<std::string_view, kCount>& names,
                              std::string_view name, const char* what) {
  const auto* const found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  return base::InvalidArgument(fmt::format("'{}' is no {}", name, what));
}

}  // namespace

std::string_view OpName(Goal::Op op) { return kOps[static_cast<std::size_t>(op)]; }

StatusOr<Goal::Op> OpByName(std::string_view name) {
  HADRON_ASSIGN_OR_RETURN(const std::size_t index, IndexOf(kOps, name, "op; <=, >= and == are"));
  return static_cast<Goal::Op>(index);
}

std::string_view CheckStatusName(CheckStatus status) {
  return kStatuses[static_cast<std::size_t>(status)];
}

StatusOr<CheckStatus> CheckStatusByName(std::string_view name) {
  HADRON_ASSIGN_OR_RETURN(const std::size_t index, IndexOf(kStatuses, name, "status of a check"));
  return static_cast<CheckStatus>(index);
}

bool Goal::Holds(double ratio_value) const {
  switch (op) {
    case Op::kAtMost:
      return ratio_value <= value;
    case Op::kAtLeast:
      return ratio_value >= value;
    case Op::kEqual:
      return ratio_value == value;
  }
  return false;
}

std::string Goal::ToString() const { return fmt::format("{} {:g}", OpName(op), value); }

StatusOr<std::vector<Goal>> ParseGoals(std::string_view text) {
  std::vector<Goal> goals;
  try {
    const json file = json::parse(text);
    for (const json& entry : file.at("goals")) {
      auto goal = ParseGoal(entry);
      if (!goal.ok()) return std::move(goal).status().With(fmt::format("goal {}", goals.size()));
      goals.push_back(std::move(goal).value());
    }
  } catch (const json::exception& e) {
    return base::InvalidArgument(fmt::format("goal {}: {}", goals.size(), e.what()));
  }
  return goals;
}

std::string NameOf(const Ratio& ratio) {
  return fmt::format("{} | {} | {}", ratio.what, ratio.peer, ratio.metric);
}

bool Matches(std::string_view pattern, std::string_view text) {
  // The last star takes one more character whenever what follows it does not fit.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = pattern.npos;
  std::size_t taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

std::string NoiseOf(const Ratio& ratio, const Quietness& machine) {
  if (!ratio.doubt.empty()) return ratio.doubt;
  if (ratio.ratios.empty()) return "no rounds";
  if (const double spread = Spread(ratio.ratios); spread > kNoisy) {
    return fmt::format("spread {:.2f}", spread);
  }
  const bool timed = std::ranges::find(kNotTimed, ratio.metric) == kNotTimed.end();
  if (timed && machine.load_before > machine.cores - 1) {
    return fmt::format("load {:.1f} before the run", machine.load_before);
  }
  return "";
}

std::vector<Check> Judge(const std::vector<Goal>& goals, const std::string& case_name,
                         const std::vector<Ratio>& ratios, const Quietness& machine) {
  std::vector<Check> checks;
  for (const Goal& goal : goals) {
    if (goal.case_name != case_name) continue;
    const std::size_t before = checks.size();
    for (const Ratio& ratio : ratios) {
      if (Matches(goal.ratio, NameOf(ratio))) checks.push_back(JudgeOne(goal, ratio, machine));
    }
    if (checks.size() > before) continue;
    checks.push_back({goal.ratio, goal, CheckStatus::kSkipped, false, "the run has no such ratio"});
  }
  return checks;
}

}  // namespace hadron::bench
