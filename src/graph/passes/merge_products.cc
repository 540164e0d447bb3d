// Products of one input with several constant matrices of equal size (the query, key and value of
// attention) become one product with a stack of matrices; so does a product whose result is only
// cut into equal column blocks. Each result is then one piece of the stack, which plans need not
// copy. Runs behind the fusion of post-ops: products with different ones stay apart.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "graph/infer.h"
#include "graph/op_schema.h"
#include "graph/passes.h"

namespace hadron::graph {
namespace {

using base::IoBuf;
using base::StatusOr;
using tensor::DataType;
using tensor::HostTensor;
using tensor::Shape;

/// All results of a stack are there until the last is read.
constexpr std::size_t kMostMerged = 4;
/// Blocks of columns that become a stack.
constexpr std::int64_t kMostBlocks = 16;
/// Walks over the whole graph; networks have one a layer.
constexpr int kMostSearches = 500;
/// Narrower blocks would change kernels, and with them how sums are rounded.
constexpr std::int64_t kLeastBlock = 16;

/// x [..., rows, depth] times a constant matrix, as this pass sees it.
struct Product {
  std::size_t node = 0;
  ConstantRef weights = nullptr;
  bool transposed = false;  ///< [columns, depth]
  std::int64_t depth = 0;
  std::int64_t columns = 0;
  std::vector<PostOp> post_ops = {};  ///< with the bias of Gemm in front
};

/// Where a block's columns come from.
struct Block {
  std::size_t source = 0;  ///< of the products
  std::int64_t first = 0;  ///< column there
};

bool HasChannelOperand(const PostOp& op) {
  return op.kind == PostOp::Kind::kScale || op.kind == PostOp::Kind::kShift;
}

/// A float constant of `columns` elements, in the last axis.
bool IsRow(const Graph& graph, ValueId value, std::int64_t columns) {
  const ConstantRef& row = graph.value(value).constant;
  return row != nullptr && row->type() == DataType::kFp32 && row->shape().rank() > 0 &&
         row->shape().elements() == columns && row->shape()[row->shape().rank() - 1] == columns;
}

/// True when the node is a product that a stack can do; notes the bias of Gemm.
bool TakesNode(const Graph& graph, const Node& node, Product& product) {
  if (node.op_type == "MatMul") return true;
  const Attributes& attributes = node.attributes;
  const bool plain = node.op_type == "Gemm" && attributes.Int("transA", 0) == 0 &&
                     attributes.Float("alpha", 1) == 1 && attributes.Float("beta", 1) == 1;
  if (!plain) return false;
  product.transposed = attributes.Int("transB", 0) != 0;
  if (!node.HasInput(2)) return true;
  const std::size_t axis = product.transposed ? 0 : 1;
  if (!IsRow(graph, node.inputs[2], product.weights->shape()[axis])) return false;
  product.post_ops.push_back({PostOp::Kind::kShift, 0, 0, node.inputs[2]});
  return true;
}

std::optional<Product> ProductAt(const Graph& graph, std::size_t index) {
  const Node& node = graph.nodes()[index];
  if (!node.domain.empty() || !node.HasInput(1)) return std::nullopt;
  Product product{.node = index, .weights = graph.value(node.inputs[1]).constant};
  if (product.weights == nullptr || product.weights->type() != DataType::kFp32 ||
      product.weights->shape().rank() != 2 || graph.value(node.inputs[0]).shape.size() < 2 ||
      product.weights->shape().elements() == 0 || !TakesNode(graph, node, product)) {
    return std::nullopt;
  }
  product.depth = product.weights->shape()[product.transposed ? 1 : 0];
  product.columns = product.weights->shape()[product.transposed ? 0 : 1];
  for (const PostOp& op : node.post_ops) {
    const bool row = HasChannelOperand(op) && IsRow(graph, op.operand, product.columns);
    if (op.operand != kNoValue && !row) return std::nullopt;
    product.post_ops.push_back(op);
  }
  return product;
}

/// Equal for products that may be merged: of one input, alike in size and post-ops.
using Key = std::tuple<ValueId, std::int64_t, std::int64_t,
                       std::vector<std::tuple<PostOp::Kind, std::uint32_t, std::uint32_t>>>;

Key KeyOf(const Product& product, ValueId input) {
  Key key{input, product.depth, product.columns, {}};
  for (const PostOp& op : product.post_ops) {
    std::get<3>(key).emplace_back(op.kind, std::bit_cast<std::uint32_t>(op.a),
                                  std::bit_cast<std::uint32_t>(op.b));
  }
  return key;
}

/// [blocks, 1, ..., 1, last two...]: what meets an input of this rank as a stack.
Shape StackShape(std::size_t blocks, std::size_t input_rank, std::vector<std::int64_t> last) {
  std::vector<std::int64_t> dims(input_rank - 1, 1);
  dims[0] = static_cast<std::int64_t>(blocks);
  dims.insert(dims.end(), last.begin(), last.end());
  return Shape(dims);
}

/// Copies one block's columns of a matrix [depth, all] (or [all, depth]) to [depth, columns].
void CopyColumns(const float* from, const Product& product, std::int64_t first,
                 std::int64_t columns, float* to) {
  const std::int64_t depth = product.depth;
  for (std::int64_t k = 0; k < depth; ++k, to += columns) {
    if (!product.transposed) {
      const float* line = from + k * product.columns + first;
      std::copy_n(line, columns, to);
      continue;
    }
    for (std::int64_t n = 0; n < columns; ++n) to[n] = from[(first + n) * depth + k];
  }
}

/// What becomes one product.
struct Stack {
  std::vector<Product> products = {};  ///< alike
  std::vector<Block> blocks = {};
  std::int64_t columns = 0;           ///< of a block
  std::vector<ValueId> results = {};  ///< by block
};

ConstantRef StackedWeights(const Stack& stack, const std::string& name, std::size_t rank) {
  std::vector<ConstantRef> operands;
  for (const Product& product : stack.products) operands.push_back(product.weights);
  Shape shape = StackShape(stack.blocks.size(), rank, {stack.products[0].depth, stack.columns});
  const auto size = static_cast<std::size_t>(stack.products[0].depth * stack.columns);
  return Constant::Deferred(
      {name, DataType::kFp32, std::move(shape)}, std::move(operands),
      [stack, size](std::span<const HostTensor> given) -> StatusOr<IoBuf> {
        std::vector<std::byte> bytes(stack.blocks.size() * size * sizeof(float));
        const auto to = base::AsMutableArray<float>(bytes);
        for (std::size_t i = 0; i < stack.blocks.size(); ++i) {
          const Block& block = stack.blocks[i];
          const IoBuf flat = given[block.source].bytes.Flatten();
          CopyColumns(base::AsArray<float>(flat.bytes()).data(), stack.products[block.source],
                      block.first, stack.columns, to.data() + i * size);
        }
        return IoBuf::FromVector(std::move(bytes));
      });
}

/// The rows of one post-op, block by block.
ConstantRef StackedRows(const Graph& graph, const Stack& stack, const std::string& name,
                        std::size_t rank, std::size_t post_op) {
  std::vector<ConstantRef> operands;
  for (const Product& product : stack.products) {
    operands.push_back(graph.value(product.post_ops[post_op].operand).constant);
  }
  const auto size = static_cast<std::size_t>(stack.columns) * sizeof(float);
  return Constant::Deferred(
      {name, DataType::kFp32, StackShape(stack.blocks.size(), rank, {1, stack.columns})},
      std::move(operands),
      [blocks = stack.blocks, size](std::span<const HostTensor> given) -> StatusOr<IoBuf> {
        std::vector<std::byte> bytes(blocks.size() * size);
        for (std::size_t i = 0; i < blocks.size(); ++i) {
          const std::size_t first = static_cast<std::size_t>(blocks[i].first) * sizeof(float);
          given[blocks[i].source]
              .bytes.Sub(first, size)
              .CopyTo(std::span(bytes).subspan(i * size, size));
        }
        return IoBuf::FromVector(std::move(bytes));
      });
}

Node MakeNode(std::string name, std::string op_type, std::vector<ValueId> inputs,
              std::vector<ValueId> outputs) {
  Node node;
  node.name = std::move(name);
  node.op_type = std::move(op_type);
  node.schema = OpRegistry::Get().Find("", node.op_type);
  node.since_version = node.schema->versions.back();
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  return node;
}

class Merger {
 public:
  Merger(Graph& graph, const PassContext& context, std::vector<ValueFacts> facts)
      : graph_(graph),
        context_(context),
        facts_(std::move(facts)),
        uses_(graph.UseCounts()),
        dead_(graph.nodes().size(), false) {
    for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
      const Node& node = graph.nodes()[i];
      if (node.op_type == "Slice" && node.HasInput(0)) slices_[node.inputs[0]].push_back(i);
    }
  }

