// Inputs that their only reader takes where the client's bytes lie, without a copy.
#include <gtest/gtest.h>

#include <random>

#include "base/executor.h"
#include "device/host/factory.h"
#include "graph/infer.h"
#include "graph/op_schema.h"
#include "plan/compiled_model.h"
#include "plan/single_plan.h"

namespace hadron::plan {
namespace {

using graph::ValueId;
using tensor::DataType;
using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kRows = 2;
constexpr std::size_t kFloats = kRows * 3 * 9 * 11;

ValueId Add(graph::Graph& graph, const std::string& op, std::vector<ValueId> inputs) {
  graph::Node node;
  node.name = op + std::to_string(graph.nodes().size());
  node.op_type = op;
  node.schema = graph::OpRegistry::Get().Find("", op);
  node.since_version = node.schema->versions.back();
  node.inputs = std::move(inputs);
  node.outputs = {graph.AddValue(node.name + ":0")};
  graph.nodes().push_back(std::move(node));
  return graph.nodes().back().outputs[0];
}

/// A picture's convolution; `others`: what else is done with the picture ("": it is an output).
graph::Graph Picture(const std::vector<std::string>& others) {
  graph::Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), 3, 9, 11});
  std::vector<float> weights(std::size_t{20} * 3 * 9);
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (float& weight : weights) weight = normal(random);
  const ValueId w =
      graph.AddConstant("w", graph::Constant::FromFloats("w", weights, tensor::Shape{20, 3, 3, 3}));
  graph.AddOutput("y", Add(graph, "Conv", {x, w}));
  for (const std::string& other : others) {
    graph.AddOutput("z" + other, other.empty() ? x : Add(graph, other, {x}));
  }
  EXPECT_TRUE(graph::InferShapes(graph).ok());
  return graph;
}

class Pictures {
 public:
  explicit Pictures(const std::vector<std::string>& others = {})
      : host_(device::MakeHostDevice(std::uint64_t{1} << 28U)) {
    backend::RegisterNativeKernels(kernels_);
    CompileOptions options;
    options.max_batch = kRows;
    options.threads = 2;
    auto model = CompiledModel::Compile(Picture(others), options, kernels_, *host_, *host_);
    EXPECT_TRUE(model.ok()) << model.message();
    const std::vector<tensor::Shape> shapes = {{kRows, 3, 9, 11}};
    auto single = SinglePlan::Create({*host_, *host_, lane_, "test"}, *std::move(model), shapes);
    EXPECT_TRUE(single.ok()) << single.message();
    single_ = *std::move(single);
  }
  bool in_place() const {
    return SoleReader(single_->plan(), single_->plan().inputs[0]).has_value();
  }
  /// The outputs, one behind the other.
  std::string Run(std::vector<base::IoBuf> parts) {
    Ints elements;
    for (const auto& part : parts) elements.push_back(static_cast<std::int64_t>(part.size() / 4));
    std::vector<RunInput> inputs;
    inputs.push_back({std::move(parts), std::move(elements)});
    base::Status status;
    single_->Start(std::move(inputs), [&](base::Status result) { status = std::move(result); });
    lane_.RunAll();
    EXPECT_TRUE(status.ok()) << status.message();
    const auto outputs = single_->Collect(kRows);
    EXPECT_TRUE(outputs.ok()) << outputs.message();
    std::string bytes;
    for (const auto& output : *outputs) bytes += output.bytes.ToString();
    return bytes;
  }

 private:
  base::ManualExecutor lane_;
  std::unique_ptr<device::Device> host_;
  backend::KernelRegistry kernels_;
  std::unique_ptr<SinglePlan> single_;
};

base::IoBuf Random(unsigned seed) {
  std::vector<float> values(kFloats);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (float& value : values) value = normal(random);
  return base::IoBuf::Copy(std::as_bytes(std::span(values)));
}

/// The same bytes behind one byte more: aligned to nothing.
base::IoBuf Shifted(const base::IoBuf& image) {
  return base::IoBuf::FromString("#" + image.ToString()).Sub(1, image.size());
}

/// The same in so many bytes, and the rest.
std::vector<base::IoBuf> Cut(const base::IoBuf& image, std::size_t at) {
  return {image.Sub(0, at), image.Sub(at, image.size() - at)};
}

TEST(ReadInPlace, GivesWhatCopiesGive) {
  Pictures pictures;
  ASSERT_TRUE(pictures.in_place());
  for (unsigned seed = 0; seed < 4; ++seed) {
    const base::IoBuf image = Random(seed);
    const std::string wanted = pictures.Run(Cut(image, image.size() / 2));
    EXPECT_TRUE(pictures.Run({image}) == wanted);
    EXPECT_TRUE(pictures.Run({Shifted(image)}) == wanted);
    base::IoBuf slices = image.Sub(0, 40);
    slices.Append(image.Sub(40, image.size() - 40));
    EXPECT_TRUE(pictures.Run({slices}) == wanted);
    EXPECT_TRUE(pictures.Run(Cut(image, 4 * 300)) == wanted);
    // A row too few: the last one is repeated.
    const base::IoBuf first = image.Sub(0, image.size() / 2);
    EXPECT_TRUE(pictures.Run({first}) == pictures.Run({first, first}));
    EXPECT_TRUE(pictures.Run({image}) == wanted);
  }
}

TEST(ReadInPlace, HoldsTheBytesNoLongerThanTheRun) {
  Pictures pictures;
  const auto owner = std::make_shared<std::vector<float>>(kFloats, 1.0F);
  const auto bytes = std::as_bytes(std::span(*owner));
  EXPECT_FALSE(pictures.Run({base::IoBuf::Wrap(bytes, owner)}).empty());
  EXPECT_EQ(owner.use_count(), 1);
}

TEST(ReadInPlace, IsNotForWhatOthersReadAsWell) {
  for (const char* const other : {"Relu", ""}) {
    SCOPED_TRACE(other);
    Pictures pictures({other});
    EXPECT_FALSE(pictures.in_place());
    const base::IoBuf image = Random(7);
    EXPECT_TRUE(pictures.Run({image}) == pictures.Run(Cut(image, image.size() / 2)));
  }
}

}  // namespace
}  // namespace hadron::plan
