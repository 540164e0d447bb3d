#include "backend/native/direct_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <climits>

#include "backend/native/isa.h"
#include "backend/native/parallel.h"

namespace hadron::backend::native {

namespace {

constexpr int kDotChannels = 4;
constexpr int kDotRows = 16;

bool IsMatrixProduct(const ConvShape& s) {
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& a = s.axes[i];
    if (a.kernel != 1 || a.stride != 1 || a.pad_begin != 0 || a.output != s.in_size[i]) {
      return false;
    }
  }
  return true;
}

/// A product over all pixels of all images: tiles may then cross images.
ConvShape Flatten(ConvShape s) {
  if (!IsMatrixProduct(s)) return s;
  const std::int64_t rows = s.images * s.in_size[0] * s.in_size[1] * s.in_size[2];
  s.images = 1;
  s.in_size = {1, 1, rows};
  s.axes = {};
  s.axes[0].output = s.axes[1].output = 1;
  s.axes[2].output = rows;
  s.transposed = false;
  return s;
}

std::int64_t Ceil(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

void PackRow(const float* from, std::int64_t channels, std::int64_t columns, float scale,
             float* to) {
  for (std::int64_t m = 0; m < channels; ++m) to[m] = from[m] * scale;
  for (std::int64_t m = channels; m < columns; ++m) to[m] = 0.0F;
}

}  // namespace

std::shared_ptr<const DirectPlan> DirectPlan::Make(const ConvShape& shape) {
  std::shared_ptr<DirectPlan> plan(new DirectPlan(Flatten(shape)));
  if (!plan->Fits()) return nullptr;
  plan->BuildPhases();
  plan->ChooseKernel();
  plan->BuildPanels();
  plan->BuildGrids();
  plan->Finish();
  return plan;
}

bool DirectPlan::Fits() const {
  const ConvShape& s = shape_;
  double in = static_cast<double>(s.in_channels * s.groups);
  double out = static_cast<double>(s.out_channels * s.groups);
  for (std::size_t i = 0; i < 3; ++i) {
    if (s.axes[i].kernel > 64) return false;
    in *= static_cast<double>(s.in_size[i] + s.axes[i].pad_begin + s.axes[i].extent());
    out *= static_cast<double>(s.axes[i].output);
  }
  return in < INT_MAX && out < INT_MAX;
}

void DirectPlan::AddTaps(const graph::WindowAxis& window, std::int64_t residue,
                         Phase& phase) const {
  const std::int64_t stride = window.stride;
  for (std::int64_t k = 0; k < window.kernel; ++k) {
    const std::int64_t at = k * window.dilation;
    if (shape_.transposed && at % stride != residue) continue;
    phase.kernel_index.push_back(static_cast<std::int32_t>(k));
    phase.positions.push_back(shape_.transposed ? -(at - residue) / stride : at);
  }
  if (shape_.transposed) {  // ascending addresses
    std::ranges::reverse(phase.kernel_index);
    std::ranges::reverse(phase.positions);
  }
  phase.axis.taps = static_cast<std::int32_t>(phase.positions.size());
}

void DirectPlan::MarkValidTaps(std::int64_t in_size, Phase& phase) {
  for (std::int64_t q = 0; q < phase.axis.count; ++q) {
    std::uint64_t& valid = phase.valid.emplace_back(0);
    for (std::size_t t = 0; t < phase.positions.size(); ++t) {
      const std::int64_t at = q * phase.axis.in_step + phase.axis.in_origin + phase.positions[t];
      const bool inside = at >= 0 && at < in_size;
      if (inside) valid |= std::uint64_t{1} << t;
      phase.all_valid = phase.all_valid && inside;
    }
  }
  // Windows move one way: the outputs with all taps are neighbours.
  const std::size_t taps = phase.positions.size();
  const std::uint64_t all = taps == 0 ? 0 : ~std::uint64_t{0} >> (64 - taps);
  const auto full = [all](std::uint64_t valid) { return valid == all; };
  const auto first = std::ranges::find_if(phase.valid, full);
  const auto last = std::find_if_not(first, phase.valid.end(), full);
  phase.axis.full_begin = static_cast<std::int32_t>(first - phase.valid.begin());
  phase.axis.full_end = static_cast<std::int32_t>(last - phase.valid.begin());
}

void DirectPlan::BuildPhases() {
  for (std::size_t i = 0; i < 3; ++i) {
    const graph::WindowAxis& a = shape_.axes[i];
    const std::int64_t phases = shape_.transposed ? a.stride : 1;
    for (std::int64_t o = 0; o < phases; ++o) {
      Phase& phase = phases_[i].emplace_back();
      const std::int64_t residue = shape_.transposed ? (o + a.pad_begin) % a.stride : 0;
      AddTaps(a, residue, phase);
      DirectAxis& axis = phase.axis;
      axis.out_step = static_cast<std::int32_t>(phases);
      axis.out_origin = static_cast<std::int32_t>(o);
      axis.count = static_cast<std::int32_t>(std::max<std::int64_t>(0, Ceil(a.output - o, phases)));
      axis.in_step = static_cast<std::int32_t>(shape_.transposed ? 1 : a.stride);
      axis.in_origin = static_cast<std::int32_t>(
          shape_.transposed ? (o + a.pad_begin - residue) / a.stride : -a.pad_begin);
      MarkValidTaps(shape_.in_size[i], phase);
    }
  }
}

/// Vectors over output channels waste lanes when there are few; vectors over inputs pay for adding
/// the lanes up. Estimated cycles a pixel, from the layer's shape alone.
void DirectPlan::ChooseKernel() {
  const int width = Vector().width;
  double taps = 1;
  for (const auto& axis : shape_.axes) taps *= static_cast<double>(axis.kernel);
  const auto depth = static_cast<double>(shape_.in_channels);
  const auto channels = static_cast<double>(shape_.out_channels);
  const double over_channels =
      taps * depth * static_cast<double>(Ceil(shape_.out_channels, width)) / 2;
  const auto last = static_cast<double>(shape_.axes[2].kernel);
  const double lines = taps / last;
  const double vectors =
      static_cast<double>(Ceil(shape_.axes[2].kernel * shape_.in_channels, width));
  const double over_inputs = lines * (vectors * (1 + channels) / 2 + 3) + channels * 8;
  const bool few = shape_.out_channels <= kDotChannels && over_inputs < over_channels;
  const bool depthwise = shape_.groups > 1 && shape_.in_channels == 1 && shape_.out_channels == 1 &&
                         taps <= kMaxDepthwiseTaps;
  kind_ = depthwise ? Kind::kDepthwise : few ? Kind::kDot : Kind::kPanels;
}

std::int64_t DirectPlan::panel_width() const { return kind_ == Kind::kDot ? 1 : Vector().width; }

const char* DirectPlan::kernel_name() const {
  switch (kind_) {
    case Kind::kPanels:
      return "direct";
    case Kind::kDot:
      return "direct_dot";
    case Kind::kDepthwise:
      return "direct_depthwise";
  }
  return "";
}

/// Panels for `channels` output channels that read the same inputs (or, depthwise, their own).
void DirectPlan::AddPanels(std::int64_t first_in, std::int64_t first_out, std::int64_t channels,
                           std::int64_t widest) {
  const std::int64_t width = panel_width();
  for (std::int64_t m = 0; m < channels; m += widest) {
    const std::int64_t count = std::min(widest, channels - m);
    const DirectPanel* last = panels_.empty() ? nullptr : &panels_.back();
    const std::int64_t in = kind_ == Kind::kDepthwise ? first_in + m : first_in;
    panels_.push_back({static_cast<std::int32_t>(in), static_cast<std::int32_t>(first_out + m),
                       static_cast<std::int32_t>(count),
                       static_cast<std::int32_t>(Ceil(count, width)),
                       last == nullptr ? 0 : last->before + last->vectors * width});
  }
}

void DirectPlan::BuildPanels() {
  const VectorKernels& kernels = Vector();
  if (kind_ == Kind::kDepthwise) {
    AddPanels(0, 0, shape_.groups, 2 * kernels.width);
    problem_.tile_rows = kMaxDepthwiseRows;
    return;
  }
  const std::int64_t widest = kind_ == Kind::kDot ? shape_.out_channels : 2 * kernels.width;
  for (std::int64_t g = 0; g < shape_.groups; ++g) {
    AddPanels(g * shape_.in_channels, g * shape_.out_channels, shape_.out_channels, widest);
  }
  const bool wide = std::ranges::any_of(panels_, [](const auto& p) { return p.vectors > 1; });
  problem_.tile_rows = kind_ == Kind::kDot ? kDotRows : wide ? kernels.rows_two : kernels.rows_one;
}

void DirectPlan::BuildGrids() {
  const ConvShape& s = shape_;
  const auto in_pitch = s.in_channels * s.groups;
  const auto out_pitch = s.out_channels * s.groups;
  std::int64_t in = in_pitch;
  std::int64_t out = out_pitch;
  bool adjacent = s.groups == 1;
  for (std::size_t i = 3; i-- > 0;) {
    problem_.in_stride[i] = static_cast<std::int32_t>(in);
    problem_.out_stride[i] = static_cast<std::int32_t>(out);
    for (Phase& phase : phases_[i]) {
      for (const std::int64_t position : phase.positions) {
        phase.offsets.push_back(static_cast<std::int32_t>(position * in));
      }
      for (std::size_t t = 1; t < phase.positions.size() && i == 2; ++t) {
        adjacent = adjacent && phase.positions[t] == phase.positions[t - 1] + 1;
      }
      phase.axis.tap_offsets = phase.offsets.data();
      phase.axis.valid = phase.valid.data();
    }
    in *= s.in_size[i];
    out *= s.axes[i].output;
  }
  problem_.in_image = in;
  problem_.out_image = out;
  problem_.merged_taps = adjacent ? 64 : 1;
  for (const Phase& d : phases_[0]) {
    for (const Phase& h : phases_[1]) {
      for (const Phase& w : phases_[2]) grid_phases_.push_back({&d, &h, &w});
    }
  }
}

/// Adjacent taps are one long run.
void DirectPlan::BuildRuns() {
  for (DirectGrid& grid : grids_) {
    std::vector<std::int32_t>& runs = runs_.emplace_back();
    const DirectAxis& last = grid.axes[2];
    const std::int32_t merged = problem_.merged_taps > 1 ? last.taps : 1;
    for (std::int32_t d = 0; d < grid.axes[0].taps; ++d) {
      for (std::int32_t h = 0; h < grid.axes[1].taps; ++h) {
        const std::int32_t line = grid.axes[0].tap_offsets[d] + grid.axes[1].tap_offsets[h];
        for (std::int32_t t = 0; t < last.taps; t += merged) {
          runs.push_back(line + last.tap_offsets[t]);
        }
      }
    }
    grid.runs = runs.data();
    grid.run_count = static_cast<std::int32_t>(runs.size());
    grid.run_floats = std::int64_t{merged} * problem_.depth;
  }
}

/// Pixels at one place of several images have the same taps: a tile of them computes none that lies
/// outside. The images have to stay in the cache from one tile to the next, though.
std::int64_t DirectPlan::BlockImages() const {
  constexpr std::int64_t kCachedFloats = 8192;
  const bool edges = std::ranges::any_of(phases_, [](const auto& phases) {
    return std::ranges::any_of(phases, [](const Phase& phase) { return !phase.all_valid; });
  });
  if (!edges || problem_.in_image > kCachedFloats) return 1;
  std::int64_t images = std::min<std::int64_t>(shape_.images, problem_.tile_rows);
  while (shape_.images % images != 0) --images;
  return images;
}

/// Panels share the cost of finding a tile's pixels. Their weights must stay in the cache from tile
/// to tile, and items must be small enough to be shared out.
std::int32_t DirectPlan::ItemPanels() const {
  const auto panels = static_cast<std::int32_t>(panels_.size());
  if (kind_ == Kind::kDepthwise) return panels;
  constexpr double kCachedFloats = 16384;
  double floats = static_cast<double>(shape_.in_channels * 2 * panel_width());
  for (const auto& axis : shape_.axes) floats *= static_cast<double>(axis.kernel);
  const auto most = std::clamp(static_cast<std::int32_t>(kCachedFloats / floats), 1, panels);
  const std::int32_t groups = (panels + most - 1) / most;
  return (panels + groups - 1) / groups;  // alike, so that none is left over
}

/// Where the weights of all groups stay in a core's cache, threads share out the pixels: then each
/// finds the part of the next convolution's input that it has written itself.
std::int64_t DirectPlan::BandOf(std::int64_t tiles, std::int64_t weights) const {
  constexpr std::int64_t kCachedWeights = 128 * 1024;  // floats: half of a usual second cache
  constexpr std::int64_t kBands = 8;                   // as many as two threads take shares
  const bool bands = kind_ == Kind::kPanels && weights <= kCachedWeights && tiles >= 2 * kBands;
  return std::max<std::int64_t>(1, bands ? Ceil(tiles, kBands) : tiles);
}

/// Lines pay where three taps lie side by side; tiles that fill most lines of the usual widths.
std::int32_t DirectPlan::LineRows() const {
  const graph::WindowAxis& w = shape_.axes[2];
  const bool lines = kind_ == Kind::kDepthwise && !shape_.transposed && w.kernel == 3 &&
                     w.dilation == 1 && w.stride <= 2;
  if (!lines) return 0;
  return w.output % 7 == 0 && w.output % 8 != 0 ? 7 : 8;
}

void DirectPlan::Finish() {
  problem_.block_images = static_cast<std::int32_t>(BlockImages());
  problem_.blocks = shape_.images / problem_.block_images;
  problem_.depth = static_cast<std::int32_t>(shape_.in_channels);
  const std::int64_t columns = panels_.back().before + panels_.back().vectors * panel_width();
  problem_.item_panels = ItemPanels();
  const std::int64_t groups = Ceil(static_cast<std::int64_t>(panels_.size()), problem_.item_panels);
  for (const auto& phases : grid_phases_) {
    DirectGrid& grid = grids_.emplace_back();
    std::int64_t taps = 1;
    grid.pixels = problem_.block_images;
    grid.all_valid = true;
    for (std::size_t i = 0; i < 3; ++i) {
      grid.axes[i] = phases[i]->axis;
      grid.pixels *= phases[i]->axis.count;
      grid.all_valid = grid.all_valid && phases[i]->all_valid;
      taps *= phases[i]->axis.taps;
    }
    grid.tiles = Ceil(grid.pixels, problem_.tile_rows);
    grid.weights = packed_floats_;
    grid.band = BandOf(grid.tiles * problem_.blocks, taps * shape_.in_channels * columns);
    grid.first_item = problem_.items;
    problem_.items += grid.tiles * problem_.blocks * groups;
    packed_floats_ += taps * shape_.in_channels * columns;
    // Measured and rounded: what a thread multiplies and adds in a nanosecond, and what a tile
    // costs.
    const double rate = Vector().width * (kind_ == Kind::kPanels ? 6.0 : 0.6);
    const double pixels = static_cast<double>(grid.pixels * problem_.blocks);
    nanoseconds_ += static_cast<double>(taps * shape_.in_channels * columns) * pixels / rate;
    nanoseconds_ += static_cast<double>(grid.tiles * problem_.blocks) *
                    static_cast<double>(panels_.size()) * (40 + static_cast<double>(taps) * 8);
  }
  BuildRuns();
  problem_.line_rows = LineRows();
  if (problem_.line_rows > 0) {
    problem_.items = shape_.images * shape_.axes[0].output * shape_.axes[1].output;
  }
  problem_.grids = grids_.data();
  problem_.grid_count = static_cast<std::int32_t>(grids_.size());
  problem_.panels = panels_.data();
  problem_.panel_count = static_cast<std::int32_t>(panels_.size());
  const std::int64_t missing = kind_ == Kind::kDepthwise
                                   ? shape_.groups + Vector().width
                                   : shape_.in_channels * shape_.axes[2].kernel;
  zeros_.assign(Size(missing), 0.0F);
}

std::string DirectPlan::key() const {
  const auto& a = shape_.axes;
  std::string key =
      fmt::format("native:{}:{}:g{}o{}i{}k{}x{}x{}", Vector().isa, kernel_name(), shape_.groups,
                  shape_.out_channels, shape_.in_channels, a[0].kernel, a[1].kernel, a[2].kernel);
  if (!shape_.transposed) return key;
  for (const auto& axis : a) {
    key += fmt::format(":s{}d{}p{}", axis.stride, axis.dilation, axis.pad_begin % axis.stride);
  }
  return key;
}

void DirectPlan::PackGrid(const DirectGrid& grid, std::size_t index, const WeightStrides& strides,
                          const float* from, float* to) const {
  const auto& phases = grid_phases_[index];
  const auto& a = shape_.axes;
  const bool dot = kind_ == Kind::kDot;
  const bool depthwise = kind_ == Kind::kDepthwise;
  float* out = to + grid.weights;
  const auto tap_offset = [&](std::int64_t tap) {
    const std::int64_t w = tap % grid.axes[2].taps;
    const std::int64_t h = tap / grid.axes[2].taps % grid.axes[1].taps;
    const std::int64_t d = tap / grid.axes[2].taps / grid.axes[1].taps;
    return (phases[0]->kernel_index[Size(d)] * a[1].kernel + phases[1]->kernel_index[Size(h)]) *
               a[2].kernel +
           phases[2]->kernel_index[Size(w)];
  };
  const std::int64_t taps = std::int64_t{grid.axes[0].taps} * grid.axes[1].taps * grid.axes[2].taps;
  for (const DirectPanel& panel : panels_) {
    const std::int64_t group = panel.out_channel / shape_.out_channels;
    const float* base =
        from + group * strides.group + (panel.out_channel % shape_.out_channels) * strides.out;
    const std::int64_t columns = panel.vectors * panel_width();
    const std::int64_t column_stride = depthwise ? strides.group : strides.out;
    // Dot weights are [column][tap][input], panels [tap][input][column].
    const std::int64_t column_step = dot ? taps * shape_.in_channels : 1;
    const std::int64_t input_step = dot ? 1 : columns;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      const float* source = base + tap_offset(tap);
      for (std::int64_t c = 0; c < shape_.in_channels; ++c) {
        float* target = out + (tap * shape_.in_channels + c) * input_step;
        if (column_stride == 1 && column_step == 1) {  // computed weights: every run waits for it
          PackRow(source + c * strides.in, panel.channels, columns, strides.scale, target);
          continue;
        }
        for (std::int64_t m = 0; m < columns; ++m) {
          target[m * column_step] = m < panel.channels
                                        ? source[m * column_stride + c * strides.in] * strides.scale
                                        : 0.0F;
        }
      }
    }
    out += taps * shape_.in_channels * columns;
  }
}

