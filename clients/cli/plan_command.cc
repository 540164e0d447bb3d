#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/printable.h"
#include "cpp/json.h"
#include "report/text_table.h"

namespace hadron::cli {
namespace {

using client::json::Value;

std::string Bytes(const Value& step, std::string_view key) {
  const Value* member = step.Find(key);
  const double bytes = member == nullptr ? 0 : member->AsDouble().value_or(0);
  return base::HumanBytes(static_cast<std::uint64_t>(std::clamp(bytes, 0.0, 1e18)));
}

bool IsTrue(const Value& step, std::string_view key) {
  const Value* member = step.Find(key);
  return member != nullptr && member->AsBool().value_or(false);
}

std::string Milliseconds(const Value& step) {
  const Value* member = step.Find("estimated_ms");
  return member == nullptr ? "?" : fmt::format("{:.1f}", member->AsDouble().value_or(0));
}

std::vector<std::string> Row(std::size_t number, const Value& step) {
  const char* about = IsTrue(step, "estimated") ? "~" : "";
  return {std::to_string(number),
          Printable(step.StringAt("model")),
          Printable(step.StringAt("version")),
          Printable(step.StringAt("from")),
          about + Bytes(step, "bytes"),
          about + Bytes(step, "added_bytes"),
          about + Bytes(step, "missing_bytes"),
          about + Milliseconds(step),
          IsTrue(step, "fits") ? "yes" : "no"};
}

std::string PlanTable(const Value& plan) {
  report::TextTable table({{"#", report::Align::kRight},
                           {"model", report::Align::kLeft},
                           {"version", report::Align::kRight},
                           {"from", report::Align::kLeft},
                           {"weights", report::Align::kRight},
                           {"adds", report::Align::kRight},
                           {"to copy", report::Align::kRight},
                           {"ms", report::Align::kRight},
                           {"fits", report::Align::kLeft}});
  const Value* steps = plan.Find("steps");
  std::size_t number = 0;
  if (steps != nullptr && steps->AsArray() != nullptr) {
    for (const Value& step : *steps->AsArray()) table.AddRow(Row(++number, step));
  }
  std::string text = table.ToString();
  const Value* unusable = plan.Find("unusable");
  if (unusable != nullptr && unusable->AsArray() != nullptr) {
    for (const Value& model : *unusable->AsArray()) {
      text += fmt::format("{} cannot be loaded: {}\n", Printable(model.StringAt("model")),
                          Printable(model.StringAt("reason")));
    }
  }
  return text + Printable(plan.StringAt("text")) + "\n";
}

}  // namespace

ExitCode RunPlan(const Context& context, const std::vector<std::string>& models) {
  auto client = client::Client::Create(context.server);
  if (!client) return Complain(context, client.error());
  const auto plan = (*client)->PlanModels(models);
  if (!plan) return Complain(context, plan.error());
  const auto parsed = client::json::Parse(*plan);
  if (!parsed.ok()) {
    return Complain(context, {.code = client::ErrorCode::kBadAnswer,
                              .status = 0,
                              .message = "the plan is not what it should be: " + parsed.message()});
  }
  context.out << (context.json ? *plan + "\n" : PlanTable(*parsed));
  if (IsTrue(*parsed, "fits")) return ExitCode::kOk;
  context.err << "hadron-cli: these models do not all fit together\n";
  return ExitCode::kServer;
}

}  // namespace hadron::cli
