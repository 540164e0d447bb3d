// Convolution or Gemm followed by BatchNormalization: the normalisation goes into the weights and
// the bias. Computed in double from the original tensors and rounded once.
#include <cmath>

#include "base/bytes.h"
#include "graph/op_schema.h"
#include "graph/passes.h"

namespace hadron::graph {
namespace {

using base::IoBuf;
using base::StatusOr;
using tensor::DataType;
using tensor::HostTensor;

/// Operands of every expression below: scale, shift (B), mean, variance of the normalisation, then
/// what the expression is about.
enum Operand : std::size_t { kScale, kShift, kMean, kVariance, kFirst, kSecond };

std::vector<double> Factors(std::span<const HostTensor> operands, double epsilon) {
  const auto scale = base::AsArray<float>(operands[kScale].bytes.bytes());
  const auto variance = base::AsArray<float>(operands[kVariance].bytes.bytes());
  std::vector<double> factors;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const auto v = static_cast<double>(variance[c]);
    factors.push_back(static_cast<double>(scale[c]) / std::sqrt(v + epsilon));
  }
  return factors;
}

IoBuf Floats(const std::vector<float>& values) {
  return IoBuf::Copy(std::as_bytes(std::span(values)));
}

/// How output channels lie in a weight tensor: index / inner % channels (+ group offset).
struct ChannelOrder {
  std::int64_t outer = 1;      ///< slowest blocks (groups of a transposed convolution, or 1)
  std::int64_t per_outer = 1;  ///< rows of a block before the channel axis
  std::int64_t channels = 1;   ///< channels of a block
  std::int64_t inner = 1;      ///< elements of one channel
};

std::size_t ChannelOf(const ChannelOrder& order, std::size_t index) {
  const auto i = static_cast<std::int64_t>(index);
  const std::int64_t channel = i / order.inner % order.channels;
  const std::int64_t block = i / (order.inner * order.channels * order.per_outer);
  return static_cast<std::size_t>(block * order.channels + channel);
}

ConstantRef ScaledWeights(const ConstantRef& weights, std::vector<ConstantRef> operands,
                          const ChannelOrder& order, double epsilon) {
  operands.push_back(weights);
  return Constant::Deferred(weights->desc(), std::move(operands),
                            [order, epsilon](std::span<const HostTensor> given) -> StatusOr<IoBuf> {
                              const std::vector<double> factors = Factors(given, epsilon);
                              const auto from = base::AsArray<float>(given[kFirst].bytes.bytes());
                              std::vector<float> to(from.size());
                              for (std::size_t i = 0; i < to.size(); ++i) {
                                const double factor = factors[ChannelOf(order, i)];
                                to[i] = static_cast<float>(static_cast<double>(from[i]) * factor);
                              }
                              return Floats(to);
                            });
}

ConstantRef FoldedBias(const ConstantRef& bias, std::string name, std::vector<ConstantRef> operands,
                       double epsilon, double beta) {
  const std::int64_t channels = operands[kScale]->shape().elements();
  if (bias != nullptr) operands.push_back(bias);
  return Constant::Deferred(
      {std::move(name), DataType::kFp32, {channels}}, std::move(operands),
      [epsilon, beta](std::span<const HostTensor> given) -> StatusOr<IoBuf> {
        const std::vector<double> factors = Factors(given, epsilon);
        const auto shift = base::AsArray<float>(given[kShift].bytes.bytes());
        const auto mean = base::AsArray<float>(given[kMean].bytes.bytes());
        std::vector<float> to(factors.size());
        for (std::size_t c = 0; c < to.size(); ++c) {
          double old = 0;
          if (given.size() > kFirst) {
            const auto values = base::AsArray<float>(given[kFirst].bytes.bytes());
            old = beta * static_cast<double>(values[values.size() == 1 ? 0 : c]);
          }
          to[c] = static_cast<float>((old - static_cast<double>(mean[c])) * factors[c] +
                                     static_cast<double>(shift[c]));
        }
        return Floats(to);
      });
}

std::optional<ChannelOrder> OrderOf(const Node& node, const tensor::Shape& weights) {
  std::int64_t spatial = 1;
  for (std::size_t i = 2; i < weights.rank(); ++i) spatial *= weights[i];
  if (node.op_type == "Conv") return ChannelOrder{1, 1, weights[0], weights[1] * spatial};
  if (node.op_type == "ConvTranspose") {
    const std::int64_t group = node.attributes.Int("group", 1);
    return ChannelOrder{group, weights[0] / group, weights[1], spatial};
  }
  if (node.op_type == "Gemm") {
    const bool transposed = node.attributes.Int("transB", 0) != 0;
    return transposed ? ChannelOrder{1, 1, weights[0], weights[1]}
                      : ChannelOrder{1, weights[0], weights[1], 1};
  }
  return std::nullopt;
}

ConstantRef FloatConstant(const Graph& graph, const Node& node, std::size_t i) {
  if (!node.HasInput(i)) return nullptr;
  const ConstantRef& constant = graph.value(node.inputs[i]).constant;
  return constant != nullptr && constant->type() == DataType::kFp32 ? constant : nullptr;
}

/// Scale, shift, mean and variance when all are float constants, else nothing.
std::vector<ConstantRef> Statistics(const Graph& graph, const Node& norm) {
  std::vector<ConstantRef> statistics;
  for (std::size_t i = 1; i <= 4; ++i) {
    statistics.push_back(FloatConstant(graph, norm, i));
    if (statistics.back() == nullptr) return {};
  }
  return statistics;
}

bool FoldInto(Graph& graph, Node& node, const Node& norm) {
  const auto statistics = Statistics(graph, norm);
  const ConstantRef weights = FloatConstant(graph, node, 1);
  if (statistics.empty() || weights == nullptr || !node.post_ops.empty()) return false;
  const auto order = OrderOf(node, weights->shape());
  if (!order || order->outer * order->channels != statistics[0]->shape().elements()) return false;
  const bool has_bias = node.HasInput(2);
  const ConstantRef bias = FloatConstant(graph, node, 2);
  if (has_bias && bias == nullptr) return false;
  // A bias of Gemm may be any broadcastable shape; only a scalar or one value per column folds.
  const std::int64_t columns = statistics[0]->shape().elements();
  if (has_bias && bias->shape().elements() != 1 &&
      (bias->shape().elements() != columns || bias->shape()[bias->shape().rank() - 1] != columns)) {
    return false;
  }
  const auto epsilon = static_cast<double>(norm.attributes.Float("epsilon", 1e-5F));
  const bool gemm = node.op_type == "Gemm";
  const double beta = gemm ? static_cast<double>(node.attributes.Float("beta", 1)) : 1;
  const std::string name = graph.value(node.inputs[1]).name;
  node.inputs.resize(3, kNoValue);
  node.inputs[1] =
      graph.AddConstant(name + "/folded", ScaledWeights(weights, statistics, *order, epsilon));
  node.inputs[2] = graph.AddConstant(name + "/bias",
                                     FoldedBias(bias, name + "/bias", statistics, epsilon, beta));
  if (gemm) node.attributes.Set("beta", 1.0F);
  return true;
}

}  // namespace

base::Status FoldBatchNorm(Graph& graph, const PassContext&) {
  const std::vector<int> producers = graph.Producers();
  const std::vector<int> uses = graph.UseCounts();
  std::vector<bool> dead(graph.nodes().size(), false);
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& norm = graph.nodes()[i];
    if (norm.op_type != "BatchNormalization" || !norm.post_ops.empty()) continue;
    const int producer = producers[norm.inputs[0]];
    if (producer < 0 || uses[norm.inputs[0]] != 1) continue;
    Node& node = graph.nodes()[static_cast<std::size_t>(producer)];
    if (!FoldInto(graph, node, norm)) continue;
    node.outputs[0] = norm.outputs[0];
    dead[i] = true;
  }
  graph.EraseNodes(dead);
  return {};
}

}  // namespace hadron::graph
