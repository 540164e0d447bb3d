#pragma once

#include <string>

#include "base/status.h"
#include "bench/results.h"

namespace hadron::bench {

/// Markdown: one line a ratio with its goal and what came of it; then what was measured in absolute
/// terms, which is context and proves nothing; then the notes, and the verdict.
std::string ReportTable(const RunReport& report);

/// A picture of a case: each ratio's median as a bar, its rounds' range as a whisker, its goal as a
/// mark, on one scale. Empty for a case without ratios.
std::string ReportPlot(const RunReport& report, const CaseReport& c);

/// Where a report's files go, and what their names begin with.
struct ReportPlace {
  std::string directory;
  std::string prefix;
};

/// The table in Markdown and <case>.svg. The directory is made. UNAVAILABLE, naming the file, when
/// that fails.
base::Status WriteReport(const RunReport& report, const ReportPlace& place);
/// results.json in that directory: all that the others are made from.
base::Status WriteResults(const RunReport& report, const std::string& directory);

}  // namespace hadron::bench
