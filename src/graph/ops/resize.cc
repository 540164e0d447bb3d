// Resize: interpolation to another size; Upsample is an old spelling of it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "graph/ops/util.h"

namespace hadron::graph {
namespace {

using base::Status;
using base::StatusOr;
using tensor::DataType;

/// Kernels keep where each element of an axis comes from: a table that a model file must not make
/// larger than its tensors ever are.
constexpr std::int64_t kLargestAxis = std::int64_t{1} << 20;

Status RequireOneOf(const InferContext& c, std::string_view name, std::string_view missing,
                    std::initializer_list<std::string_view> legal,
                    std::initializer_list<std::string_view> supported) {
  const std::string value = c.attributes().String(name, std::string(missing));
  if (std::ranges::find(supported, value) != supported.end()) return {};
  const std::string text = fmt::format("attribute '{}' = '{}'", name, value.substr(0, 64));
  return std::ranges::find(legal, value) != legal.end() ? c.Unsupported(text + " is not supported")
                                                        : c.Invalid(text + " is unknown");
}

Status CheckAttributes(const InferContext& c) {
  HADRON_RETURN_IF_ERROR(RequireOneOf(c, "mode", "nearest", {}, {"nearest", "linear", "cubic"}));
  HADRON_RETURN_IF_ERROR(RequireOneOf(
      c, "coordinate_transformation_mode", "half_pixel", {"tf_crop_and_resize"},
      {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"}));
  HADRON_RETURN_IF_ERROR(
      RequireOneOf(c, "nearest_mode", "round_prefer_floor", {},
                   {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}));
  HADRON_RETURN_IF_ERROR(RequireOneOf(c, "keep_aspect_ratio_policy", "stretch",
                                      {"not_larger", "not_smaller"}, {"stretch"}));
  if (c.attributes().Int("antialias", 0) == 0) return {};
  return c.Unsupported("attribute 'antialias' = 1 is not supported");
}

/// True for an input that is there and not the empty tensor that stands for none.
bool IsGiven(const InferContext& c, std::size_t i) {
  return c.has_input(i) && !(c.rank(i) == 1 && c.shape(i)[0] == Dim(0));
}

StatusOr<Dim> Scaled(InferContext& c, const Dim& size, double scale) {
  if (!std::isfinite(scale) || scale <= 0) {
    return c.Invalid(fmt::format("a scale of {} is not allowed", scale));
  }
  if (scale == 1) return size;
  if (size.known()) {
    // In float32, as the formula is written: floor() depends on it.
    const float scaled = std::floor(static_cast<float>(size.value()) * static_cast<float>(scale));
    if (scaled > static_cast<float>(INT32_MAX)) {
      return c.Invalid(fmt::format("a dimension of {} x {} is too large", size.value(), scale));
    }
    return Dim(static_cast<std::int64_t>(scaled));
  }
  if (scale != std::floor(scale) || scale > INT32_MAX) return c.NewSymbol();
  const auto product = size.Times(Dim(static_cast<std::int64_t>(scale)));
  return product ? *product : c.NewSymbol();
}

/// Output sizes of the given axes, from input 2 (scales) or 3 (sizes).
StatusOr<SymbolicShape> Sizes(InferContext& c, const SymbolicShape& dims) {
  SymbolicShape out;
  if (IsGiven(c, 3)) {
    HADRON_RETURN_IF_ERROR(c.RequireType(3, {DataType::kInt64}));
    HADRON_RETURN_IF_ERROR(RequireVector(c, 3, Dim(static_cast<std::int64_t>(dims.size()))));
    const auto* elements = c.elements(3);
    for (std::size_t i = 0; i < dims.size(); ++i) {
      out.push_back(elements == nullptr ? c.NewSymbol() : (*elements)[i]);
      const bool empty = out[i] == Dim(0) && dims[i] == Dim(0);
      if (out[i].known() && out[i].value() < 1 && !empty) {
        return c.Invalid(fmt::format("a size of {} is not allowed", out[i].value()));
      }
    }
    return out;
  }
  HADRON_RETURN_IF_ERROR(c.RequireType(2, {DataType::kFp32}));
  HADRON_RETURN_IF_ERROR(RequireVector(c, 2, Dim(static_cast<std::int64_t>(dims.size()))));
  const Constant* constant = c.constant(2);
  if (constant == nullptr) return c.Unsupported("the scales must not depend on the data");
  HADRON_ASSIGN_OR_RETURN(const auto scales, constant->Doubles());
  for (std::size_t i = 0; i < dims.size(); ++i) {
    HADRON_ASSIGN_OR_RETURN(out.emplace_back(), Scaled(c, dims[i], scales[i]));
  }
  return out;
}

Status InferResize(InferContext& c) {
  HADRON_RETURN_IF_ERROR(c.RequireType(0, kNumberTypes));
  HADRON_RETURN_IF_ERROR(CheckAttributes(c));
  if (IsGiven(c, 2) == IsGiven(c, 3)) {
    return c.Invalid("exactly one of 'scales' and 'sizes' must be given");
  }
  std::vector<std::int64_t> axes(c.shape(0).size());
  std::iota(axes.begin(), axes.end(), 0);
  HADRON_ASSIGN_OR_RETURN(axes, NormaliseAxes(c, c.attributes().Ints("axes", axes), c.rank(0)));
  SymbolicShape y = c.shape(0);
  SymbolicShape dims;
  for (const std::int64_t axis : axes) dims.push_back(y[static_cast<std::size_t>(axis)]);
  HADRON_ASSIGN_OR_RETURN(const SymbolicShape sizes, Sizes(c, dims));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const bool from_nothing = dims[i] == Dim(0) && sizes[i].known() && sizes[i] != Dim(0);
    if (from_nothing) return c.Invalid("a dimension of 0 elements cannot be enlarged");
    if (sizes[i].known() && sizes[i] != dims[i] && sizes[i].value() > kLargestAxis) {
      return c.Invalid(
          fmt::format("a dimension of {} elements is too large, at most {} are allowed",
                      sizes[i].value(), kLargestAxis));
    }
    y[static_cast<std::size_t>(axes[i])] = sizes[i];
  }
  return SetOutput(c, 0, c.type(0), std::move(y));
}

void SetOldCoordinates(Node& node) {
  node.attributes.Set("coordinate_transformation_mode", std::string("asymmetric"));
  node.attributes.Set("nearest_mode", std::string("floor"));
}

Status LegaliseResize(Graph&, Node& node) {
  if (node.since_version >= 11) return {};
  SetOldCoordinates(node);
  node.inputs.insert(node.inputs.begin() + 1, kNoValue);  // there was no roi
  return {};
}

/// Becomes a Resize.
Status LegaliseUpsample(Graph& graph, Node& node) {
  SetOldCoordinates(node);
  if (node.attributes.String("mode", "nearest") == "bilinear") {
    node.attributes.Set("mode", std::string("linear"));
  }
  if (node.since_version < 9) {
    const auto scales = node.attributes.Floats("scales");
    const tensor::Shape shape({static_cast<std::int64_t>(scales.size())});
    SetInput(node, 2, AddFloats(graph, node, "scales", scales, shape));
    node.attributes.Erase("scales");
  } else {
    if (!node.HasInput(1)) {
      return base::InvalidArgument(fmt::format("{}: required input 1 is left out", node.Label()));
    }
    SetInput(node, 2, node.inputs[1]);
  }
  SetInput(node, 1, kNoValue);
  node.op_type = "Resize";
  node.schema = OpRegistry::Get().Find("", "Resize");
  return {};
}

}  // namespace

void RegisterResize(OpRegistry& registry) {
  registry.Add(
      {.name = "Resize",
       .versions = {10, 11, 13, 18, 19},
       .max_inputs = 4,
       .attributes = {{"antialias", AttributeType::kInt, false, 18},
                      {"axes", AttributeType::kInts, false, 18},
                      {"coordinate_transformation_mode", AttributeType::kString, false, 11},
                      {"cubic_coeff_a", AttributeType::kFloat, false, 11},
                      {"exclude_outside", AttributeType::kInt, false, 11},
                      {"extrapolation_value", AttributeType::kFloat, false, 11},
                      {"keep_aspect_ratio_policy", AttributeType::kString, false, 18},
                      {"mode", AttributeType::kString},
                      {"nearest_mode", AttributeType::kString, false, 11}},
       .infer = InferResize,
       .legalise = LegaliseResize});
  registry.Add({.name = "Upsample",
                .versions = {7, 9, 10},
                .max_inputs = 2,
                .attributes = {{"mode", AttributeType::kString},
                               {"scales", AttributeType::kFloats, true, 7, 8}},
                .legalise = LegaliseUpsample});
}

}  // namespace hadron::graph
