#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"

namespace hadron::graph {

/// A TreeEnsembleRegressor or TreeEnsembleClassifier, parsed and checked: every child is an index
/// into `nodes`, no node can reach itself, every leaf's weights are one range. The form that all
/// backends evaluate. Immutable after Parse; a value type.
///
///     HADRON_ASSIGN_OR_RETURN(TreeEnsemble trees, TreeEnsemble::Parse(node));
///     for (each row) { trees.Sum(features, scores); label = trees.Finish(scores, out); }
struct TreeEnsemble {
  enum class Mode : std::uint8_t { kLeq, kLt, kGte, kGt, kEq, kNeq, kLeaf };
  enum class Aggregate : std::uint8_t { kSum, kAverage, kMin, kMax };
  enum class PostTransform : std::uint8_t { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };
  /// How a classifier turns one weight column into two classes.
  enum class Binary : std::uint8_t {
    kNo,           ///< one score a class
    kProbability,  ///< the column is the probability of class 1
    kMargin,       ///< class 1 when the column is positive
  };

  /// A branch compares a feature with `threshold`; a leaf owns weights[first, first + count).
  struct Node {
    double threshold = 0;
    std::uint32_t feature = 0;
    std::uint32_t true_child = 0;   ///< leaf: first weight
    std::uint32_t false_child = 0;  ///< leaf: number of weights
    Mode mode = Mode::kLeaf;
    bool missing_true = false;  ///< NaN takes the true branch
  };
  struct Weight {
    std::uint32_t target = 0;
    double value = 0;
  };

  std::vector<Node> nodes;
  std::vector<std::uint32_t> roots;  ///< one a tree
  std::vector<Weight> weights;
  std::vector<double> base_values;  ///< empty or one a target
  std::uint32_t features = 0;       ///< rows must have at least so many
  std::uint32_t targets = 1;        ///< scores that the trees add up to
  std::uint32_t outputs = 1;        ///< columns of the result: targets, or classes
  bool float_thresholds = true;     ///< integer inputs are compared as float, not double
  Aggregate aggregate = Aggregate::kSum;
  PostTransform post_transform = PostTransform::kNone;
  Binary binary = Binary::kNo;
  bool classifier = false;
  std::vector<std::int64_t> int_labels;  ///< classifier: one of the two lists
  std::vector<std::string> string_labels;

  /// INVALID_ARGUMENT for arrays that do not fit together, unknown modes or transforms, children
  /// and weights of nodes that do not exist, cycles, trees without exactly one root.
  static base::StatusOr<TreeEnsemble> Parse(const graph::Node& node);

  /// Index of the leaf that a row reaches. `Row` is anything indexable as double.
  template <typename Row>
  std::uint32_t Leaf(std::uint32_t root, const Row& row) const;
  /// Sets scores[0, targets) from a row of at least `features` values, base values included.
  template <typename Row>
  void Score(const Row& row, std::span<double> scores) const;
  /// Turns scores into the row of the result, out[0, outputs); returns the index of the winning
  /// class (0 for a regressor).
  std::size_t Finish(std::span<const double> scores, std::span<double> out) const;

 private:
  static bool TakesTrue(const Node& node, double value);
  void Merge(const Weight& weight, bool first, std::span<double> scores) const;
};

inline bool TreeEnsemble::TakesTrue(const Node& node, double value) {
  switch (node.mode) {
    case Mode::kLeq:
      return value <= node.threshold;
    case Mode::kLt:
      return value < node.threshold;
    case Mode::kGte:
      return value >= node.threshold;
    case Mode::kGt:
      return value > node.threshold;
    case Mode::kEq:
      return value == node.threshold;
    default:
      return value != node.threshold;
  }
}

template <typename Row>
std::uint32_t TreeEnsemble::Leaf(std::uint32_t root, const Row& row) const {
  std::uint32_t at = root;
  while (nodes[at].mode != Mode::kLeaf) {
    const Node& node = nodes[at];
    const auto value = static_cast<double>(row[node.feature]);
    const bool yes = value != value ? node.missing_true : TakesTrue(node, value);
    at = yes ? node.true_child : node.false_child;
  }
  return at;
}

template <typename Row>
void TreeEnsemble::Score(const Row& row, std::span<double> scores) const {
  std::vector<bool> seen(targets, false);
  for (double& score : scores) score = 0;
  for (const std::uint32_t root : roots) {
    const Node& leaf = nodes[Leaf(root, row)];
    for (std::uint32_t i = 0; i < leaf.false_child; ++i) {
      const Weight& weight = weights[leaf.true_child + i];
      Merge(weight, !seen[weight.target], scores);
      seen[weight.target] = true;
    }
  }
  for (std::size_t i = 0; i < targets; ++i) {
    if (aggregate == Aggregate::kAverage) scores[i] /= static_cast<double>(roots.size());
    if (!base_values.empty()) scores[i] += base_values[i];
  }
}

}  // namespace hadron::graph
