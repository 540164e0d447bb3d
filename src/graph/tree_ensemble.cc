#include "graph/tree_ensemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;
using Id = std::pair<std::int64_t, std::int64_t>;  // tree, node

template <typename Enum, std::size_t kCount>
std::optional<Enum> FromName(const std::array<std::string_view, kCount>& names,
                             std::string_view name) {
  const auto it = std::ranges::find(names, name);
  if (it == names.end()) return std::nullopt;
  return static_cast<Enum>(it - names.begin());
}

constexpr std::array<std::string_view, 7> kModes = {
    "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "LEAF"};
constexpr std::array<std::string_view, 4> kAggregates = {"SUM", "AVERAGE", "MIN", "MAX"};
constexpr std::array<std::string_view, 5> kTransforms = {"NONE", "SOFTMAX", "LOGISTIC",
                                                         "SOFTMAX_ZERO", "PROBIT"};

/// Reads the parallel arrays of one node into a TreeEnsemble.
class Parser {
 public:
  explicit Parser(const Node& node) : node_(node), attributes_(node.attributes) {}

  StatusOr<TreeEnsemble> Run() {
    out_.classifier = node_.op_type == "TreeEnsembleClassifier";
    HADRON_RETURN_IF_ERROR(ReadNodes());
    HADRON_RETURN_IF_ERROR(LinkChildren());
    HADRON_RETURN_IF_ERROR(FindRoots());
    HADRON_RETURN_IF_ERROR(ReadOptions());
    HADRON_RETURN_IF_ERROR(ReadTargets());
    HADRON_RETURN_IF_ERROR(ReadWeights());
    HADRON_RETURN_IF_ERROR(ReadBaseValues());
    return std::move(out_);
  }

 private:
  Status Invalid(std::string_view text) const {
    return base::InvalidArgument(fmt::format("{}: {}", node_.Label(), text));
  }

  Status RequireCount(std::string_view name, std::size_t count, std::size_t wanted) const {
    if (count == wanted) return {};
    return Invalid(fmt::format("attribute '{}' has {} entries, expected {}", name, count, wanted));
  }

  StatusOr<std::vector<std::int64_t>> Ints(std::string_view name, std::size_t count) const {
    auto values = attributes_.Ints(name);
    HADRON_RETURN_IF_ERROR(RequireCount(name, values.size(), count));
    return values;
  }

  /// A FLOATS attribute or its double form `<name>_as_tensor`.
  StatusOr<std::vector<double>> Doubles(const std::string& name, bool* is_double = nullptr) const {
    const ConstantRef tensor = attributes_.Tensor(name + "_as_tensor");
    if (tensor != nullptr) {
      if (is_double != nullptr) *is_double = tensor->type() == tensor::DataType::kFp64;
      return tensor->Doubles();
    }
    const auto values = attributes_.Floats(name);
    return std::vector<double>(values.begin(), values.end());
  }

  Status ReadNodes() {
    const auto ids = attributes_.Ints("nodes_nodeids");
    const std::size_t count = ids.size();
    if (count == 0) return Invalid("the ensemble has no nodes");
    if (count > UINT32_MAX) return Invalid("the ensemble has too many nodes");
    HADRON_ASSIGN_OR_RETURN(const auto trees, Ints("nodes_treeids", count));
    HADRON_ASSIGN_OR_RETURN(const auto features, Ints("nodes_featureids", count));
    HADRON_ASSIGN_OR_RETURN(true_ids_, Ints("nodes_truenodeids", count));
    HADRON_ASSIGN_OR_RETURN(false_ids_, Ints("nodes_falsenodeids", count));
    const auto modes = attributes_.Strings("nodes_modes");
    HADRON_RETURN_IF_ERROR(RequireCount("nodes_modes", modes.size(), count));
    bool doubles = false;
    HADRON_ASSIGN_OR_RETURN(const auto thresholds, Doubles("nodes_values", &doubles));
    HADRON_RETURN_IF_ERROR(RequireCount("nodes_values", thresholds.size(), count));
    out_.float_thresholds = !doubles;
    auto missing = attributes_.Ints("nodes_missing_value_tracks_true");
    if (missing.empty()) missing.assign(count, 0);
    HADRON_RETURN_IF_ERROR(RequireCount("nodes_missing_value_tracks_true", missing.size(), count));
    for (std::size_t i = 0; i < count; ++i) {
      ids_.emplace_back(trees[i], ids[i]);
      TreeEnsemble::Node& node = out_.nodes.emplace_back();
      node.threshold = thresholds[i];
      node.missing_true = missing[i] != 0;
      HADRON_RETURN_IF_ERROR(ReadMode(modes[i], features[i], node));
    }
    return {};
  }

  Status ReadMode(std::string_view name, std::int64_t feature, TreeEnsemble::Node& node) {
    const auto mode = FromName<TreeEnsemble::Mode>(kModes, name);
    if (!mode) return Invalid(fmt::format("node mode '{}' is unknown", name.substr(0, 64)));
    node.mode = *mode;
    if (*mode == TreeEnsemble::Mode::kLeaf) return {};
    if (feature < 0 || feature >= INT32_MAX) {
      return Invalid(fmt::format("feature {} is out of range", feature));
    }
    node.feature = static_cast<std::uint32_t>(feature);
    out_.features = std::max(out_.features, node.feature + 1);
    return {};
  }

  StatusOr<std::uint32_t> IndexOf(Id id, std::string_view what) const {
    const auto it = index_.find(id);
    if (it != index_.end()) return it->second;
    return Invalid(fmt::format("{}: tree {} has no node {}", what, id.first, id.second));
  }

  Status LinkChildren() {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      if (index_.emplace(ids_[i], static_cast<std::uint32_t>(i)).second) continue;
      return Invalid(fmt::format("tree {} has node {} twice", ids_[i].first, ids_[i].second));
    }
    parents_.assign(ids_.size(), 0);
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      TreeEnsemble::Node& node = out_.nodes[i];
      if (node.mode == TreeEnsemble::Mode::kLeaf) continue;
      const std::int64_t tree = ids_[i].first;
      HADRON_ASSIGN_OR_RETURN(node.true_child, IndexOf({tree, true_ids_[i]}, "true child"));
      HADRON_ASSIGN_OR_RETURN(node.false_child, IndexOf({tree, false_ids_[i]}, "false child"));
      ++parents_[node.true_child];
      ++parents_[node.false_child];
    }
    return {};
  }

  /// One node without a parent a tree; what no root reaches by peeling lies on a cycle.
  Status FindRoots() {
    std::map<std::int64_t, int> roots;
    for (const Id& id : ids_) roots.emplace(id.first, 0);
    std::vector<std::uint32_t> ready;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      if (parents_[i] != 0) continue;
      ready.push_back(static_cast<std::uint32_t>(i));
      ++roots[ids_[i].first];
    }
    for (const auto& [tree, count] : roots) {
      if (count == 1) continue;
      return Invalid(fmt::format("tree {} has {} roots, expected one{}", tree, count,
                                 count == 0 ? ": its nodes form a cycle" : ""));
    }
    out_.roots = ready;
    std::size_t reached = 0;
    while (!ready.empty()) {
      const TreeEnsemble::Node& node = out_.nodes[ready.back()];
      ready.pop_back();
      ++reached;
      if (node.mode == TreeEnsemble::Mode::kLeaf) continue;
      if (--parents_[node.true_child] == 0) ready.push_back(node.true_child);
      if (--parents_[node.false_child] == 0) ready.push_back(node.false_child);
    }
    return reached == ids_.size() ? Status() : Invalid("the nodes of a tree form a cycle");
  }

  Status ReadOptions() {
    const std::string transform = attributes_.String("post_transform", "NONE");
    const auto post = FromName<TreeEnsemble::PostTransform>(kTransforms, transform);
    if (!post) return Invalid(fmt::format("post_transform '{}' is unknown", transform));
    out_.post_transform = *post;
    const std::string name = attributes_.String("aggregate_function", "SUM");
    const auto aggregate = FromName<TreeEnsemble::Aggregate>(kAggregates, name);
    if (!aggregate) return Invalid(fmt::format("aggregate_function '{}' is unknown", name));
    out_.aggregate = *aggregate;
    return {};
  }

  Status ReadTargets() {
    std::int64_t count = attributes_.Int("n_targets", 1);
    if (out_.classifier) {
      out_.int_labels = attributes_.Ints("classlabels_int64s");
      out_.string_labels = attributes_.Strings("classlabels_strings");
      if (out_.int_labels.empty() == out_.string_labels.empty()) {
        return Invalid("exactly one of 'classlabels_int64s' and 'classlabels_strings' is needed");
      }
      count = static_cast<std::int64_t>(out_.int_labels.size() + out_.string_labels.size());
    }
    // Bounds what a file can ask of a row of scores.
    if (count < 1 || count > INT32_MAX / 64) {
      return Invalid(fmt::format("{} targets are not allowed", count));
    }
    out_.targets = out_.outputs = static_cast<std::uint32_t>(count);
    return {};
  }

  Status ReadWeights() {
    const std::string prefix = out_.classifier ? "class_" : "target_";
    const auto targets = attributes_.Ints(prefix + "ids");
    const std::size_t count = targets.size();
    HADRON_ASSIGN_OR_RETURN(const auto trees, Ints(prefix + "treeids", count));
    HADRON_ASSIGN_OR_RETURN(const auto nodes, Ints(prefix + "nodeids", count));
    HADRON_ASSIGN_OR_RETURN(const auto values, Doubles(prefix + "weights"));
    HADRON_RETURN_IF_ERROR(RequireCount(prefix + "weights", values.size(), count));
    std::vector<std::uint32_t> leaves(count);
    for (std::size_t i = 0; i < count; ++i) {
      HADRON_ASSIGN_OR_RETURN(leaves[i], IndexOf({trees[i], nodes[i]}, "weight"));
      if (out_.nodes[leaves[i]].mode != TreeEnsemble::Mode::kLeaf) {
        return Invalid(
            fmt::format("weight {}: node {} of tree {} is no leaf", i, nodes[i], trees[i]));
      }
      if (targets[i] < 0 || targets[i] >= static_cast<std::int64_t>(out_.targets)) {
        return Invalid(fmt::format("weight {} names target {} of {}", i, targets[i], out_.targets));
      }
    }
    DetectBinary(targets, values);
    GroupByLeaf(leaves, targets, values);
    return {};
  }

  /// Two classes of which the trees score only one.
  void DetectBinary(const std::vector<std::int64_t>& targets, const std::vector<double>& values) {
    if (!out_.classifier || out_.outputs != 2 || targets.empty()) return;
    if (std::ranges::any_of(targets, [&](std::int64_t t) { return t != targets[0]; })) return;
    const bool negative = std::ranges::any_of(values, [](double v) { return v < 0; });
    const bool plain = out_.post_transform == TreeEnsemble::PostTransform::kNone ||
                       out_.post_transform == TreeEnsemble::PostTransform::kProbit;
    out_.binary =
        plain && !negative ? TreeEnsemble::Binary::kProbability : TreeEnsemble::Binary::kMargin;
    out_.targets = 1;
  }

  void GroupByLeaf(const std::vector<std::uint32_t>& leaves,
                   const std::vector<std::int64_t>& targets, const std::vector<double>& values) {
    std::vector<std::size_t> order(leaves.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return leaves[i]; });
    for (TreeEnsemble::Node& node : out_.nodes) {
      if (node.mode == TreeEnsemble::Mode::kLeaf) node.true_child = node.false_child = 0;
    }
    for (const std::size_t i : order) {
      TreeEnsemble::Node& leaf = out_.nodes[leaves[i]];
      if (leaf.false_child++ == 0) {
        leaf.true_child = static_cast<std::uint32_t>(out_.weights.size());
      }
      const bool column = out_.binary != TreeEnsemble::Binary::kNo;
      out_.weights.push_back({column ? 0 : static_cast<std::uint32_t>(targets[i]), values[i]});
    }
  }

  Status ReadBaseValues() {
    HADRON_ASSIGN_OR_RETURN(auto values, Doubles("base_values"));
    // A binary classifier may give one value a class; the scored column takes the second.
    if (out_.binary != TreeEnsemble::Binary::kNo && values.size() == 2) values = {values[1]};
    if (!values.empty()) {
      HADRON_RETURN_IF_ERROR(RequireCount("base_values", values.size(), out_.targets));
    }
    out_.base_values = std::move(values);
    return {};
  }

  const Node& node_;
  const Attributes& attributes_;
  TreeEnsemble out_;
  std::vector<Id> ids_;
  std::vector<std::int64_t> true_ids_;
  std::vector<std::int64_t> false_ids_;
  std::vector<std::uint32_t> parents_;
  std::map<Id, std::uint32_t> index_;
};

