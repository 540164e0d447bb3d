#include "cli/explain/render_plan.h"

#include <fmt/format.h>

#include <array>

#include "base/strings.h"
#include "cli/printable.h"
#include "report/graph_picture.h"
#include "report/text_table.h"

namespace hadron::cli::explain {
namespace {

using base::HumanBytes;
using base::JsonQuote;
using report::Align;

constexpr std::size_t kNodeChars = 36;

/// "64×56×56", "scalar".
std::string ShapeText(const tensor::Shape& shape) {
  if (shape.rank() == 0) return "scalar";
  return fmt::format("{}", fmt::join(shape.dims(), "×"));
}

std::string FlowText(const Flow& flow) {
  const std::string type = flow.type == "FP32" ? "" : flow.type + " ";
  return type + ShapeText(flow.shape) + (flow.layout.empty() ? "" : " " + flow.layout);
}

std::string OpText(const Entry& entry) {
  std::string text = Printable(entry.op);
  for (const std::string& op : entry.fused) text += " + " + op;
  return text;
}

std::string Micros(double us) {
  return us < 100 ? fmt::format("{:.1f}", us) : fmt::format("{:.0f}", us);
}

std::string BytesText(std::uint64_t bytes) { return bytes == 0 ? "" : HumanBytes(bytes); }

double Share(const Entry& entry, const PlanReport& report) {
  const double all = report.total().median;
  return all > 0 ? entry.time.median / all : 0;
}

std::string Counts(const std::map<std::string, int>& counts) {
  std::vector<std::string> parts;
  for (const auto& [op, count] : counts)
    parts.push_back(fmt::format("{} {}", count, Printable(op)));
  return base::Join(parts, ", ");
}

int Sum(const std::map<std::string, int>& counts) {
  int sum = 0;
  for (const auto& [op, count] : counts) sum += count;
  return sum;
}

/// Nodes that the passes folded into others or removed, by operator.
std::map<std::string, int> Gone(const PlanReport& report) {
  std::map<std::string, int> gone;
  for (const auto& [op, count] : report.file_ops) {
    const auto left = report.ops.find(op);
    const int less = count - (left == report.ops.end() ? 0 : left->second);
    if (less > 0) gone[op] = less;
  }
  return gone;
}

int StepCount(const PlanReport& report) {
  int steps = 0;
  for (const Entry& entry : report.entries) steps += entry.step >= 0 ? 1 : 0;
  return steps;
}

/// The lines above table and picture.
std::vector<std::string> Head(const PlanReport& report) {
  const std::string off =
      report.disabled_passes.empty() ? "" : ", without " + base::Join(report.disabled_passes, ", ");
  const plan::StepTime total = report.total();
  const std::string pieces =
      report.pieces == 1 ? "" : fmt::format(" in {} pieces, one after the other", report.pieces);
  return {fmt::format("{}, batch {}{}", Printable(report.model), report.batch, pieces),
          fmt::format("{} on {}, {} threads{}", Printable(report.file), Printable(report.device),
                      report.threads, off),
          fmt::format("{} nodes in the file, {} after the passes: {}", Sum(report.file_ops),
                      Sum(report.ops), Counts(report.ops)),
          fmt::format("folded, fused or removed: {}",
                      Gone(report).empty() ? "nothing" : Counts(Gone(report))),
          fmt::format("weights {}, arena {}, device arena {}, inputs and outputs {}",
                      HumanBytes(report.weight_bytes), HumanBytes(report.host_arena_bytes),
                      HumanBytes(report.device_arena_bytes), HumanBytes(report.io_bytes)),
          fmt::format("{} steps, sum of {} µs (least {}); a whole run {} µs (least {}); {} runs",
                      StepCount(report), Micros(total.median), Micros(total.least),
                      Micros(report.run.median), Micros(report.run.least), report.runs)};
}

std::string FirstFlow(const std::vector<Flow>& flows) {
  return flows.empty() ? "" : ShapeText(flows[0].shape);
}

std::string LayoutOf(const Entry& entry) {
  const std::vector<Flow>& flows = entry.outputs.empty() ? entry.inputs : entry.outputs;
  return flows.empty() ? "" : flows[0].layout;
}

std::string FlowJson(const Flow& flow) {
  return fmt::format(R"({{"from":{},"datatype":{},"shape":{},"layout":{},"bytes":{}}})", flow.from,
                     JsonQuote(flow.type), base::JoinInts(flow.shape.dims()),
                     JsonQuote(flow.layout), flow.bytes);
}

std::string FlowsJson(const std::vector<Flow>& flows) {
  std::vector<std::string> parts;
  for (const Flow& flow : flows) parts.push_back(FlowJson(flow));
  return "[" + base::Join(parts, ",") + "]";
}

std::string TextsJson(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) parts.push_back(JsonQuote(text));
  return "[" + base::Join(parts, ",") + "]";
}

std::string CountsJson(const std::map<std::string, int>& counts) {
  std::vector<std::string> parts;
  for (const auto& [op, count] : counts)
    parts.push_back(fmt::format("{}:{}", JsonQuote(op), count));
  return "{" + base::Join(parts, ",") + "}";
}

std::string TimeJson(const plan::StepTime& time) {
  return fmt::format(R"({{"min":{:.3f},"median":{:.3f}}})", time.least, time.median);
}

std::string EntryJson(const Entry& entry) {
  return fmt::format(
      R"({{"kind":{},"step":{},"op":{},"node":{},"fused":{},"kernel":{},"inputs":{},"outputs":{},)"
      R"("output_bytes":{},"weight_bytes":{},"scratch_bytes":{},"microseconds":{}}})",
      JsonQuote(KindName(entry.kind)), entry.step, JsonQuote(entry.op), JsonQuote(entry.node),
      TextsJson(entry.fused), JsonQuote(entry.kernel), FlowsJson(entry.inputs),
      FlowsJson(entry.outputs), entry.output_bytes, entry.weight_bytes, entry.scratch_bytes,
      TimeJson(entry.time));
}

std::vector<std::string> BoxLines(const Entry& entry, const PlanReport& report) {
  if (entry.step < 0) {
    const std::vector<Flow>& flows = entry.outputs.empty() ? entry.inputs : entry.outputs;
    return {OpText(entry), Printable(entry.node), flows.empty() ? "" : FlowText(flows[0])};
  }
  std::string bytes = "out " + HumanBytes(entry.output_bytes);
  if (entry.weight_bytes > 0) bytes += ", weights " + HumanBytes(entry.weight_bytes);
  return {fmt::format("#{} {}", entry.step, OpText(entry)), Printable(entry.node),
          fmt::format("{} {}", KindName(entry.kind), entry.kernel), bytes,
          fmt::format("{} µs, least {} ({:.1f} %)", Micros(entry.time.median),
                      Micros(entry.time.least), 100 * Share(entry, report))};
}

}  // namespace

