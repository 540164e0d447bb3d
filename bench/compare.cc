#include "bench/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench/report.h"
#include "report/text_table.h"

namespace hadron::bench {
namespace {

using base::StatusOr;
using nlohmann::json;

struct Measured {
  std::vector<double> rounds;
  bool higher_is_better = false;
};

/// By case, peer and metric.
using Results = std::map<std::string, Measured>;

struct ResultsFile {
  json facts;  ///< what two runs must have in common
  Results results;
};

StatusOr<ResultsFile> Read(std::string_view text, const char* which) {
  try {
    const json file = json::parse(text);
    ResultsFile read;
    read.facts["version"] = file.at("version");
    if (read.facts["version"] != kResultsVersion) {
      return base::InvalidArgument(fmt::format("{} is of version {}; this program compares {}",
                                               which, read.facts["version"].dump(),
                                               kResultsVersion));
    }
    for (const char* fact : {"profile", "seed", "scale"}) read.facts[fact] = file.at(fact);
    for (const json& row : file.at("results")) {
      const std::string name =
          fmt::format("{} | {} | {}", row.at("case").get<std::string>(),
                      row.at("peer").get<std::string>(), row.at("metric").get<std::string>());
      Measured measured{row.at("rounds").get<std::vector<double>>(), row.at("better") == "higher"};
      if (!measured.rounds.empty()) read.results.emplace(name, std::move(measured));
    }
    return read;
  } catch (const json::exception& e) {
    return base::InvalidArgument(
        fmt::format("{} is no result file of hadron-bench: {}", which, e.what()));
  }
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
  HADRON_ASSIGN_OR_RETURN(const ResultsFile first, Read(a, "a"));
  HADRON_ASSIGN_OR_RETURN(const ResultsFile second, Read(b, "b"));
  if (first.facts != second.facts) {
    return base::InvalidArgument(fmt::format("a and b are not comparable: a has {}, b has {}",
                                             first.facts.dump(), second.facts.dump()));
  }
  report::TextTable table({{"case | peer | metric", report::Align::kLeft},
                           {"a", report::Align::kRight},
                           {"b", report::Align::kRight},
                           {"change", report::Align::kLeft}});
  Comparison found;
  Results names = first.results;
  names.insert(second.results.begin(), second.results.end());
  for (const auto& [name, unused] : names) {
    const auto one = first.results.find(name);
    const auto two = second.results.find(name);
    if (one == first.results.end() || two == second.results.end()) {
      const bool only_a = two == second.results.end();
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
