#include "backend/native/winograd_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "backend/native/isa.h"
#include "backend/native/parallel.h"
#include "backend/native/scratch_pieces.h"

namespace hadron::backend::native {
namespace {

/// Transformed tiles of a block, in floats: they stay in the second-level cache while all panels
/// pass by.
constexpr std::int64_t kBlockFloats = 98304;
constexpr std::int64_t kLeastTiles = 16;

std::int64_t TilesOf(const ConvShape& s) {
  return ((s.axes[1].output + 1) / 2) * ((s.axes[2].output + 1) / 2);
}

std::int64_t Ceil(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// G g G^T of one filter, in double: rounded once.
std::array<double, kWinogradPositions> TransformFilter(const float* g) {
  const auto line = [](double a, double b, double c) {
    return std::array<double, 4>{a, (a + b + c) / 2, (a - b + c) / 2, c};
  };
  std::array<std::array<double, 4>, 3> rows;
  for (std::size_t i = 0; i < 3; ++i) {
    rows[i] = line(g[i * 3], g[i * 3 + 1], g[i * 3 + 2]);
  }
  std::array<double, kWinogradPositions> out;
  for (std::size_t j = 0; j < 4; ++j) {
    const auto column = line(rows[0][j], rows[1][j], rows[2][j]);
    for (std::size_t i = 0; i < 4; ++i) out[i * 4 + j] = column[i];
  }
  return out;
}

struct WinogradRun {
  std::shared_ptr<const WinogradPlan> plan;
  DirectMemory memory;
  float* scratch;
  int threads;

  void operator()() const { plan->Run(memory, scratch, threads); }
};

}  // namespace

bool WinogradPlan::Applies(const ConvShape& s) {
  const auto unit = [](const graph::WindowAxis& axis, std::int64_t kernel) {
    return axis.kernel == kernel && axis.stride == 1 && axis.dilation == 1;
  };
  const bool flat = s.in_size[0] == 1 && unit(s.axes[0], 1) && s.axes[0].pad_begin == 0;
  const double floats = static_cast<double>(s.in_size[1]) * static_cast<double>(s.in_size[2]) *
                        static_cast<double>(s.in_channels);
  return !s.transposed && s.groups == 1 && flat && unit(s.axes[1], 3) && unit(s.axes[2], 3) &&
         floats < (1 << 30) && s.out_channels < (1 << 24) && s.axes[1].pad_begin < 3 &&
         s.axes[2].pad_begin < 3;
}

bool WinogradPlan::Wins(const ConvShape& s) {
  const double used = static_cast<double>(s.axes[1].output * s.axes[2].output) /
                      static_cast<double>(4 * TilesOf(s));
  return Applies(s) && s.in_channels >= 32 && s.out_channels >= 32 && TilesOf(s) >= 16 &&
         used > 0.8;
}

std::shared_ptr<const WinogradPlan> WinogradPlan::Make(const ConvShape& shape) {
  return std::shared_ptr<const WinogradPlan>(new WinogradPlan(shape));
}

WinogradPlan::WinogradPlan(const ConvShape& shape) : shape_(shape) {
  BuildPanels();
  WinogradProblem& p = problem_;
  p.panels = panels_.data();
  p.panel_count = static_cast<std::int32_t>(panels_.size());
  for (std::size_t i = 0; i < 2; ++i) {
    const graph::WindowAxis& axis = shape.axes[i + 1];
    p.size[i] = static_cast<std::int32_t>(shape.in_size[i + 1]);
    p.out_size[i] = static_cast<std::int32_t>(axis.output);
    p.pad[i] = static_cast<std::int32_t>(axis.pad_begin);
    p.tiles[i] = static_cast<std::int32_t>((axis.output + 1) / 2);
  }
  p.all_tiles = shape.images * TilesOf(shape);
  p.channels = static_cast<std::int32_t>(shape.in_channels);
  const std::int64_t width = Vector().width;
  p.depth = static_cast<std::int32_t>(Ceil(shape.in_channels, width) * width);
  p.out_channels = static_cast<std::int32_t>(shape.out_channels);
  const std::int64_t most = std::max(kBlockFloats / (kWinogradPositions * p.depth), kLeastTiles);
  p.blocks = Ceil(p.all_tiles, most);
  p.block_tiles = static_cast<std::int32_t>(Ceil(p.all_tiles, p.blocks));
  p.scratch = kWinogradPositions * p.block_tiles * (p.depth + 2 * width);
  zeros_.assign(Size(shape.in_channels), 0.0F);
  nanoseconds_ = static_cast<double>(p.all_tiles) * kWinogradPositions *
                 static_cast<double>(shape.in_channels * shape.out_channels) /
                 (6.0 * static_cast<double>(width));
}

void WinogradPlan::BuildPanels() {
  const std::int64_t width = Vector().width;
  std::int64_t before = 0;
  for (std::int64_t m = 0; m < shape_.out_channels; m += 2 * width) {
    const std::int64_t count = std::min(2 * width, shape_.out_channels - m);
    const std::int64_t vectors = Ceil(count, width);
    panels_.push_back({0, static_cast<std::int32_t>(m), static_cast<std::int32_t>(count),
                       static_cast<std::int32_t>(vectors), before});
    before += vectors * width;
  }
}

std::uint64_t WinogradPlan::packed_bytes() const {
  const DirectPanel& last = panels_.back();
  const std::int64_t columns = last.before + last.vectors * Vector().width;
  return Size(columns * kWinogradPositions * shape_.in_channels) * sizeof(float);
}

std::string WinogradPlan::key() const {
  return fmt::format("native:{}:winograd:o{}i{}", Vector().isa, shape_.out_channels,
                     shape_.in_channels);
}

void WinogradPlan::Pack(const WeightStrides& strides, const float* from, float* to) const {
  for (const DirectPanel& panel : panels_) {
    const std::int64_t columns = std::int64_t{panel.vectors} * Vector().width;
    for (std::int64_t c = 0; c < shape_.in_channels; ++c) {
      for (std::int64_t m = 0; m < columns; ++m) {
        std::array<double, kWinogradPositions> filter = {};
        if (m < panel.channels) {
          filter = TransformFilter(from + (panel.out_channel + m) * strides.out + c * strides.in);
        }
        for (std::size_t position = 0; position < filter.size(); ++position) {
          to[(static_cast<std::int64_t>(position) * shape_.in_channels + c) * columns + m] =
              static_cast<float>(filter[position]);
        }
      }
    }
    to += kWinogradPositions * shape_.in_channels * columns;
  }
}

std::uint64_t WinogradPlan::scratch_bytes(int threads) const {
  return Size(problem_.scratch * std::clamp(threads, 1, ScratchPieces::kMost)) * sizeof(float);
}

void WinogradPlan::Run(const DirectMemory& memory, float* scratch, int threads) const {
  const auto kernel = Vector().winograd;
  ScratchPieces pieces;
  ParallelFor(ThreadsFor(nanoseconds_, std::clamp(threads, 1, ScratchPieces::kMost)),
              problem_.blocks * problem_.panel_count, [&](std::int64_t first, std::int64_t last) {
                const std::size_t piece = pieces.Take();
                kernel(problem_, memory,
                       scratch + static_cast<std::int64_t>(piece) * problem_.scratch, first, last);
                pieces.Return(piece);
              });
}

std::unique_ptr<Kernel> MakeWinogradKernel(const ConvShape& shape, DirectKernelParts parts) {
  const auto plan = WinogradPlan::Make(shape);
  HostKernelParts host;
  host.description = fmt::format("native winograd:{}", Vector().isa);
  host.in_place = AddedInPlace(parts.steps);
  const auto pack = [plan, strides = parts.strides](const tensor::HostTensor& from,
                                                    std::span<std::byte> to) {
    const base::IoBuf flat = from.bytes.Flatten();
    plan->Pack(strides, reinterpret_cast<const float*>(flat.bytes().data()),
               reinterpret_cast<float*>(to.data()));
    return base::Status();
  };
  host.packings = {{}, {plan->key() + parts.strides_key, plan->packed_bytes(), pack}};
  host.scratch_bytes = plan->scratch_bytes(parts.threads);
  host.bind = [plan, parts = std::move(parts)](const KernelArgs& args) {
    WinogradRun run{plan, {}, MutableFloats(args.scratch), parts.threads};
    run.memory.x = Floats(args.inputs[0]);
    run.memory.weights = Floats(args.inputs[1]);
    if (parts.bias_input >= 0) {
      run.memory.bias = Floats(args.inputs[static_cast<std::size_t>(parts.bias_input)]);
    }
    run.memory.y = MutableFloats(args.outputs[0]);
    run.memory.zeros = plan->zeros();
    run.memory.steps = BindSteps(parts.steps, args);
    return MakeLaunch(std::move(run));
  };
  return MakeHostKernel(std::move(host));
}

}  // namespace hadron::backend::native
