// Convolutions that are computed together, lines at a time: when, and with which bytes.
#include <gtest/gtest.h>

#include <random>

#include "base/bytes.h"
#include "graph/infer.h"
#include "graph/op_schema.h"
#include "support/plan_intervals.h"
#include "support/plan_runner.h"

namespace hadron::plan {
namespace {

using graph::ValueId;
using tensor::DataType;
using tensor::HostTensor;

using Ints = std::vector<std::int64_t>;

/// An inverted residual, or a part of one.
struct Block {
  std::int64_t in = 8;
  std::int64_t wide = 96;  ///< channels between the convolutions
  std::int64_t out = 8;
  Ints size = {56, 56};
  std::int64_t stride = 1;
  Ints kernel = {3, 3};
  Ints pads = {1, 1, 1, 1};
  bool expands = true;
  bool projects = true;
  std::string between = "Relu";  ///< behind all but the last convolution
  bool residual = false;
  bool told = false;  ///< what lies between is an output, too
};

class Residual {
 public:
  Residual(std::mt19937& random, const Block& block) : random_(random) {
    const std::int64_t first = block.expands ? block.in : block.wide;
    x_ = graph_.AddInput("x", DataType::kFp32,
                         {graph_.Symbol("batch"), first, block.size[0], block.size[1]});
    ValueId at = x_;
    if (block.expands) at = Behind(Conv(at, first, block.wide, 1, {1, 1}, {0, 0, 0, 0}, 1), block);
    if (block.told) graph_.AddOutput("between", at);
    at = Conv(at, block.wide, block.wide, block.wide, block.kernel, block.pads, block.stride);
    if (block.projects) {
      at = Conv(Behind(at, block), block.wide, block.out, 1, {1, 1}, {0, 0, 0, 0}, 1);
    }
    if (block.residual) at = Node("Add", {at, x_});
    graph_.AddOutput("y", at);
    EXPECT_TRUE(graph::InferShapes(graph_).ok());
  }
  const graph::Graph& graph() const { return graph_; }

 private:
  ValueId Node(const std::string& op, std::vector<ValueId> inputs) {
    graph::Node node;
    node.name = op + std::to_string(graph_.nodes().size());
    node.op_type = op;
    node.schema = graph::OpRegistry::Get().Find("", op);
    node.since_version = node.schema->versions.back();
    node.inputs = std::move(inputs);
    node.outputs = {graph_.AddValue(node.name + ":0")};
    graph_.nodes().push_back(std::move(node));
    return graph_.nodes().back().outputs[0];
  }
  ValueId Random(const Ints& shape) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    std::vector<float> values(static_cast<std::size_t>(count));
    std::normal_distribution<float> normal(0.0F, 0.5F);
    for (float& value : values) value = normal(random_);
    const std::string name = "w" + std::to_string(graph_.value_count());
    return graph_.AddConstant(name,
                              graph::Constant::FromFloats(name, values, tensor::Shape(shape)));
  }
  ValueId Conv(ValueId x, std::int64_t in, std::int64_t out, std::int64_t groups,
               const Ints& kernel, const Ints& pads, std::int64_t stride) {
    const ValueId y =
        Node("Conv", {x, Random({out, in / groups, kernel[0], kernel[1]}), Random({out})});
    auto& attributes = graph_.nodes().back().attributes;
    attributes.Set("group", groups);
    attributes.Set("strides", Ints{stride, stride});
    attributes.Set("pads", pads);
    return y;
  }
  ValueId Behind(ValueId x, const Block& block) {
    return block.between.empty() ? x : Node(block.between, {x});
  }

