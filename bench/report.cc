#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace hadron::bench {
namespace {

using base::Status;

constexpr const char* kMarkdown = "md";

const Check* CheckFor(const CaseReport& c, const std::string& ratio) {
  const auto found = std::ranges::find(c.checks, ratio, &Check::ratio);
  return found == c.checks.end() ? nullptr : &*found;
}

std::string StatusText(const Check& check) {
  std::string text(CheckStatusName(check.status));
  if (check.mixed) text += " (mixed)";
  if (!check.why.empty()) text += ": " + check.why;
  return text;
}

/// A cell of Markdown: names hold bars.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c == '\n' ? ' ' : c;
  }
  return cell;
}

std::string RatioLine(const RunReport& report, const CaseReport& c, const Ratio& r) {
  const std::string name = NameOf(r);
  const Check* const check = CheckFor(c, name);
  std::string status;
  if (check != nullptr) {
    status = StatusText(*check);
  } else if (const std::string noise = NoiseOf(r, report.quietness()); !noise.empty()) {
    status = "inconclusive: " + noise;
  }
  std::string measured = "| |";
  if (!r.ratios.empty()) {
    const auto [low, high] = std::ranges::minmax(r.ratios);
    measured = fmt::format("{:.3f} | {:.3f}..{:.3f} |", Median(r.ratios), low, high);
  }
  return fmt::format("| {} | {} | {} {} | {} | {} |\n", c.name, Cell(name), measured,
                     r.ratios.size(), check == nullptr ? "" : check->goal.ToString(), Cell(status));
}

std::string SkippedLines(const CaseReport& c) {
  std::string lines;
  for (const Check& check : c.checks) {
    if (check.status != CheckStatus::kSkipped) continue;
    lines += fmt::format("| {} | {} | | | 0 | {} | {} |\n", c.name, Cell(check.ratio),
                         check.goal.ToString(), Cell(StatusText(check)));
  }
  return lines;
}

std::string Micros(const std::vector<double>& values) {
  return values.empty() ? "" : fmt::format("{:.1f}", Median(values));
}

std::string ContextLines(const CaseReport& c) {
  std::string lines;
  for (const Ratio& r : c.result.ratios) {
    std::string context;
    for (const auto& [name, values] : r.context) {
      if (values.empty()) continue;
      context += fmt::format("{}{} {:.4g}", context.empty() ? "" : ", ", name, Median(values));
    }
    if (context.empty() && r.ours_us.empty() && r.peer_us.empty()) continue;
    lines += fmt::format("| {} | {} | {} | {} | {} |\n", c.name, Cell(NameOf(r)), Micros(r.ours_us),
                         Micros(r.peer_us), context);
  }
  return lines;
}

Status WriteText(const std::string& path, const std::string& text) {
  std::error_code ignored;  // writing says what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  if (file.good()) return {};
  return base::Unavailable(
      fmt::format("cannot write {}: name a directory on a disk with room by --out", path));
}

}  // namespace

std::string ReportTable(const RunReport& report) {
  std::string text =
      "| case | ratio | median | min..max | rounds | goal | status |\n"
      "|---|---|---|---|---|---|---|\n";
  std::string context;
  std::string notes;
  for (const CaseReport& c : report.cases) {
    for (const Ratio& ratio : c.result.ratios) text += RatioLine(report, c, ratio);
    if (!c.error.empty()) {
      text += fmt::format("| {} | | | | 0 | | error: {} |\n", c.name, Cell(c.error));
    }
    text += SkippedLines(c);
    context += ContextLines(c);
    for (const std::string& note : c.result.notes) notes += fmt::format("- {}: {}\n", c.name, note);
  }
  if (!context.empty()) {
    text += "\n| case | ratio | ours us | peer us | context |\n|---|---|---|---|---|\n" + context;
  }
  const RunFacts& f = report.facts;
  text += fmt::format("\n{}- {}\n- commit {}{}, {}, profile {}, seed {}, {:.0f} s\n- verdict: {}\n",
                      notes, report.machine.Line(), f.commit.empty() ? "unknown" : f.commit,
                      f.dirty ? " with changes" : "", f.build, f.profile, f.seed, f.duration_s,
                      VerdictName(report.verdict()));
  return text;
}

Status WriteReport(const RunReport& report, const ReportPlace& place) {
  const std::string begin = place.directory + "/" + place.prefix;
  HADRON_RETURN_IF_ERROR(
      WriteText(fmt::format("{}table.{}", begin, kMarkdown), ReportTable(report)));
  for (const CaseReport& c : report.cases) {
    const std::string plot = ReportPlot(report, c);
    if (!plot.empty()) HADRON_RETURN_IF_ERROR(WriteText(begin + c.name + ".svg", plot));
  }
  return {};
}

Status WriteResults(const RunReport& report, const std::string& directory) {
  return WriteText(directory + "/results.json", ToJson(report));
}

}  // namespace hadron::bench
