#include "parts_cases.h"

#include <gtest/gtest.h>

#include <numeric>
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

constexpr std::int64_t kParts = 6;

std::vector<ValueId> AppendNode(graph::Graph& graph, const std::string& op,
                                std::vector<ValueId> inputs, int outputs = 1) {
  graph::Node node;
  node.name = op + std::to_string(graph.nodes().size());
  node.op_type = op;
  node.schema = graph::OpRegistry::Get().Find("", op);
  node.since_version = node.schema->versions.back();
  node.inputs = std::move(inputs);
  for (int i = 0; i < outputs; ++i) {
    node.outputs.push_back(graph.AddValue(node.name + ":" + std::to_string(i)));
  }
  graph.nodes().push_back(std::move(node));
  return graph.nodes().back().outputs;
}

/// A random network over tensors [6, batch, columns] that came from an input [batch, 6, columns].
class PartsNetwork {
 public:
  PartsNetwork(std::mt19937& random, std::int64_t columns) : random_(random), columns_(columns) {
    const ValueId x =
        graph_.AddInput("x", DataType::kFp32, {graph_.Symbol("batch"), kParts, columns});
    const ValueId turned = Node("Transpose", {x})[0];
    Set("perm", std::vector<std::int64_t>{1, 0, 2});
    rows_.push_back(Take(turned));
    for (int i = 0; i < 8; ++i) rows_.push_back(Grow(turned));
    // What is read once more at the end must have kept its bytes; outputs are views as well.
    graph_.AddOutput("sum", Node("Add", {Any(), rows_.back()})[0]);
    graph_.AddOutput("part", Take(turned));
    EXPECT_TRUE(graph::InferShapes(graph_).ok());
  }

  const graph::Graph& graph() const { return graph_; }

 private:
  std::vector<ValueId> Node(const std::string& op, std::vector<ValueId> inputs, int outputs = 1) {
    return AppendNode(graph_, op, std::move(inputs), outputs);
  }

  template <typename T>
  void Set(const std::string& name, T value) {
    graph_.nodes().back().attributes.Set(name, std::move(value));
  }

  ValueId Ints(std::vector<std::int64_t> values, tensor::Shape shape) {
    const std::string name = "ints" + std::to_string(graph_.value_count());
    return graph_.AddConstant(name, graph::Constant::FromInts(name, values, std::move(shape)));
  }

  std::int64_t Below(std::int64_t end) {
    return std::uniform_int_distribution<std::int64_t>(0, end - 1)(random_);
  }
  ValueId Any() { return rows_[static_cast<std::size_t>(Below(std::ssize(rows_)))]; }

  /// One of the parts [batch, columns], by one operator or another.
  ValueId Take(ValueId from) {
    const std::int64_t at = Below(kParts);
    switch (Below(4)) {
      case 0:
        return Node("Gather", {from, Ints({at - (at % 2) * kParts}, {})})[0];
      case 1: {
        const ValueId some = Node("Slice", {from, Ints({at}, {1}), Ints({at + 1}, {1})})[0];
        return Node("Squeeze", {some, Ints({0}, {1})})[0];
      }
      case 2: {
        const auto parts = Node("Split", {from, Ints({2, 1, 3}, {3})}, 3);
        return Node("Squeeze", {parts[1], Ints({0}, {1})})[0];
      }
      default: {
        const ValueId two = Node("Gather", {from, Ints({at / 2, at / 2 + 1}, {2})})[0];
        const ValueId sum = Node("ReduceSum", {two, Ints({0}, {1})})[0];
        Set("keepdims", std::int64_t{0});
        return sum;
      }
    }
  }

  ValueId Grow(ValueId turned) {
    switch (Below(4)) {
      case 0:
        return Node("Neg", {Any()})[0];
      case 1: {
        // Added to all parts at once: a part is as large as its whole only for the kernel.
        const ValueId all = Node("Add", {turned, Any()})[0];
        return Take(all);
      }
      case 2:
        return Node("Mul", {Any(), Take(turned)})[0];
      default:
        return Node("Add", {Take(turned), Any()})[0];
    }
  }

  std::mt19937& random_;
  std::int64_t columns_;
  graph::Graph graph_;
  std::vector<ValueId> rows_;
};

HostTensor RandomTensor(std::mt19937& random, tensor::Shape shape) {
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (float& value : values) value = normal(random);
  return {{"x", DataType::kFp32, std::move(shape)},
          base::IoBuf::Copy(std::as_bytes(std::span(values)))};
}

/// Relu(x w1 + b1) + (x w2 + b2) * tanh(x w3 + b3), of which the last two products are merged, and
/// then three products of it without bias.
graph::Graph ProductsNetwork(std::mt19937& random, tensor::Shape row, std::int64_t columns) {
  graph::Graph graph;
  const std::int64_t depth = row[row.rank() - 1];
  graph::SymbolicShape shape = graph::ToSymbolic(row);
  shape.insert(shape.begin(), graph.Symbol("batch"));
  const ValueId x = graph.AddInput("x", DataType::kFp32, std::move(shape));
  const auto weights = [&](tensor::Shape of) {
    const std::string name = "w" + std::to_string(graph.value_count());
    HostTensor tensor = RandomTensor(random, std::move(of));
    tensor.desc.name = name;
    return graph.AddConstant(name, graph::Constant::FromTensor(std::move(tensor)));
  };
  const auto linear = [&](ValueId from, std::int64_t n, bool bias) {
    const ValueId y = AppendNode(graph, "MatMul", {from, weights({depth, n})})[0];
    return bias ? AppendNode(graph, "Add", {y, weights({n})})[0] : y;
  };
  const ValueId a = AppendNode(graph, "Relu", {linear(x, depth, true)})[0];
  const ValueId b = linear(x, depth, true);
  const ValueId c = linear(x, depth, true);
  const ValueId gated = AppendNode(graph, "Mul", {b, AppendNode(graph, "Tanh", {c})[0]})[0];
  const ValueId sum = AppendNode(graph, "Add", {a, gated})[0];
  std::vector<ValueId> last;
  for (int i = 0; i < 3; ++i) last.push_back(linear(sum, columns, false));
  for (const ValueId y : last) graph.AddOutput("y" + std::to_string(y), y);
  graph.AddOutput("max", AppendNode(graph, "Max", last)[0]);
  EXPECT_TRUE(graph::InferShapes(graph).ok());
  return graph;
}

