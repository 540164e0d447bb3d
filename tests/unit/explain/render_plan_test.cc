#include "cli/explain/render_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hadron::cli::explain {
namespace {

using ::testing::HasSubstr;

PlanReport Sample() {
  PlanReport report;
  report.model = "net";
  report.file = "/models/net/1/model.onnx";
  report.device = "cpu (CPU, x86-64 avx2)";
  report.batch = 2;
  report.threads = 2;
  report.runs = 5;
  report.file_ops = {{"Conv", 2}, {"Relu", 2}};
  report.ops = {{"Conv", 2}};
  report.weight_bytes = 4096;
  report.run = {30, 45};
  const Flow image{0, "FP32", {2, 3, 8, 8}, "plain", 1536};
  const Flow made{1, "FP32", {2, 4, 8, 8}, "channels-last", 2048};
  Entry input;
  input.kind = StepKind::kInput;
  input.op = "input";
  input.node = "image\x1b[2J";
  input.outputs = {image};
  input.output_bytes = 1536;
  Entry conv;
  conv.kind = StepKind::kNative;
  conv.step = 0;
  conv.op = "Conv";
  conv.node = "/layer<1>/\"conv\"";
  conv.fused = {"Add", "Relu"};
  conv.kernel = "direct:avx2";
  conv.inputs = {image};
  conv.outputs = {made};
  conv.output_bytes = 2048;
  conv.weight_bytes = 4096;
  conv.time = {10, 40};
  Entry output;
  output.kind = StepKind::kOutput;
  output.op = "output";
  output.node = "y";
  output.inputs = {made};
  report.entries = {input, conv, output};
  return report;
}

TEST(PlanTable, ShowsOneLineAnEntry) {
  const std::string text = PlanTable(Sample());
  EXPECT_THAT(text, HasSubstr("net, batch 2\n"));
  EXPECT_THAT(text, HasSubstr("4 nodes in the file, 2 after the passes: 2 Conv\n"));
  EXPECT_THAT(text, HasSubstr("folded, fused or removed: 2 Relu\n"));
  EXPECT_THAT(text, HasSubstr("1 steps, sum of 40.0 µs (least 10.0); a whole run 45.0 µs"));
  EXPECT_THAT(text, HasSubstr("Conv + Add + Relu"));
  EXPECT_THAT(text, HasSubstr("2×4×8×8  channels-last"));
  EXPECT_THAT(text, HasSubstr("100.0\n"));
}

TEST(PlanTable, LetsNoNameReachTheTerminalAsACommand) {
  EXPECT_EQ(PlanTable(Sample()).find('\x1b'), std::string::npos);
}

TEST(PlanJson, HoldsEveryField) {
  const std::string json = PlanJson(Sample());
  EXPECT_THAT(json, HasSubstr(R"("batch":2,"pieces":1,"threads":2,"runs":5,"disabled_passes":[])"));
  EXPECT_THAT(json, HasSubstr(R"("file_nodes":{"Conv":2,"Relu":2},"nodes":{"Conv":2})"));
  EXPECT_THAT(json, HasSubstr(R"("node":"/layer<1>/\"conv\"","fused":["Add","Relu"])"));
  EXPECT_THAT(json, HasSubstr(R"("weight_bytes":4096,"scratch_bytes":0,)"
                              R"("microseconds":{"min":10.000,"median":40.000})"));
}

TEST(PlanPicture, DrawsBoxesAndFlows) {
  const std::string svg = PlanPicture(Sample());
  EXPECT_THAT(svg, HasSubstr(">#0 Conv + Add + Relu<"));
  EXPECT_THAT(svg, HasSubstr(">/layer&lt;1&gt;/&quot;conv&quot;<"));
  EXPECT_THAT(svg, HasSubstr(">2×4×8×8 channels-last<"));
  EXPECT_THAT(svg, HasSubstr("40.0 µs, least 10.0 (100.0 %)"));
}

TEST(PlanReport, SumsTheStepsTimes) {
  PlanReport report = Sample();
  report.entries.push_back(report.entries[1]);
  EXPECT_EQ(report.total().least, 20);
  EXPECT_EQ(report.total().median, 80);
}

}  // namespace
}  // namespace hadron::cli::explain