void DirectPlan::Pack(const WeightStrides& strides, const float* from, float* to) const {
  for (std::size_t i = 0; i < grids_.size(); ++i) PackGrid(grids_[i], i, strides, from, to);
}

void DirectPlan::Run(std::span<const DirectMemory> memories, int threads) const {
  const VectorKernels& vector = Vector();
  const bool panels = kind_ == Kind::kPanels;
  const auto kernel = panels                ? vector.direct
                      : kind_ == Kind::kDot ? vector.direct_dot
                                            : vector.direct_depthwise;
  const auto count = static_cast<std::int64_t>(memories.size());
  ParallelFor(ThreadsFor(nanoseconds_ * static_cast<double>(count), threads),
              problem_.items * count, [&](std::int64_t first, std::int64_t last) {
                while (first < last) {
                  const std::int64_t index = first / problem_.items;
                  const std::int64_t start = index * problem_.items;
                  const std::int64_t end = std::min(last, start + problem_.items);
                  kernel(problem_, memories[Size(index)], first - start, end - start);
                  first = end;
                }
              });
}

namespace {

struct DirectRun {
  std::shared_ptr<const DirectPlan> plan;
  std::vector<DirectMemory> memories;
  int threads;
  // Set when the weights are computed: they are packed before every run.
  const float* plain = nullptr;
  float* packed = nullptr;
  WeightStrides strides;