  void Run() {
    std::map<Key, std::vector<Product>> open;  // products that wait for others
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
      auto product = ProductAt(graph_, i);
      if (!product) continue;
      if (auto stack = CutStack(*product)) {
        Plan(std::move(*stack));
      } else {
        open[KeyOf(*product, graph_.nodes()[i].inputs[0])].push_back(std::move(*product));
      }
    }
    for (auto& [key, products] : open) MergeAlike(products);
    if (!stacks_.empty()) Rewrite();
  }

 private:
  void MergeAlike(std::span<Product> products) {
    for (; products.size() > 1;
         products = products.subspan(std::min(products.size(), kMostMerged))) {
      Stack stack{.columns = products[0].columns};
      for (Product& product : products.first(std::min(products.size(), kMostMerged))) {
        stack.blocks.push_back({stack.products.size(), 0});
        stack.results.push_back(graph_.nodes()[product.node].outputs[0]);
        stack.products.push_back(std::move(product));
      }
      Plan(std::move(stack));
    }
  }

  /// The number of a small integer value, when it is known.
  std::optional<std::int64_t> Number(const Node& node, std::size_t i) const {
    const auto& elements = facts_[node.inputs[i]].elements;
    const bool known = elements && elements->size() == 1 && (*elements)[0].known();
    return known ? std::optional((*elements)[0].value()) : std::nullopt;
  }

