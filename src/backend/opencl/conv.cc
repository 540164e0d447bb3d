// Conv and ConvTranspose over 1 to 3 spatial axes, channels-last: direct convolutions of one or
// several phases, depthwise ones, and products where there is a single tap.
#include <fmt/format.h>

#include <algorithm>

#include "backend/opencl/product.h"
#include "backend/opencl/register.h"
#include "backend/opencl/tile_trial.h"
#include "backend/opencl/window.h"
#include "base/bytes.h"

namespace hadron::backend::opencl {
namespace {

using base::Status;
using base::StatusOr;

/// Where weight (group, output channel, input channel, tap) lies in the plain tensor.
struct WeightStrides {
  std::int64_t group = 0;
  std::int64_t out = 0;
  std::int64_t in = 0;
};

WeightStrides StridesOf(const WindowShape& shape) {
  const std::int64_t taps = shape.taps();
  const std::int64_t block = shape.in_channels * shape.out_channels * taps;
  if (shape.transposed) return {block, taps, shape.out_channels * taps};
  return {block, shape.in_channels * taps, taps};
}

/// How one kernel cuts a convolution, and the storage order that follows: zeros, then the panels of
/// each phase with k = (tap, input channel).
struct ConvParts {
  WindowShape shape;
  std::vector<Phase> phases;
  bool depthwise = false;
  Tile tile;
  std::int64_t zeros = 0;                ///< floats in front of the weights
  std::vector<std::int64_t> weights_at;  ///< by phase, behind the zeros
  std::int64_t packed_floats = 0;
  Epilogue epilogue;

  std::string key() const;
  void Pack(const float* from, float* to) const;
};

std::string ConvParts::key() const {
  const auto& a = shape.axes;
  std::string key = fmt::format(
      "{}:{}:g{}o{}i{}k{}x{}x{}", tile.key(), depthwise ? "depthwise" : "direct", shape.groups,
      shape.out_channels, shape.in_channels, a[0].kernel, a[1].kernel, a[2].kernel);
  if (!shape.transposed) return key;
  // Which taps share a phase; outputs shorter than the stride leave phases out.
  for (const auto& axis : a) {
    key += fmt::format(":s{}d{}p{}n{}", axis.stride, axis.dilation, axis.pad_begin % axis.stride,
                       std::min(axis.stride, axis.output));
  }
  return key;
}

void ConvParts::Pack(const float* from, float* to) const {
  const WeightStrides strides = StridesOf(shape);
  // A depthwise panel has a group a column, the others a channel of one group.
  const std::int64_t groups = depthwise ? 1 : shape.groups;
  const std::int64_t columns = depthwise ? shape.groups : shape.out_channels;
  const MatrixStrides matrix{strides.in, depthwise ? strides.group : strides.out, 1};
  to = std::fill_n(to, zeros, 0.0F);
  for (const Phase& phase : phases) {
    for (std::int64_t group = 0; group < groups; ++group) {
      for (std::int64_t first = 0; first < columns; first += tile.panel) {
        const float* base = from + group * strides.group + first * matrix.column;
        float* const end = to + phase.window.panel_floats;
        for (std::int64_t tap = 0; tap < phase.taps(); ++tap) {
          to = PackPanel(tile, matrix, shape.in_channels, std::min(tile.panel, columns - first),
                         base + phase.KernelOffset(tap, shape), to);
        }
        to = std::fill_n(to, end - to, 0.0F);
      }
    }
  }
}

class ConvKernel final : public Kernel {
 public:
  ConvKernel(std::shared_ptr<device::Program> program, ConvParts parts)
      : program_(std::move(program)), parts_(std::make_shared<const ConvParts>(std::move(parts))) {}

  bool on_device() const override { return true; }
  std::string description() const override {
    return fmt::format("{} {}", parts_->tile.key(), KernelName());
  }

  std::vector<std::size_t> in_place_inputs() const override {
    return parts_->epilogue.AddedInPlace();
  }

  std::vector<Packing> packings() const override {
    auto pack = [parts = parts_](const tensor::HostTensor& from, std::span<std::byte> to) {
      const base::IoBuf flat = from.bytes.Flatten();
      parts->Pack(base::AsArray<float>(flat.bytes()).data(),
                  base::AsMutableArray<float>(to).data());
      return Status();
    };
    return {{}, {parts_->key(), Size(parts_->packed_floats) * sizeof(float), std::move(pack)}};
  }

