#pragma once

#include <string>

#include "cli/explain/plan_report.h"

/// A PlanReport as people and programs read it. Pure functions.
namespace hadron::cli::explain {

/// What the plan is of, then one line an entry. Ends with '\n'.
std::string PlanTable(const PlanReport& report);

/// One JSON object and '\n'; keys are part of the program's interface (docs/explain.md).
std::string PlanJson(const PlanReport& report);

/// The plan as a graph, an SVG document.
std::string PlanPicture(const PlanReport& report);

}  // namespace hadron::cli::explain