  bool IsLastAxis(std::int64_t axis, ValueId value) const {
    const auto rank = static_cast<std::int64_t>(graph_.value(value).shape.size());
    return axis == -1 || axis == rank - 1;
  }

  /// The first column that a Slice takes of `value`, if it takes columns alone.
  std::optional<std::int64_t> FirstColumn(const Node& slice, ValueId value) const {
    if (slice.op_type != "Slice" || !slice.domain.empty() || !slice.HasInput(3)) return {};
    const auto start = Number(slice, 1);
    const auto axis = Number(slice, 3);
    const bool dense = !slice.HasInput(4) || Number(slice, 4) == 1;
    if (!start || *start < 0 || !axis || !IsLastAxis(*axis, value) || !dense) return {};
    return start;
  }

  /// The stack of a product that is only read as equal blocks of its columns, by a Slice each.
  std::optional<Stack> CutStack(const Product& product) {
    const ValueId y = graph_.nodes()[product.node].outputs[0];
    const auto found = slices_.find(y);
    if (found == slices_.end()) return std::nullopt;
    const std::vector<std::size_t>& slices = found->second;
    const auto count = static_cast<std::int64_t>(slices.size());
    if (count < 2 || count > kMostBlocks || product.columns % (count * kLeastBlock) != 0)
      return std::nullopt;
    Stack stack{.products = {product}, .columns = product.columns / count};
    stack.results.assign(slices.size(), kNoValue);
    for (std::int64_t i = 0; i < count; ++i) stack.blocks.push_back({0, i * stack.columns});
    for (const std::size_t reader : slices) {
      const Node& slice = graph_.nodes()[reader];
      const auto first = FirstColumn(slice, y);
      if (!first || *first % stack.columns != 0 || *first >= product.columns) return std::nullopt;
      if (facts_[slice.outputs[0]].shape.back() != Dim(stack.columns)) return std::nullopt;
      stack.results[static_cast<std::size_t>(*first / stack.columns)] = slice.outputs[0];
    }
    const bool all = std::ranges::find(stack.results, kNoValue) == stack.results.end();
    return all && IsDeadWithout(slices, y) ? std::optional(std::move(stack)) : std::nullopt;
  }

  /// True when nobody needs the value once these readers are gone: exporters compute bounds from
  /// its shape.
  bool IsDeadWithout(const std::vector<std::size_t>& readers, ValueId value) {
    if (uses_[value] == std::ssize(readers)) return true;
    if (searches_++ == kMostSearches) return false;
    std::vector<bool> live(graph_.value_count(), false);
    for (const GraphOutput& output : graph_.outputs()) live[output.value] = true;
    for (std::size_t i = graph_.nodes().size(); i-- > 0;) {
      const Node& node = graph_.nodes()[i];
      const auto is_live = [&](ValueId id) { return id != kNoValue && live[id]; };
      if (std::ranges::find(readers, i) != readers.end()) continue;
      if (!std::ranges::any_of(node.outputs, is_live)) continue;
      for (const ValueId id : node.inputs) {
        if (id != kNoValue) live[id] = true;
      }
      for (const PostOp& op : node.post_ops) {
        if (op.operand != kNoValue) live[op.operand] = true;
      }
    }
    return !live[value];
  }

