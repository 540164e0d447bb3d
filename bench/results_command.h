#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "bench/goals.h"

namespace hadron::bench {

/// Goals of a file; none for an empty path.
base::StatusOr<std::vector<Goal>> ReadGoals(const std::string& path);

/// `report`: prints the tables of stored results and draws their pictures anew, beside each file or
/// in `out`. With goals they are judged anew. Exit code: that of the worst run, 2 for a bad file.
struct ReportOptions {
  std::vector<std::string> files;
  std::string out;
  std::string goals;
};
int RunReportCommand(const ReportOptions& options);

/// `compare`: 0: nothing is worse, 1: something is, 2: they cannot be compared.
int RunCompareCommand(const std::vector<std::string>& files);

}  // namespace hadron::bench
