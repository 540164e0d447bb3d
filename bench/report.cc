#include "bench/report.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace hadron::bench {
namespace {

constexpr double kNoisy = 0.25;

std::string Micros(const std::vector<double>& values) {
  return values.empty() ? "" : fmt::format("{:.1f}", Median(values));
}

std::string Context(const Ratio& ratio) {
  std::string text;
  for (const auto& [name, values] : ratio.context) {
    text += fmt::format("  {} {:.4g}", name, Median(values));
  }
  return text;
}

}  // namespace

void PrintCase(const CaseResult& result) {
  fmt::print("{:<32} {:<22} {:<12} {:>8} {:>8} {:>8} {:>12} {:>12}\n", "case", "peer", "metric",
             "ratio", "min", "max", "ours us", "peer us");
  for (const Ratio& r : result.ratios) {
    const auto [low, high] = std::ranges::minmax(r.ratios);
    fmt::print("{:<32} {:<22} {:<12} {:>8.3f} {:>8.3f} {:>8.3f} {:>12} {:>12}{}{}\n", r.what,
               r.peer, r.metric, Median(r.ratios), low, high, Micros(r.ours_us), Micros(r.peer_us),
               Context(r), Spread(r.ratios) > kNoisy ? "  noisy" : "");
  }
  for (const std::string& note : result.notes) fmt::print("note: {}\n", note);
}

void WriteJson(const std::vector<CaseResult>& results, const RunFacts& facts,
               const std::string& directory) {
  nlohmann::json all = nlohmann::json::array();
  nlohmann::json notes = nlohmann::json::array();
  for (const CaseResult& result : results) {
    for (const Ratio& r : result.ratios) {
      nlohmann::json context = nlohmann::json::object();
      for (const auto& [name, values] : r.context) context[name] = values;
      all.push_back({{"case", r.what},
                     {"peer", r.peer},
                     {"metric", r.metric},
                     {"better", r.higher_is_better ? "higher" : "lower"},
                     {"ratio", Median(r.ratios)},
                     {"rounds", r.ratios},
                     {"ours_us", r.ours_us},
                     {"peer_us", r.peer_us},
                     {"context", context}});
    }
    for (const std::string& note : result.notes) notes.push_back(note);
  }
  std::filesystem::create_directories(directory);
  const nlohmann::json file = {
      {"version", kResultsVersion}, {"profile", facts.profile}, {"seed", facts.seed},
      {"scale", facts.scale},       {"results", all},           {"notes", notes}};
  std::ofstream(directory + "/results.json") << file.dump(2) << "\n";
}

}  // namespace hadron::bench