double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

/// Inverse of the normal distribution function: Acklam's rational approximation, then one step of
/// Halley's method, which makes it exact to double precision.
double Probit(double p) {
  if (!(p > 0 && p < 1)) return p == 0 ? -HUGE_VAL : p == 1 ? HUGE_VAL : std::nan("");
  double x = 0;
  if (p < 0.02425 || p > 1 - 0.02425) {
    const double q = std::sqrt(-2 * std::log(p < 0.5 ? p : 1 - p));
    x = (((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838) * q -
           2.549732539343734) *
              q +
          4.374664141464968) *
             q +
         2.938163982698783) /
        ((((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996) * q +
          3.754408661907416) *
             q +
         1);
    if (p > 0.5) x = -x;
  } else {
    const double q = p - 0.5;
    const double r = q * q;
    x = (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r +
           1.383577518672690e+02) *
              r -
          3.066479806614716e+01) *
             r +
         2.506628277459239) *
        q /
        (((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r +
           6.680131188771972e+01) *
              r -
          1.328068155288572e+01) *
             r +
         1);
  }
  const double e = 0.5 * std::erfc(-x / std::sqrt(2.0)) - p;
  const double u = e * std::sqrt(2 * M_PI) * std::exp(x * x / 2);
  return x - u / (1 + x * u / 2);
}