  void operator()() const {
    if (plain != nullptr) plan->Pack(strides, plain, packed);
    plan->Run(memories, threads);
  }
};

/// The memory of matrix `index` of a stack.
DirectMemory OfMatrix(const DirectKernelParts& parts, std::int64_t index, DirectMemory memory) {
  const DirectProblem& problem = parts.plan->problem();
  const std::int64_t columns = problem.out_stride[2];
  const std::int64_t size = problem.out_image;
  memory.weights += index * parts.plan->packed_floats();
  memory.y += index * size;
  for (std::size_t i = 0; i < parts.steps.size(); ++i) {
    const bool whole = parts.steps[i].step.kind == StepKind::kAdd;
    if (whole) memory.steps.steps[i].operand += index * size;
    if (parts.steps[i].row_per_matrix) memory.steps.steps[i].operand += index * columns;
  }
  return memory;
}

std::unique_ptr<Launch> BindDirect(const DirectKernelParts& parts, const KernelArgs& args) {
  DirectRun run{parts.plan, {}, parts.threads, nullptr, nullptr, parts.strides};
  DirectMemory memory;
  memory.x = Floats(args.inputs[0]);
  memory.weights = Floats(args.inputs[1]);
  if (!parts.constant_weights) {
    run.plain = memory.weights;
    run.packed = MutableFloats(args.scratch);
    memory.weights = run.packed;
  }
  if (parts.bias_input >= 0) {
    memory.bias = Floats(args.inputs[static_cast<std::size_t>(parts.bias_input)]);
  }
  memory.y = MutableFloats(args.outputs[0]);
  memory.zeros = parts.plan->zeros();
  memory.steps = BindSteps(parts.steps, args);
  for (std::int64_t i = 0; i < parts.matrices; ++i) {
    run.memories.push_back(OfMatrix(parts, i, memory));
  }
  return MakeLaunch(std::move(run));
}

}  // namespace