std::string PlanTable(const PlanReport& report) {
  report::TextTable table({{"#", Align::kRight},
                           {"operation", Align::kLeft},
                           {"node", Align::kLeft},
                           {"backend", Align::kLeft},
                           {"kernel", Align::kLeft},
                           {"shape", Align::kLeft},
                           {"layout", Align::kLeft},
                           {"output", Align::kRight},
                           {"weights", Align::kRight},
                           {"min µs", Align::kRight},
                           {"median µs", Align::kRight},
                           {"%", Align::kRight}});
  for (const Entry& entry : report.entries) {
    const bool step = entry.step >= 0;
    table.AddRow({step ? fmt::format("{}", entry.step) : "", OpText(entry),
                  report::Shorten(Printable(entry.node), kNodeChars),
                  step ? std::string(KindName(entry.kind)) : "", entry.kernel,
                  FirstFlow(entry.outputs.empty() ? entry.inputs : entry.outputs), LayoutOf(entry),
                  BytesText(entry.output_bytes), BytesText(entry.weight_bytes),
                  step ? Micros(entry.time.least) : "", step ? Micros(entry.time.median) : "",
                  step ? fmt::format("{:.1f}", 100 * Share(entry, report)) : ""});
  }
  std::string text;
  for (const std::string& line : Head(report)) text += line + '\n';
  return text + '\n' + table.ToString();
}

std::string PlanJson(const PlanReport& report) {
  std::vector<std::string> entries;
  for (const Entry& entry : report.entries) entries.push_back(EntryJson(entry));
  return fmt::format(
      R"({{"model":{},"file":{},"device":{},"batch":{},"pieces":{},"threads":{},"runs":{},)"
      R"("disabled_passes":{},"file_nodes":{},"nodes":{},"weight_bytes":{},"host_arena_bytes":{},)"
      R"("device_arena_bytes":{},"io_bytes":{},"run_microseconds":{},"steps_microseconds":{},)"
      R"("plan":[{}]}})"
      "\n",
      JsonQuote(report.model), JsonQuote(report.file), JsonQuote(report.device), report.batch,
      report.pieces, report.threads, report.runs, TextsJson(report.disabled_passes),
      CountsJson(report.file_ops), CountsJson(report.ops), report.weight_bytes,
      report.host_arena_bytes, report.device_arena_bytes, report.io_bytes, TimeJson(report.run),
      TimeJson(report.total()), base::Join(entries, ","));
}

std::string PlanPicture(const PlanReport& report) {
  static constexpr std::array<std::string_view, kStepKinds> kFills = {
      "#e8e8e8", "#d5ecd4", "#cfe2f7", "#fbdcc0", "#fff3b8", "#f6cfdb", "#e8e8e8"};
  report::GraphPicture picture;
  picture.title = Head(report);
  for (std::size_t kind = 0; kind < kStepKinds; ++kind) {
    picture.kinds.push_back(
        {std::string(KindName(static_cast<StepKind>(kind))), std::string(kFills[kind])});
  }
  for (std::size_t i = 0; i < report.entries.size(); ++i) {
    const Entry& entry = report.entries[i];
    picture.nodes.push_back({static_cast<std::size_t>(entry.kind), BoxLines(entry, report),
                             Printable(entry.node) + "\n" + entry.kernel, Share(entry, report)});
    for (const Flow& flow : entry.inputs) {
      if (flow.from < 0) continue;
      picture.edges.push_back({{static_cast<std::size_t>(flow.from), i}, FlowText(flow)});
    }
  }
  return report::DrawGraph(picture);
}

}  // namespace hadron::cli::explain