/// A part named by more indices than a compiled model keeps at hand, behind a transposition.
graph::Graph LongPick(std::int64_t columns) {
  graph::Graph graph;
  const ValueId x = graph.AddInput("x", DataType::kFp32, {graph.Symbol("batch"), columns});
  std::vector<std::int64_t> indices(static_cast<std::size_t>(columns) - 16);
  std::iota(indices.begin(), indices.end(), 16);
  const auto count = static_cast<std::int64_t>(indices.size());
  const ValueId list = graph.AddConstant("i", graph::Constant::FromInts("i", indices, {count}));
  const ValueId turned = AppendNode(graph, "Transpose", {x})[0];
  const ValueId part = AppendNode(graph, "Neg", AppendNode(graph, "Gather", {turned, list}))[0];
  graph.AddOutput("y", AppendNode(graph, "Transpose", {part})[0]);
  EXPECT_TRUE(graph::InferShapes(graph).ok());
  return graph;
}

std::size_t StepsOf(const test::PlanRunner& runner, const HostTensor& input) {
  const std::vector<tensor::Shape> shapes = {input.desc.shape};
  const auto plan = runner.model().Specialise(shapes);
  EXPECT_TRUE(plan.ok()) << plan.message();
  for (const Space space : {Space::kHostArena, Space::kDeviceArena}) {
    test::ExpectSoundArena(**plan, space, 1.5);
  }
  return (*plan)->steps.size();
}

/// Runs the network with and without the pass: equal bytes. Returns how many steps are saved.
std::size_t StepsSaved(const graph::Graph& graph, const std::string& pass,
                       const std::string& device, std::span<const HostTensor> inputs) {
  test::PlanRunnerOptions options{.device = device};
  auto with = test::PlanRunner::Create(graph.Clone(), options);
  options.disabled_passes = {pass};
  auto without = test::PlanRunner::Create(graph.Clone(), options);
  EXPECT_TRUE(with.ok()) << with.message();
  EXPECT_TRUE(without.ok()) << without.message();
  if (!with.ok() || !without.ok()) return 0;
  std::size_t saved = 0;
  for (const HostTensor& input : inputs) {
    const auto got = (*with)->Run({input});
    const auto want = (*without)->Run({input});
    EXPECT_TRUE(want.ok()) << want.message();
    EXPECT_TRUE(got.ok()) << got.message();
    for (std::size_t i = 0; got.ok() && want.ok() && i < want->size(); ++i) {
      EXPECT_EQ((*got)[i].bytes.ToString(), (*want)[i].bytes.ToString())
          << "output " << i << " of " << input.desc.shape.ToString();
    }
    const std::size_t steps = StepsOf(**with, input);
    const std::size_t all_steps = StepsOf(**without, input);
    EXPECT_LE(steps, all_steps + 1) << "an output that is a view is copied instead";
    saved += all_steps > steps ? all_steps - steps : 0;
  }
  return saved;
}

}  // namespace

void ExpectPartsNeedNoCopies(const std::string& device) {
  std::mt19937 random(11);
  std::size_t saved = 0;
  for (const std::int64_t columns : {64, 16, 3, 1}) {
    for (int round = 0; round < 4; ++round) {
      SCOPED_TRACE(columns);
      const PartsNetwork network(random, columns);
      std::vector<HostTensor> inputs;
      for (const std::int64_t rows : {1, 3, 8}) {
        inputs.push_back(RandomTensor(random, {rows, kParts, columns}));
      }
      saved += StepsSaved(network.graph(), "alias_parts", device, inputs);
    }
  }
  EXPECT_GT(saved, 0U);
  for (const std::int64_t columns : {100, 9000}) {
    const std::vector<HostTensor> inputs = {RandomTensor(random, {1, columns}),
                                            RandomTensor(random, {8, columns})};
    StepsSaved(LongPick(columns), "alias_parts", device, inputs);
  }
}

void ExpectMergedProductsGiveTheSameBytes(const std::string& device) {
  std::mt19937 random(12);
  std::size_t saved = 0;
  for (const tensor::Shape& row : {tensor::Shape{24}, {5, 32}, {2, 3, 17}}) {
    for (const std::int64_t columns : {1, 3, 16, 45}) {
      SCOPED_TRACE(row.ToString() + " x " + std::to_string(columns));
      std::vector<HostTensor> inputs;
      for (const std::int64_t rows : {1, 3, 8}) {
        std::vector<std::int64_t> dims = {rows};
        for (std::size_t i = 0; i < row.rank(); ++i) dims.push_back(row[i]);
        inputs.push_back(RandomTensor(random, tensor::Shape(dims)));
      }
      saved += StepsSaved(ProductsNetwork(random, row, columns), "merge_products", device, inputs);
    }
  }
  EXPECT_GT(saved, 0U);
}

}  // namespace hadron::plan
