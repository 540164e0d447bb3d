#include <gtest/gtest.h>

#include "backend/reference_executor.h"
#include "base/bytes.h"
#include "graph/infer.h"
#include "graph/op_schema.h"

// The shape arithmetic that exporters write into graphs must come out as symbols of the inputs.
namespace hadron::graph {
namespace {

using tensor::DataType;
using Inputs = std::vector<ValueId>;

/// Builds graphs of canonical nodes with one output each.
class Builder {
 public:
  ValueId Input(std::string name, SymbolicShape shape) {
    return graph_.AddInput(std::move(name), DataType::kFp32, std::move(shape));
  }
  ValueId Ints(std::vector<std::int64_t> values) {
    const auto count = static_cast<std::int64_t>(values.size());
    return graph_.AddConstant("c", Constant::FromInts("c", values, {count}));
  }
  ValueId Scalar(std::int64_t value) {
    return graph_.AddConstant("s", Constant::FromInts("s", {&value, 1}, {}));
  }
  ValueId Op(std::string op, Inputs inputs,
             std::vector<std::pair<std::string, AttributeValue>> attributes = {}) {
    Node node;
    node.name = op + "_" + std::to_string(graph_.nodes().size());
    node.schema = OpRegistry::Get().Find("", op);
    node.op_type = std::move(op);
    node.since_version = node.schema->versions.back();
    node.inputs = std::move(inputs);
    node.outputs = {graph_.AddValue(node.name)};
    for (auto& [name, value] : attributes) node.attributes.Set(name, std::move(value));
    graph_.nodes().push_back(std::move(node));
    return graph_.nodes().back().outputs[0];
  }
  SymbolicShape ShapeOf(ValueId value) {
    const base::Status status = InferShapes(graph_);
    EXPECT_TRUE(status.ok()) << status.message();
    return graph_.value(value).shape;
  }
  Graph& graph() { return graph_; }

