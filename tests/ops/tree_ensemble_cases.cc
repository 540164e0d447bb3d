#include <cmath>

#include "ops/tables.h"

namespace hadron::ops_test {
namespace {

using AttributeVector = std::vector<std::pair<std::string, graph::AttributeValue>>;
constexpr const char* kMl = "ai.onnx.ml";
const TestTensor kX = F32({3, 2}, {0, 5, 1, 5, 2, 5});

/// One tree: x0 <= 1 ? leaf 1 : leaf 2, per leaf one weight of the given targets.
AttributeVector Stump(const std::string& prefix, FloatList weights, IntList targets) {
  return {{"nodes_treeids", IntList{0, 0, 0}},
          {"nodes_nodeids", IntList{0, 1, 2}},
          {"nodes_featureids", IntList{0, 0, 0}},
          {"nodes_modes", TextList{"BRANCH_LEQ", "LEAF", "LEAF"}},
          {"nodes_values", FloatList{1, 0, 0}},
          {"nodes_truenodeids", IntList{1, 0, 0}},
          {"nodes_falsenodeids", IntList{2, 0, 0}},
          {prefix + "_treeids", IntList{0, 0}},
          {prefix + "_nodeids", IntList{1, 2}},
          {prefix + "_ids", std::move(targets)},
          {prefix + "_weights", std::move(weights)}};
}

AttributeVector With(AttributeVector attributes, AttributeVector more) {
  for (auto& [name, value] : more) {
    bool replaced = false;
    for (auto& [old_name, old_value] : attributes) {
      if (old_name != name) continue;
      old_value = value;
      replaced = true;
    }
    if (!replaced) attributes.emplace_back(name, value);
  }
  return attributes;
}

OpCase Regressor(std::string name, AttributeVector more, TestTensor x, TestTensor y) {
  return {"TreeEnsembleRegressor",
          std::move(name),
          With(Stump("target", {10, 20}, {0, 0}), std::move(more)),
          {std::move(x)},
          {std::move(y)},
          "",
          3,
          kMl};
}

OpCase Refused(std::string name, AttributeVector more, std::string error) {
  return {"TreeEnsembleRegressor",
          std::move(name),
          With(Stump("target", {10, 20}, {0, 0}), std::move(more)),
          {kX},
          {},
          std::move(error),
          3,
          kMl};
}

OpCase Classifier(std::string name, FloatList weights, IntList ids, AttributeVector more,
                  TestTensor labels, TestTensor scores) {
  return {"TreeEnsembleClassifier",
          std::move(name),
          With(Stump("class", std::move(weights), std::move(ids)), std::move(more)),
          {kX},
          {std::move(labels), std::move(scores)},
          "",
          3,
          kMl};
}

/// Two stumps on the same feature: x0 <= 1 ? 1 : 3 and x0 < 1 ? 10 : 30.
AttributeVector TwoTrees() {
  return {{"nodes_treeids", IntList{0, 0, 0, 7, 7, 7}},
          {"nodes_nodeids", IntList{0, 1, 2, 0, 1, 2}},
          {"nodes_featureids", IntList{0, 0, 0, 0, 0, 0}},
          {"nodes_modes", TextList{"BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF"}},
          {"nodes_values", FloatList{1, 0, 0, 1, 0, 0}},
          {"nodes_truenodeids", IntList{1, 0, 0, 1, 0, 0}},
          {"nodes_falsenodeids", IntList{2, 0, 0, 2, 0, 0}},
          {"target_treeids", IntList{7, 7, 0, 0}},
          {"target_nodeids", IntList{1, 2, 1, 2}},
          {"target_ids", IntList{0, 0, 0, 0}},
          {"target_weights", FloatList{10, 30, 1, 3}}};
}

std::vector<OpCase> Regressors() {
  const auto mode = [](const char* name) {
    return AttributeVector{{"nodes_modes", TextList{name, "LEAF", "LEAF"}}};
  };
  const TestTensor nan = F32({1, 2}, {NAN, 0});
  return {
      Regressor("BRANCH_LEQ", {}, kX, F32({3, 1}, {10, 10, 20})),
      Regressor("BRANCH_LT", mode("BRANCH_LT"), kX, F32({3, 1}, {10, 20, 20})),
      Regressor("BRANCH_GTE", mode("BRANCH_GTE"), kX, F32({3, 1}, {20, 10, 10})),
      Regressor("BRANCH_GT", mode("BRANCH_GT"), kX, F32({3, 1}, {20, 20, 10})),
      Regressor("BRANCH_EQ", mode("BRANCH_EQ"), kX, F32({3, 1}, {20, 10, 20})),
      Regressor("BRANCH_NEQ", mode("BRANCH_NEQ"), kX, F32({3, 1}, {10, 20, 10})),
      Regressor("NaN goes false", {}, nan, F32({1, 1}, {20})),
      Regressor("NaN goes true if tracked", {{"nodes_missing_value_tracks_true", IntList{1, 0, 0}}},
                nan, F32({1, 1}, {10})),
      Regressor("base value", {{"base_values", FloatList{0.5F}}}, kX,
                F32({3, 1}, {10.5, 10.5, 20.5})),
      Regressor("two targets, one of them empty in a leaf",
                {{"n_targets", std::int64_t{2}}, {"target_ids", IntList{0, 1}}}, kX,
                F32({3, 2}, {10, 0, 10, 0, 0, 20})),
      Regressor("sum of two trees", TwoTrees(), kX, F32({3, 1}, {11, 31, 33})),
      Regressor("average", With(TwoTrees(), {{"aggregate_function", "AVERAGE"}}), kX,
                F32({3, 1}, {5.5, 15.5, 16.5})),
      Regressor("minimum", With(TwoTrees(), {{"aggregate_function", "MIN"}}), kX,
                F32({3, 1}, {1, 1, 3})),
      Regressor("maximum", With(TwoTrees(), {{"aggregate_function", "MAX"}}), kX,
                F32({3, 1}, {10, 30, 30})),
      Regressor("logistic",
                {{"target_weights", FloatList{0, 1000}}, {"post_transform", "LOGISTIC"}}, kX,
                F32({3, 1}, {0.5, 0.5, 1})),
      Regressor("probit",
                {{"target_weights", FloatList{0.5F, 0.975F}}, {"post_transform", "PROBIT"}}, kX,
                F32({3, 1}, {0, 0, 1.9599641})),
      Regressor("integers", {}, I64({2, 2}, {1, 0, 2, 0}), F32({2, 1}, {10, 20})),
      Regressor("doubles", {}, Of(tensor::DataType::kFp64, {1, 2}, {1.0000000001, 0}),
                F32({1, 1}, {20})),
      Regressor("one row without a batch dimension", {}, F32({2}, {0, 0}), F32({1, 1}, {10})),
      Regressor("no rows", {}, F32({0, 2}, {}), F32({0, 1}, {})),
      Regressor("a single leaf",
                {{"nodes_treeids", IntList{0}},
                 {"nodes_nodeids", IntList{0}},
                 {"nodes_featureids", IntList{0}},
                 {"nodes_modes", TextList{"LEAF"}},
                 {"nodes_values", FloatList{0}},
                 {"nodes_truenodeids", IntList{0}},
                 {"nodes_falsenodeids", IntList{0}},
                 {"target_treeids", IntList{0}},
                 {"target_nodeids", IntList{0}},
                 {"target_ids", IntList{0}},
                 {"target_weights", FloatList{4}}},
                kX, F32({3, 1}, {4, 4, 4})),
  };
}

std::vector<OpCase> Classifiers() {
  const AttributeVector two = {{"classlabels_int64s", IntList{5, 9}}};
  const AttributeVector three = {{"classlabels_strings", TextList{"a", "b", "c"}}};
  const double s = 1 / (1 + std::exp(-1.0));
  const double e = std::exp(1.0);
  return {
      Classifier("a probability", {0.25F, 0.75F}, {1, 1}, two, I64({3}, {5, 5, 9}),
                 F32({3, 2}, {0.75, 0.25, 0.75, 0.25, 0.25, 0.75})),
      Classifier("a margin", {-1, 2}, {0, 0}, two, I64({3}, {5, 5, 9}),
                 F32({3, 2}, {1, -1, 1, -1, -2, 2})),
      Classifier("a logistic margin", {-1, 1}, {0, 0}, With(two, {{"post_transform", "LOGISTIC"}}),
                 I64({3}, {5, 5, 9}), F32({3, 2}, {s, 1 - s, s, 1 - s, 1 - s, s})),
      Classifier("logistic of positive weights", {0, 1}, {0, 0},
                 With(two, {{"post_transform", "LOGISTIC"}}), I64({3}, {5, 5, 9}),
                 F32({3, 2}, {0.5, 0.5, 0.5, 0.5, 1 - s, s})),
      Classifier("base value of the margin", {-1, 2}, {0, 0},
                 With(two, {{"base_values", FloatList{-3}}}), I64({3}, {5, 5, 5}),
                 F32({3, 2}, {4, -4, 4, -4, 1, -1})),
      Classifier("two columns", {1, 2}, {0, 1}, two, I64({3}, {5, 5, 9}),
                 F32({3, 2}, {1, 0, 1, 0, 0, 2})),
      Classifier("three classes with strings", {1, 2}, {1, 2}, three, Text({3}, {"b", "b", "c"}),
                 F32({3, 3}, {0, 1, 0, 0, 1, 0, 0, 0, 2})),
      Classifier("softmax", {1, 1}, {1, 2}, With(three, {{"post_transform", "SOFTMAX"}}),
                 Text({3}, {"b", "b", "c"}),
                 F32({3, 3}, {1 / (2 + e), e / (2 + e), 1 / (2 + e), 1 / (2 + e), e / (2 + e),
                              1 / (2 + e), 1 / (2 + e), 1 / (2 + e), e / (2 + e)})),
      Classifier("softmax that leaves zeros out", {1, 1}, {1, 2},
                 With(three, {{"post_transform", "SOFTMAX_ZERO"}}), Text({3}, {"b", "b", "c"}),
                 F32({3, 3}, {0, 1, 0, 0, 1, 0, 0, 0, 1})),
      Classifier("equal scores give the first class", {0, 0}, {0, 2}, three,
                 Text({3}, {"a", "a", "a"}), F32({3, 3}, {0, 0, 0, 0, 0, 0, 0, 0, 0})),
      {"TreeEnsembleClassifier",
       "no labels",
       Stump("class", {1, 2}, {0, 1}),
       {kX},
       {},
       "exactly one of 'classlabels_int64s'",
       3,
       kMl},
      {"TreeEnsembleClassifier",
       "class out of range",
       With(Stump("class", {1, 2}, {0, 2}), two),
       {kX},
       {},
       "weight 1 names target 2 of 2",
       3,
       kMl},
  };
}

std::vector<OpCase> Bad() {
  return {
      Refused("no nodes", {{"nodes_nodeids", IntList{}}}, "has no nodes"),
      Refused("arrays of different length", {{"nodes_treeids", IntList{0, 0}}},
              "'nodes_treeids' has 2 entries, expected 3"),
      Refused("unknown mode", {{"nodes_modes", TextList{"BRANCH_LE", "LEAF", "LEAF"}}},
              "mode 'BRANCH_LE' is unknown"),
      Refused("child that does not exist", {{"nodes_truenodeids", IntList{3, 0, 0}}},
              "true child: tree 0 has no node 3"),
      Refused("child of another tree",
              With(TwoTrees(), {{"nodes_nodeids", IntList{0, 1, 2, 0, 1, 9}}}),
              "tree 7 has no node 2"),
      Refused("a node twice", {{"nodes_nodeids", IntList{0, 1, 1}}}, "has node 1 twice"),
      Refused("its own child", {{"nodes_truenodeids", IntList{0, 0, 0}}}, "form a cycle"),
      Refused("cycle without a root",
              {{"nodes_modes", TextList{"BRANCH_LEQ", "BRANCH_LEQ", "BRANCH_LEQ"}},
               {"nodes_truenodeids", IntList{1, 2, 0}},
               {"nodes_falsenodeids", IntList{2, 0, 1}},
               {"target_treeids", IntList{}},
               {"target_nodeids", IntList{}},
               {"target_ids", IntList{}},
               {"target_weights", FloatList{}}},
              "form a cycle"),
      Refused("cycle beside a root",
              {{"nodes_modes", TextList{"LEAF", "BRANCH_LEQ", "BRANCH_LEQ"}},
               {"nodes_truenodeids", IntList{0, 2, 1}},
               {"nodes_falsenodeids", IntList{0, 2, 1}},
               {"target_nodeids", IntList{0, 0}}},
              "form a cycle"),
      Refused("two roots",
              {{"nodes_truenodeids", IntList{1, 0, 0}}, {"nodes_falsenodeids", IntList{1, 0, 0}}},
              "tree 0 has 2 roots"),
      Refused("negative feature", {{"nodes_featureids", IntList{-1, 0, 0}}}, "feature -1"),
      Refused("feature the input lacks", {{"nodes_featureids", IntList{2, 0, 0}}},
              "the trees use 3 features"),
      Refused("weight of a branch", {{"target_nodeids", IntList{0, 2}}}, "is no leaf"),
      Refused("weight of no node", {{"target_nodeids", IntList{5, 2}}}, "has no node 5"),
      Refused("target out of range", {{"target_ids", IntList{0, 1}}},
              "weight 1 names target 1 of 1"),
      Refused("no targets", {{"n_targets", std::int64_t{0}}}, "0 targets"),
      Refused("wrong number of base values", {{"base_values", FloatList{1, 2}}},
              "'base_values' has 2 entries"),
      Refused("unknown transform", {{"post_transform", "EXP"}}, "'EXP' is unknown"),
      Refused("unknown aggregate", {{"aggregate_function", "MEDIAN"}}, "'MEDIAN' is unknown"),
  };
}

}  // namespace

std::vector<OpCase> TreeEnsembleCases() {
  std::vector<OpCase> cases = Regressors();
  for (OpCase& c : Classifiers()) cases.push_back(std::move(c));
  for (OpCase& c : Bad()) cases.push_back(std::move(c));
  return cases;
}

}  // namespace hadron::ops_test
