// Products of one input that become one product with a stack of matrices: which do, and that the
// results stay.
#include <gtest/gtest.h>

#include <numeric>

#include "backend/reference_executor.h"
#include "base/bytes.h"
#include "graph/infer.h"
#include "graph/op_schema.h"
#include "graph/passes.h"

namespace hadron::graph {
namespace {

using tensor::DataType;
using tensor::HostTensor;

/// A graph under construction: x is [batch, 2, 3] or [batch, 3], all outputs are compared.
class Products {
 public:
  explicit Products(bool matrices = true) {
    SymbolicShape shape = {graph_.Symbol("batch"), 2, 3};
    if (!matrices) shape.erase(shape.begin() + 1);
    input_.desc = {"x", DataType::kFp32, matrices ? tensor::Shape{2, 2, 3} : tensor::Shape{4, 3}};
    const std::vector<float> values = {1, -2, 3, 0.5F, 5, 6, -7, 8, 2, -1, 4, 0.25F};
    input_.bytes = base::IoBuf::Copy(std::as_bytes(std::span(values)));
    x_ = graph_.AddInput("x", DataType::kFp32, std::move(shape));
  }

  ValueId x() const { return x_; }
  Graph& graph() { return graph_; }

  ValueId Node(const std::string& op, std::vector<ValueId> inputs,
               std::vector<std::pair<std::string, AttributeValue>> attributes = {}) {
    graph::Node node;
    node.name = op + std::to_string(graph_.nodes().size());
    node.op_type = op;
    node.schema = OpRegistry::Get().Find("", op);
    node.since_version = node.schema->versions.back();
    for (auto& [name, value] : attributes) node.attributes.Set(name, value);
    node.inputs = std::move(inputs);
    node.outputs = {graph_.AddValue(node.name + ":0")};
    graph_.nodes().push_back(std::move(node));
    return graph_.nodes().back().outputs[0];
  }

  /// Different numbers at every call.
  ValueId Weights(tensor::Shape shape) {
    std::vector<float> values(static_cast<std::size_t>(shape.elements()));
    std::iota(values.begin(), values.end(), 0.5F + static_cast<float>(graph_.value_count()));
    const std::string name = "w" + std::to_string(graph_.value_count());
    return graph_.AddConstant(name, Constant::FromFloats(name, values, std::move(shape)));
  }
  ValueId Ints(std::vector<std::int64_t> values) {
    const auto count = static_cast<std::int64_t>(values.size());
    return graph_.AddConstant("i", Constant::FromInts("i", values, {count}));
  }

  ValueId Linear(std::int64_t columns, bool bias) {
    const ValueId y = Node("MatMul", {x_, Weights({3, columns})});
    return bias ? Node("Add", {y, Weights({columns})}) : y;
  }

  void Output(ValueId value) {
    graph_.AddOutput("y" + std::to_string(graph_.outputs().size()), value);
  }

  /// Fuses and merges, and expects this many products and the same results.
  void ExpectAfter(int products) {
    ASSERT_TRUE(InferShapes(graph_).ok());
    const auto before = Run();
    PassContext context;
    context.can_fuse = [](const graph::Node&, const PostOp&) { return true; };
    ASSERT_TRUE(FusePostOps(graph_, context).ok());
    ASSERT_TRUE(MergeProducts(graph_, context).ok());
    ASSERT_TRUE(InferShapes(graph_).ok());
    EXPECT_EQ(Count("MatMul") + Count("Gemm"), products);
    EXPECT_EQ(Run(), before);
  }

  int Count(const std::string& op) const {
    int count = 0;
    for (const auto& node : graph_.nodes()) count += node.op_type == op ? 1 : 0;
    return count;
  }

 private:
  std::vector<std::string> Run() const {
    auto outputs = backend::ExecuteReference(graph_, std::vector{input_});
    EXPECT_TRUE(outputs.ok()) << outputs.message();
    std::vector<std::string> bytes;
    for (const auto& output : *outputs) {
      bytes.push_back(output.desc.shape.ToString() + output.bytes.ToString());
    }
    return bytes;
  }

