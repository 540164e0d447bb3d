#include "bench/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace hadron::bench {
namespace {

using base::StatusOr;
using nlohmann::json;

constexpr std::array<std::string_view, 4> kVerdicts = {"pass", "fail", "inconclusive", "none"};

json RatioJson(const Ratio& r) {
  json context = json::object();
  for (const auto& [name, values] : r.context) context[name] = values;
  json out = {{"name", r.what},        {"peer", r.peer},
              {"metric", r.metric},    {"better", r.higher_is_better ? "higher" : "lower"},
              {"per_round", r.ratios}, {"context", context}};
  if (!r.ratios.empty()) {
    const auto [low, high] = std::ranges::minmax(r.ratios);
    out.update({{"median", Median(r.ratios)}, {"min", low}, {"max", high}});
  }
  if (!r.ours_us.empty()) out["ours_us"] = r.ours_us;
  if (!r.peer_us.empty()) out["peer_us"] = r.peer_us;
  if (!r.doubt.empty()) out["doubt"] = r.doubt;
  return out;
}

Ratio RatioOf(const json& row) {
  using Values = std::vector<double>;
  Ratio r;
  r.what = row.at("name").get<std::string>();
  r.peer = row.at("peer").get<std::string>();
  r.metric = row.at("metric").get<std::string>();
  r.higher_is_better = row.at("better") == "higher";
  r.ratios = row.at("per_round").get<Values>();
  r.ours_us = row.value("ours_us", Values());
  r.peer_us = row.value("peer_us", Values());
  r.doubt = row.value("doubt", std::string());
  for (const auto& [name, values] : row.at("context").items()) {
    r.context.emplace_back(name, values.get<Values>());
  }
  return r;
}

json CheckJson(const Check& check) {
  json out = {{"ratio", check.ratio},
              {"op", OpName(check.goal.op)},
              {"goal", check.goal.value},
              {"status", CheckStatusName(check.status)},
              {"mixed", check.mixed}};
  if (!check.why.empty()) out["why"] = check.why;
  return out;
}

StatusOr<Check> CheckOf(const json& row, const std::string& case_name) {
  Check check;
  check.ratio = row.at("ratio").get<std::string>();
  check.goal = {case_name, check.ratio, {}, row.at("goal").get<double>()};
  HADRON_ASSIGN_OR_RETURN(check.goal.op, OpByName(row.at("op").get<std::string>()));
  HADRON_ASSIGN_OR_RETURN(check.status, CheckStatusByName(row.at("status").get<std::string>()));
  check.mixed = row.at("mixed").get<bool>();
  check.why = row.value("why", std::string());
  return check;
}

json CaseJson(const CaseReport& c, const Quietness& machine) {
  json ratios = json::array();
  std::string doubts;
  for (const Ratio& ratio : c.result.ratios) {
    ratios.push_back(RatioJson(ratio));
    const std::string noise = NoiseOf(ratio, machine);
    if (doubts.empty() && !noise.empty()) doubts = NameOf(ratio) + ": " + noise;
  }
  json checks = json::array();
  for (const Check& check : c.checks) checks.push_back(CheckJson(check));
  const bool failed = !c.error.empty();
  return {{"name", c.name},
          {"status", failed           ? "error"
                     : doubts.empty() ? "ok"
                                      : "inconclusive"},
          {"why", failed ? c.error : doubts},
          {"wrong_answer", c.wrong_answer},
          {"ratios", ratios},
          {"checks", checks},
          {"notes", c.result.notes}};
}

StatusOr<CaseReport> CaseOf(const json& row) {
  CaseReport c;
  c.name = row.at("name").get<std::string>();
  if (row.at("status") == "error") c.error = row.at("why").get<std::string>();
  c.wrong_answer = row.at("wrong_answer").get<bool>();
  for (const json& ratio : row.at("ratios")) c.result.ratios.push_back(RatioOf(ratio));
  for (const json& check : row.at("checks")) {
    HADRON_ASSIGN_OR_RETURN(c.checks.emplace_back(), CheckOf(check, c.name));
  }
  c.result.notes = row.at("notes").get<std::vector<std::string>>();
  return c;
}

json FactsJson(const RunFacts& f) {
  return {{"utc", f.utc},         {"commit", f.commit}, {"dirty", f.dirty},
          {"version", f.version}, {"build", f.build},   {"profile", f.profile},
          {"seed", f.seed},       {"scale", f.scale},   {"duration_s", f.duration_s}};
}

RunFacts FactsOf(const json& run) {
  return {run.at("utc").get<std::string>(),    run.at("commit").get<std::string>(),
          run.at("dirty").get<bool>(),         run.at("version").get<std::string>(),
          run.at("build").get<std::string>(),  run.at("profile").get<std::string>(),
          run.at("seed").get<std::uint64_t>(), run.at("scale").get<double>(),
          run.at("duration_s").get<double>()};
}

json MachineJson(const Machine& m) {
  return {{"cpu", m.cpu},
          {"cores", m.cores},
          {"mem_bytes", m.memory_bytes},
          {"kernel", m.kernel},
          {"load1_before", m.load_before},
          {"load1_after", m.load_after}};
}

Machine MachineOf(const json& m) {
  return {m.at("cpu").get<std::string>(),         m.at("cores").get<int>(),
          m.at("mem_bytes").get<std::uint64_t>(), m.at("kernel").get<std::string>(),
          m.at("load1_before").get<double>(),     m.at("load1_after").get<double>()};
}

bool Any(const RunReport& report, CheckStatus status) {
  return std::ranges::any_of(report.cases, [status](const CaseReport& c) {
    return std::ranges::any_of(c.checks, [status](const Check& k) { return k.status == status; });
  });
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  return kVerdicts[static_cast<std::size_t>(verdict)];
}

Verdict RunReport::verdict() const {
  const bool wrong = std::ranges::any_of(cases, &CaseReport::wrong_answer);
  if (wrong || Any(*this, CheckStatus::kFail)) return Verdict::kFail;
  const bool ended = std::ranges::any_of(cases, [](const auto& c) { return !c.error.empty(); });
  if (ended || Any(*this, CheckStatus::kInconclusive)) return Verdict::kInconclusive;
  return Any(*this, CheckStatus::kPass) ? Verdict::kPass : Verdict::kNone;
}

int ExitCode(const RunReport& report) {
  constexpr int kFails = 1;
  constexpr int kNotStarted = 2;
  constexpr int kInconclusive = 3;
  const auto not_started = [](const CaseReport& c) { return !c.error.empty() && !c.wrong_answer; };
  if (std::ranges::any_of(report.cases, not_started)) return kNotStarted;
  const Verdict verdict = report.verdict();
  if (verdict == Verdict::kFail) return kFails;
  return verdict == Verdict::kInconclusive ? kInconclusive : 0;
}

std::string ToJson(const RunReport& report) {
  json cases = json::array();
  for (const CaseReport& c : report.cases) cases.push_back(CaseJson(c, report.quietness()));
  const json file = {{"schema", kSchema},
                     {"run", FactsJson(report.facts)},
                     {"machine", MachineJson(report.machine)},
                     {"cases", cases},
                     {"verdict", VerdictName(report.verdict())}};
  return file.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

StatusOr<RunReport> FromJson(std::string_view text) {
  try {
    const json file = json::parse(text);
    const json& schema = file.at("schema");
    if (schema != kSchema) {
      return base::InvalidArgument(
          fmt::format("has schema {}; this program reads \"{}\"", schema.dump(), kSchema));
    }
    RunReport report{FactsOf(file.at("run")), MachineOf(file.at("machine")), {}};
    for (const json& row : file.at("cases")) {
      HADRON_ASSIGN_OR_RETURN(report.cases.emplace_back(), CaseOf(row));
    }
    return report;
  } catch (const json::exception& e) {
    return base::InvalidArgument(fmt::format("is no result file of hadron-bench: {}", e.what()));
  }
}

}  // namespace hadron::bench