std::unique_ptr<Kernel> MakeDirectKernel(DirectKernelParts parts) {
  const auto plan = parts.plan;
  HostKernelParts host;
  host.description = fmt::format("native {}:{}", plan->kernel_name(), Vector().isa);
  host.in_place = AddedInPlace(parts.steps);
  const auto bytes = Size(plan->packed_floats() * parts.matrices) * sizeof(float);
  if (parts.constant_weights) {
    const auto pack = [plan, strides = parts.strides, count = parts.matrices](
                          const tensor::HostTensor& from, std::span<std::byte> to) {
      const base::IoBuf flat = from.bytes.Flatten();
      const float* matrix = reinterpret_cast<const float*>(flat.bytes().data());
      const std::int64_t size = from.desc.shape.elements() / count;
      for (std::int64_t i = 0; i < count; ++i) {
        plan->Pack(strides, matrix + i * size,
                   reinterpret_cast<float*>(to.data()) + i * plan->packed_floats());
      }
      return base::Status();
    };
    host.packings = {{}, {plan->key() + parts.strides_key, bytes, pack}};
  } else {
    host.scratch_bytes = bytes;
  }
  host.bind = [parts = std::move(parts)](const KernelArgs& args) {
    return BindDirect(parts, args);
  };
  return MakeHostKernel(std::move(host));
}

}  // namespace hadron::backend::native
