#include "cli/explain/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hadron::cli::explain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Options OptionsFor(const std::string& model) {
  Options options;
  options.model = std::string(HADRON_SOURCE_DIR) + "/model_repo/" + model;
  options.device = "cpu";
  options.threads = 1;
  options.runs = 2;
  return options;
}

std::string MessageOf(const Options& options) {
  const auto report = Explain(options);
  EXPECT_FALSE(report.ok());
  return report.ok() ? "" : report.message();
}

TEST(Explain, DescribesTheFusedDigitsNetwork) {
  const auto report = Explain(OptionsFor("digits"));
  ASSERT_TRUE(report.ok()) << report.message();
  EXPECT_EQ(report->file_ops.at("BatchNormalization"), 5);
  EXPECT_FALSE(report->ops.contains("BatchNormalization"));
  const Entry& input = report->entries.front();
  EXPECT_EQ(input.kind, StepKind::kInput);
  EXPECT_EQ(input.node, "image");
  int convolutions = 0;
  std::uint64_t weights = 0;
  for (const Entry& entry : report->entries) {
    if (entry.step < 0) continue;
    EXPECT_EQ(entry.kind, StepKind::kNative) << entry.node;
    EXPECT_GE(entry.time.least, 0) << entry.node;  // the clock's tick may be longer than a step
    EXPECT_LE(entry.time.least, entry.time.median);
    convolutions += entry.op == "Conv" ? 1 : 0;
    weights += entry.weight_bytes;
  }
  EXPECT_EQ(convolutions, 5);
  EXPECT_GT(report->total().median, 0);
  EXPECT_GT(weights, 0U);
  EXPECT_LE(weights, report->weight_bytes);
}

TEST(Explain, FollowsResidualsToTheStepThatMadeThem) {
  const auto report = Explain(OptionsFor("digits"));
  ASSERT_TRUE(report.ok()) << report.message();
  const auto residual = std::ranges::find_if(
      report->entries, [](const Entry& entry) { return entry.inputs.size() == 2; });
  ASSERT_NE(residual, report->entries.end());
  EXPECT_THAT(residual->fused, ElementsAre("Add", "Relu"));
  const auto at = static_cast<int>(residual - report->entries.begin());
  EXPECT_EQ(residual->inputs[0].from, at - 1);
  EXPECT_EQ(residual->inputs[1].from, at - 2);
  for (const Flow& flow : residual->inputs) EXPECT_EQ(flow.layout, "channels-last");
}

TEST(Explain, LeavesPassesOut) {
  Options options = OptionsFor("digits");
  options.disabled_passes = {"fuse_post_ops", "fold_batch_norm"};
  const auto report = Explain(options);
  ASSERT_TRUE(report.ok()) << report.message();
  EXPECT_EQ(report->ops.at("BatchNormalization"), 5);
  EXPECT_EQ(report->ops.at("Relu"), 5);
}

TEST(Explain, RunsTheBucketOfABatch) {
  Options options = OptionsFor("digits");
  options.batch = 3;
  const auto report = Explain(options);
  ASSERT_TRUE(report.ok()) << report.message();
  EXPECT_EQ(report->batch, 4);
  EXPECT_EQ(report->entries.front().outputs[0].shape[0], 4);
}

TEST(Explain, TakesStringsAndTrees) {
  for (const char* model : {"simple_string", "jet_bdt", "simple", "calo_gan"}) {
    const auto report = Explain(OptionsFor(model));
    EXPECT_TRUE(report.ok()) << report.message();
  }
}

TEST(Explain, AsksForTheShapeOfAFreeInput) {
  Options options = OptionsFor("identity_fp32");
  EXPECT_THAT(MessageOf(options), HasSubstr("--shape"));
  options.shapes = {"INPUT0=7"};
  const auto report = Explain(options);
  ASSERT_TRUE(report.ok()) << report.message();
  options.shapes = {"INPUT0=7xseven"};
  EXPECT_THAT(MessageOf(options), HasSubstr("'seven' is no dimension"));
  options.shapes = {"INPUT0"};
  EXPECT_THAT(MessageOf(options), HasSubstr("expected INPUT=DIMxDIM"));
  options.shapes = {"INPUT0=4000000000000"};
  EXPECT_THAT(MessageOf(options), HasSubstr("larger than 2 GiB"));
}

TEST(Explain, NamesTheOptionThatIsWrong) {
  Options options = OptionsFor("digits");
  options.batch = 100000;
  EXPECT_THAT(MessageOf(options), HasSubstr("--batch=100000: the model takes 1 to"));
  options = OptionsFor("digits");
  options.disabled_passes = {"no_such_pass"};
  EXPECT_THAT(MessageOf(options), HasSubstr("no_such_pass"));
  options = OptionsFor("digits");
  options.device = "abacus";
  EXPECT_THAT(MessageOf(options), HasSubstr("--device=abacus"));
  options = OptionsFor("digits");
  options.family = "gpu";
  EXPECT_THAT(MessageOf(options), HasSubstr("--opencl-family"));
}

}  // namespace
}  // namespace hadron::cli::explain