 private:
  Graph graph_;
};

TEST(ShapeValues, FlattenByGatherUnsqueezeConcatReshape) {
  Builder b;
  const Dim batch = b.graph().Symbol("batch");
  const ValueId x = b.Input("x", {batch, 16, 4, 4});
  const ValueId size = b.Op("Gather", {b.Op("Shape", {x}), b.Scalar(0)});
  const ValueId first = b.Op("Unsqueeze", {size, b.Ints({0})});
  const ValueId target = b.Op("Concat", {first, b.Ints({-1})}, {{"axis", std::int64_t{0}}});
  EXPECT_EQ(b.ShapeOf(b.Op("Reshape", {x, target})), (SymbolicShape{batch, 256}));
}

TEST(ShapeValues, HeadsOfAttentionByDivision) {
  Builder b;
  const Dim batch = b.graph().Symbol("batch");
  const Dim length = b.graph().Symbol("length");
  const ValueId x = b.Input("x", {batch, length, 64});
  const ValueId shape = b.Op("Shape", {x});
  const ValueId width = b.Op("Slice", {shape, b.Ints({-1}), b.Ints({INT64_MAX})});
  const ValueId head = b.Op("Div", {width, b.Ints({8})});
  const ValueId outer = b.Op("Slice", {shape, b.Ints({0}), b.Ints({2})});
  const ValueId target = b.Op("Concat", {outer, b.Ints({8}), head}, {{"axis", std::int64_t{0}}});
  EXPECT_EQ(b.ShapeOf(b.Op("Reshape", {x, target})), (SymbolicShape{batch, length, 8, 8}));
}

TEST(ShapeValues, ProductOfDimensionsByReduceProdAndCast) {
  Builder b;
  const Dim batch = b.graph().Symbol("batch");
  const ValueId x = b.Input("x", {batch, 3, 5});
  const ValueId count = b.Op("ReduceProd", {b.Op("Shape", {x})});
  const ValueId same =
      b.Op("Cast", {b.Op("Cast", {count}, {{"to", std::int64_t{6}}})}, {{"to", std::int64_t{7}}});
  EXPECT_EQ(b.ShapeOf(b.Op("Reshape", {x, same})), (SymbolicShape{*batch.Times(Dim(15))}));
}

TEST(ShapeValues, ExpandByWhereAndEqual) {
  Builder b;
  const Dim batch = b.graph().Symbol("batch");
  const ValueId x = b.Input("x", {batch, 4});
  const ValueId shape = b.Op("Shape", {x});
  const ValueId ones =
      b.Op("ConstantOfShape", {b.Op("Shape", {shape})},
           {{"value", Constant::FromInts("one", std::vector<std::int64_t>{1}, {1})}});
  const ValueId wanted = b.Op("Where", {b.Op("Equal", {shape, b.Ints({-1})}), ones, shape});
  const ValueId row = b.Input("row", {1, 4});
  EXPECT_EQ(b.ShapeOf(b.Op("Expand", {row, wanted})), (SymbolicShape{batch, 4}));
}

TEST(ShapeValues, PadsByReshapeSliceTranspose) {
  // PyTorch turns its pairs (last axis first) into ONNX's begins and ends.
  Builder b;
  const Dim batch = b.graph().Symbol("batch");
  const ValueId x = b.Input("x", {batch, 3, 5, 7});
  const ValueId pairs = b.Op("Reshape", {b.Ints({1, 2, 3, 4, 0, 0, 0, 0}), b.Ints({-1, 2})});
  const ValueId ends = b.Ints({INT64_MIN});
  const ValueId turned = b.Op("Slice", {pairs, b.Ints({-1}), ends, b.Ints({0}), b.Ints({-1})});
  const std::vector<std::int64_t> swap = {1, 0};
  const ValueId columns = b.Op("Transpose", {turned}, {{"perm", swap}});
  const ValueId pads =
      b.Op("Cast", {b.Op("Reshape", {columns, b.Ints({-1})})}, {{"to", std::int64_t{7}}});
  EXPECT_EQ(b.ShapeOf(b.Op("Pad", {x, pads})), (SymbolicShape{batch, 3, 12, 10}));
}

TEST(ShapeValues, RangeOverADimensionAndConvolutionsThatKeepIt) {
  Builder b;
  const Dim width = b.graph().Symbol("width");
  const ValueId x = b.Input("x", {1, 2, width});
  const std::vector<float> ones(2 * 2 * 3, 1.0F);
  const ValueId w = b.graph().AddConstant("w", Constant::FromFloats("w", ones, {2, 2, 3}));
  const ValueId y = b.Op("Conv", {x, w}, {{"pads", std::vector<std::int64_t>{1, 1}}});
  const ValueId size = b.Op("Gather", {b.Op("Shape", {y}), b.Scalar(2)});
  EXPECT_EQ(b.ShapeOf(b.Op("Range", {b.Scalar(0), size, b.Scalar(1)})), (SymbolicShape{width}));
}

TEST(ShapeValues, ArithmeticBeyondProductsIsResolvedForConcreteInputs) {
  Builder b;
  const ValueId x = b.Input("x", {b.graph().Symbol("n"), 2});
  const ValueId size = b.Op("Gather", {b.Op("Shape", {x}), b.Ints({0})});
  const ValueId less = b.Op("Sub", {size, b.Ints({1})});
  const ValueId y = b.Op("Slice", {x, b.Ints({0}), less, b.Ints({0})});
  EXPECT_FALSE(b.ShapeOf(y)[0].known());
  const auto facts = ResolveFacts(b.graph(), {tensor::Shape({5, 2})});
  ASSERT_TRUE(facts.ok()) << facts.message();
  EXPECT_EQ((*facts)[y].shape, (SymbolicShape{4, 2}));
}

// Elements without a shape that says how many there are must not be indexed by others' shapes.
TEST(ShapeValues, AreForgottenWhereTheShapeIsNotKnown) {
  Builder b;
  const ValueId target = b.graph().AddInput("target", DataType::kInt64, {1});
  const ValueId reshaped = b.Op("Reshape", {b.Ints({1, 2}), target});
  const ValueId picked = b.Op("Gather", {reshaped, b.Ints({1000})});
  EXPECT_EQ(b.ShapeOf(picked), (SymbolicShape{1}));
}

TEST(ShapeValues, FollowConnectivesOfComparisons) {
  Builder b;
  const ValueId x = b.Input("x", {2, 8});
  const ValueId shape = b.Op("Shape", {x});
  const ValueId even = b.Op("Equal", {b.Op("Mod", {shape, b.Ints({2})}), b.Ints({0})});
  const ValueId large = b.Op("Greater", {shape, b.Ints({4})});
  const ValueId size = b.Op("Where", {b.Op("And", {even, large}), b.Ints({4}), b.Ints({1})});
  EXPECT_EQ(b.ShapeOf(b.Op("ConstantOfShape", {size})), (SymbolicShape{1, 4}));
}

// A 3-D convolution of the size that models have must not take minutes in the reference.
TEST(ReferenceConv, RunsALayerOfAModelInReasonableTime) {
  Builder b;
  const ValueId x = b.Input("x", {1, 16, 16, 16, 16});
  const std::vector<float> weights(16 * 16 * 27, 0.5F);
  const ValueId w =
      b.graph().AddConstant("w", Constant::FromFloats("w", weights, {16, 16, 3, 3, 3}));
  const ValueId y = b.Op("Conv", {x, w}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1, 1, 1}}});
  b.graph().AddOutput("y", y);
  ASSERT_EQ(b.ShapeOf(y), (SymbolicShape{1, 16, 16, 16, 16}));
  const std::vector<float> ones(16 * 16 * 16 * 16, 1.0F);
  const tensor::HostTensor input{{"x", DataType::kFp32, {1, 16, 16, 16, 16}},
                                 base::IoBuf::Copy(std::as_bytes(std::span(ones)))};
  const auto results = backend::ExecuteReference(b.graph(), {&input, 1});
  ASSERT_TRUE(results.ok()) << results.message();
  const auto values = (*results)[0].bytes.bytes();
  EXPECT_EQ(base::LoadLe<float>(values.data()), 0.5F * 16 * 8);  // a corner meets 2x2x2 taps
}

}  // namespace
}  // namespace hadron::graph
