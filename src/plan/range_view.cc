#include "plan/range_view.h"

#include <algorithm>
#include <string_view>

#include "graph/slice_range.h"
#include "tensor/data_type.h"

namespace hadron::plan {
namespace {

using backend::TensorSpec;
using graph::ConstantRef;
using graph::Node;
using tensor::Shape;

/// Elements [start, start + count) of an axis.
struct Range {
  std::int64_t start = 0;
  std::int64_t count = 0;
};
using Block = std::vector<Range>;  ///< by axis
using Blocks = std::vector<Block>;

/// What the parsers below work on.
struct Request {
  const Node& node;
  std::span<const TensorSpec> inputs;
  std::span<const TensorSpec> outputs;
  std::span<const ConstantRef> constants;

  const Shape& x() const { return inputs[0].shape; }
};

Block Whole(const Shape& shape) {
  Block block;
  for (std::size_t i = 0; i < shape.rank(); ++i) block.push_back({0, shape[i]});
  return block;
}

std::size_t AxisOf(std::int64_t axis, const Shape& shape) {
  return static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.rank()) : axis);
}

std::optional<std::vector<std::int64_t>> Numbers(const Request& request, std::size_t i) {
  if (request.constants[i] == nullptr) return std::nullopt;
  auto numbers = request.constants[i]->Ints();
  return numbers.ok() ? std::optional(std::move(numbers).value()) : std::nullopt;
}

/// The numbers of an input that may be left out, then `missing`.
std::optional<std::vector<std::int64_t>> Numbers(const Request& request, std::size_t i,
                                                 std::vector<std::int64_t> missing) {
  return request.node.HasInput(i) ? Numbers(request, i) : std::move(missing);
}

std::optional<Blocks> OfSlice(const Request& request) {
  const auto starts = Numbers(request, 1);
  const auto ends = Numbers(request, 2);
  if (!starts || !ends) return std::nullopt;
  std::vector<std::int64_t> all_axes;
  for (std::size_t i = 0; i < starts->size(); ++i) {
    all_axes.push_back(static_cast<std::int64_t>(i));
  }
  const auto axes = Numbers(request, 3, std::move(all_axes));
  const auto steps = Numbers(request, 4, std::vector<std::int64_t>(starts->size(), 1));
  if (!axes || !steps) return std::nullopt;
  Block block = Whole(request.x());
  for (std::size_t i = 0; i < starts->size(); ++i) {
    const std::size_t axis = AxisOf((*axes)[i], request.x());
    const auto range =
        graph::ResolveSlice((*starts)[i], (*ends)[i], (*steps)[i], request.x()[axis]);
    if (range.count > 1 && (*steps)[i] != 1) return std::nullopt;
    block[axis] = {range.start, range.count};
  }
  return Blocks{std::move(block)};
}

std::optional<Blocks> OfSplit(const Request& request) {
  const std::size_t axis = AxisOf(request.node.attributes.Int("axis", 0), request.x());
  Blocks blocks;
  std::int64_t start = 0;
  for (const TensorSpec& output : request.outputs) {
    if (output.type == tensor::DataType::kInvalid) return std::nullopt;
    Block& block = blocks.emplace_back(Whole(request.x()));
    block[axis] = {start, output.shape[axis]};
    start += block[axis].count;
  }
  return blocks;
}

std::optional<Blocks> OfGather(const Request& request) {
  const std::size_t axis = AxisOf(request.node.attributes.Int("axis", 0), request.x());
  auto indices = Numbers(request, 1);
  if (!indices || indices->empty()) return std::nullopt;
  for (std::size_t i = 0; i < indices->size(); ++i) {
    std::int64_t& index = (*indices)[i];
    if (index < 0) index += request.x()[axis];
    // A place outside is the kernel's to refuse.
    if (index < 0 || index >= request.x()[axis]) return std::nullopt;
    if (index != indices->front() + static_cast<std::int64_t>(i)) return std::nullopt;
  }
  Block block = Whole(request.x());
  block[axis] = {indices->front(), static_cast<std::int64_t>(indices->size())};
  return Blocks{std::move(block)};
}

std::optional<Blocks> OfTranspose(const Request& request) {
  const Shape& x = request.x();
  std::vector<std::int64_t> order = request.node.attributes.Ints("perm");
  if (order.empty()) {
    for (std::size_t i = x.rank(); i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
  }
  std::erase_if(order, [&](std::int64_t axis) { return x[static_cast<std::size_t>(axis)] == 1; });
  if (!std::ranges::is_sorted(order)) return std::nullopt;
  return Blocks{Whole(x)};
}

struct Row {
  std::string_view op_type;
  std::optional<Blocks> (*blocks)(const Request&);
};
constexpr Row kRows[] = {
    {"Slice", OfSlice}, {"Split", OfSplit}, {"Gather", OfGather}, {"Transpose", OfTranspose}};

std::int64_t Elements(const Block& block) {
  std::int64_t elements = 1;
  for (const Range& range : block) elements *= range.count;
  return elements;
}

/// Where the block starts, in elements, if it lies in one piece: one element of every axis in front
/// of one range, all of the axes behind it.
std::optional<std::int64_t> StartOf(const Block& block, const Shape& shape) {
  const auto strides = shape.Strides();
  std::int64_t start = 0;
  bool whole = false;
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (block[i].count == 0 || (whole && block[i].count != shape[i])) return std::nullopt;
    whole = whole || block[i].count > 1;
    start += block[i].start * strides[i];
  }
  return start;
}

}  // namespace

std::optional<std::vector<std::uint64_t>> RangesOf(const Node& node,
                                                   std::span<const TensorSpec> inputs,
                                                   std::span<const TensorSpec> outputs,
                                                   std::span<const ConstantRef> constants) {
  const auto* row = std::ranges::find(kRows, node.op_type, &Row::op_type);
  if (!node.domain.empty() || row == std::end(kRows) || !node.post_ops.empty()) return std::nullopt;
  const std::uint64_t size = tensor::ElementSize(inputs[0].type);
  if (size == 0) return std::nullopt;  // strings
  const auto blocks = row->blocks({node, inputs, outputs, constants});
  if (!blocks) return std::nullopt;
  std::vector<std::uint64_t> starts;
  for (std::size_t i = 0; i < blocks->size(); ++i) {
    const auto start = StartOf((*blocks)[i], inputs[0].shape);
    if (!start || Elements((*blocks)[i]) != outputs[i].shape.elements()) return std::nullopt;
    starts.push_back(static_cast<std::uint64_t>(*start) * size);
  }
  return starts;
}

}  // namespace hadron::plan