  /// To be done unless the backend cannot.
  void Plan(Stack stack) {
    const Product& first = stack.products[0];
    const Node product = MakeNode("", "MatMul", {}, {});
    for (const PostOp& op : first.post_ops) {
      if (!context_.can_fuse || !context_.can_fuse(product, op)) return;
    }
    for (const Product& member : stack.products) dead_[member.node] = true;
    if (stack.products.size() == 1) {
      for (const std::size_t slice : slices_[graph_.nodes()[first.node].outputs[0]]) {
        dead_[slice] = true;
      }
    }
    stacks_.emplace(first.node, std::move(stack));
  }

  void Emit(const Stack& stack, std::vector<Node>& nodes) {
    const Node& origin = graph_.nodes()[stack.products[0].node];
    const std::string name = origin.name;
    const ValueId x = origin.inputs[0];
    const std::size_t rank = graph_.value(x).shape.size();
    SymbolicShape shape = graph_.value(stack.results[0]).shape;
    const ValueId weights =
        graph_.AddConstant(name + "/stack", StackedWeights(stack, name + "/stack", rank));
    std::vector<PostOp> post_ops = stack.products[0].post_ops;
    for (std::size_t i = 0; i < post_ops.size(); ++i) {
      if (post_ops[i].operand == kNoValue) continue;
      const std::string row = fmt::format("{}/row{}", name, i);
      post_ops[i].operand = graph_.AddConstant(row, StackedRows(graph_, stack, row, rank, i));
    }
    shape.insert(shape.begin(), Dim(static_cast<std::int64_t>(stack.blocks.size())));
    const ValueId whole = graph_.AddValue(name + "/stacked", DataType::kFp32, shape);
    nodes.push_back(MakeNode(name, "MatMul", {x, weights}, {whole}));
    nodes.back().post_ops = std::move(post_ops);
    shape[0] = Dim(1);
    std::vector<ValueId> parts;
    for (std::size_t i = 0; i < stack.blocks.size(); ++i) {
      const std::string part = fmt::format("{}/part{}", name, i);
      parts.push_back(graph_.AddValue(part, DataType::kFp32, shape));
    }
    const std::vector<std::int64_t> ones(stack.blocks.size(), 1);
    const std::int64_t count = std::ssize(ones);
    const ValueId sizes = graph_.AddConstant(
        name + "/sizes", Constant::FromInts(name + "/sizes", ones, Shape{count}));
    const ValueId axis = graph_.AddConstant(
        name + "/axis", Constant::FromInts(name + "/axis", std::array<std::int64_t, 1>{}, {1}));
    nodes.push_back(MakeNode(name + "/split", "Split", {whole, sizes}, parts));
    nodes.back().attributes.Set("axis", std::int64_t{0});
    for (std::size_t i = 0; i < parts.size(); ++i) {
      nodes.push_back(MakeNode(name + "/result", "Squeeze", {parts[i], axis}, {stack.results[i]}));
    }
  }

  void Rewrite() {
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < graph_.nodes().size(); ++i) {
      if (const auto stack = stacks_.find(i); stack != stacks_.end()) Emit(stack->second, nodes);
      if (!dead_[i]) nodes.push_back(graph_.nodes()[i]);
    }
    graph_.nodes() = std::move(nodes);
  }

  Graph& graph_;
  const PassContext& context_;
  const std::vector<ValueFacts> facts_;
  const std::vector<int> uses_;
  std::map<ValueId, std::vector<std::size_t>> slices_;  ///< by what they read
  int searches_ = 0;
  std::map<std::size_t, Stack> stacks_;  ///< by the node in whose place they come
  std::vector<bool> dead_;
};

}  // namespace

base::Status MergeProducts(Graph& graph, const PassContext& context) {
  HADRON_ASSIGN_OR_RETURN(auto facts, InferFacts(graph));
  Merger(graph, context, std::move(facts)).Run();
  return EliminateDead(graph, context);  // what computed the bounds of slices
}

}  // namespace hadron::graph
