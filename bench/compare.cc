#include "bench/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "bench/results.h"
#include "report/text_table.h"

namespace hadron::bench {
namespace {

using base::StatusOr;

struct Measured {
  std::vector<double> rounds;
  bool higher_is_better = false;
};

/// By case and the ratio's name.
using Results = std::map<std::string, Measured>;

StatusOr<RunReport> Read(std::string_view text, const char* which) {
  auto report = FromJson(text);
  if (report.ok()) return report;
  return std::move(report).status().With(which);
}

/// What two runs must have in common.
std::string Premise(const RunReport& report) {
  const RunFacts& f = report.facts;
  return fmt::format("profile {}, seed {}, scale {:g}", f.profile, f.seed, f.scale);
}

Results ResultsOf(const RunReport& report) {
  Results results;
  for (const CaseReport& c : report.cases) {
    for (const Ratio& ratio : c.result.ratios) {
      if (ratio.ratios.empty()) continue;
      results.emplace(c.name + " | " + NameOf(ratio),
                      Measured{ratio.ratios, ratio.higher_is_better});
    }
  }
  return results;
}

std::string Range(const Measured& measured) {
  const auto [low, high] = std::ranges::minmax(measured.rounds);
  return fmt::format("{:.3f} ({:.3f} to {:.3f})", Median(measured.rounds), low, high);
}

/// Below 0: b is worse; above: better; 0: the ranges touch.
int Change(const Measured& a, const Measured& b) {
  const auto [a_low, a_high] = std::ranges::minmax(a.rounds);
  const auto [b_low, b_high] = std::ranges::minmax(b.rounds);
  if (b_low <= a_high && a_low <= b_high) return 0;
  return (b_low > a_high) == b.higher_is_better ? 1 : -1;
}

}  // namespace

StatusOr<Comparison> Compare(std::string_view a, std::string_view b) {
  HADRON_ASSIGN_OR_RETURN(const RunReport run_a, Read(a, "a"));
  HADRON_ASSIGN_OR_RETURN(const RunReport run_b, Read(b, "b"));
  if (Premise(run_a) != Premise(run_b)) {
    return base::InvalidArgument(fmt::format("a and b are not comparable: a has {}, b has {}",
                                             Premise(run_a), Premise(run_b)));
  }
  const Results first = ResultsOf(run_a);
  const Results second = ResultsOf(run_b);
  report::TextTable table({{"case | ratio | peer | metric", report::Align::kLeft},
                           {"a", report::Align::kRight},
                           {"b", report::Align::kRight},
                           {"change", report::Align::kLeft}});
  Comparison found;
  Results names = first;
  names.insert(second.begin(), second.end());
  for (const auto& [name, unused] : names) {
    const auto one = first.find(name);
    const auto two = second.find(name);
    if (one == first.end() || two == second.end()) {
      const bool only_a = two == second.end();
      table.AddRow({name, only_a ? Range(one->second) : "", only_a ? "" : Range(two->second),
                    only_a ? "only in a" : "only in b"});
      continue;
    }
    const int change = Change(one->second, two->second);
    found.worse += change < 0 ? 1 : 0;
    found.better += change > 0 ? 1 : 0;
    constexpr const char* kWords[] = {"worse", "", "better"};
    table.AddRow({name, Range(one->second), Range(two->second), kWords[change + 1]});
  }
  found.text = table.ToString();
  return found;
}

}  // namespace hadron::bench
