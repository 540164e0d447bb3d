#include "bench/results_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "bench/compare.h"
#include "bench/report.h"
#include "bench/results.h"

namespace hadron::bench {
namespace {

using base::StatusOr;

constexpr int kWorse = 1;
constexpr int kNotStarted = 2;

StatusOr<std::string> ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (file.good()) return text.str();
  return base::NotFound(fmt::format("{}: cannot be read", path));
}

/// results.json in a folder of its own; other names stay apart in one folder.
ReportPlace PlaceOf(const std::string& file, const std::string& out) {
  const std::filesystem::path path(file);
  const std::string stem = path.stem().string();
  const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  return {out.empty() ? folder : out, stem == "results" ? "" : stem + "-"};
}

StatusOr<int> ReportAgain(const std::string& file, const ReportOptions& options) {
  HADRON_ASSIGN_OR_RETURN(const std::string text, ReadText(file));
  auto report = FromJson(text);
  if (!report.ok()) return std::move(report).status().With(file);
  if (!options.goals.empty()) {
    HADRON_ASSIGN_OR_RETURN(const auto goals, ReadGoals(options.goals));
    for (CaseReport& c : report->cases) {
      c.checks = Judge(goals, c.name, c.result.ratios, report->quietness());
    }
  }
  fmt::print("{}", ReportTable(*report));
  HADRON_RETURN_IF_ERROR(WriteReport(*report, PlaceOf(file, options.out)));
  return ExitCode(*report);
}

}  // namespace

StatusOr<std::vector<Goal>> ReadGoals(const std::string& path) {
  if (path.empty()) return std::vector<Goal>();
  HADRON_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  auto goals = ParseGoals(text);
  if (goals.ok()) return goals;
  return std::move(goals).status().With(path);
}

int RunReportCommand(const ReportOptions& options) {
  std::vector<int> codes;
  for (const std::string& file : options.files) {
    const StatusOr<int> code = ReportAgain(file, options);
    if (!code.ok()) fmt::print(stderr, "hadron-bench: report: {}\n", code.message());
    codes.push_back(code.ok() ? *code : kNotStarted);
  }
  // From good to bad: 0, 3 (open), 1 (fails), 2 (not even read).
  for (const int code : {kNotStarted, 1, 3}) {
    if (std::ranges::count(codes, code) > 0) return code;
  }
  return 0;
}

int RunCompareCommand(const std::vector<std::string>& files) {
  const auto compared = [&]() -> StatusOr<Comparison> {
    HADRON_ASSIGN_OR_RETURN(const std::string a, ReadText(files[0]));
    HADRON_ASSIGN_OR_RETURN(const std::string b, ReadText(files[1]));
    return Compare(a, b);
  }();
  if (!compared.ok()) {
    fmt::print(stderr, "hadron-bench: compare: {}\n", compared.message());
    return kNotStarted;
  }
  fmt::print("{}{} worse, {} better\n", compared->text, compared->worse, compared->better);
  return compared->worse > 0 ? kWorse : 0;
}

}  // namespace hadron::bench