  std::mt19937& random_;
  graph::Graph graph_;
  ValueId x_ = 0;
};

HostTensor Image(std::mt19937& random, const Block& block, std::int64_t rows) {
  HostTensor x{{"x",
                DataType::kFp32,
                {rows, block.expands ? block.in : block.wide, block.size[0], block.size[1]}},
               {}};
  std::vector<float> values(static_cast<std::size_t>(x.desc.shape.elements()));
  std::normal_distribution<float> normal;
  for (float& value : values) value = normal(random);
  x.bytes = base::IoBuf::Copy(std::as_bytes(std::span(values)));
  return x;
}

/// Convolutions that the plan for so many rows computes together with others.
int Together(const test::PlanRunner& runner, const HostTensor& x) {
  const auto plan = runner.model().Specialise(std::vector{x.desc.shape});
  EXPECT_TRUE(plan.ok()) << plan.message();
  test::ExpectSoundArena(**plan, Space::kHostArena, 1.5);
  int together = 0;
  for (const PlanStep& step : (*plan)->steps) together += step.nodes > 1 ? step.nodes : 0;
  return together;
}

/// As one by one, to the last byte; for batches and any number of threads.
void ExpectTogether(const Block& block, int wanted) {
  std::mt19937 random(17);
  const Residual network(random, block);
  const std::vector<HostTensor> images = {Image(random, block, 1), Image(random, block, 3)};
  test::PlanRunnerOptions options;
  options.disabled_passes = {"fuse_lines"};
  auto alone = test::PlanRunner::Create(network.graph().Clone(), options);
  ASSERT_TRUE(alone.ok()) << alone.message();
  for (const int threads : {1, 2, 3}) {
    options = {.threads = threads};
    auto together = test::PlanRunner::Create(network.graph().Clone(), options);
    ASSERT_TRUE(together.ok()) << together.message();
    for (const HostTensor& image : images) {
      EXPECT_EQ(Together(**together, image), wanted);
      EXPECT_EQ(Together(**alone, image), 0);
      const auto got = (*together)->Run({image});
      const auto want = (*alone)->Run({image});
      ASSERT_TRUE(got.ok() && want.ok()) << got.message() << want.message();
      for (std::size_t i = 0; i < want->size(); ++i) {
        EXPECT_TRUE((*got)[i].bytes.ToString() == (*want)[i].bytes.ToString())
            << "output " << i << ", threads " << threads << ", " << image.desc.shape.ToString();
      }
    }
  }
}

TEST(FusedLines, GiveTheBytesOfSingleConvolutions) {
  ExpectTogether({}, 3);
  ExpectTogether({.stride = 2}, 3);
  ExpectTogether({.projects = false}, 2);
  ExpectTogether({.expands = false}, 2);
  ExpectTogether({.wide = 384, .stride = 2, .expands = false}, 2);
  ExpectTogether({.residual = true}, 3);
}

TEST(FusedLines, TakeAnySizeAndPadding) {
  // Lines that do not divide into turns, groups and bands, and channels that do not fill vectors.
  ExpectTogether({.in = 5, .wide = 83, .out = 7, .size = {61, 53}}, 3);
  ExpectTogether({.in = 5, .wide = 83, .out = 7, .size = {61, 53}, .stride = 2}, 3);
  ExpectTogether({.wide = 300, .size = {57, 17}, .pads = {0, 0, 0, 0}}, 3);
  ExpectTogether({.wide = 300, .size = {31, 30}, .stride = 2, .pads = {0, 1, 1, 0}}, 3);
  ExpectTogether({.wide = 100, .size = {29, 117}, .kernel = {5, 3}, .pads = {2, 1, 2, 1}}, 3);
  ExpectTogether({.wide = 40, .size = {20, 340}, .pads = {2, 1, 2, 1}}, 3);
  ExpectTogether({.wide = 700, .size = {131, 3}, .residual = true}, 3);
}

TEST(FusedLines, ApplyWhatComesBehindEachConvolution) {
  for (const char* const between : {"", "Sigmoid", "HardSwish", "Elu"}) {
    SCOPED_TRACE(between);
    ExpectTogether({.between = between, .residual = true}, 3);
  }
}

TEST(FusedLines, LeaveAloneWhatOthersReadAndWhatTheCacheHolds) {
  ExpectTogether({.told = true}, 2);                  // the filter and the product behind it
  ExpectTogether({.wide = 64, .size = {14, 14}}, 0);  // small
  ExpectTogether({.kernel = {3, 5}, .pads = {1, 2, 1, 2}}, 0);                     // not by lines
  ExpectTogether({.size = {1, 3136}, .kernel = {1, 3}, .pads = {0, 1, 0, 1}}, 0);  // one line
}

TEST(FusedLines, DoNotDependOnTheBatch) {
  std::mt19937 random(19);
  const Residual network(random, {.residual = true});
  auto runner = test::PlanRunner::Create(network.graph().Clone(), {});
  ASSERT_TRUE(runner.ok()) << runner.message();
  const auto outcome = (*runner)->CheckBatchInvariance();
  ASSERT_TRUE(outcome.ok()) << outcome.message();
  EXPECT_GT(outcome->tensors, 0U);
}

}  // namespace
}  // namespace hadron::plan