  Graph graph_;
  ValueId x_ = kNoValue;
  HostTensor input_;
};

TEST(MergeProducts, MakesOneOfThose) {
  for (const bool bias : {true, false}) {
    Products p;
    for (int i = 0; i < 3; ++i) p.Output(p.Linear(4, bias));
    p.ExpectAfter(1);
    const Node& product = p.graph().nodes()[0];
    EXPECT_EQ(product.post_ops.size(), bias ? 1U : 0U);
    const ConstantRef& weights = p.graph().value(product.inputs[1]).constant;
    EXPECT_EQ(weights->shape(), (tensor::Shape{3, 1, 3, 4}));
    EXPECT_TRUE(weights->deferred()) << "no pass touches the bytes of weights";
    EXPECT_EQ(p.Count("Split"), 1);
    EXPECT_EQ(p.Count("Squeeze"), 3);
  }
}

TEST(MergeProducts, TakesGemmEitherWayAndItsBias) {
  Products p(false);
  p.Output(p.Node("Gemm", {p.x(), p.Weights({5, 3}), p.Weights({5})}, {{"transB", 1L}}));
  p.Output(p.Node("Gemm", {p.x(), p.Weights({3, 5}), p.Weights({1, 5})}));
  p.Output(p.Node("Add", {p.Node("MatMul", {p.x(), p.Weights({3, 5})}), p.Weights({5})}));
  p.ExpectAfter(1);
}

TEST(MergeProducts, TakesEqualPostOps) {
  Products p;
  for (int i = 0; i < 2; ++i) {
    p.Output(p.Node("LeakyRelu", {p.Linear(4, true)}, {{"alpha", 0.25F}}));
  }
  p.ExpectAfter(1);
  EXPECT_EQ(p.graph().nodes()[0].post_ops.size(), 2U);
}

TEST(MergeProducts, LeavesOtherPostOpsSizesAndInputs) {
  Products p;
  const ValueId a = p.Linear(4, true);
  p.Output(a);
  p.Output(p.Node("Relu", {p.Linear(4, true)}));
  p.Output(p.Node("LeakyRelu", {p.Linear(4, true)}, {{"alpha", 0.25F}}));
  p.Output(p.Node("LeakyRelu", {p.Linear(4, true)}, {{"alpha", 0.5F}}));
  p.Output(p.Linear(4, false));
  p.Output(p.Linear(5, true));
  p.Output(p.Node("MatMul", {a, p.Weights({4, 4})}));
  p.ExpectAfter(7);
  EXPECT_EQ(p.Count("Split"), 0);
}

TEST(MergeProducts, LeavesSumsWithComputedTensorsAndScaledGemms) {
  Products p(false);
  const ValueId one = p.Node("Exp", {p.x()});
  p.Output(p.Node("Add", {p.Linear(3, false), one}));
  p.Output(p.Node("Add", {p.Linear(3, false), one}));
  for (const char* name : {"alpha", "beta"}) {
    p.Output(p.Node("Gemm", {p.x(), p.Weights({3, 3}), p.Weights({3})}, {{name, 2.0F}}));
    p.Output(p.Node("Gemm", {p.x(), p.Weights({3, 3}), p.Weights({3})}, {{name, 2.0F}}));
  }
  p.Output(p.Node("Gemm", {p.x(), p.Weights({3, 3}), p.Weights({4, 1})}));
  p.Output(p.Node("Gemm", {p.x(), p.Weights({3, 3}), p.Weights({4, 1})}));
  p.ExpectAfter(8);
}

TEST(MergeProducts, MakesNoMoreThanFourOne) {
  Products p;
  for (int i = 0; i < 9; ++i) p.Output(p.Linear(4, true));
  p.ExpectAfter(3);
}

/// A product of 48 columns, cut in three at multiples of `width`; a reader of it all.
Products Cut(std::int64_t width, std::int64_t step, bool read_whole) {
  Products p;
  const ValueId y = p.Linear(48, true);
  for (const std::int64_t at : {2, 0, 1}) {  // not in order
    const ValueId axis = p.Ints({at == 0 ? -1 : 2});
    p.Output(p.Node("Slice",
                    {y, p.Ints({at * width}), p.Ints({(at + 1) * width}), axis, p.Ints({step})}));
  }
  if (read_whole) p.Output(p.Node("Relu", {y}));
  return p;
}

TEST(MergeProducts, CutsColumnsIntoAStack) {
  Products p = Cut(16, 1, false);
  p.ExpectAfter(1);
  EXPECT_EQ(p.Count("Slice"), 0);
  EXPECT_EQ(p.graph().value(p.graph().nodes()[0].inputs[1]).constant->shape(),
            (tensor::Shape{3, 1, 3, 16}));
}

TEST(MergeProducts, ForgetsWhatComputedTheBounds) {
  Products p;
  const ValueId y = p.Linear(32, true);
  const ValueId columns = p.Node("Gather", {p.Node("Shape", {y}), p.Ints({2})});
  const ValueId half = p.Node("Div", {columns, p.Ints({2})});
  p.Output(p.Node("Slice", {y, p.Ints({0}), half, p.Ints({2})}));
  p.Output(p.Node("Slice", {y, half, columns, p.Ints({2})}));
  p.ExpectAfter(1);
  EXPECT_EQ(p.graph().nodes().size(), 4U) << "product, split, two results";
}

TEST(MergeProducts, LeavesOtherCuts) {
  const auto expect_left = [](Products p) {
    p.ExpectAfter(1);
    EXPECT_EQ(p.Count("Slice"), 3);
  };
  expect_left(Cut(16, 1, true));
  expect_left(Cut(16, 2, false));
  expect_left(Cut(8, 1, false));
  expect_left(Cut(24, 1, false));
}

TEST(MergeProducts, LeavesWhatTheBackendCannotFuse) {
  Products p;
  for (int i = 0; i < 2; ++i) p.Output(p.Linear(4, true));
  ASSERT_TRUE(InferShapes(p.graph()).ok());
  PassContext context;
  context.can_fuse = [](const Node&, const PostOp&) { return true; };
  ASSERT_TRUE(FusePostOps(p.graph(), context).ok());
  ASSERT_TRUE(MergeProducts(p.graph(), {}).ok());
  EXPECT_EQ(p.Count("MatMul"), 2);
}

}  // namespace
}  // namespace hadron::graph