  StatusOr<std::unique_ptr<Launch>> Bind(const KernelArgs& args) const override {
    std::vector<Work> works;
    for (std::size_t i = 0; i < parts_->phases.size(); ++i) {
      const KernelWindow& window = parts_->phases[i].window;
      HADRON_ASSIGN_OR_RETURN(auto kernel, program_->CreateKernel(KernelName()));
      ArgumentWriter arguments(*kernel);
      arguments.Tensor(args.inputs[0])
          .Tensor(args.inputs[1])
          .Scalar(parts_->weights_at[i])
          .Tensor(args.outputs[0])
          .Scalar(window);
      parts_->epilogue.Bind(args, arguments);
      HADRON_RETURN_IF_ERROR(arguments.Finish());
      works.push_back({std::move(kernel), GlobalSize(window), {parts_->tile.items, 1, 1}});
    }
    return MakeLaunch(std::move(works));
  }

 private:
  const char* KernelName() const { return parts_->depthwise ? "depthwise" : "convolution"; }

  std::array<std::size_t, 3> GlobalSize(const KernelWindow& window) const {
    const std::size_t tiles = Size(CeilDivide(window.rows, parts_->tile.rows));
    const std::size_t items = parts_->tile.items;
    if (parts_->depthwise) {
      return {(tiles * Size(window.panels) + items - 1) / items * items, 1, 1};
    }
    const std::int64_t groups = parts_->tile.groups(window.columns) * parts_->shape.groups;
    return {tiles * items, Size(groups), 1};
  }