/// With `skip_zeros`, scores of exactly zero stay zero and do not count.
void Softmax(std::span<double> scores, bool skip_zeros) {
  const double most = *std::ranges::max_element(scores);
  double sum = 0;
  for (double& v : scores) {
    if (skip_zeros && v == 0) continue;
    v = std::exp(v - most);
    sum += v;
  }
  if (sum == 0) return;
  for (double& v : scores) v /= sum;
}

}  // namespace

StatusOr<TreeEnsemble> TreeEnsemble::Parse(const graph::Node& node) { return Parser(node).Run(); }

void TreeEnsemble::Merge(const Weight& weight, bool first, std::span<double> scores) const {
  double& score = scores[weight.target];
  if (aggregate == Aggregate::kMin) {
    score = first ? weight.value : std::min(score, weight.value);
  } else if (aggregate == Aggregate::kMax) {
    score = first ? weight.value : std::max(score, weight.value);
  } else {
    score += weight.value;
  }
}

std::size_t TreeEnsemble::Finish(std::span<const double> scores, std::span<double> out) const {
  std::size_t winner = 0;
  if (binary == Binary::kNo) {
    std::ranges::copy(scores.first(outputs), out.begin());
    if (classifier) {
      winner = static_cast<std::size_t>(std::ranges::max_element(out) - out.begin());
    }
  } else {
    const double s = scores[0];
    const bool probability = binary == Binary::kProbability;
    winner = s > (probability ? 0.5 : 0.0) ? 1 : 0;
    out[0] = probability ? 1 - s : -s;
    out[1] = s;
  }
  switch (post_transform) {
    case PostTransform::kNone:
      break;
    case PostTransform::kSoftmax:
      Softmax(out, false);
      break;
    case PostTransform::kSoftmaxZero:
      Softmax(out, true);
      break;
    case PostTransform::kLogistic:
      std::ranges::transform(out, out.begin(), Logistic);
      break;
    case PostTransform::kProbit:
      std::ranges::transform(out, out.begin(), Probit);
      break;
  }
  return winner;
}

}  // namespace hadron::graph
