// Parts of tensors that plans describe instead of copying: which nodes make such parts, and that
// plans with them compute what plans without compute.
#include "plan/range_view.h"

#include <gtest/gtest.h>

#include "graph/op_schema.h"
#include "parts_cases.h"

namespace hadron::plan {
namespace {

using backend::TensorSpec;
using tensor::DataType;
using tensor::Shape;
using Starts = std::optional<std::vector<std::uint64_t>>;
using Numbers = std::vector<std::int64_t>;

constexpr auto kFp32 = DataType::kFp32;

/// One node over float tensors; inputs behind the first are constants.
struct PartCase {
  std::string op;
  Shape x;
  std::vector<Shape> outputs;
  std::vector<Numbers> constants;
  std::vector<std::pair<std::string, graph::AttributeValue>> attributes = {};
};

Starts StartsOf(const PartCase& c) {
  graph::Node node;
  node.op_type = c.op;
  node.inputs = {0};
  for (const auto& [name, value] : c.attributes) node.attributes.Set(name, value);
  std::vector<TensorSpec> inputs = {{kFp32, c.x}};
  std::vector<graph::ConstantRef> constants = {nullptr};
  for (const Numbers& numbers : c.constants) {
    const auto count = static_cast<std::int64_t>(numbers.size());
    node.inputs.push_back(static_cast<graph::ValueId>(node.inputs.size()));
    inputs.push_back({DataType::kInt64, {count}});
    constants.push_back(graph::Constant::FromInts("c", numbers, {count}));
  }
  std::vector<TensorSpec> outputs;
  for (const Shape& shape : c.outputs) outputs.push_back({kFp32, shape});
  return RangesOf(node, inputs, outputs, constants);
}

Starts At(std::vector<std::uint64_t> starts) { return starts; }

TEST(RangesOf, FindsPiecesAlongTheOutermostAxis) {
  EXPECT_EQ(StartsOf({"Slice", {4, 8}, {{2, 8}}, {{1}, {3}}}), At({32}));
  EXPECT_EQ(StartsOf({"Slice", {1, 4, 8}, {{1, 2, 8}}, {{-2}, {99}, {1}}}), At({64}));
  EXPECT_EQ(StartsOf({"Slice", {4, 8}, {{1, 3}}, {{2, 5}, {3, 8}, {0, 1}}}), At({84}));
  EXPECT_EQ(StartsOf({"Slice", {4, 8}, {{1, 8}}, {{3}, {2}, {0}, {-1}}}), At({96}))
      << "one element has no direction";
  EXPECT_EQ(StartsOf({"Split", {3, 5}, {{1, 5}, {2, 5}}, {{1, 2}}, {{"axis", std::int64_t{0}}}}),
            At({0, 20}));
  EXPECT_EQ(StartsOf({"Split", {1, 4}, {{1, 2}, {1, 2}}, {}, {{"axis", std::int64_t{-1}}}}),
            At({0, 8}));
  EXPECT_EQ(StartsOf({"Gather", {3, 5}, {{5}}, {{-1}}}), At({40}));
  EXPECT_EQ(StartsOf({"Gather", {3, 5}, {{2, 5}}, {{1, 2}}}), At({20}));
  EXPECT_EQ(StartsOf({"Gather", {1, 3, 5}, {{1, 5}}, {{2}}, {{"axis", std::int64_t{1}}}}),
            At({40}));
}

TEST(RangesOf, FindsTranspositionsThatMoveNothing) {
  const auto perm = [](Numbers order) {
    return std::vector<std::pair<std::string, graph::AttributeValue>>{{"perm", std::move(order)}};
  };
  EXPECT_EQ(StartsOf({"Transpose", {1, 7, 4}, {{7, 1, 4}}, {}, perm({1, 0, 2})}), At({0}));
  EXPECT_EQ(StartsOf({"Transpose", {1, 7}, {{7, 1}}, {}}), At({0}));
  EXPECT_EQ(StartsOf({"Transpose", {2, 7, 4}, {{7, 2, 4}}, {}, perm({1, 0, 2})}), std::nullopt);
  EXPECT_EQ(StartsOf({"Transpose", {2, 7}, {{7, 2}}, {}}), std::nullopt);
}

TEST(RangesOf, LeavesWhatLiesApart) {
  EXPECT_EQ(StartsOf({"Slice", {4, 8}, {{4, 2}}, {{1}, {3}, {1}}}), std::nullopt);
  EXPECT_EQ(StartsOf({"Slice", {4, 8}, {{2, 8}}, {{0}, {4}, {0}, {2}}}), std::nullopt);
  EXPECT_EQ(StartsOf({"Slice", {4, 8}, {{4, 8}}, {{3}, {-9}, {0}, {-1}}}), std::nullopt);
  EXPECT_EQ(StartsOf({"Slice", {4, 8}, {{2, 3}}, {{1, 0}, {3, 3}, {0, 1}}}), std::nullopt);
  EXPECT_EQ(StartsOf({"Split", {2, 4}, {{2, 2}, {2, 2}}, {}, {{"axis", std::int64_t{1}}}}),
            std::nullopt);
  EXPECT_EQ(StartsOf({"Gather", {3, 5}, {{2, 5}}, {{1, 0}}}), std::nullopt);
  EXPECT_EQ(StartsOf({"Gather", {3, 5}, {{2, 5}}, {{1, 1}}}), std::nullopt);
  EXPECT_EQ(StartsOf({"Gather", {3, 5}, {{5}}, {{3}}}), std::nullopt) << "the kernel refuses it";
  EXPECT_EQ(StartsOf({"Neg", {3, 5}, {{3, 5}}, {}}), std::nullopt);
}

TEST(Plan, DescribesPartsInsteadOfCopyingThem) { ExpectPartsNeedNoCopies("cpu"); }

TEST(Plan, MergesProductsWithoutChangingAByte) { ExpectMergedProductsGiveTheSameBytes("cpu"); }

}  // namespace
}  // namespace hadron::plan