  const std::shared_ptr<device::Program> program_;
  const std::shared_ptr<const ConvParts> parts_;
};

std::vector<Tile> DepthwiseTiles(const ProgramLibrary& library) {
  const bool cpu = library.cpu_family();
  std::vector<Tile> tiles;
  for (const std::int64_t rows :
       cpu ? std::array{8, 4, 6, 12, 2, 7} : std::array{2, 4, 1, 8, 6, 3}) {
    Tile tile;
    tile.rows = rows;
    tile.panel = !cpu ? 4 : library.device_info().vector_floats >= 16 ? 16 : 8;
    tile.items = cpu ? 1 : kGroupItems;
    tile.options = fmt::format("-DVECTOR={} -DROWS={} -DGROUP={}", tile.panel, rows, tile.items);
    tiles.push_back(std::move(tile));
  }
  return tiles;
}

/// Tiles of one packing lay the weights out alike.
void LayOut(ConvParts& parts) {
  const WindowShape& shape = parts.shape;
  std::int64_t run = 0;
  for (const Phase& phase : parts.phases) {
    run = std::max<std::int64_t>(run, phase.window.axes[2].taps * shape.in_channels);
  }
  const std::int64_t columns = parts.depthwise ? shape.groups : shape.out_channels;
  const std::int64_t panels = parts.tile.panels(columns);
  parts.zeros = parts.depthwise ? 0 : RoundUp(run, 16);
  parts.packed_floats = parts.zeros;
  for (Phase& phase : parts.phases) {
    const std::int64_t floats = parts.tile.panel_floats(phase.taps() * shape.in_channels);
    phase.window.panels = static_cast<std::int32_t>(panels);
    phase.window.panel_floats = static_cast<std::int32_t>(floats);
    parts.weights_at.push_back(parts.packed_floats);
    parts.packed_floats += floats * panels * (parts.depthwise ? 1 : shape.groups);
  }
}

StatusOr<std::unique_ptr<Kernel>> MakeConvKernel(ProgramLibrary& library, ConvParts parts) {
  HADRON_ASSIGN_OR_RETURN(auto program, library.Get(parts.depthwise ? "depthwise.cl" : "conv.cl",
                                                    parts.tile.options, parts.epilogue.source()));
  return std::unique_ptr<Kernel>(
      std::make_unique<ConvKernel>(std::move(program), std::move(parts)));
}

Tile TunedTile(ProgramLibrary& library, const ConvParts& parts, const TileProblem& problem,
               std::span<const Tile> candidates) {
  const WindowShape& shape = parts.shape;
  const auto pixels = [&shape](const auto& sizes) {
    return shape.images * shape.groups * sizes(0) * sizes(1) * sizes(2);
  };
  const auto make = [&](const Tile& tile) {
    ConvParts bare = parts;
    bare.tile = tile;
    bare.epilogue = {};
    return MakeConvKernel(library, std::move(bare));
  };
  return TuneTile(
      library, candidates,
      {.family = parts.depthwise ? "depthwise" : "conv",
       .problem = problem,
       .make = make,
       .floats = {
           pixels([&](std::size_t i) { return shape.in_size[i]; }) * shape.in_channels,
           shape.groups * shape.in_channels * shape.out_channels * shape.taps(),
           pixels([&](std::size_t i) { return shape.axes[i].output; }) * shape.out_channels}});
}

StatusOr<std::unique_ptr<Kernel>> CreatePointwise(ProgramLibrary& library,
                                                  const KernelRequest& request,
                                                  const WindowShape& shape, Epilogue epilogue) {
  const WeightStrides strides = StridesOf(shape);
  ProductParts parts;
  parts.rows = shape.images * shape.in_size[0] * shape.in_size[1] * shape.in_size[2];
  parts.columns = shape.out_channels;
  parts.depth = shape.in_channels;
  parts.right = {strides.in, strides.out, 1};
  parts.right_key = shape.transposed ? ":KN:1" : ":NK:1";
  parts.constant_right = request.constants[1] != nullptr;
  parts.epilogue = std::move(epilogue);
  return MakeProductKernel(library, std::move(parts));
}

StatusOr<std::unique_ptr<Kernel>> Create(ProgramLibrary& library, const KernelRequest& request,
                                         const WindowShape& shape) {
  const auto bias = request.node.HasInput(2) ? std::optional(Epilogue::Bias()) : std::nullopt;
  HADRON_ASSIGN_OR_RETURN(Epilogue epilogue, Epilogue::Plan(request, bias));
  if (shape.pointwise()) return CreatePointwise(library, request, shape, std::move(epilogue));
  if (request.constants[1] == nullptr) return NotHere(request, "a convolution by computed weights");
  ConvParts parts;
  parts.shape = shape;
  parts.epilogue = std::move(epilogue);
  HADRON_ASSIGN_OR_RETURN(parts.phases, MakePhases(shape));
  parts.depthwise = shape.in_channels == 1 && shape.out_channels == 1;
  std::int64_t rows = 2;
  for (const Phase& phase : parts.phases) {
    rows = std::max<std::int64_t>(rows, phase.window.rows);
  }
  const TileProblem problem = {.rows = rows,
                               .columns = parts.depthwise ? shape.groups : shape.out_channels,
                               .depth = shape.in_channels,
                               .runs = shape.taps()};
  const std::vector<Tile> tiles =
      parts.depthwise ? DepthwiseTiles(library)
                      : TileCandidates(library.device_info(), library.cpu_family(), problem);
  parts.tile = tiles.front();
  LayOut(parts);
  parts.tile = TunedTile(library, parts, problem, tiles);
  return MakeConvKernel(library, std::move(parts));
}

Status CheckLayouts(const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(RequireFloats(request));
  if (!IsChannelsLast(request.inputs[0]) || request.outputs[0].layout != Layout::kChannelsLast) {
    return NotHere(request, "a convolution of tensors that are not channels-last");
  }
  return {};
}

StatusOr<std::unique_ptr<Kernel>> CreateConv(ProgramLibrary& library,
                                             const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(CheckLayouts(request));
  const tensor::Shape& x = request.inputs[0].shape;
  HADRON_ASSIGN_OR_RETURN(const graph::Window window,
                          graph::ResolveConv(request.node, x, request.inputs[1].shape));
  return Create(library, request, ShapeOf(window, x, request.outputs[0].shape));
}

StatusOr<std::unique_ptr<Kernel>> CreateConvTranspose(ProgramLibrary& library,
                                                      const KernelRequest& request) {
  HADRON_RETURN_IF_ERROR(CheckLayouts(request));
  const tensor::Shape& x = request.inputs[0].shape;
  HADRON_ASSIGN_OR_RETURN(const graph::Window window,
                          graph::ResolveConvTranspose(request.node, x, request.inputs[1].shape));
  WindowShape shape = ShapeOf(window, x, request.outputs[0].shape);
  shape.transposed = true;
  return Create(library, request, shape);
}

bool Supports(const graph::Node&, std::span<const TensorSpec> inputs) {
  return inputs.size() >= 2 && inputs[0].type == tensor::DataType::kFp32;
}

}  // namespace

void RegisterConv(KernelRegistry& registry, const std::shared_ptr<ProgramLibrary>& library) {
  registry.Add(
      BackendId::kOpenCl,
      {.op_type = "Conv",
       .layout = LayoutRule::kChannelsLast,
       .create = [library](const KernelRequest& request) { return CreateConv(*library, request); },
       .supports = Supports,
       .fuses = FusesAll});
  registry.Add(BackendId::kOpenCl, {.op_type = "ConvTranspose",
                                    .layout = LayoutRule::kChannelsLast,
                                    .create =
                                        [library](const KernelRequest& request) {
                                          return CreateConvTranspose(*library, request);
                                        },
                                    .supports = Supports,
                                    .fuses = FusesAll});
}

}  // namespace hadron::backend::opencl
